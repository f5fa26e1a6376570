//! gRPC's five-byte framing and the place of a call's status: pure functions over what the
//! network sent.
//!
//! Nothing here trusts its input: a peer can send any bytes and gets a [`Status`], never a
//! panic, and never more memory than the limit. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use prost::Message;

use crate::{Code, Status, percent_decode};

/// Bytes before each message: one flag, then the length as a big-endian `u32`.
pub const FRAME_HEADER_BYTES: usize = 5;

/// Largest message that a channel sends or accepts, in bytes; Momento's largest item is
/// 5 MB, a batch or a dictionary may hold a few of them.
pub const MAX_MESSAGE_BYTES: usize = 11 * 1024 * 1024;

/// Encodes `message` as one uncompressed gRPC frame.
///
/// # Errors
/// RESOURCE_EXHAUSTED if the message is longer than [`MAX_MESSAGE_BYTES`].
pub fn encode_frame(message: &impl Message) -> Result<Bytes, Status> {
    let length = message.encoded_len();
    let too_long = || {
        Status::new(
            Code::ResourceExhausted,
            format!(
                "Request limit exceeded: the message has {length} bytes, at most {MAX_MESSAGE_BYTES} can be sent"
            ),
        )
    };
    if length > MAX_MESSAGE_BYTES {
        return Err(too_long());
    }
    let mut frame = BytesMut::with_capacity(FRAME_HEADER_BYTES + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).map_err(|_| too_long())?);
    message.encode(&mut frame).map_err(|error| Status::new(Code::Internal, error.to_string()))?;
    Ok(frame.freeze())
}

/// Cuts a byte stream into gRPC messages.
///
/// ```
/// let mut frames = kura_wire::Frames::new(1024);
/// frames.push(b"\0\0\0\0\x02h"[..].into()).unwrap();
/// assert_eq!(frames.next().unwrap(), None);
/// frames.push(b"i"[..].into()).unwrap();
/// assert_eq!(frames.next().unwrap().unwrap(), "hi");
/// frames.finish().unwrap();
/// ```
#[derive(Debug)]
pub struct Frames {
    buffer: BytesMut,
    limit_bytes: usize,
}

impl Frames {
    /// A decoder that refuses messages longer than `limit_bytes`.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self { buffer: BytesMut::new(), limit_bytes }
    }

    /// Adds bytes from the network.
    ///
    /// # Errors
    /// As [`Frames::next`]: a frame that will be refused is refused before it is buffered.
    pub fn push(&mut self, data: Bytes) -> Result<(), Status> {
        self.buffer.extend_from_slice(&data);
        self.frame_length().map(drop)
    }

    /// Takes the next whole message, or none if more bytes are needed.
    ///
    /// # Errors
    /// INTERNAL for a compressed frame (none was asked for) or an unknown flag,
    /// RESOURCE_EXHAUSTED for a message over the limit.
    #[expect(clippy::should_implement_trait, reason = "not an iterator: more may come after none")]
    pub fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(length) = self.frame_length()? else { return Ok(None) };
        if self.buffer.len() - FRAME_HEADER_BYTES < length {
            return Ok(None);
        }
        self.buffer.advance(FRAME_HEADER_BYTES);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    /// Checks that the stream did not end inside a message.
    ///
    /// # Errors
    /// INTERNAL if it did.
    pub fn finish(&self) -> Result<(), Status> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        Err(Status::new(
            Code::Internal,
            format!("The response ended {} bytes into a message", self.buffer.len()),
        ))
    }

    /// The length of the frame at the front, if its header has arrived.
    fn frame_length(&self) -> Result<Option<usize>, Status> {
        let Some((header, _)) = self.buffer.split_first_chunk::<FRAME_HEADER_BYTES>() else {
            return Ok(None);
        };
        let [flag, length @ ..] = *header;
        if flag != 0 {
            let what = if flag == 1 {
                "a compressed message, which was not asked for"
            } else {
                "an unknown frame flag"
            };
            return Err(Status::new(Code::Internal, format!("The server sent {what}")));
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > self.limit_bytes {
            let limit = self.limit_bytes;
            let message = format!("The response message has {length} bytes, at most {limit} are accepted");
            return Err(Status::new(Code::ResourceExhausted, message));
        }
        Ok(Some(length))
    }
}

/// Reads the status that `trailers` carry; none if there is none.
///
/// OK is `Some(Ok(()))`. An `err` trailer that Momento's SDKs do not know becomes
/// `Some("unrecognised")`, which they treat alike.
#[must_use]
pub fn status_from_trailers(trailers: &HeaderMap) -> Option<Result<(), Status>> {
    let code = Code::from_trailer(trailers.get("grpc-status")?.as_bytes());
    if code == Code::Ok {
        return Some(Ok(()));
    }
    let message =
        trailers.get("grpc-message").map(|value| percent_decode(value.as_bytes())).unwrap_or_default();
    let status = Status::new(code, message);
    Some(Err(match trailers.get("err") {
        Some(err) => status.with_err(known_err(err.as_bytes())),
        None => status,
    }))
}

/// Checks a response's first headers: an HTTP error, another protocol, or a call that failed
/// before its first message.
///
/// # Errors
/// The call's status.
pub fn check_response_head(http: StatusCode, headers: &HeaderMap) -> Result<(), Status> {
    if let Some(Err(status)) = status_from_trailers(headers) {
        return Err(status);
    }
    if http != StatusCode::OK {
        return Err(Status::new(code_of_http(http), format!("The server answered with HTTP status {http}")));
    }
    let content_type = headers.get(http::header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    if !is_grpc(content_type) {
        let content_type = String::from_utf8_lossy(content_type);
        let message = format!("The server does not speak gRPC: its answer has content type {content_type:?}");
        return Err(Status::new(Code::Unknown, message));
    }
    Ok(())
}

/// Whether a content type is gRPC's: `application/grpc`, or that with a suffix or parameters.
#[must_use]
pub fn is_grpc(content_type: &[u8]) -> bool {
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// <https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>
fn code_of_http(http: StatusCode) -> Code {
    match http.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502..=504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

fn known_err(value: &[u8]) -> &'static str {
    const KNOWN: [&str; 10] = [
        "item_not_found",
        "store_not_found",
        "store_already_exists",
        "topic_subscriptions_limit_exceeded",
        "operations_rate_limit_exceeded",
        "throughput_rate_limit_exceeded",
        "request_size_limit_exceeded",
        "item_size_limit_exceeded",
        "element_size_limit_exceeded",
        "momento_general_err",
    ];
    KNOWN.into_iter().find(|known| known.as_bytes() == value).unwrap_or("unrecognised")
}

#[cfg(test)]
#[path = "framing/tests.rs"]
mod tests;
