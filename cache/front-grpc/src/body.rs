//! The one message of a unary call's body.
//!
//! gRPC frames a message as a flag byte, four bytes of length and the message
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests>).

use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use kura_http2::RecvStream;
use kura_pages::Buffer;
use kura_wire::{Code, Status};

use crate::error::request_too_large;

/// Bytes before a message.
pub(crate) const PREFIX_BYTES: usize = 5;

/// Messages from this size on have pages of their own while they are here.
const LARGE_BYTES: usize = 16 * 1024;

/// A body on its way in.
pub(crate) struct Body {
    stream: RecvStream,
    max_message: usize,
    /// What has come so far, prefix included. One DATA frame is kept as it came.
    received: Received,
}

enum Received {
    Nothing,
    One(Bytes),
    Many(BytesMut),
    /// Of a message of [`LARGE_BYTES`] or more.
    Large(Buffer),
}

impl Received {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes,
            Self::Large(buffer) => buffer.as_slice(),
        }
    }
}

/// How far a body has come.
pub(crate) enum Progress {
    /// All of it: the message without its prefix.
    Message(Bytes),
    /// The length is known and over what has come; reading goes on after room is reserved.
    Announced(usize),
    /// Some more of it: so many bytes have come by now.
    Partial(usize),
}

impl Body {
    pub(crate) fn new(stream: RecvStream, max_message: usize) -> Self {
        Self { stream, max_message, received: Received::Nothing }
    }

    /// Reads what is there, up to the body's end, or until the message's length is known if
    /// `reserved` says that no room is held for it yet.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, reserved: bool) -> Poll<Result<Progress, Status>> {
        let before = self.received.as_slice().len();
        loop {
            if let Some(length) = self.announced()? {
                let held = self.received.as_slice().len();
                if !reserved && length + PREFIX_BYTES > held {
                    return Poll::Ready(Ok(Progress::Announced(length)));
                }
                // What comes behind the message makes the request wrong however long it goes on, so
                // it is not waited for, and above all not held.
                if self.stream.is_end_stream() || held > length + PREFIX_BYTES {
                    return Poll::Ready(self.finish(length));
                }
            }
            let Poll::Ready(next) = self.stream.poll_data(cx) else {
                let held = self.received.as_slice().len();
                return if held > before { Poll::Ready(Ok(Progress::Partial(held))) } else { Poll::Pending };
            };
            match next {
                Some(Ok(chunk)) => {
                    // The window opens again as soon as a chunk is taken; the budget, not the
                    // window, bounds what is held.
                    self.push(chunk);
                }
                Some(Err(error)) => {
                    return Poll::Ready(Err(Status::new(
                        Code::Cancelled,
                        format!("the request broke off: {error}"),
                    )));
                }
                None => {
                    let announced = self.announced()?;
                    return Poll::Ready(match announced {
                        Some(length) => self.finish(length),
                        None => Err(Status::new(
                            Code::InvalidArgument,
                            "the request ends before its message: a unary call needs one message",
                        )),
                    });
                }
            }
        }
    }

    fn announced(&self) -> Result<Option<usize>, Status> {
        message_length(self.received.as_slice(), self.max_message)
    }

    fn push(&mut self, chunk: Bytes) {
        match &mut self.received {
            Received::Nothing => {
                self.received = Received::One(chunk);
                return;
            }
            Received::Many(many) if many.capacity() - many.len() >= chunk.len() => {
                many.extend_from_slice(&chunk);
                return;
            }
            Received::Large(large) => {
                large.extend_from_slice(&chunk);
                return;
            }
            Received::One(_) | Received::Many(_) => {}
        }
        let before = self.received.as_slice();
        let come = before.len() + chunk.len();
        // Until the length is known there are less than five bytes.
        let length =
            message_length(before, self.max_message).ok().flatten().map_or(0, |length| length + PREFIX_BYTES);
        self.received = if length >= LARGE_BYTES {
            let mut large = Buffer::with_capacity(length.max(come));
            large.extend_from_slice(before);
            large.extend_from_slice(&chunk);
            Received::Large(large)
        } else {
            let mut many = BytesMut::with_capacity(length.max(come));
            many.extend_from_slice(before);
            many.extend_from_slice(&chunk);
            Received::Many(many)
        };
    }

    fn finish(&mut self, length: usize) -> Result<Progress, Status> {
        let mut all = match std::mem::replace(&mut self.received, Received::Nothing) {
            Received::Nothing => Bytes::new(),
            Received::One(bytes) => bytes,
            Received::Many(bytes) => bytes.freeze(),
            Received::Large(buffer) => buffer.freeze(),
        };
        if all.len() != length + PREFIX_BYTES {
            let more = if all.len() > length + PREFIX_BYTES { " or more" } else { "" };
            return Err(Status::new(
                Code::InvalidArgument,
                format!(
                    "the request's body has {} bytes{more} after a prefix that announces a message of {length}; \
                     send one whole message",
                    all.len().saturating_sub(PREFIX_BYTES)
                ),
            ));
        }
        Ok(Progress::Message(all.split_off(PREFIX_BYTES)))
    }
}

/// The length of the message that `received` begins, once its prefix is there.
fn message_length(received: &[u8], max_message: usize) -> Result<Option<usize>, Status> {
    let Some((&[compressed, a, b, c, d], _)) = received.split_first_chunk::<PREFIX_BYTES>() else {
        return Ok(None);
    };
    if compressed != 0 {
        return Err(Status::new(
            Code::Unimplemented,
            "the message is compressed; this server takes only uncompressed messages",
        ));
    }
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > max_message {
        return Err(request_too_large(length, max_message));
    }
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn what_comes_behind_the_message_is_refused_at_once_and_not_held() {
        let (near, far) = tokio::io::duplex(1024 * 1024);
        let client = async {
            let (mut sender, connection) = h2::client::handshake(near).await.unwrap();
            let driver = tokio::spawn(connection);
            let request = http::Request::post("http://host/").body(()).unwrap();
            let (_response, mut body) = sender.send_request(request, false).unwrap();
            // An empty message, more behind it, and no end.
            body.send_data(Bytes::from_static(&[0; 1000]), false).unwrap();
            driver.await.unwrap().unwrap();
        };
        let server = async {
            let granted = kura_http2::Options {
                max_concurrent_streams: 1,
                max_head_bytes: 1024,
                stream_window: 65_535,
                connection_window: 65_535,
            };
            let mut connection = kura_http2::Connection::handshake(far, &granted).await.unwrap();
            let mut requests = Vec::new();
            poll_fn(|cx| connection.poll_requests(cx, &mut requests)).await.unwrap();
            let request = requests.remove(0);
            let mut body = Body::new(request.body, 100);
            let drive = tokio::spawn(async move {
                let _ = poll_fn(|cx| connection.poll_requests(cx, &mut requests)).await;
            });
            let ended = poll_fn(|cx| body.poll(cx, true)).await;
            drive.abort();
            ended.err().map(|status| status.code)
        };
        let both = async {
            tokio::select! { ended = server => ended, () = client => None }
        };
        let ended = tokio::time::timeout(std::time::Duration::from_secs(10), both).await;
        assert_eq!(ended.expect("the end is not waited for"), Some(Code::InvalidArgument));
    }
}
