//! Accepting connections and finding out what they speak.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use kura_front::{DrainSignal, Received};
use kura_front_grpc::{Front, serve, serve_beside};
use kura_front_http::{Http, Peer};
use kura_front_protosocket::Front as Protosocket;
use kura_front_resp::Front as Resp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::dated::Dated;
use super::gate::Gate;
use super::private::PrivateConnections;
use super::workers::Workers;
use crate::config::{Config, Mode};
use crate::identity::Identity;

/// How long a peer may take for its TLS handshake, or for its first bytes in plaintext.
const HELLO: Duration = Duration::from_secs(10);
/// How long to rest when no descriptor is left for a connection.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// A bound service socket.
pub struct Service {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    /// What tests shut to have an outage; none in a server that is not for tests.
    gate: Option<Gate>,
}

/// What is served on one port.
#[derive(Clone)]
pub struct Fronts {
    /// gRPC.
    pub grpc: Arc<Front>,
    /// Everything else.
    pub http: Arc<Http>,
}

impl Fronts {
    /// Serves one connection.
    async fn serve<S>(self, io: S, received: Received, http2: bool, drain: DrainSignal) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if !http2 {
            // Few connections speak it, and what is not apart takes its room in all of them.
            return Box::pin(Arc::new(self.peer(&drain)).http1(io)).await;
        }
        // Most connections speak gRPC alone.
        let peer = OnceLock::new();
        let told = drain.clone();
        let others = |request| peer.get_or_init(|| Arc::new(self.peer(&told))).http2(request);
        serve_beside(io, received, self.grpc.clone(), drain, &others).await
    }

    /// What answers requests that are not gRPC.
    fn peer(&self, drain: &DrainSignal) -> Peer {
        let (grpc, told) = (self.grpc.clone(), drain.clone());
        Peer::new(self.http.clone(), drain.clone(), move |far| {
            let served = serve(far, grpc.clone(), told.clone());
            tokio::spawn(async move {
                if let Err(error) = served.await {
                    tracing::debug!("a connection of grpc-web ended: {error}");
                }
            });
        })
    }
}

/// What serves the connections of all sockets.
#[derive(Clone)]
pub struct Servers {
    /// The threads that they run on.
    pub workers: Arc<Workers>,
    /// Room for as many connections as may be open at a time.
    pub places: Arc<Semaphore>,
    /// How many those are.
    pub max_connections: usize,
}

/// Listens as the configuration says.
pub async fn bind(config: &Config, tls: Option<Arc<rustls::ServerConfig>>) -> Result<Service> {
    let listener = match config.mode {
        Mode::Local { listen } => bind_tcp(listen, "--local-listen").await?,
        Mode::Secured { listen, .. } => bind_tcp(listen, "--tls-listen").await?,
    };
    Ok(Service { listener, tls: tls.map(TlsAcceptor::from), gate: None })
}

/// Listens for what load balancers pass on, if the configuration has it.
pub async fn bind_private(
    address: Option<SocketAddr>,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> Result<Option<Service>> {
    let Some(address) = address else { return Ok(None) };
    let listener = bind_tcp(address, "--private-listen").await?;
    Ok(Some(Service { listener, tls: tls.map(TlsAcceptor::from), gate: None }))
}

/// Listens for a protocol of its own port, if the configuration has it: over TLS wherever gRPC is,
/// with the same certificate and nothing to negotiate.
pub async fn bind_apart(
    address: Option<SocketAddr>,
    setting: &str,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> Result<Option<Service>> {
    let Some(address) = address else { return Ok(None) };
    let listener = bind_tcp(address, setting).await?;
    let tls = tls.map(|tls| {
        let mut tls = tls.as_ref().clone();
        tls.alpn_protocols.clear();
        TlsAcceptor::from(Arc::new(tls))
    });
    Ok(Some(Service { listener, tls, gate: None }))
}

/// How the secured service speaks TLS: with the identity's certificate, HTTP/2 preferred.
pub fn tls(identity: &Identity) -> Result<Arc<rustls::ServerConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("cannot set up TLS")?
        .with_no_client_auth()
        .with_cert_resolver(identity.certificate.clone());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Listens on an address; `[::]` becomes `0.0.0.0` where the kernel has no IPv6.
pub async fn bind_tcp(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if address.ip().is_unspecified() && address.is_ipv6() && no_ipv6(&error) => {
            let fallback = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            tracing::info!("no IPv6 here: listening on {fallback} instead of {address}");
            TcpListener::bind(fallback)
                .await
                .with_context(|| format!("cannot listen on {fallback} ({setting})"))
        }
        bound => bound.with_context(|| format!("cannot listen on {address} ({setting})")),
    }
}

fn no_ipv6(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
        || code == Some(rustix::io::Errno::ADDRNOTAVAIL.raw_os_error())
}

impl Service {
    /// Has what comes in plaintext go through a gate.
    pub fn put_behind(&mut self, gate: Gate) {
        self.gate = Some(gate);
    }

    /// Accepts gRPC and HTTP until dropped.
    pub async fn accept(self, servers: Servers, fronts: Fronts, drain: DrainSignal) {
        let (tls, gate) = (self.tls.clone(), self.gate.clone());
        let serve = move |stream| {
            let (tls, gate, fronts, drain) = (tls.clone(), gate.clone(), fronts.clone(), drain.clone());
            async move {
                match tls {
                    None => plaintext(stream, gate, fronts, drain).await,
                    Some(tls) => secured(stream, &tls, fronts, drain).await,
                }
            }
        };
        self.accept_each(servers, serve).await;
    }

    /// Accepts gRPC and HTTP over TLS, after what a load balancer says of the connection, until dropped.
    pub async fn accept_private(
        self,
        servers: Servers,
        fronts: Fronts,
        private: Arc<PrivateConnections>,
        drain: DrainSignal,
    ) {
        let Some(tls) = self.tls.clone() else { return };
        let serve = move |mut stream: TcpStream| async move {
            let entered = private.enter(&mut stream);
            let _open = hello(entered, "no PROXY protocol header within 10 s", &drain).await?;
            secured(stream, &tls, fronts, drain.clone()).await
        };
        self.accept_each(servers, serve).await;
    }

    /// Accepts protosocket until dropped.
    pub async fn accept_protosocket(self, servers: Servers, front: Arc<Protosocket>, drain: DrainSignal) {
        let tls = self.tls.clone();
        let serve = move |stream| {
            let (tls, front, drain) = (tls.clone(), front.clone(), drain.clone());
            async move {
                let stream = Dated::bare(stream);
                match tls {
                    None => kura_front_protosocket::serve(stream, front, drain).await,
                    Some(tls) => {
                        let stream = shake_hands(stream, &tls, &drain).await?;
                        kura_front_protosocket::serve(stream, front, drain).await
                    }
                }
            }
        };
        self.accept_each(servers, serve).await;
    }

    /// Accepts RESP until dropped.
    pub async fn accept_resp(self, servers: Servers, front: Arc<Resp>, drain: DrainSignal) {
        let tls = self.tls.clone();
        let serve = move |stream| {
            let (tls, front, drain) = (tls.clone(), front.clone(), drain.clone());
            async move {
                let stream = Dated::bare(stream);
                match tls {
                    None => kura_front_resp::serve(stream, front, drain).await,
                    Some(tls) => {
                        let stream = shake_hands(stream, &tls, &drain).await?;
                        kura_front_resp::serve(stream, front, drain).await
                    }
                }
            }
        };
        self.accept_each(servers, serve).await;
    }

    async fn accept_each<F>(
        self,
        servers: Servers,
        serve: impl FnOnce(TcpStream) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let Servers { workers, places, max_connections } = servers;
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors or memory, or the peer was gone already: serve on.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(EXHAUSTED).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                tracing::warn!("closing a new connection: --max-connections {max_connections} are open");
                continue;
            };
            let stream = match stream.into_std() {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!("a connection broke at once: {error}");
                    continue;
                }
            };
            workers.spawn(connection(stream, serve.clone(), place));
        }
    }
}

async fn connection<F: Future<Output = io::Result<()>>>(
    stream: std::net::TcpStream,
    serve: impl FnOnce(TcpStream) -> F,
    _place: OwnedSemaphorePermit,
) {
    let served = async {
        let stream = TcpStream::from_std(stream)?;
        stream.set_nodelay(true)?;
        keep_alive(&stream)?;
        serve(stream).await
    };
    if let Err(error) = served.await {
        tracing::debug!("a connection ended: {error}");
    }
}

/// Has the kernel ask peers that say nothing whether they are there still: one that vanished gives
/// its place back within two minutes or so.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(60))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15))?;
    Ok(())
}

async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    tls: &TlsAcceptor,
    drain: &DrainSignal,
) -> io::Result<TlsStream<S>> {
    hello(tls.accept(stream), "no TLS handshake within 10 s", drain).await
}

/// Waits for what a peer begins with, as long as it may take and the server does not stop.
async fn hello<T>(
    begins: impl Future<Output = io::Result<T>>,
    late: &'static str,
    drain: &DrainSignal,
) -> io::Result<T> {
    tokio::select! {
        begun = timeout(HELLO, begins) => begun.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, late))?,
        () = drain.clone().draining() => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server stops")),
    }
}

async fn secured(stream: TcpStream, tls: &TlsAcceptor, fronts: Fronts, drain: DrainSignal) -> io::Result<()> {
    // A handshake is over soon, and a stream that is handed on is kept by each who hands it on: both are
    // large, and what is apart is kept once.
    let (stream, received) = Dated::new(stream);
    let stream = Box::new(Box::pin(shake_hands(stream, tls, &drain)).await?);
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    fronts.serve(stream, received, http2, drain).await
}

async fn plaintext(
    stream: TcpStream,
    gate: Option<Gate>,
    fronts: Fronts,
    drain: DrainSignal,
) -> io::Result<()> {
    if let Some(gate) = &gate {
        gate.opened().await;
    }
    let http2 = hello(speaks_http2(&stream), "no bytes within 10 s", &drain).await?;
    match gate {
        None => {
            let (stream, received) = Dated::new(stream);
            fronts.serve(Box::new(stream), received, http2, drain).await
        }
        Some(gate) => fronts.serve(gate.through(stream), Received::new(), http2, drain).await,
    }
}

/// Whether a connection begins as HTTP/2's preface does (RFC 9113 §3.4), without taking a byte.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0";
    let mut start = [0; PREFACE.len()];
    loop {
        let held = stream.peek(&mut start).await?;
        if held == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if start[..held] != PREFACE[..held] {
            return Ok(false);
        }
        if held == PREFACE.len() {
            return Ok(true);
        }
        // Peeking cannot wait for more than is there.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
