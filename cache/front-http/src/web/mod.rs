//! grpc-web: gRPC for browsers, which can neither read trailers nor, all of them, binary answers as
//! they come (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>).
//!
//! A call is made as gRPC over a pipe to the gRPC front end. Its answer's messages pass as they are;
//! its trailers follow as one more frame. In the text form both ways are base64.

mod answer;
mod call;
pub mod frame;
mod pipe;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

pub(crate) use answer::Answer;
pub(crate) use call::call;
pub(crate) use pipe::Pipe;

/// How a call's bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Binary,
    /// In base64.
    Text,
}

impl Encoding {
    /// What a content type says; none if it is not grpc-web's. Messages are protobuf, said or not.
    #[must_use]
    pub fn of(content_type: &[u8]) -> Option<Self> {
        let kind = content_type.split(|byte| *byte == b';').next()?.trim_ascii();
        match kind.strip_prefix(b"application/grpc-web")? {
            b"" | b"+proto" => Some(Self::Binary),
            b"-text" | b"-text+proto" => Some(Self::Text),
            _ => None,
        }
    }

    pub(crate) fn of_request(headers: &HeaderMap) -> Option<Self> {
        headers.get(CONTENT_TYPE).and_then(|value| Self::of(value.as_bytes()))
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Binary => "application/grpc-web+proto",
            Self::Text => "application/grpc-web-text+proto",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_say_how_bytes_travel() {
        for (content_type, encoding) in [
            ("application/grpc-web", Some(Encoding::Binary)),
            ("application/grpc-web+proto", Some(Encoding::Binary)),
            ("application/grpc-web-text", Some(Encoding::Text)),
            ("application/grpc-web-text+proto; charset=utf-8", Some(Encoding::Text)),
            ("application/grpc-web+json", None),
            ("application/grpc-webs", None),
            ("application/grpc", None),
            ("", None),
        ] {
            assert_eq!(Encoding::of(content_type.as_bytes()), encoding, "{content_type}");
        }
    }
}
