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
