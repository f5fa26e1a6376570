//! A scripted peer for tests of clients: it gives the answers that a healthy server does not.
//!
//! It speaks HTTP/2 and gRPC's framing and leaves the rest to the test's function, which sees
//! each call and says what to answer, down to a stream that ends in the middle of a message.

#![expect(clippy::unwrap_used, reason = "for tests, where a panic is a failure")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::{Code, FRAME_HEADER_BYTES, Status, encode_frame, percent_encode};

/// A call as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// `/package.Service/Method`.
    pub path: String,
    /// The call's headers.
    pub headers: HeaderMap,
    /// The request message, without its frame.
    pub message: Bytes,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

impl Call {
    /// The request as a message.
    ///
    /// # Panics
    /// If it is not one.
    #[must_use]
    pub fn decode<M: Message + Default>(&self) -> M {
        M::decode(self.message.clone()).unwrap()
    }

    /// A header as text, empty if absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// How an answer ends.
#[derive(Clone, Debug)]
pub enum End {
    /// With trailers that carry this status.
    Status(Status),
    /// With `grpc-status: 0`.
    Ok,
    /// Without any trailers.
    Bare,
    /// With RST_STREAM.
    Reset(Reason),
    /// With the TCP connection closed.
    HangUp,
    /// Never.
    Open,
}

/// What to answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    content_type: &'static str,
    delay: Duration,
    chunks: Vec<Bytes>,
    end: End,
}

impl Reply {
    /// One message, then OK.
    ///
    /// # Panics
    /// If the message is too long for a frame.
    #[must_use]
    pub fn message(message: &impl Message) -> Self {
        Self::stream(&[message.clone_frame()])
    }

    /// These bytes as they are, then OK.
    #[must_use]
    pub fn stream(chunks: &[Bytes]) -> Self {
        Self {
            status: 200,
            content_type: "application/grpc",
            delay: Duration::ZERO,
            chunks: chunks.to_vec(),
            end: End::Ok,
        }
    }

    /// A status and no message.
    #[must_use]
    pub fn status(status: Status) -> Self {
        Self::stream(&[]).end(End::Status(status))
    }

    /// UNIMPLEMENTED, for calls that a test does not expect.
    #[must_use]
    pub fn unexpected(call: &Call) -> Self {
        Self::status(Status::new(Code::Unimplemented, format!("unexpected call of {}", call.path)))
    }

    /// The same answer with another end.
    #[must_use]
    pub fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    /// The same answer, later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same answer under another HTTP status and content type.
    #[must_use]
    pub fn head(mut self, status: u16, content_type: &'static str) -> Self {
        (self.status, self.content_type) = (status, content_type);
        self
    }
}

/// A message as a frame; for [`Reply::stream`].
pub trait Frame {
    /// The framed bytes.
    fn clone_frame(&self) -> Bytes;
}

impl<M: Message> Frame for M {
    fn clone_frame(&self) -> Bytes {
        encode_frame(self).unwrap()
    }
}

type Script = Arc<dyn Fn(Call) -> Reply + Send + Sync>;

/// A peer that listens on a port of the loopback interface until it is dropped.
#[derive(Debug)]
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    /// The authority that signed its certificate, in PEM form; empty without TLS.
    pub ca_pem: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    /// Listens in plaintext.
    ///
    /// # Panics
    /// If the loopback interface has no free port.
    pub async fn start(script: impl Fn(Call) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, String::new(), Arc::new(script)).await
    }

    /// Listens with TLS, under a certificate for `names` from an authority of its own.
    ///
    /// # Panics
    /// If the certificate cannot be made.
    pub async fn start_tls(names: &[&str], script: impl Fn(Call) -> Reply + Send + Sync + 'static) -> Self {
        let (config, ca_pem) = certificate(names);
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), ca_pem, Arc::new(script)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, ca_pem: String, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for connection in 0.. {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                let (tls, script) = (tls.clone(), Arc::clone(&script));
                connections.spawn(async move {
                    match tls {
                        None => serve(socket, connection, script).await,
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                serve(socket, connection, script).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, ca_pem, task }
    }

    /// The endpoint of a plaintext peer, as users write it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, connection: usize, script: Script) {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(65_535).max_concurrent_streams(200);
    let Ok(mut h2) = builder.handshake::<_, Bytes>(socket).await else { return };
    let hang_up = Arc::new(Notify::new());
    let mut calls = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = h2.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                calls.spawn(answer(request, respond, connection, Arc::clone(&script), Arc::clone(&hang_up)));
            }
            () = hang_up.notified() => return,
        }
    }
}

async fn answer(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    connection: usize,
    script: Script,
    hang_up: Arc<Notify>,
) {
    let (head, mut body) = request.into_parts();
    let mut message = BytesMut::new();
    while let Some(Ok(data)) = body.data().await {
        body.flow_control().release_capacity(data.len()).unwrap();
        message.put(data);
    }
    let message = message.freeze().slice(FRAME_HEADER_BYTES..);
    let call = Call { path: head.uri.path().to_owned(), headers: head.headers, message, connection };
    let reply = script(call);
    tokio::time::sleep(reply.delay).await;
    let head = Response::builder().status(reply.status).header("content-type", reply.content_type);
    let Ok(mut stream) = respond.send_response(head.body(()).unwrap(), false) else { return };
    for mut chunk in reply.chunks {
        while !chunk.is_empty() {
            stream.reserve_capacity(chunk.len());
            let Some(Ok(capacity)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else {
                return;
            };
            if capacity > 0 {
                stream.send_data(chunk.split_to(capacity.min(chunk.len())), false).unwrap();
            }
        }
    }
    match reply.end {
        End::Ok => drop(stream.send_trailers(trailers(&Status::new(Code::Ok, "")))),
        End::Status(status) => drop(stream.send_trailers(trailers(&status))),
        End::Bare => drop(stream.send_data(Bytes::new(), true)),
        End::Reset(reason) => stream.send_reset(reason),
        End::HangUp => {
            // Lets what was written reach the client first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            hang_up.notify_one();
            std::future::pending::<()>().await;
        }
        End::Open => drop(std::future::poll_fn(|cx| stream.poll_reset(cx)).await),
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut map = HeaderMap::new();
    let mut add =
        |name, value: &str| map.insert(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
    add("grpc-status", status.code.as_trailer());
    add("grpc-message", &percent_encode(&status.message));
    if let Some(err) = status.err {
        add("err", err);
    }
    map
}

fn certificate(names: &[&str]) -> (ServerConfig, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (config, ca_pem)
}
