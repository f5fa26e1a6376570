//! `CacheCommand {2: id, 10: {1 authenticate: {1: token} | 2 get: {1: cache, 2: key} | 3 set: {…, 3: value, 4: ttl}}}`
//! and `CacheResponse {1: id, 9 error: {1: code, 2: text} | 10 … | 11 get | 12 set}`, each behind its length.

use anyhow::{Context, bail};

use crate::client::Identity;
use crate::wire::{Outcome, put_field, put_varint};

/// The code of a key that is not there.
const NOT_FOUND: u8 = 5;

/// Says who the client is.
pub(super) fn authenticate(identity: &Identity, bytes: &mut Vec<u8>) {
    let mut command = Vec::new();
    put_field(&mut command, 1, identity.token.as_bytes());
    put_command(0, 1, &command, bytes);
}

/// A read, or a write of a value with a time to live in milliseconds.
pub(super) fn request(id: u64, cache: &str, key: &[u8], value: Option<(&[u8], u64)>, bytes: &mut Vec<u8>) {
    let mut command = Vec::with_capacity(128);
    put_field(&mut command, 1, cache.as_bytes());
    put_field(&mut command, 2, key);
    let Some((value, ttl)) = value else { return put_command(id, 2, &command, bytes) };
    put_field(&mut command, 3, value);
    command.push(4 << 3);
    put_varint(&mut command, ttl);
    put_command(id, 3, &command, bytes);
}

fn put_command(id: u64, number: u8, command: &[u8], bytes: &mut Vec<u8>) {
    let mut unary = Vec::with_capacity(command.len() + 4);
    put_field(&mut unary, number, command);
    let mut message = Vec::with_capacity(unary.len() + 16);
    message.push(2 << 3);
    put_varint(&mut message, id);
    put_field(&mut message, 10, &unary);
    put_varint(bytes, message.len() as u64);
    bytes.extend_from_slice(&message);
}

/// The answer at the head of some bytes and its length; none if it is not whole.
pub(super) fn answer(bytes: &[u8]) -> anyhow::Result<Option<(Outcome, usize)>> {
    let Some((length, start)) = varint(bytes) else { return Ok(None) };
    let end = start + usize::try_from(length).context("a length that fits no memory")?;
    let Some(mut message) = bytes.get(start..end) else { return Ok(None) };
    loop {
        let [tag, rest @ ..] = message else { bail!("the server answered a message without an answer") };
        let (number, at) = varint(rest).context("the server answered a broken message")?;
        if tag & 7 == 0 {
            // The id, or a control code.
            message = rest.get(at..).unwrap_or_default();
            continue;
        }
        let outcome = match tag >> 3 {
            9 => match rest.get(at..) {
                Some([0x08, NOT_FOUND, ..]) => Outcome::Miss,
                error => {
                    bail!("the server answered {:?}", error.unwrap_or_default().escape_ascii().to_string())
                }
            },
            10 | 12 => Outcome::Stored,
            // An empty value is none of this workload's.
            11 if number > 0 => Outcome::Hit,
            _ => Outcome::Other,
        };
        return Ok(Some((outcome, end)));
    }
}

/// A varint and its length; none if it is not whole.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some((value, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_what_the_protocol_says() {
        let mut bytes = Vec::new();
        request(7, "c", b"k", None, &mut bytes);
        assert_eq!(bytes, b"\x0c\x10\x07\x52\x08\x12\x06\x0a\x01c\x12\x01k");
        bytes.clear();
        request(300, "c", b"k", Some((b"v", 5)), &mut bytes);
        assert_eq!(bytes, b"\x12\x10\xac\x02\x52\x0d\x1a\x0b\x0a\x01c\x12\x01k\x1a\x01v\x20\x05");
    }

    #[test]
    fn answers_are_read_when_they_are_whole() {
        for (bytes, outcome) in [
            (&b"\x04\x08\x07\x62\x00"[..], Outcome::Stored),
            (b"\x07\x08\x07\x5a\x03\x0a\x01v", Outcome::Hit),
            (b"\x08\x08\x07\x4a\x04\x08\x05\x12\x00", Outcome::Miss),
            (b"\x04\x08\x07\x5a\x00", Outcome::Other),
        ] {
            let more = [bytes, b"\x04"].concat();
            assert_eq!(answer(&more).ok().flatten(), Some((outcome, bytes.len())));
            for cut in 0..bytes.len() {
                assert!(matches!(answer(&bytes[..cut]), Ok(None)), "{cut}");
            }
        }
        assert!(answer(b"\x09\x08\x07\x4a\x05\x08\x10\x12\x01x").is_err());
    }
}
