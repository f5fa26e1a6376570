//! Sockets in namespaces, for those who stay outside of them.

use std::{
    net::{SocketAddrV4, TcpListener, UdpSocket},
    os::fd::{AsFd as _, OwnedFd},
};

use kura_model::plan::NamespaceName;

use super::Fabric;
use crate::{
    error::{During as _, Error},
    inside::inside,
};

/// What the buffer of a UDP socket that is kept is asked to hold; the kernel gives what an unprivileged user may have.
const BUFFER_BYTES: usize = 1 << 20;

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

    /// As [`Fabric::udp_socket`], but the anchor keeps a copy: what comes while nobody reads waits, and whoever asks for
    /// the same socket later, another daemon too, gets this one.
    ///
    /// # Errors
    /// When no such namespace stands, or it has no such address.
    pub fn kept_udp_socket(&self, name: &NamespaceName, address: SocketAddrV4) -> Result<UdpSocket, Error> {
        let socket = self.kept(name, &udp(address), || {
            let socket = self.udp_socket(name, address)?;
            rustix::net::sockopt::set_socket_recv_buffer_size(&socket, BUFFER_BYTES)
                .during(|| "make room in a socket".into())?;
            Ok(socket.into())
        });
        socket.map(UdpSocket::from)
    }

    /// As [`Fabric::tcp_listener`], kept as [`Fabric::kept_udp_socket`].
    ///
    /// # Errors
    /// When no such namespace stands, or it has no such address.
    pub fn kept_tcp_listener(
        &self,
        name: &NamespaceName,
        address: SocketAddrV4,
    ) -> Result<TcpListener, Error> {
        let socket = self.kept(name, &tcp(address), || Ok(self.tcp_listener(name, address)?.into()));
        socket.map(TcpListener::from)
    }

    /// The anchor keeps the sockets of an address no more: they end with their readers.
    ///
    /// # Errors
    /// When the anchor has ended.
    pub fn let_go(&self, name: &NamespaceName, address: SocketAddrV4) -> Result<(), Error> {
        self.anchor.close(&name.0, &udp(address))?;
        self.anchor.close(&name.0, &tcp(address))
    }

    fn kept(
        &self,
        name: &NamespaceName,
        label: &str,
        make: impl FnOnce() -> Result<OwnedFd, Error>,
    ) -> Result<OwnedFd, Error> {
        if let Some(socket) = self.anchor.kept(&name.0, label)? {
            return Ok(socket);
        }
        let socket = make()?;
        self.anchor.keep(&name.0, label, socket.as_fd())?;
        Ok(socket)
    }
}

fn udp(address: SocketAddrV4) -> String {
    format!("udp {address}")
}

fn tcp(address: SocketAddrV4) -> String {
    format!("tcp {address}")
}
