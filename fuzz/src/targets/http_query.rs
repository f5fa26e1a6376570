//! The path and the query of an HTTP request, and base64 in it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kura_front_http::query::{Query, QueryError, decode_base64, decode_parameter, decode_segment};
use percent_encoding::percent_decode_str;

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[b"key=", b"key_base64=", b"&", b"=", b"%", b"%00", b"%ff", b"%zz", b"+", b"-_", b"%6bey="],
    ..Target::new(
        "http_query",
        "escapes mean what they do elsewhere or are refused; a parameter is there once, twice or not",
        check,
    )
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let base64 = decode_base64(input);
    trace.note(base64.is_some());
    if let Some(bytes) = base64 {
        let unpadded = input.iter().position(|byte| *byte == b'=').unwrap_or(input.len());
        assert_eq!(URL_SAFE_NO_PAD.encode(&bytes).as_bytes(), &input[..unpadded]);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let decoded = decode_segment(text);
    trace.note(decoded.is_ok());
    match &decoded {
        Ok(bytes) => assert_eq!(bytes.as_ref(), percent_decode_str(text).collect::<Vec<u8>>()),
        Err(broken) => {
            let rest = &input[broken.at..];
            assert_eq!(rest.first(), Some(&b'%'));
            assert!(rest.len() < 3 || !rest[1..3].iter().all(u8::is_ascii_hexdigit));
        }
    }
    // Spaces apart, a query's escapes are a path's.
    assert_eq!(decode_parameter(text), decode_segment(&text.replace('+', " ")));

    let found = Query::new(text).bytes("key");
    trace.note(found.as_ref().map(Option::is_some).map_err(std::mem::discriminant));
    let named = |part: &&str| {
        let name = part.split('=').next().unwrap_or_default();
        decode_parameter(name).is_ok_and(|name| name.as_ref() == b"key")
    };
    let count = text.split('&').filter(named).count();
    match found {
        Ok(value) => assert_eq!(usize::from(value.is_some()), count),
        Err(QueryError::Twice(_)) => assert!(count > 1),
        Err(QueryError::Escape { .. }) => assert!(count > 0),
        Err(QueryError::NotText(_)) => panic!("bytes are asked for"),
    }
}
