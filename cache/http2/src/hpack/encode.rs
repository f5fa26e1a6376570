//! Writing header blocks.
//!
//! Answers repeat few fields, so only those that every call of gRPC has are put into the peer's table, each once. All
//! others are written out: what they would save costs both sides more than their bytes.

use super::TABLE_BYTES;
use super::table::STATIC;

/// Fields for the peer's table. Together they are far below any size that is given to one.
const KEPT: [(&str, &[u8]); 2] = [("content-type", b"application/grpc"), ("grpc-status", b"0")];

/// One direction's state.
#[derive(Default)]
pub(crate) struct Encoder {
    /// How many of [`KEPT`] were in the peer's table when each was put there, plus one; 0 if it was not.
    kept: [usize; KEPT.len()],
    count: usize,
    /// The peer has a smaller table than HPACK's initial one: it is told that it is not used.
    unused: bool,
    to_tell: bool,
}

impl Encoder {
    /// Takes the size that the peer grants for its table.
    pub(crate) fn granted(&mut self, bytes: u32) {
        if (bytes as usize) < TABLE_BYTES && !self.unused {
            *self = Self { unused: true, to_tell: true, ..Self::default() };
        }
    }

    /// Appends a block; `status` begins the one of a response.
    pub(crate) fn encode(&mut self, status: Option<u16>, fields: &[(&str, &[u8])], into: &mut Vec<u8>) {
        if self.to_tell {
            self.to_tell = false;
            into.push(0x20);
        }
        if let Some(status) = status {
            put_status(status, into);
        }
        for &(name, value) in fields {
            match KEPT.iter().position(|kept| *kept == (name, value)) {
                Some(which) if !self.unused => self.put_kept(which, into),
                _ => put_literal(0x00, 4, name, value, into),
            }
        }
    }

    fn put_kept(&mut self, which: usize, into: &mut Vec<u8>) {
        if self.kept[which] > 0 {
            // The newest follows the static ones.
            return put_integer(0x80, 7, STATIC.len() + 1 + self.count - self.kept[which], into);
        }
        self.count += 1;
        self.kept[which] = self.count;
        let (name, value) = KEPT[which];
        put_literal(0x40, 6, name, value, into);
    }
}

fn put_status(status: u16, into: &mut Vec<u8>) {
    let index = match status {
        200 => 8,
        204 => 9,
        206 => 10,
        304 => 11,
        400 => 12,
        404 => 13,
        500 => 14,
        other => return put_literal(0x00, 4, ":status", other.to_string().as_bytes(), into),
    };
    into.push(0x80 | index);
}

/// A field with its value, and its name if no table has it.
fn put_literal(kind: u8, bits: u32, name: &str, value: &[u8], into: &mut Vec<u8>) {
    match STATIC.iter().position(|(known, _)| *known == name) {
        Some(index) => put_integer(kind, bits, index + 1, into),
        None => {
            into.push(kind);
            put_integer(0, 7, name.len(), into);
            into.extend_from_slice(name.as_bytes());
        }
    }
    put_integer(0, 7, value.len(), into);
    into.extend_from_slice(value);
}

fn put_integer(kind: u8, bits: u32, number: usize, into: &mut Vec<u8>) {
    let most = (1_usize << bits) - 1;
    if number < most {
        return into.push(kind | number as u8);
    }
    into.push(kind | most as u8);
    let mut rest = number - most;
    while rest >= 0x80 {
        into.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    into.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::super::Decoder;
    use super::*;

    fn exchanged(encoder: &mut Encoder, decoder: &mut Decoder, fields: &[(&str, &[u8])]) -> usize {
        let mut block = Vec::new();
        encoder.encode(Some(200), fields, &mut block);
        let mut seen = Vec::new();
        decoder.decode(&block, |name, value| seen.push((name.to_vec(), value.to_vec()))).unwrap();
        let told = fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()));
        let expected: Vec<_> = std::iter::once((b":status".to_vec(), b"200".to_vec())).chain(told).collect();
        assert_eq!(seen, expected);
        block.len()
    }

    const OTHER: (&str, &[u8]) = ("grpc-message", &[b'x'; 300]);

    #[test]
    fn what_every_call_has_takes_a_byte_from_the_second_time_on() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::new());
        assert!(exchanged(&mut encoder, &mut decoder, &[KEPT[1], OTHER]) > 300);
        assert!(exchanged(&mut encoder, &mut decoder, &[KEPT[0]]) > 10);
        assert_eq!(exchanged(&mut encoder, &mut decoder, &[KEPT[0], KEPT[1]]), 3);
        assert_eq!(exchanged(&mut encoder, &mut decoder, &[KEPT[1]]), 2);
    }

    #[test]
    fn a_peer_without_a_table_is_told_once_that_it_is_not_used() {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::new());
        exchanged(&mut encoder, &mut decoder, &[KEPT[0]]);
        encoder.granted(0);
        let mut block = Vec::new();
        encoder.encode(Some(429), &[KEPT[0]], &mut block);
        assert_eq!(block[0], 0x20);
        decoder.decode(&block, |_, _| {}).unwrap();
        encoder.granted(65_536);
        exchanged(&mut encoder, &mut decoder, &[KEPT[0], KEPT[1]]);
        let length = exchanged(&mut encoder, &mut decoder, &[KEPT[0]]);
        assert!(length > 10, "nothing is kept: {length}");
    }
}
