//! Sending a call's answer: headers, messages within the peer's window, trailers.

use std::future::poll_fn;

use bytes::Bytes;
use h2::SendStream;
use h2::server::SendResponse;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use kura_front::Patience;
use kura_wire::{Code, Status, percent_encode};

use crate::deadline::Deadline;
use crate::scalar::Answer;

/// Messages up to this size are handed to the connection at once; larger ones follow the peer's
/// window, so that a peer that does not read cannot fill this server's memory.
pub(crate) const AT_ONCE_BYTES: usize = 64 * 1024;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const ERR: HeaderName = HeaderName::from_static("err");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

fn ok_headers() -> Response<()> {
    let mut response = Response::new(());
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

fn ok_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

fn put_status(headers: &mut HeaderMap, status: &Status) {
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status.code.as_trailer()));
    if let Ok(message) = HeaderValue::from_str(&percent_encode(&status.message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
    if let Some(err) = status.err {
        headers.insert(ERR, HeaderValue::from_static(err));
    }
}

/// Trailers that tell a status.
pub(crate) fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(3);
    put_status(&mut trailers, status);
    trailers
}

/// Ends a call with a status and no message.
pub(crate) fn fail(respond: &mut SendResponse<Bytes>, status: &Status) {
    let mut response = ok_headers();
    put_status(response.headers_mut(), status);
    // An error here means that the peer has gone: there is nobody left to tell.
    let _ = respond.send_response(response, true);
}

/// Answers a request that is not gRPC.
pub(crate) fn not_grpc(respond: &mut SendResponse<Bytes>) {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Ok(mut stream) = respond.send_response(response, false) {
        let _ = stream.send_data(Bytes::from_static(b"Not Found: this port speaks gRPC\n"), true);
    }
}

/// Answers a call with one small message, without waiting.
pub(crate) fn unary_at_once(respond: &mut SendResponse<Bytes>, answer: Answer) {
    let Ok(mut stream) = respond.send_response(ok_headers(), false) else { return };
    let mut sent = stream.send_data(answer.head, false);
    if let (Ok(()), Some(tail)) = (&sent, answer.tail) {
        sent = stream.send_data(tail, false);
    }
    if sent.is_ok() {
        let _ = stream.send_trailers(ok_trailers());
    }
}

/// A call's stream of answers, and what has been waited for its peer.
pub(crate) struct Messages(SendStream<Bytes>, Patience);

/// The peer reset the stream, went away or stopped reading.
#[derive(Debug)]
pub(crate) struct Gone;

impl Messages {
    /// Sends the headers.
    pub(crate) fn start(respond: &mut SendResponse<Bytes>) -> Result<Self, Gone> {
        let stream = respond.send_response(ok_headers(), false).map_err(|_| Gone)?;
        Ok(Self(stream, Patience::default()))
    }

    /// The stream itself, for who sends on it in another way.
    pub(crate) fn into_stream(self) -> SendStream<Bytes> {
        self.0
    }

    /// Sends bytes as the peer's window allows.
    pub(crate) async fn send(&mut self, mut bytes: Bytes) -> Result<(), Gone> {
        let Self(stream, patience) = self;
        while !bytes.is_empty() {
            stream.reserve_capacity(bytes.len().min(AT_ONCE_BYTES));
            match patience.wait(poll_fn(|cx| stream.poll_capacity(cx))).await {
                Some(Some(Ok(room))) => {
                    let chunk = bytes.split_to(room.min(bytes.len()));
                    patience.took(chunk.len());
                    stream.send_data(chunk, false).map_err(|_| Gone)?;
                }
                Some(_) => return Err(Gone),
                None => {
                    stream.send_reset(h2::Reason::CANCEL);
                    return Err(Gone);
                }
            }
        }
        Ok(())
    }

    /// Ends the stream as what was to be sent on it ended.
    pub(crate) fn end(mut self, sent: Result<(), Broken>) -> Code {
        let (code, trailers) = match sent {
            Ok(()) => (Code::Ok, ok_trailers()),
            Err(Broken::Status(status)) => (status.code, trailers(&status)),
            Err(Broken::Gone) => return Code::Cancelled,
        };
        let _ = self.0.send_trailers(trailers);
        code
    }
}

/// How a stream of answers ended early.
pub(crate) enum Broken {
    /// With a status to tell.
    Status(Status),
    /// With nobody left to tell.
    Gone,
}

impl From<Gone> for Broken {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<Status> for Broken {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// Answers a call with one message of any size. Headers that are sent cannot be taken back, so a
/// deadline that passes while the message is on its way is told in the trailers.
pub(crate) async fn unary(respond: &mut SendResponse<Bytes>, answer: Answer, deadline: Deadline) -> Code {
    if answer.len() <= AT_ONCE_BYTES {
        unary_at_once(respond, answer);
        return Code::Ok;
    }
    let Ok(mut messages) = Messages::start(respond) else { return Code::Cancelled };
    let send = async {
        messages.send(answer.head).await?;
        messages.send(answer.tail.unwrap_or_default()).await?;
        Ok(())
    };
    let sent = deadline.bound(send).await;
    messages.end(sent)
}
