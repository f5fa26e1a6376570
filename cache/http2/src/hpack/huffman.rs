//! The Huffman code of HPACK (RFC 7541, appendix B).
//!
//! The code is canonical: among codes of one length, symbols rise with their codes, and a longer code begins where the
//! shorter ones end. So the lengths say all of it.

use super::Malformed;

/// The length in bits of each byte's code, and of EOS at the end.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const SYMBOLS: usize = 257;
const EOS: u16 = 256;
const LONGEST: usize = 30;

/// The codes of one length, which follow each other.
#[derive(Clone, Copy)]
struct Span {
    length: u32,
    /// The first code after them, at the left of 32 bits.
    end: u64,
    /// The first of them, at the right.
    first: u32,
    /// Where their symbols begin.
    symbols: u32,
}

struct Code {
    spans: [Span; LONGEST],
    count: usize,
    /// All symbols by length and value.
    symbols: [u16; SYMBOLS],
}

static CODE: Code = code();

const fn code() -> Code {
    let mut spans = [Span { length: 0, end: 0, first: 0, symbols: 0 }; LONGEST];
    let mut symbols = [0; SYMBOLS];
    let (mut count, mut placed, mut next, mut length) = (0, 0, 0_u32, 1);
    while length <= LONGEST {
        let (first, begin) = (next, placed);
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                symbols[placed] = symbol as u16;
                placed += 1;
                next += 1;
            }
            symbol += 1;
        }
        if placed > begin {
            let end = (next as u64) << (32 - length);
            spans[count] = Span { length: length as u32, end, first, symbols: begin as u32 };
            count += 1;
        }
        next <<= 1;
        length += 1;
    }
    Code { spans, count, symbols }
}

/// Appends what `coded` stands for.
///
/// # Errors
/// EOS inside, or padding that is not less than eight ones.
pub(super) fn decode(coded: &[u8], into: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut coded = coded.iter();
    // The lowest `bits` bits are those that were read and not taken.
    let (mut read, mut bits) = (0_u64, 0_u32);
    loop {
        while bits <= 56 {
            let Some(&byte) = coded.next() else { break };
            read = read << 8 | u64::from(byte);
            bits += 8;
        }
        // The next 32 bits, with ones where there are no more.
        let window = if bits >= 32 {
            (read >> (bits - 32)) as u32
        } else {
            (read << (32 - bits)) as u32 | (u32::MAX.checked_shr(bits).unwrap_or(0))
        };
        let span = CODE.spans[..CODE.count].iter().find(|span| u64::from(window) < span.end);
        let Some(span) = span.filter(|span| span.length <= bits) else {
            let padding = bits < 8 && window == u32::MAX;
            return if padding {
                Ok(())
            } else {
                Err(Malformed("a Huffman code that does not end as it must"))
            };
        };
        let index = (window >> (32 - span.length)) - span.first + span.symbols;
        let symbol = CODE.symbols[index as usize];
        if symbol == EOS {
            return Err(Malformed("a Huffman code with its end inside"));
        }
        into.push(symbol as u8);
        bits -= span.length;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Codes behind one another, and ones to the end of the last byte.
    fn coded(codes: impl IntoIterator<Item = (u32, u8)>) -> Vec<u8> {
        let codes = codes.into_iter();
        let bits: Vec<u8> = codes
            .flat_map(|(code, length)| (0..length).rev().map(move |at| (code >> at & 1) as u8))
            .collect();
        bits.chunks(8).map(|byte| (0..8).fold(0, |all, at| all << 1 | byte.get(at).unwrap_or(&1))).collect()
    }

    /// The code of a byte, from the lengths.
    fn code_of(byte: u8) -> (u32, u8) {
        let symbol = u16::from(byte);
        let place = CODE.symbols.iter().position(|it| *it == symbol).unwrap() as u32;
        let span = CODE.spans[..CODE.count].iter().rev().find(|span| span.symbols <= place).unwrap();
        (span.first + place - span.symbols, LENGTHS[usize::from(byte)])
    }

    fn decoded(coded: &[u8]) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        decode(coded, &mut text).ok().map(|()| text)
    }

    /// RFC 7541, appendix B: the bytes that no field has, and so no other HPACK shows. What the others are, the h2
    /// crate's encoder tells (tests/hpack.rs).
    #[test]
    fn codes_of_the_rfc() {
        let rare = [
            (0x1ff8, 13),
            (0x7f_ffd8, 23),
            (0xfff_ffe2, 28),
            (0xfff_ffe3, 28),
            (0xfff_ffe4, 28),
            (0xfff_ffe5, 28),
            (0xfff_ffe6, 28),
            (0xfff_ffe7, 28),
            (0xfff_ffe8, 28),
            (0xff_ffea, 24),
            (0x3fff_fffc, 30),
            (0xfff_ffe9, 28),
            (0xfff_ffea, 28),
            (0x3fff_fffd, 30),
            (0xfff_ffeb, 28),
            (0xfff_ffec, 28),
            (0xfff_ffed, 28),
            (0xfff_ffee, 28),
            (0xfff_ffef, 28),
            (0xfff_fff0, 28),
            (0xfff_fff1, 28),
            (0xfff_fff2, 28),
            (0x3fff_fffe, 30),
            (0xfff_fff3, 28),
            (0xfff_fff4, 28),
            (0xfff_fff5, 28),
            (0xfff_fff6, 28),
            (0xfff_fff7, 28),
            (0xfff_fff8, 28),
            (0xfff_fff9, 28),
            (0xfff_fffa, 28),
            (0xfff_fffb, 28),
            (0x14, 6),
        ];
        for (byte, code) in (0..).zip(rare).chain([(0x7f, (0xfff_fffc, 28))]) {
            assert_eq!(decoded(&coded([code])), Some(vec![byte]), "{byte:#x}");
            assert_eq!(code_of(byte), code, "{byte:#x}");
        }
        // Nothing is left over: each sequence of bits is a code, or begins some.
        let share: u64 = LENGTHS.iter().map(|length| 1 << (LONGEST - usize::from(*length))).sum();
        assert_eq!(share, 1 << LONGEST);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_coded_is_decoded(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = coded(text.iter().map(|byte| code_of(*byte)));
            prop_assert_eq!(decoded(&bytes), Some(text));
            // A whole byte of padding is too much.
            bytes.push(0xff);
            prop_assert_eq!(decoded(&bytes), None);
        }

        #[test]
        fn anything_is_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(text) = decoded(&bytes) {
                prop_assert_eq!(coded(text.iter().map(|byte| code_of(*byte))), bytes);
            }
        }
    }
}
