//! How connections and streams end.

/// The error codes of HTTP/2 (RFC 9113, section 7) that are told or acted on here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(u32);

impl Reason {
    /// Nothing is wrong.
    pub const NO_ERROR: Self = Self(0x0);
    /// The peer does what the protocol does not allow.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// The peer sends more than its window.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// A frame for a stream that is closed.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame of a wrong size.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// Nothing was done about the request; it may be sent again.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The stream is no longer needed.
    pub const CANCEL: Self = Self(0x8);
    /// A header block that cannot be decoded.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The peer makes work without end.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);

    pub(crate) const fn new(code: u32) -> Self {
        Self(code)
    }

    /// As it is on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
    }
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first bytes are not HTTP/2's.
    #[error("the peer does not begin as HTTP/2 does")]
    NotHttp2,
    /// The peer breaks the protocol; it was told so.
    #[error("the peer breaks HTTP/2 (error {:#x}): {text}", reason.code())]
    Broken {
        /// What it was told.
        reason: Reason,
        /// What it did.
        text: &'static str,
    },
    /// The peer is gone.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Why no more comes or goes on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// One side has reset it.
    #[error("the stream was reset (error {:#x})", .0.code())]
    Reset(Reason),
    /// Its connection is over.
    #[error("the connection is over")]
    Connection,
    /// It has been ended.
    #[error("the stream has ended")]
    Ended,
}
