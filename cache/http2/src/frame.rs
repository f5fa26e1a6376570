//! Frames (RFC 9113, sections 4 and 6).

use crate::error::Reason;

/// What a client begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes before a frame's payload.
pub(crate) const HEAD_BYTES: usize = 9;
/// Largest payload that is taken: the protocol's initial value, which is not changed.
pub(crate) const MAX_PAYLOAD: usize = 16 * 1024;
/// Largest window.
pub(crate) const MAX_WINDOW: u32 = (1 << 31) - 1;
/// A window before anybody has said anything.
pub(crate) const INITIAL_WINDOW: u32 = 65_535;

pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
pub(crate) const PRIORITY: u8 = 0x2;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PUSH_PROMISE: u8 = 0x5;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
pub(crate) const WINDOW_UPDATE: u8 = 0x8;
pub(crate) const CONTINUATION: u8 = 0x9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const PRIORITIZED: u8 = 0x20;

pub(crate) const SETTINGS_HEADER_TABLE_SIZE: u16 = 0x1;
pub(crate) const SETTINGS_ENABLE_PUSH: u16 = 0x2;
pub(crate) const SETTINGS_MAX_CONCURRENT_STREAMS: u16 = 0x3;
pub(crate) const SETTINGS_INITIAL_WINDOW_SIZE: u16 = 0x4;
pub(crate) const SETTINGS_MAX_FRAME_SIZE: u16 = 0x5;
pub(crate) const SETTINGS_MAX_HEADER_LIST_SIZE: u16 = 0x6;

/// What a frame begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let &[a, b, c, kind, flags, s0, s1, s2, s3] = bytes.first_chunk::<HEAD_BYTES>()?;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]) & MAX_WINDOW;
        Some(Self { length: u32::from_be_bytes([0, a, b, c]) as usize, kind, flags, stream })
    }

    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends what a frame begins with.
pub(crate) fn put_head(into: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [s0, s1, s2, s3] = stream.to_be_bytes();
    into.extend_from_slice(&[a, b, c, kind, flags, s0, s1, s2, s3]);
}

/// Appends a frame whose payload is one number: RST_STREAM and WINDOW_UPDATE.
pub(crate) fn put_number(into: &mut Vec<u8>, kind: u8, stream: u32, number: u32) {
    put_head(into, 4, kind, 0, stream);
    into.extend_from_slice(&number.to_be_bytes());
}

/// Appends a GOAWAY, with a text for whoever debugs the peer.
pub(crate) fn put_goaway(into: &mut Vec<u8>, last_stream: u32, reason: Reason, text: &str) {
    put_head(into, 8 + text.len(), GOAWAY, 0, 0);
    into.extend_from_slice(&last_stream.to_be_bytes());
    into.extend_from_slice(&reason.code().to_be_bytes());
    into.extend_from_slice(text.as_bytes());
}

/// Appends settings.
pub(crate) fn put_settings(into: &mut Vec<u8>, settings: &[(u16, u32)]) {
    put_head(into, 6 * settings.len(), SETTINGS, 0, 0);
    for (name, value) in settings {
        into.extend_from_slice(&name.to_be_bytes());
        into.extend_from_slice(&value.to_be_bytes());
    }
}
