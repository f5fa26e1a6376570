//! A gRPC status with Momento's `err` trailer.
//!
//! Codes: <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>. The message travels
//! percent-encoded: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses>.

use std::borrow::Cow;
use std::fmt;

/// A gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "these are gRPC's own names")]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code as the `grpc-status` trailer carries it; anything else is [`Code::Unknown`],
    /// as gRPC asks of clients.
    #[must_use]
    pub fn from_trailer(value: &[u8]) -> Self {
        std::str::from_utf8(value)
            .ok()
            // `parse` would also take a plus sign.
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse::<usize>().ok())
            .and_then(|number| Self::ALL.get(number).copied())
            .unwrap_or(Self::Unknown)
    }

    /// The code as the `grpc-status` trailer carries it.
    #[must_use]
    pub fn as_trailer(self) -> &'static str {
        const TEXTS: [&str; 17] =
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];
        TEXTS[self as usize]
    }
}

/// How a call ended, when it did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The gRPC code.
    pub code: Code,
    /// What was wrong, with which value, and what to do.
    pub message: Cow<'static, str>,
    /// Momento's `err` trailer, which SDKs read to tell apart errors of one code.
    pub err: Option<&'static str>,
}

impl Status {
    /// A status without an `err` trailer.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), err: None }
    }

    /// The same status with an `err` trailer.
    #[must_use]
    pub fn with_err(mut self, err: &'static str) -> Self {
        self.err = Some(err);
        self
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.message)
    }
}

impl std::error::Error for Status {}

/// Encodes a status message for the `grpc-message` trailer.
#[must_use]
pub fn percent_encode(message: &str) -> Cow<'_, str> {
    let plain = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'%';
    if message.bytes().all(plain) {
        return Cow::Borrowed(message);
    }
    let mut encoded = String::with_capacity(message.len() + 16);
    for byte in message.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    Cow::Owned(encoded)
}

/// Decodes a `grpc-message` trailer. Broken escapes are kept as they are, as gRPC asks.
#[must_use]
pub fn percent_decode(value: &[u8]) -> String {
    let digit = |at: usize| value.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_trailer() {
        for text in ["plain", "100 % 蔵\n", ""] {
            assert_eq!(percent_decode(percent_encode(text).as_bytes()), text);
        }
        assert_eq!(percent_encode("a%b"), "a%25b");
        assert_eq!(percent_decode(b"50%"), "50%");
        assert_eq!(percent_decode(b"%zz"), "%zz");
    }

    #[test]
    fn codes_survive_the_trailer() {
        for code in Code::ALL {
            assert_eq!(Code::from_trailer(code.as_trailer().as_bytes()), code);
        }
        assert_eq!(Code::from_trailer(b"17"), Code::Unknown);
        assert_eq!(Code::from_trailer(b"x"), Code::Unknown);
        assert_eq!(Code::from_trailer(b"+0"), Code::Unknown);
    }
}
