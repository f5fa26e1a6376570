//! A call's request and response bodies over HTTP/2 flow control.

use std::future::poll_fn;

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};

use crate::{Code, Frames, MAX_MESSAGE_BYTES, Status, status_from_trailers};

/// Sends `body` as fast as the peer's windows let it, then ends the stream.
pub(crate) async fn send(mut stream: SendStream<Bytes>, mut body: Bytes) -> Result<(), Status> {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        while stream.capacity() == 0 {
            match poll_fn(|context| stream.poll_capacity(context)).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(status_of(&error)),
                None => return Err(Status::new(Code::Unavailable, "The server closed the stream")),
            }
        }
        let chunk = body.split_to(stream.capacity().min(body.len()));
        let last = body.is_empty();
        stream.send_data(chunk, last).map_err(|error| status_of(&error))?;
    }
    Ok(())
}

/// A response body as messages, with the windows given back as it is read.
pub(crate) struct Messages {
    stream: RecvStream,
    frames: Frames,
    ended: bool,
}

impl Messages {
    pub(crate) fn new(stream: RecvStream) -> Self {
        Self { stream, frames: Frames::new(MAX_MESSAGE_BYTES), ended: false }
    }

    /// The next message; none when the call ended well, an error when it did not.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = self.frames.next()? {
                return Ok(Some(message));
            }
            if self.ended {
                return Ok(None);
            }
            match self.stream.data().await {
                Some(Ok(data)) => {
                    let length = data.len();
                    self.frames.push(data)?;
                    self.stream.flow_control().release_capacity(length).map_err(|error| status_of(&error))?;
                }
                Some(Err(error)) => return Err(status_of(&error)),
                None => {
                    self.ended = true;
                    self.finish().await?;
                }
            }
        }
    }

    async fn finish(&mut self) -> Result<(), Status> {
        let trailers = self.stream.trailers().await.map_err(|error| status_of(&error))?;
        let status = trailers.as_ref().and_then(status_from_trailers);
        status.unwrap_or_else(|| Err(Status::new(Code::Unknown, "The response ended without a status")))?;
        self.frames.finish()
    }
}

/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors>
pub(crate) fn status_of(error: &h2::Error) -> Status {
    if error.is_io() || error.is_go_away() {
        return Status::new(Code::Unavailable, format!("The connection was lost: {error}"));
    }
    let code = match error.reason() {
        Some(Reason::REFUSED_STREAM) => Code::Unavailable,
        Some(Reason::CANCEL) => Code::Cancelled,
        Some(Reason::ENHANCE_YOUR_CALM) => Code::ResourceExhausted,
        Some(Reason::INADEQUATE_SECURITY) => Code::PermissionDenied,
        _ => Code::Internal,
    };
    Status::new(code, format!("h2 protocol error: {error}"))
}
