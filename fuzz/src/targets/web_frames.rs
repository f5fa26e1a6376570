//! The body of a grpc-web-text call, cut in two anywhere, and content types.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kura_front_http::web::Encoding;
use kura_front_http::web::frame::{Decoder, NotBase64};

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[b"=", b"==", b"YQ==", b"YWI=", b"AAAAAAA=", b"application/grpc-web", b"-text", b"+proto", b";"],
    ..Target::new("web_frames", "base64 decodes the same however it is cut, and is whole or refused", check)
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let encoding = Encoding::of(input);
    trace.note(encoding.map(|encoding| encoding == Encoding::Text));
    assert!(encoding.is_none() || input.trim_ascii_start().starts_with(b"application/grpc-web"));

    let whole = decode(&[input]);
    trace.note(whole.is_ok());
    let (first, second) =
        input.split_at(input.first().map_or(0, |byte| usize::from(*byte) % (input.len() + 1)));
    assert_eq!(decode(&[first, second]), whole, "cut at {}", first.len());
    // Without padding in between it is what everybody calls base64.
    let padding = input.iter().position(|byte| *byte == b'=').unwrap_or(input.len());
    if input[padding..].iter().all(|byte| *byte == b'=') {
        assert_eq!(whole.ok(), STANDARD.decode(input).ok());
    }
}

fn decode(pieces: &[&[u8]]) -> Result<Vec<u8>, NotBase64> {
    let mut decoder = Decoder::default();
    let mut all = Vec::new();
    for piece in pieces {
        all.extend_from_slice(&decoder.decode(piece)?);
    }
    decoder.end()?;
    Ok(all)
}
