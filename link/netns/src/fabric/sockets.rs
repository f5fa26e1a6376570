//! Sockets in namespaces, for those who stay outside of them.

use std::{
    net::{SocketAddrV4, TcpListener, UdpSocket},
    os::fd::AsFd as _,
};

use kura_model::plan::NamespaceName;

use super::Fabric;
use crate::{
    error::{During as _, Error},
    inside::inside,
};

impl Fabric {
    /// Runs `work` on a thread inside a namespace.
    ///
    /// # Errors
    /// When no such namespace stands, and what `work` returns.
    pub fn inside<T: Send>(
        &self,
        name: &NamespaceName,
        work: impl FnOnce() -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        inside(self.namespace_fd(name)?.as_fd(), work)
    }

    /// A UDP socket bound in a namespace. It blocks; say otherwise before a runtime gets it.
    ///
    /// # Errors
    /// When no such namespace stands, or it has no such address.
    pub fn udp_socket(&self, name: &NamespaceName, address: SocketAddrV4) -> Result<UdpSocket, Error> {
        self.inside(name, || {
            UdpSocket::bind(address).during(|| format!("bind UDP {address} in namespace {}", name.0))
        })
    }

    /// A TCP socket that listens in a namespace. It blocks; say otherwise before a runtime gets it.
    ///
    /// # Errors
    /// When no such namespace stands, or it has no such address.
    pub fn tcp_listener(&self, name: &NamespaceName, address: SocketAddrV4) -> Result<TcpListener, Error> {
        self.inside(name, || {
            TcpListener::bind(address).during(|| format!("listen on TCP {address} in namespace {}", name.0))
        })
    }
}
