//! From a target to a connected socket: resolve, try each address in turn, shake hands.
//!
//! The DEBUG lines of `momento --verbose` come from here, and the address in them is the one the
//! kernel has for the connected socket.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::target::Scheme;
use crate::{Code, Status, Target, tls};

/// How a channel connects.
#[derive(Clone, Debug)]
pub struct ChannelOptions {
    /// Certificates in PEM form, trusted instead of the machine's own; see also [`ChannelOptions::default`].
    pub ca: Vec<Vec<u8>>,
    /// Longest wait for one address, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Pings on an idle connection; none by default.
    pub keep_alive: Option<KeepAlive>,
    /// Where to connect instead of the addresses that the host's name has; the name stays what TLS checks.
    pub address: Option<IpAddr>,
}

impl Default for ChannelOptions {
    /// The machine's trusted authorities (or `SSL_CERT_FILE`'s), 5 s for each address, no pings.
    fn default() -> Self {
        Self { ca: Vec::new(), connect_timeout: Duration::from_secs(5), keep_alive: None, address: None }
    }
}

/// HTTP/2 pings that find out that a peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Time between pings.
    pub interval: Duration,
    /// Longest wait for an answer; then the connection is closed.
    pub timeout: Duration,
}

/// A connected socket, plain or encrypted.
pub(crate) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects to `target`: UNAVAILABLE with every address tried and its cause if none answers.
pub(crate) async fn connect(
    target: &Target,
    options: &ChannelOptions,
) -> Result<(Socket, SocketAddr), Status> {
    let connector = match target.scheme {
        Scheme::Http => None,
        Scheme::Https => Some(TlsConnector::from(tls::client_config(&options.ca)?)),
    };
    let mut causes = Vec::new();
    for address in resolve(target, options.address).await? {
        let attempt = connect_one(target, address, connector.as_ref());
        match timeout(options.connect_timeout, attempt).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(cause)) => causes.push(format!("{address}: {cause}")),
            Err(_) => causes.push(format!("{address}: no answer within {:?}", options.connect_timeout)),
        }
    }
    let causes = if causes.is_empty() { "the name has no address".to_owned() } else { causes.join("; ") };
    Err(Status::new(Code::Unavailable, format!("Cannot connect to {target}: {causes}")))
}

async fn resolve(target: &Target, instead: Option<IpAddr>) -> Result<Vec<SocketAddr>, Status> {
    tracing::debug!("resolving host={:?}", target.host);
    if let Some(ip) = instead.or_else(|| target.ip()) {
        return Ok(vec![SocketAddr::new(ip, target.port)]);
    }
    let addresses = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    let addresses = addresses.map_err(|error| {
        Status::new(
            Code::Unavailable,
            format!("Cannot connect to {target}: {:?} does not resolve: {error}", target.host),
        )
    })?;
    Ok(addresses.collect())
}

async fn connect_one(
    target: &Target,
    address: SocketAddr,
    connector: Option<&TlsConnector>,
) -> Result<(Socket, SocketAddr), String> {
    tracing::debug!("connecting to {address}");
    let tcp = TcpStream::connect(address).await.map_err(|error| explain(&error))?;
    let peer = tcp.peer_addr().map_err(|error| explain(&error))?;
    tracing::debug!("connected to {peer}");
    tcp.set_nodelay(true).map_err(|error| explain(&error))?;
    let Some(connector) = connector else { return Ok((Socket::Plain(tcp), peer)) };
    let name = rustls_pki_types::ServerName::try_from(target.host.clone())
        .map_err(|_| format!("{:?} cannot be a certificate's name", target.host))?;
    let tls = connector.connect(name, tcp).await.map_err(|error| tls::explain(&error))?;
    if tls.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err("it does not speak HTTP/2".to_owned());
    }
    Ok((Socket::Tls(Box::new(tls)), peer))
}

fn explain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    }
}
