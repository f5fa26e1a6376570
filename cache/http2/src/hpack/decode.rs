//! Reading header blocks.

use super::table::{Dynamic, STATIC};
use super::{Malformed, TABLE_BYTES, huffman};

/// One direction's state.
pub(crate) struct Decoder {
    table: Dynamic,
    /// Counts the changes of the table.
    changes: u64,
}

/// The first bits of a field say what it is (RFC 7541, section 6).
enum Kind {
    Indexed,
    Kept,
    Resize,
    Unkept,
}

impl Decoder {
    pub(crate) fn new() -> Self {
        Self { table: Dynamic::new(TABLE_BYTES), changes: 0 }
    }

    /// How often the table has changed: as long as it does not, the same block says the same.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Reads a whole block and gives its fields to `take`.
    ///
    /// # Errors
    /// The block is not HPACK, or names what the table does not have.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        mut take: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Malformed> {
        let mut rest = block;
        // A literal's name and value.
        let mut text = Vec::new();
        let mut resizable = true;
        while let Some(&first) = rest.first() {
            let (kind, bits) = match first {
                0x80.. => (Kind::Indexed, 7),
                0x40.. => (Kind::Kept, 6),
                0x20.. => (Kind::Resize, 5),
                _ => (Kind::Unkept, 4),
            };
            let number = integer(&mut rest, bits)?;
            if let Kind::Resize = kind {
                if !resizable || number > TABLE_BYTES {
                    return Err(Malformed(
                        "a header table of a size that was not granted, or at a wrong place",
                    ));
                }
                self.table.resize(number);
                self.changes += 1;
                continue;
            }
            resizable = false;
            if let Kind::Indexed = kind {
                let (name, value) = self.field(number)?;
                take(name, value);
                continue;
            }
            text.clear();
            match number {
                0 => string(&mut rest, &mut text)?,
                index => text.extend_from_slice(self.field(index)?.0),
            }
            let name = text.len();
            string(&mut rest, &mut text)?;
            take(&text[..name], &text[name..]);
            if let Kind::Kept = kind {
                self.table.insert(&text, name);
                self.changes += 1;
            }
        }
        Ok(())
    }

    fn field(&self, index: usize) -> Result<(&[u8], &[u8]), Malformed> {
        let index = index.checked_sub(1).ok_or(Malformed("a header field of index 0"))?;
        match STATIC.get(index) {
            Some((name, value)) => Ok((name.as_bytes(), value.as_bytes())),
            None => self
                .table
                .get(index - STATIC.len())
                .ok_or(Malformed("a header field that is not in the table")),
        }
    }
}

/// An integer in the last `bits` bits of the first byte and, if they do not hold it, those that follow
/// (RFC 7541, section 5.1).
fn integer(rest: &mut &[u8], bits: u32) -> Result<usize, Malformed> {
    const BROKEN: Malformed = Malformed("a header block with a number that does not end, or has no sense");
    let (&first, mut more) = rest.split_first().ok_or(BROKEN)?;
    let most = (1 << bits) - 1;
    let mut number = usize::from(first) & most;
    if number == most {
        // Four more bytes hold all numbers that may be met here.
        let mut shift = 0;
        loop {
            let (&byte, behind) = more.split_first().filter(|_| shift < 28).ok_or(BROKEN)?;
            more = behind;
            number += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
    }
    *rest = more;
    Ok(number)
}

/// Appends a string (RFC 7541, section 5.2).
fn string(rest: &mut &[u8], into: &mut Vec<u8>) -> Result<(), Malformed> {
    const SHORT: Malformed = Malformed("a header block that ends inside a string");
    let coded = *rest.first().ok_or(SHORT)? >= 0x80;
    let length = integer(rest, 7)?;
    let (text, behind) = rest.split_at_checked(length).ok_or(SHORT)?;
    *rest = behind;
    if coded {
        return huffman::decode(text, into);
    }
    into.extend_from_slice(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    }

    fn decoded(decoder: &mut Decoder, block: &str) -> Vec<String> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        decoder
            .decode(&hex(block), |name, value| fields.push(format!("{}: {}", text(name), text(value))))
            .unwrap();
        fields
    }

    /// RFC 7541, appendix C.4: three requests, with Huffman coding.
    #[test]
    fn requests_of_the_rfc() {
        let mut decoder = Decoder::new();
        let first = decoded(&mut decoder, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff");
        assert_eq!(first, [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]);
        let second = decoded(&mut decoder, "8286 84be 5886 a8eb 1064 9cbf");
        assert_eq!(second[3..], [":authority: www.example.com", "cache-control: no-cache"]);
        let third = decoded(&mut decoder, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf");
        assert_eq!(
            third[2..],
            [":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"]
        );
    }

    /// RFC 7541, appendix C.3: the same without.
    #[test]
    fn requests_of_the_rfc_in_clear() {
        let mut decoder = Decoder::new();
        let first = decoded(&mut decoder, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d");
        assert_eq!(first[3], ":authority: www.example.com");
        let second = decoded(&mut decoder, "8286 84be 5808 6e6f 2d63 6163 6865");
        assert_eq!(second[3..], [":authority: www.example.com", "cache-control: no-cache"]);
    }

    /// RFC 7541, appendix C.6, which evicts: the table of 256 bytes is asked for by the block itself.
    #[test]
    fn responses_of_the_rfc() {
        let mut decoder = Decoder::new();
        let first = decoded(
            &mut decoder,
            "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e
             919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        );
        assert_eq!(
            first,
            [
                ":status: 302",
                "cache-control: private",
                "date: Mon, 21 Oct 2013 20:13:21 GMT",
                "location: https://www.example.com"
            ]
        );
        let second = decoded(&mut decoder, "4883 640e ffc1 c0bf");
        assert_eq!(second[0], ":status: 307");
        assert_eq!(second[3], "location: https://www.example.com");
        let third = decoded(
            &mut decoder,
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
             e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        );
        assert_eq!(third[5], "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1");
        // What was evicted is not there.
        assert!(decoder.decode(&[0xc1], |_, _| {}).is_err());
    }

    #[test]
    fn broken_blocks_are_refused() {
        for broken in [
            // Index 0, an index that is not there, numbers and strings that do not end, and endless ones.
            "80",
            "be",
            "ff",
            "ffffffffffff01",
            "41",
            "410f77",
            "0085",
            "ff8080808001",
            // A table larger than granted, and one after a field.
            "3fe21f",
            "8220",
            // EOS, padding of zeros, padding of eight ones.
            "0084fffffffc00",
            "008100",
            "0082f8ff",
        ] {
            assert!(Decoder::new().decode(&hex(broken), |_, _| {}).is_err(), "{broken}");
        }
    }

    /// Pieces that blocks are made of, so that random ones go deeper than their first byte.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        const KNOWN: [&str; 12] = [
            "82",
            "be",
            "c1",
            "ff00",
            "3fe11f",
            "20",
            "3e",
            "400161026263",
            "40016103626364",
            "7f80010161",
            "0f2f0161",
            "1f2f0161",
        ];
        let piece = prop_oneof![
            3 => prop::sample::select(&KNOWN[..]).prop_map(hex),
            1 => prop::collection::vec(any::<u8>(), 0..6),
            1 => (0..4200_usize).prop_map(|bytes| {
                let more = bytes.checked_sub(127).map(|more| [more as u8 | 0x80, (more >> 7) as u8]);
                let length = more.map_or(vec![bytes as u8], |more| [&[127], &more[..]].concat());
                [&[0x40, 1, b'k'][..], &length, &vec![b'v'; bytes]].concat()
            }),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_block_is_decoded_or_refused_and_the_table_stays_as_small_as_granted(
            blocks in prop::collection::vec(pieces(), 1..8),
        ) {
            let mut decoder = Decoder::new();
            for block in blocks {
                let before = decoder.changes();
                let held = decoder.table.held();
                if decoder.decode(&block, |_, _| {}).is_err() {
                    break;
                }
                prop_assert!(decoder.table.held().iter().sum::<usize>() <= TABLE_BYTES);
                prop_assert!(decoder.changes() > before || decoder.table.held() == held);
            }
        }
    }
}
