//! Sending a call's answer: headers, messages within the peer's window, trailers.

use std::future::poll_fn;

use bytes::Bytes;
use kura_front::Patience;
use kura_http2::{Field, Reason, SendResponse, SendStream};
use kura_wire::{Code, Status, percent_encode};

use crate::deadline::Deadline;
use crate::scalar::Answer;

/// Messages up to this size are handed to the connection at once; larger ones follow the peer's
/// window, so that a peer that does not read cannot fill this server's memory.
pub(crate) const AT_ONCE_BYTES: usize = 64 * 1024;

/// What every answer begins with.
const OK_HEADERS: [Field<'static>; 1] = [("content-type", b"application/grpc")];
/// What one ends with that succeeded.
const OK_TRAILERS: [Field<'static>; 1] = [("grpc-status", b"0")];

/// Gives the fields that tell a status.
fn with_status<R>(status: &Status, give: impl FnOnce(&[Field<'_>]) -> R) -> R {
    let message = percent_encode(&status.message);
    let mut fields =
        vec![("grpc-status", status.code.as_trailer().as_bytes()), ("grpc-message", message.as_bytes())];
    if let Some(err) = status.err {
        fields.push(("err", err.as_bytes()));
    }
    give(&fields)
}

/// Ends a stream with a status behind what was sent on it.
pub(crate) fn end_with(stream: &mut SendStream, status: &Status) {
    // An error here means that the peer has gone: there is nobody left to tell.
    let _ = with_status(status, |fields| stream.send_trailers(fields));
}

/// Ends a call with a status and no message.
pub(crate) fn fail(respond: &mut SendResponse, status: &Status) {
    let _ = with_status(status, |fields| respond.send_head(200, &[&OK_HEADERS, fields].concat(), true));
}

/// Answers a request that is not gRPC.
pub(crate) fn not_grpc(respond: &mut SendResponse) {
    const TEXT: [Field<'static>; 1] = [("content-type", b"text/plain; charset=utf-8")];
    if let Ok(mut stream) = respond.send_head(404, &TEXT, false) {
        let _ = stream.send_data(Bytes::from_static(b"Not Found: this port speaks gRPC\n"), true);
    }
}

/// Answers a call with one small message, without waiting.
pub(crate) fn unary_at_once(respond: &mut SendResponse, answer: Answer) {
    let data = [Some(answer.head), answer.tail].into_iter().flatten();
    let _ = respond.send_whole(200, &OK_HEADERS, data, &OK_TRAILERS);
}

/// A call's stream of answers, and what has been waited for its peer.
pub(crate) struct Messages(SendStream, Patience);

/// The peer reset the stream, went away or stopped reading.
#[derive(Debug)]
pub(crate) struct Gone;

impl Messages {
    /// Sends the headers.
    pub(crate) fn start(respond: &mut SendResponse) -> Result<Self, Gone> {
        let stream = respond.send_head(200, &OK_HEADERS, false).map_err(|_| Gone)?;
        Ok(Self(stream, Patience::default()))
    }

    /// The stream itself, for who sends on it in another way.
    pub(crate) fn into_stream(self) -> SendStream {
        self.0
    }

    /// Sends bytes as the peer's window allows.
    pub(crate) async fn send(&mut self, mut bytes: Bytes) -> Result<(), Gone> {
        let Self(stream, patience) = self;
        while !bytes.is_empty() {
            stream.reserve_capacity(bytes.len().min(AT_ONCE_BYTES));
            match patience.wait(poll_fn(|cx| stream.poll_capacity(cx))).await {
                Some(Ok(room)) => {
                    let chunk = bytes.split_to(room.min(bytes.len()));
                    patience.took(chunk.len());
                    stream.send_data(chunk, false).map_err(|_| Gone)?;
                }
                Some(_) => return Err(Gone),
                None => {
                    stream.send_reset(Reason::CANCEL);
                    return Err(Gone);
                }
            }
        }
        Ok(())
    }

    /// Ends the stream as what was to be sent on it ended.
    pub(crate) fn end(mut self, sent: Result<(), Broken>) -> Code {
        match sent {
            Ok(()) => {
                let _ = self.0.send_trailers(&OK_TRAILERS);
                Code::Ok
            }
            Err(Broken::Status(status)) => {
                end_with(&mut self.0, &status);
                status.code
            }
            Err(Broken::Gone) => Code::Cancelled,
        }
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
pub(crate) async fn unary(respond: &mut SendResponse, answer: Answer, deadline: Deadline) -> Code {
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
