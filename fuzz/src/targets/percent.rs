//! The coding of `grpc-message`.

use kura_wire::{percent_decode, percent_encode};

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[b"%", b"%E8%94%B5", b"%zz", b"%2", "蔵".as_bytes()],
    ..Target::new("percent", "decodes as the percent-encoding crate does, and any text survives", check)
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let decoded = percent_decode(input);
    let other = percent_encoding::percent_decode(input).decode_utf8_lossy();
    assert_eq!(decoded, other);
    trace.note((decoded.len() == input.len(), decoded.contains('\u{fffd}'), decoded.contains('%')));

    for text in [decoded, String::from_utf8_lossy(input).into_owned()] {
        let encoded = percent_encode(&text);
        trace.note(encoded.len() == text.len());
        assert!(encoded.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{encoded:?} is no header value");
        assert_eq!(percent_decode(encoded.as_bytes()), text);
    }
}
