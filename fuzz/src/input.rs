//! An input that is more than one byte string: a few choices, then the rest.

/// Reads choices from the front of an input; at its end they are zero.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    /// One of `choices`, which are not none.
    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// Bytes up to a newline or the end, without the newline.
    pub(crate) fn line(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let line = &self.0[..end];
        self.0 = &self.0[(end + 1).min(self.0.len())..];
        line
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Cuts `bytes` where `cuts` says: each of its bytes is the length of a piece, the last piece is
/// what remains.
pub(crate) fn pieces<'a>(mut bytes: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::with_capacity(cuts.len() + 1);
    for cut in cuts {
        let (piece, rest) = bytes.split_at(usize::from(*cut).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_ends_in_zeros_and_its_pieces_are_all_of_it() {
        let mut input = Input::of(b"\x01line\nrest");
        assert_eq!((input.byte(), input.line()), (1, &b"line"[..]));
        assert_eq!(input.rest(), b"rest");
        assert_eq!(Input::of(b"").byte(), 0);
        assert_eq!(pieces(b"abcd", &[1, 0, 200]), [&b"a"[..], b"", b"bcd", b""]);
    }
}
