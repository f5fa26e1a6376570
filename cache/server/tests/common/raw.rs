//! HTTP/2 by hand: calls that no well-behaved client makes.

use std::sync::Arc;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, HeaderValue, Request};
use kura_wire::{Code, percent_decode};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{PATIENCE, Server};

pub const GET: &str = "/cache_client.Scs/Get";
pub const SET: &str = "/cache_client.Scs/Set";
pub const KEYS_EXIST: &str = "/cache_client.Scs/KeysExist";

/// One connection.
#[derive(Clone)]
pub struct Connection {
    pub sender: SendRequest<Bytes>,
}

impl Server {
    /// Opens a connection, over TLS if the server speaks it.
    pub async fn connect(&self) -> Connection {
        let tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let Some(tls) = self.connector(&[b"h2"]) else { return Connection::start(tcp).await };
        let name = self.address.ip().into();
        Connection::start(tls.connect(name, tcp).await.unwrap()).await
    }

    /// How clients speak TLS with it, with these protocols; none in plaintext.
    pub fn connector(&self, protocols: &[&[u8]]) -> Option<TlsConnector> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.ca.as_ref()?) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Some(TlsConnector::from(Arc::new(tls)))
    }
}

impl Connection {
    async fn start(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        // Answers that come after their calls were cancelled must not trouble this side.
        let mut builder = h2::client::Builder::new();
        builder.data_frame_budget(usize::MAX).max_local_error_reset_streams(None);
        let (sender, connection) = builder.handshake(io).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Sends a call's headers, these among them.
    pub async fn begin(
        &self,
        path: &str,
        more: &[(&'static str, &[u8])],
    ) -> (ResponseFuture, SendStream<Bytes>) {
        let mut request = Request::post(format!("http://kura{path}")).body(()).unwrap();
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        for (name, value) in more {
            request.headers_mut().insert(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let mut sender = timeout(PATIENCE, self.sender.clone().ready()).await.unwrap().unwrap();
        sender.send_request(request, false).unwrap()
    }

    /// Makes a whole call.
    pub async fn call(&self, path: &str, more: &[(&'static str, &[u8])], body: Bytes) -> Answer {
        let (response, mut stream) = self.begin(path, more).await;
        let sending = async {
            send(&mut stream, body).await;
            std::future::pending::<()>().await;
        };
        tokio::select! { answer = Answer::of(response) => answer, () = sending => unreachable!() }
    }
}

/// Sends a body and its end, up to where the server wants no more.
pub async fn send(stream: &mut SendStream<Bytes>, mut body: Bytes) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
        let chunk = body.split_to(room.min(body.len()));
        if stream.send_data(chunk, body.is_empty()).is_err() {
            return;
        }
    }
}

/// A message in its frame.
pub fn frame(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat().into()
}

/// How a call ended.
#[derive(Debug)]
pub struct Answer {
    pub code: Code,
    pub err: Option<HeaderValue>,
    pub words: String,
    /// Whether the status came with the first headers.
    pub only_trailers: bool,
    pub data: Vec<u8>,
}

impl Answer {
    /// Waits for a call's end.
    pub async fn of(response: ResponseFuture) -> Self {
        timeout(PATIENCE, Self::read(response)).await.unwrap()
    }

    async fn read(response: ResponseFuture) -> Self {
        let (head, mut body) = response.await.unwrap().into_parts();
        let mut data = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk.unwrap();
            body.flow_control().release_capacity(chunk.len()).unwrap();
            data.extend_from_slice(&chunk);
        }
        let only_trailers = head.headers.contains_key("grpc-status");
        let trailers: HeaderMap =
            if only_trailers { head.headers } else { body.trailers().await.unwrap().unwrap() };
        Self {
            code: Code::from_trailer(trailers["grpc-status"].as_bytes()),
            err: trailers.get("err").cloned(),
            words: trailers
                .get("grpc-message")
                .map_or(String::new(), |words| percent_decode(words.as_bytes())),
            only_trailers,
            data,
        }
    }
}
