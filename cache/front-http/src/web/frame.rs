//! What grpc-web adds to gRPC's bytes: the frame of trailers, and base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;

/// The first bit of a frame's flags: it holds trailers.
const TRAILERS: u8 = 0x80;

/// The frame that trailers travel in: `name:value` lines.
#[must_use]
pub fn trailers(trailers: &HeaderMap) -> Bytes {
    let bytes: usize = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + 3).sum();
    let mut frame = BytesMut::with_capacity(5 + bytes);
    frame.put_u8(TRAILERS);
    // A few short lines: HTTP/2's limit on headers is far below 4 GiB.
    frame.put_u32(u32::try_from(bytes).unwrap_or(u32::MAX));
    for (name, value) in trailers {
        frame.put_slice(name.as_str().as_bytes());
        frame.put_u8(b':');
        frame.put_slice(value.as_bytes());
        frame.put_slice(b"\r\n");
    }
    frame.freeze()
}

/// Bytes as the text form has them. Each piece is padded on its own, as clients expect of a stream.
#[must_use]
pub fn encode(bytes: &[u8]) -> Bytes {
    STANDARD.encode(bytes).into()
}

/// A text that is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64;

/// Decodes base64 that comes in pieces cut anywhere. Pieces that were encoded one by one, with padding
/// between them, are taken too.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Up to three characters of a group that is not whole.
    held: [u8; 4],
    count: usize,
}

impl Decoder {
    /// The bytes that are known once `text` has come.
    ///
    /// # Errors
    /// [`NotBase64`].
    pub fn decode(&mut self, text: &[u8]) -> Result<Bytes, NotBase64> {
        let mut decoded = Vec::with_capacity((self.count + text.len()) / 4 * 3);
        let mut text = text;
        if self.count > 0 {
            let wanted = (4 - self.count).min(text.len());
            let (more, rest) = text.split_at(wanted);
            self.held[self.count..self.count + wanted].copy_from_slice(more);
            self.count += wanted;
            text = rest;
            if self.count < 4 {
                return Ok(Bytes::new());
            }
            self.count = 0;
            groups(&self.held, &mut decoded)?;
        }
        let (whole, rest) = text.split_at(text.len() / 4 * 4);
        groups(whole, &mut decoded)?;
        self.held[..rest.len()].copy_from_slice(rest);
        self.count = rest.len();
        Ok(decoded.into())
    }

    /// Checks that the text may end here.
    ///
    /// # Errors
    /// [`NotBase64`] within a group.
    pub fn end(&self) -> Result<(), NotBase64> {
        if self.count == 0 { Ok(()) } else { Err(NotBase64) }
    }
}

/// Decodes groups of four characters. Padding ends a run; another may follow.
fn groups(mut text: &[u8], decoded: &mut Vec<u8>) -> Result<(), NotBase64> {
    while !text.is_empty() {
        let run = text.iter().position(|byte| *byte == b'=').map_or(text.len(), |at| (at / 4 + 1) * 4);
        let (one, rest) = text.split_at(run);
        STANDARD.decode_vec(one, decoded).map_err(|_| NotBase64)?;
        text = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn trailers_are_lines_in_a_frame() {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", HeaderValue::from_static("5"));
        headers.insert("err", HeaderValue::from_static("item_not_found"));
        assert_eq!(trailers(&headers), b"\x80\0\0\0\x23grpc-status:5\r\nerr:item_not_found\r\n"[..]);
    }

    #[test]
    fn base64_may_be_cut_anywhere_and_padded_in_between() {
        let text = [encode(b"a"), encode(b"bcd"), encode(b"ef")].concat();
        assert_eq!(text, b"YQ==YmNkZWY=");
        for cut in 0..=text.len() {
            let mut decoder = Decoder::default();
            let first = decoder.decode(&text[..cut]).unwrap();
            let second = decoder.decode(&text[cut..]).unwrap();
            assert_eq!([first, second].concat(), b"abcdef", "cut at {cut}");
            assert_eq!(decoder.end(), Ok(()));
        }
        for bad in [&b"YQ=a"[..], b"====", b"Y===", b"Y\nQ=", b"-_-_"] {
            assert_eq!(Decoder::default().decode(bad), Err(NotBase64), "{bad:?}");
        }
        let mut decoder = Decoder::default();
        decoder.decode(b"YQ").unwrap();
        assert_eq!(decoder.end(), Err(NotBase64));
    }
}
