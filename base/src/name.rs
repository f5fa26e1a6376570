//! The name of a cache.

use std::fmt;
use std::sync::Arc;

/// Longest cache name in bytes. Momento documents no maximum; ours keeps names usable as
/// metric labels and registry keys.
const MAX_NAME_BYTES: usize = 255;

/// A valid cache name: 1 to 255 bytes, not blank, no control characters.
///
/// Momento's command line asks for at least three characters, its service and SDKs do not
/// check that, and official tests use shorter ones; neither do we.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheName(Arc<str>);

impl CacheName {
    /// Checks `name`.
    ///
    /// # Errors
    /// [`NameError`] says which rule the name breaks.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        if name.trim().is_empty() {
            return Err(NameError::Blank);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(NameError::TooLong { bytes: name.len() });
        }
        if name.chars().any(char::is_control) {
            return Err(NameError::Control);
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CacheName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for CacheName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a cache name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or white space only.
    #[error("Invalid cache name: it is blank; give it at least one visible character")]
    Blank,
    /// Over 255 bytes.
    #[error("Invalid cache name: it has {bytes} bytes; at most {MAX_NAME_BYTES} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A control character in it.
    #[error("Invalid cache name: it contains a control character")]
    Control,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_blank_too_long_or_unprintable_are_refused() {
        assert_eq!(CacheName::parse(""), Err(NameError::Blank));
        assert_eq!(CacheName::parse("      "), Err(NameError::Blank));
        assert_eq!(CacheName::parse(&"x".repeat(256)), Err(NameError::TooLong { bytes: 256 }));
        assert_eq!(CacheName::parse("a\nb"), Err(NameError::Control));
        assert!(CacheName::parse(&"x".repeat(255)).is_ok());
        assert!(CacheName::parse("蔵").is_ok());
    }
}
