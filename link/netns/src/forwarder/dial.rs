//! Connections made from namespaces.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, SocketAddrV4},
    os::fd::OwnedFd,
    rc::Rc,
    thread,
    time::Duration,
};

use kura_model::plan::{Dial, NamespaceName};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::{Mutex, mpsc},
};

use crate::inside::enter;

/// Sockets that wait, unconnected, for the next connection of a namespace.
const READY: usize = 8;
/// How long one destination is tried.
const PATIENCE: Duration = Duration::from_secs(5);

/// A thread that stays in a namespace and makes sockets there, a few ahead.
#[derive(Debug)]
pub(super) struct Dialer(Mutex<mpsc::Receiver<io::Result<OwnedFd>>>);

impl Dialer {
    /// The thread ends with the last reference to the dialer.
    pub(super) fn start(namespace: OwnedFd) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(READY);
        thread::Builder::new().name("dialer".into()).spawn(move || {
            use std::os::fd::AsFd as _;
            let entered = enter(namespace.as_fd()).map_err(|error| error.to_string());
            loop {
                let socket = match &entered {
                    Ok(()) => socket_with(
                        AddressFamily::INET,
                        SocketType::STREAM,
                        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                        None,
                    )
                    .map_err(io::Error::from),
                    Err(why) => Err(io::Error::other(why.clone())),
                };
                if sender.blocking_send(socket).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self(Mutex::new(receiver)))
    }

    async fn connect(&self, address: SocketAddrV4) -> io::Result<TcpStream> {
        let socket = self.0.lock().await.recv().await;
        let socket = socket.ok_or_else(|| io::Error::other("the dialling thread has ended"))??;
        let socket = TcpSocket::from_std_stream(std::net::TcpStream::from(socket));
        socket.connect(SocketAddr::V4(address)).await
    }
}

/// The dialers of a configuration.
pub(super) type Dialers = HashMap<NamespaceName, Rc<Dialer>>;

/// Connects to one destination.
pub(super) async fn dial(dialers: &Dialers, to: &Dial) -> io::Result<TcpStream> {
    let connect = async {
        match to {
            Dial::Within(namespace, address) => match dialers.get(namespace) {
                Some(dialer) => dialer.connect(*address).await,
                None => Err(io::Error::other(format!("namespace {} is not open", namespace.0))),
            },
            Dial::Machine(address) => TcpStream::connect(address.as_str()).await,
        }
    };
    tokio::time::timeout(PATIENCE, connect).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
