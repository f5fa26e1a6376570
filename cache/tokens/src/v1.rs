//! The outer form of V1 keys and of disposable tokens: base64 of a small JSON object.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::MAX_TOKEN_BYTES;

/// Longest wrapped key that is read, in bytes: the longest token, a host name, and base64.
const MAX_WRAPPED_BYTES: usize = 2 * MAX_TOKEN_BYTES;

/// Why a text is not a wrapped key. No text contains anything of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// Longer than any key of ours.
    #[error("the key is longer than {MAX_WRAPPED_BYTES} bytes")]
    TooLong,
    /// Not standard base64 with its padding.
    #[error("the key is not base64")]
    NotBase64,
    /// Not a JSON object with the texts `endpoint` and `api_key`.
    #[error("the key does not contain an endpoint and an API key")]
    NotAKey,
}

/// Wraps a V1 token with the endpoint that SDKs shall use, given as `host` or `host:port`.
///
/// SDKs decode the result with the standard alphabet, with the URL-safe one, or insist that it
/// encodes back to the same text; so it must be padded and use neither `+` and `/` nor `-` and
/// `_`. Only the four characters `>`, `?`, `~` and DEL, each as the third byte of a group, make
/// base64 of ASCII text use those, so they are written as JSON escapes, like everything that is
/// not ASCII.
#[must_use]
pub fn wrap_v1(endpoint: &str, api_key: &str) -> String {
    let json = format!(r#"{{"endpoint":{},"api_key":{}}}"#, json_text(endpoint), json_text(api_key));
    STANDARD.encode(json)
}

/// Reads a wrapped key: its endpoint and the token in it, neither of them checked.
///
/// # Errors
/// [`UnwrapError`] says what the text is not.
pub fn unwrap_v1(text: &str) -> Result<(String, String), UnwrapError> {
    if text.len() > MAX_WRAPPED_BYTES {
        return Err(UnwrapError::TooLong);
    }
    let json = STANDARD.decode(text).map_err(|_| UnwrapError::NotBase64)?;
    let wrapped: Value = serde_json::from_slice(&json).map_err(|_| UnwrapError::NotAKey)?;
    let text = |name| wrapped.get(name).and_then(Value::as_str).map(str::to_owned);
    text("endpoint").zip(text("api_key")).ok_or(UnwrapError::NotAKey)
}

/// `text` as a JSON string of harmless ASCII characters.
fn json_text(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b' '..=b'}')) if !matches!(byte, b'"' | b'\\' | b'>' | b'?') => {
                json.push(char::from(byte));
            }
            _ => json.push_str(&format!("\\u{unit:04x}")),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wrapping_is_the_one_sdks_read() {
        let wrapped = wrap_v1("cell-1.kura.internal:8443", "a.b-c_d.e");
        assert_eq!(
            STANDARD.decode(&wrapped).unwrap(),
            br#"{"endpoint":"cell-1.kura.internal:8443","api_key":"a.b-c_d.e"}"#
        );
    }

    #[test]
    fn what_is_not_a_wrapped_key_is_refused() {
        assert_eq!(unwrap_v1(&"A".repeat(MAX_WRAPPED_BYTES + 1)), Err(UnwrapError::TooLong));
        for text in ["!", "eyJ9", "YQ", "YQ=", "YR==", "Y Q="] {
            assert!(unwrap_v1(text).is_err(), "{text}");
        }
        for json in
            ["", "{}", "[]", r#"["host","key"]"#, r#"{"endpoint":"a"}"#, r#"{"endpoint":1,"api_key":"b"}"#]
        {
            assert_eq!(unwrap_v1(&STANDARD.encode(json)), Err(UnwrapError::NotAKey), "{json}");
        }
    }

    proptest! {
        #[test]
        fn both_alphabets_decode_a_wrapped_key(endpoint in any::<String>(), key in any::<String>()) {
            let wrapped = wrap_v1(&endpoint, &key);
            prop_assert!(wrapped.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'='));
            prop_assert_eq!(STANDARD.decode(&wrapped).unwrap(), URL_SAFE.decode(&wrapped).unwrap());
            prop_assert_eq!(unwrap_v1(&wrapped), Ok((endpoint, key)));
        }

        #[test]
        fn no_text_makes_unwrap_panic(text in any::<String>(), json in any::<String>()) {
            prop_assert!(unwrap_v1(&text).is_err());
            prop_assert!(unwrap_v1(&STANDARD.encode(json)).is_err());
        }
    }
}
