//! Where a server is, and a socket to it, with TLS or without.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

/// What carries a protocol's bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connected socket, TCP_NODELAY set.
pub type Socket = Box<dyn Stream>;

/// Where a server is and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// How its certificate is checked; none is plaintext.
    pub tls: Option<Tls>,
    /// Bytes that the kernel takes to send, with what it adds to them; none for its own choice.
    pub send_buffer: Option<u32>,
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Self { address, tls: None, send_buffer: None }
    }
}

impl Target {
    /// Opens a connection; `http2` asks for HTTP/2 in the handshake.
    pub(crate) async fn connect(&self, http2: bool) -> anyhow::Result<Socket> {
        let address = self.address;
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(bytes) = self.send_buffer {
            // The kernel doubles it.
            socket.set_send_buffer_size(bytes / 2)?;
        }
        let socket = socket.connect(address).await.with_context(|| format!("connect to {address}"))?;
        socket.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(socket)) };
        let config = if http2 { &tls.http2 } else { &tls.bare };
        let shaken = TlsConnector::from(config.clone()).connect(tls.name.clone(), socket).await;
        Ok(Box::new(shaken.with_context(|| format!("TLS handshake with {address}"))?))
    }
}

/// Whom a server's certificate has to come from and name.
#[derive(Clone, Debug)]
pub struct Tls {
    bare: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// Trusts the certificates in a PEM file, for a server of this name.
    pub fn trusting(ca_file: &Path, name: &str) -> anyhow::Result<Self> {
        let read = || format!("no certificates in {}", ca_file.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca_file).with_context(read)? {
            roots.add(certificate.with_context(read)?)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let bare = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http2 = bare.clone();
        http2.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from(name.to_owned()).context("the server's name")?;
        Ok(Self { bare: Arc::new(bare), http2: Arc::new(http2), name })
    }
}
