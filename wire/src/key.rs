//! Momento's API keys, as far as a client looks into them.
//!
//! A client never verifies a key; it only tells apart the forms and finds the endpoint in those
//! that carry one.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A key in one of the forms that users paste.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    /// A v1 key or a disposable token: base64 of a JSON object with its endpoint.
    V1 {
        /// The host that the key belongs to, as [`crate::Endpoint::parse`] reads it.
        endpoint: String,
        /// What is sent as `authorization`.
        api_key: String,
    },
    /// A v2 key: a JWT with the claim `t` = `g`, sent whole; its endpoint is known separately.
    V2(String),
}

/// Why a text is neither a v1 key, a disposable token nor a v2 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Could not parse token. Please ensure a valid token was entered correctly.")]
pub struct KeyError;

impl Key {
    /// Tells which form `text` has. v1 keys are accepted in both base64 alphabets, padded or not.
    ///
    /// # Errors
    /// [`KeyError`] if it has none of them.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if let Some(json) = decode(text) {
            let object: serde_json::Value = serde_json::from_slice(&json).map_err(|_| KeyError)?;
            let field = |name| object.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
            return match (field("endpoint"), field("api_key")) {
                (Some(endpoint), Some(api_key)) => Ok(Self::V1 { endpoint, api_key }),
                _ => Err(KeyError),
            };
        }
        let mut segments = text.split('.');
        let (Some(_), Some(claims), Some(_), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(KeyError);
        };
        let claims = decode(claims).ok_or(KeyError)?;
        let claims: serde_json::Value = serde_json::from_slice(&claims).map_err(|_| KeyError)?;
        match claims.get("t").and_then(serde_json::Value::as_str) {
            Some("g") => Ok(Self::V2(text.to_owned())),
            _ => Err(KeyError),
        }
    }

    /// What is sent as `authorization`.
    #[must_use]
    pub fn authorization(&self) -> &str {
        match self {
            Self::V1 { api_key, .. } => api_key,
            Self::V2(key) => key,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1 { endpoint, .. } => {
                f.debug_struct("V1").field("endpoint", endpoint).finish_non_exhaustive()
            }
            Self::V2(_) => f.write_str("V2(..)"),
        }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::URL_SAFE, alphabet::STANDARD]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, LENIENT).decode(text).ok())
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn a_v1_key_gives_its_endpoint_and_the_inner_key() {
        let key = STANDARD.encode(r#"{"endpoint":"cell.example","api_key":"inner"}"#);
        let expected = Key::V1 { endpoint: "cell.example".into(), api_key: "inner".into() };
        assert_eq!(Key::parse(&key), Ok(expected.clone()));
        assert_eq!(Key::parse(key.trim_end_matches('=')), Ok(expected));
    }

    #[test]
    fn a_v2_key_is_a_jwt_with_the_global_claim() {
        let jwt = |claims: &str| {
            format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode(claims))
        };
        let key = jwt(r#"{"t":"g","jti":"id"}"#);
        assert_eq!(Key::parse(&key).unwrap().authorization(), key);
        assert_eq!(Key::parse(&jwt(r#"{"t":"s"}"#)), Err(KeyError));
        assert_eq!(Key::parse(&jwt("not json")), Err(KeyError));
    }

    #[test]
    fn other_texts_are_refused_and_no_secret_is_printed() {
        for text in ["", "a.b", "a.b.c.d", "é", "e30=", "....", "bm90IGpzb24="] {
            assert_eq!(Key::parse(text), Err(KeyError), "{text}");
        }
        let key = Key::V1 { endpoint: "e".into(), api_key: "secret".into() };
        assert!(!format!("{key:?} {:?}", Key::V2("secret".into())).contains("secret"));
    }
}
