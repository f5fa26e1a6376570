//! Header compression (RFC 7541).

mod decode;
mod encode;
mod huffman;
mod table;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub(crate) use table::ENTRY_BYTES;

/// Bytes of fields that a peer may have this side keep: HPACK's own initial value, which is not changed.
pub(crate) const TABLE_BYTES: usize = 4096;

/// What is wrong with a header block. The state of both sides differs from here on, so the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);
