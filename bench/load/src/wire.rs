//! The messages the loader sends and those it reads, framed for gRPC, written by hand.
//!
//! `Get {1: key}`, `Set {1: key, 2: value, 3: ttl}`; both answer `{1: result, …}` first.
//! `Publish {1: cache, 2: topic, 3: {2: bytes}}`, `Subscribe {1: cache, 2: topic}`.

use bytes::Bytes;

/// The path of a read.
pub const GET: &str = "/cache_client.Scs/Get";
/// The path of a write.
pub const SET: &str = "/cache_client.Scs/Set";
/// The path of a publication.
pub const PUBLISH: &str = "/cache_client.pubsub.Pubsub/Publish";
/// The path of a subscription.
pub const SUBSCRIBE: &str = "/cache_client.pubsub.Pubsub/Subscribe";
/// The path of a cache's creation.
pub const CREATE_CACHE: &str = "/control_client.ScsControl/CreateCache";

/// gRPC's prefix: a compression flag and a length of four bytes.
const PREFIX_BYTES: usize = 5;

/// What the first field of an answer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The write was stored.
    Stored,
    /// The read found the key.
    Hit,
    /// The read found nothing.
    Miss,
    /// Anything else, an empty answer included.
    Other,
}

/// A message of one length-delimited field, framed: a get, or a cache's creation.
#[must_use]
pub fn single_field(bytes: &[u8]) -> Bytes {
    let mut frame = start_frame(bytes.len() + 4);
    put_field(&mut frame, 1, bytes);
    finish_frame(frame)
}

/// A write, framed.
#[must_use]
pub fn set(key: &[u8], value: &[u8], ttl_milliseconds: u64) -> Bytes {
    let mut frame = start_frame(key.len() + value.len() + 20);
    put_field(&mut frame, 1, key);
    put_field(&mut frame, 2, value);
    frame.push(3 << 3);
    put_varint(&mut frame, ttl_milliseconds);
    finish_frame(frame)
}

/// A publication, framed; a subscription if there is no value.
#[must_use]
pub fn topic(cache: &[u8], topic: &[u8], value: Option<&[u8]>) -> Bytes {
    let mut frame = start_frame(cache.len() + topic.len() + value.map_or(0, <[u8]>::len) + 30);
    put_field(&mut frame, 1, cache);
    put_field(&mut frame, 2, topic);
    if let Some(value) = value {
        let mut binary = Vec::with_capacity(value.len() + 10);
        put_field(&mut binary, 2, value);
        put_field(&mut frame, 3, &binary);
    }
    finish_frame(frame)
}

/// Reads the `result` field of a framed answer.
#[must_use]
pub fn outcome(frame: &[u8]) -> Outcome {
    match frame.get(PREFIX_BYTES..) {
        Some([0x08, 1, ..]) => Outcome::Stored,
        Some([0x08, 2, ..]) => Outcome::Hit,
        Some([0x08, 3, ..]) => Outcome::Miss,
        _ => Outcome::Other,
    }
}

fn start_frame(capacity: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(PREFIX_BYTES + capacity);
    frame.extend([0; PREFIX_BYTES]);
    frame
}

fn finish_frame(mut frame: Vec<u8>) -> Bytes {
    let length = (frame.len() - PREFIX_BYTES) as u32;
    frame[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
    frame.into()
}

pub(crate) fn put_field(frame: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    frame.push(number << 3 | 2);
    put_varint(frame, bytes.len() as u64);
    frame.extend_from_slice(bytes);
}

pub(crate) fn put_varint(frame: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        frame.push(value as u8 | 0x80);
        value >>= 7;
    }
    frame.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_is_one_field() {
        assert_eq!(single_field(b"ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
    }

    #[test]
    fn set_has_key_value_and_ttl() {
        let framed = set(b"k", b"v", 300);
        assert_eq!(framed[..], [0, 0, 0, 0, 9, 0x0a, 1, b'k', 0x12, 1, b'v', 0x18, 0xac, 0x02]);
    }

    #[test]
    fn outcomes_are_read_from_the_first_field() {
        assert_eq!(outcome(&[0, 0, 0, 0, 2, 8, 1]), Outcome::Stored);
        assert_eq!(outcome(&[0, 0, 0, 0, 2, 8, 2, 0x12]), Outcome::Hit);
        assert_eq!(outcome(&[0, 0, 0, 0, 2, 8, 3]), Outcome::Miss);
        assert_eq!(outcome(&[]), Outcome::Other);
    }
}
