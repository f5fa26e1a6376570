//! What the path and the query of a request say: percent-encoding, parameters, base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// URL-safe base64, padded or not, as Momento's examples are (without) and many encoders do (with).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A `%` that begins no escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenEscape {
    /// Where it is in the encoded text, from 0.
    pub at: usize,
}

/// Decodes a segment of a path.
///
/// # Errors
/// [`BrokenEscape`].
pub fn decode_segment(text: &str) -> Result<Cow<'_, [u8]>, BrokenEscape> {
    decode(text, false)
}

/// Decodes a name or a value of a query, in which a plus sign is a space as forms have it.
///
/// # Errors
/// [`BrokenEscape`].
pub fn decode_parameter(text: &str) -> Result<Cow<'_, [u8]>, BrokenEscape> {
    decode(text, true)
}

fn decode(text: &str, plus_is_space: bool) -> Result<Cow<'_, [u8]>, BrokenEscape> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| *byte == b'%' || (plus_is_space && *byte == b'+')) {
        return Ok(Cow::Borrowed(bytes));
    }
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'+' if plus_is_space => decoded.push(b' '),
            b'%' => {
                let (Some(high), Some(low)) = (digit(at), digit(at + 1)) else {
                    return Err(BrokenEscape { at: at - 1 });
                };
                decoded.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 2;
            }
            byte => decoded.push(byte),
        }
    }
    Ok(Cow::Owned(decoded))
}

/// Why a query gives no value for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// A `%` that begins no escape.
    Escape {
        /// Of which parameter.
        name: String,
    },
    /// It is there more than once.
    Twice(&'static str),
    /// Its value is not UTF-8.
    NotText(&'static str),
}

impl std::fmt::Display for QueryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Escape { name } => write!(
                f,
                "the query parameter {name:?} has a % without two hexadecimal digits behind it; write % as %25"
            ),
            Self::Twice(name) => write!(f, "the query parameter {name} is there twice; give it once"),
            Self::NotText(name) => write!(f, "the query parameter {name} is not UTF-8"),
        }
    }
}

/// The query of a request. Parameters that nobody asks for are passed over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// A query as it stands behind the question mark.
    #[must_use]
    pub fn new(raw: &'a str) -> Self {
        Self(raw)
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// [`QueryError::Twice`], [`QueryError::Escape`] in it.
    pub fn bytes(self, name: &'static str) -> Result<Option<Cow<'a, [u8]>>, QueryError> {
        let mut found = None;
        for part in self.0.split('&') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            // A name that cannot be decoded is not the one asked for.
            if decode_parameter(key).ok().as_deref() != Some(name.as_bytes()) {
                continue;
            }
            if found.is_some() {
                return Err(QueryError::Twice(name));
            }
            let value = decode_parameter(value).map_err(|_| QueryError::Escape { name: name.to_owned() })?;
            found = Some(value);
        }
        Ok(found)
    }

    /// The value of a parameter that is text.
    ///
    /// # Errors
    /// As of [`Query::bytes`], and [`QueryError::NotText`].
    pub fn text(self, name: &'static str) -> Result<Option<String>, QueryError> {
        let Some(bytes) = self.bytes(name)? else { return Ok(None) };
        String::from_utf8(bytes.into_owned()).map(Some).map_err(|_| QueryError::NotText(name))
    }
}

/// Decodes URL-safe base64, with or without padding; none if it is not that.
#[must_use]
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_is_a_space_in_a_query_and_itself_in_a_path() {
        assert_eq!(decode_parameter("a+b%2B%00").unwrap().as_ref(), b"a b+\0");
        assert_eq!(decode_segment("a+b%2f%ff").unwrap().as_ref(), b"a+b/\xff");
        for (broken, at) in [("%", 0), ("a%2", 1), ("%zz", 0), ("%%32", 0), ("%+1", 0)] {
            assert_eq!(decode_segment(broken), Err(BrokenEscape { at }), "{broken}");
        }
    }

    #[test]
    fn a_parameter_is_there_once_or_not() {
        let query = Query::new("a=1&b=&c&%61b=2&d=%&e=1&e=2&f=%ff&&=x");
        let bytes = |name| query.bytes(name).map(|found| found.map(Cow::into_owned));
        assert_eq!(bytes("a"), Ok(Some(b"1".to_vec())));
        assert_eq!(bytes("b"), Ok(Some(Vec::new())));
        assert_eq!(bytes("c"), Ok(Some(Vec::new())));
        assert_eq!(bytes("ab"), Ok(Some(b"2".to_vec())));
        assert_eq!(bytes("none"), Ok(None));
        assert_eq!(bytes("d"), Err(QueryError::Escape { name: "d".to_owned() }));
        assert_eq!(bytes("e"), Err(QueryError::Twice("e")));
        assert_eq!(query.text("f"), Err(QueryError::NotText("f")));
    }

    #[test]
    fn base64_is_url_safe_and_may_be_padded() {
        assert_eq!(decode_base64(b"-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(decode_base64(b"-_8="), Some(vec![0xfb, 0xff]));
        assert_eq!(decode_base64(b""), Some(Vec::new()));
        for bad in [&b"+/8"[..], b"a", b"a b", b"-_9", b"=", b"YQ==YQ=="] {
            assert_eq!(decode_base64(bad), None, "{bad:?}");
        }
    }
}
