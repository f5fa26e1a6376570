//! One HTTP/2 connection to a gRPC server, and the calls over it.
//!
//! A channel is one connection and does not reconnect: a caller that outlives connections, as a
//! subscriber does, makes a new one. [`crate::CacheClient`] does that for its callers.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderValue, Method, Request, Uri, Version, header};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::body::{self, Messages, status_of};
use crate::connect::{self, Socket};
use crate::metadata::timeout_value;
use crate::{ChannelOptions, Code, KeepAlive, Metadata, Status, Target, check_response_head, encode_frame};

/// Bytes that a peer may send before they are read: enough for the largest item at once.
const WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// A connection to a gRPC server. Clones share it; the last one dropped closes it.
#[derive(Clone, Debug)]
pub struct Channel {
    sender: SendRequest<Bytes>,
    target: Arc<Target>,
    peer: SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Channel {
    /// Connects to `target`, trying each of its addresses in turn. Needs a tokio runtime.
    ///
    /// # Errors
    /// UNAVAILABLE naming every address tried and why it failed; INVALID_ARGUMENT for an
    /// unreadable certificate in `options`.
    pub async fn connect(target: &Target, options: &ChannelOptions) -> Result<Self, Status> {
        let (socket, peer) = connect::connect(target, options).await?;
        let (sender, closed) = match socket {
            Socket::Plain(tcp) => start(tcp, options.keep_alive).await,
            Socket::Tls(tls) => start(tls, options.keep_alive).await,
        }
        .map_err(|error| {
            Status::new(Code::Unavailable, format!("Cannot speak HTTP/2 with {target} at {peer}: {error}"))
        })?;
        Ok(Self { sender, target: Arc::new(target.clone()), peer, closed })
    }

    /// The address of the connected socket's other end.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether the connection has ended; calls fail then.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Calls `path` (`/package.Service/Method`) with one message for one message.
    ///
    /// # Errors
    /// The status that the server gave; DEADLINE_EXCEEDED after `timeout`, which is also sent to
    /// the server; UNAVAILABLE if the connection is lost.
    pub async fn unary<R: Message + Default>(
        &self,
        path: &str,
        metadata: Metadata,
        message: &impl Message,
        timeout: Duration,
    ) -> Result<R, Status> {
        let body = encode_frame(message)?;
        let mut request = self.request(path, metadata)?;
        request.headers_mut().insert("grpc-timeout", timeout_value(timeout));
        let call = async {
            let (response, stream) = self.start_call(request).await?;
            let read = async {
                let mut messages = open(response).await?;
                let first = messages.next().await?;
                // The status comes after the message, and a failed call has no answer.
                match messages.next().await? {
                    None => first.ok_or_else(|| Status::new(Code::Internal, "The response has no message")),
                    Some(_) => Err(Status::new(Code::Internal, "The response has more than one message")),
                }
            };
            // A server may refuse before it has read the whole request: its answer counts.
            alongside(body::send(stream, body), read).await
        };
        let answer = tokio::time::timeout(timeout, call).await.map_err(|_| expired(timeout))??;
        decode(answer)
    }

    /// Calls `path` with one message for a stream of messages. `timeout` bounds the wait for the
    /// stream to open, not its life, and is not sent to the server.
    ///
    /// # Errors
    /// As [`Channel::unary`].
    pub async fn server_streaming<R: Message + Default>(
        &self,
        path: &str,
        metadata: Metadata,
        message: &impl Message,
        timeout: Duration,
    ) -> Result<Streaming<R>, Status> {
        let body = encode_frame(message)?;
        let request = self.request(path, metadata)?;
        let call = async {
            let (response, stream) = self.start_call(request).await?;
            alongside(body::send(stream, body), open(response)).await
        };
        let messages = tokio::time::timeout(timeout, call).await.map_err(|_| expired(timeout))??;
        Ok(Streaming { messages, _message: PhantomData })
    }

    fn request(&self, path: &str, metadata: Metadata) -> Result<Request<()>, Status> {
        let invalid =
            |error: http::Error| Status::new(Code::Internal, format!("Invalid call {path:?}: {error}"));
        let scheme = match self.target.scheme {
            crate::Scheme::Http => "http",
            crate::Scheme::Https => "https",
        };
        let uri = Uri::builder().scheme(scheme).authority(self.target.authority()).path_and_query(path);
        let mut request = Request::new(());
        *request.uri_mut() = uri.build().map_err(invalid)?;
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        let headers = request.headers_mut();
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.extend(metadata.into_headers());
        Ok(request)
    }

    async fn start_call(
        &self,
        request: Request<()>,
    ) -> Result<(h2::client::ResponseFuture, h2::SendStream<Bytes>), Status> {
        let mut sender = self.sender.clone().ready().await.map_err(|error| status_of(&error))?;
        sender.send_request(request, false).map_err(|error| status_of(&error))
    }
}

/// Runs `send` beside `read`, whose result is the call's: a failure to send shows there too.
async fn alongside<R>(
    send: impl Future<Output = Result<(), Status>>,
    read: impl Future<Output = Result<R, Status>>,
) -> Result<R, Status> {
    tokio::pin!(send, read);
    tokio::select! {
        biased;
        result = &mut read => return result,
        _ = &mut send => {}
    }
    read.await
}

async fn open(response: h2::client::ResponseFuture) -> Result<Messages, Status> {
    let (head, stream) = response.await.map_err(|error| status_of(&error))?.into_parts();
    check_response_head(head.status, &head.headers)?;
    Ok(Messages::new(stream))
}

fn decode<R: Message + Default>(message: Bytes) -> Result<R, Status> {
    R::decode(message)
        .map_err(|error| Status::new(Code::Internal, format!("The response is not readable: {error}")))
}

fn expired(timeout: Duration) -> Status {
    Status::new(Code::DeadlineExceeded, format!("No answer within {timeout:?}"))
}

/// A call's answers, one after another. Dropping it ends the call.
pub struct Streaming<R> {
    messages: Messages,
    _message: PhantomData<fn() -> R>,
}

impl<R: Message + Default> Streaming<R> {
    /// The next message; none when the server ended the stream with OK.
    ///
    /// # Errors
    /// The status with which the server ended it; UNAVAILABLE if the connection was lost.
    pub async fn message(&mut self) -> Result<Option<R>, Status> {
        self.messages.next().await?.map(decode).transpose()
    }
}

type Started = (SendRequest<Bytes>, Arc<AtomicBool>);

async fn start<S>(socket: S, keep_alive: Option<KeepAlive>) -> Result<Started, h2::Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, mut connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(64 * 1024)
        .max_concurrent_streams(0)
        .enable_push(false)
        .handshake(socket)
        .await?;
    let pings = keep_alive.and_then(|keep_alive| Some((connection.ping_pong()?, keep_alive)));
    let closed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&closed);
    // Ends by itself when the last sender and the last stream are gone.
    tokio::spawn(async move {
        let alive = async {
            match pings {
                Some((ping, keep_alive)) => until_unanswered(ping, keep_alive).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = connection => if let Err(error) = result { tracing::debug!("connection lost: {error}") },
            () = alive => tracing::debug!("connection lost: no answer to a ping"),
        }
        flag.store(true, Ordering::Release);
    });
    Ok((sender, closed))
}

async fn until_unanswered(mut ping: h2::PingPong, keep_alive: KeepAlive) {
    loop {
        tokio::time::sleep(keep_alive.interval).await;
        let answer = tokio::time::timeout(keep_alive.timeout, ping.ping(h2::Ping::opaque())).await;
        if !matches!(answer, Ok(Ok(_))) {
            return;
        }
    }
}
