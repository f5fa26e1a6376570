//! Where a message begins and ends: protosocket puts its length before it, as a varint.

/// Most bytes that a length takes.
pub const MAX_PREFIX_BYTES: usize = 10;

/// What stands at the head of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Too few bytes to know.
    Partial,
    /// A length of over 64 bits. Nothing behind it can be understood.
    Broken,
    /// A message of `length` bytes that begins at `start`; it may not be there in full.
    Message {
        /// Bytes of its length.
        start: usize,
        /// Bytes of the message itself.
        length: u64,
    },
}

/// Reads the head of `bytes`.
#[must_use]
pub fn head(bytes: &[u8]) -> Head {
    match *bytes {
        [length, ..] if length < 0x80 => Head::Message { start: 1, length: length.into() },
        _ => long_head(bytes),
    }
}

fn long_head(bytes: &[u8]) -> Head {
    let mut length = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().take(MAX_PREFIX_BYTES) {
        if at == MAX_PREFIX_BYTES - 1 && byte > 1 {
            return Head::Broken;
        }
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Head::Message { start: at + 1, length };
        }
    }
    if bytes.len() < MAX_PREFIX_BYTES { Head::Partial } else { Head::Broken }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_known_when_its_last_byte_is_there() {
        assert_eq!(head(b""), Head::Partial);
        assert_eq!(head(b"\0"), Head::Message { start: 1, length: 0 });
        assert_eq!(head(b"\x7frest"), Head::Message { start: 1, length: 127 });
        assert_eq!(head(b"\x80"), Head::Partial);
        assert_eq!(head(b"\x80\x01"), Head::Message { start: 2, length: 128 });
        assert_eq!(head(&[0xff; 9]), Head::Partial);
        assert_eq!(head(&[0xff; 10]), Head::Broken);
        assert_eq!(head(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), Head::Broken);
        let longest = Head::Message { start: 10, length: u64::MAX };
        assert_eq!(head(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), longest);
    }
}
