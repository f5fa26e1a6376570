//! Wrapped keys, as the server's tools and the client read them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kura_tokens::{unwrap_v1, wrap_v1};
use kura_wire::Key;

use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_input_bytes: 9000,
    pieces: &[br#"{"endpoint":""#, br#"","api_key":""#, br#""}"#, br#"["a","b"]"#, b"\\u0000", b"=", b"."],
    ..Target::new("v1_key", "server and client read the same endpoint and key, and wrap them the same", check)
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let text = if input.byte().is_multiple_of(2) {
        STANDARD.encode(input.rest())
    } else {
        String::from_utf8_lossy(input.rest()).into_owned()
    };
    let key = Key::parse(&text);
    trace.note(key.as_ref().map(std::mem::discriminant).ok());
    if let Ok(Key::V2(v2)) = &key {
        assert_eq!(v2, &text, "a v2 key is sent as it is");
    }
    match unwrap_v1(&text) {
        Ok((endpoint, api_key)) => {
            trace.note((endpoint.is_empty(), api_key.is_empty(), endpoint.is_ascii(), api_key.is_ascii()));
            let read = Key::V1 { endpoint: endpoint.clone(), api_key: api_key.clone() };
            assert_eq!(key.as_ref(), Ok(&read), "the client reads something else than the server");
            let wrapped = wrap_v1(&endpoint, &api_key);
            assert!(wrapped.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'='), "{wrapped}");
            assert_eq!(Key::parse(&wrapped), Ok(read));
        }
        Err(error) => {
            trace.note(error.to_string());
            assert!(text.len() < 16 || !error.to_string().contains(&text), "the error repeats the key");
        }
    }
}
