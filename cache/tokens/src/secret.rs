//! The key that signs tokens, and the fingerprint that stands for a token where it is stored.

use std::fmt;

use aws_lc_rs::{digest, hmac};

/// The secret that signs and verifies tokens: whoever has it can mint any token.
#[derive(Clone)]
pub struct SigningSecret(hmac::Key);

impl SigningSecret {
    /// Takes 32 bytes from a cryptographic random source.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, message)
    }

    /// Compares in constant time.
    pub(crate) fn signed(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

/// The SHA-256 of a token: what is stored in place of it.
///
/// A plain hash is enough, because a token is not a password: its signature alone has 256 bits
/// that nobody can guess.
#[must_use]
pub fn fingerprint(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_secret() {
        assert_eq!(format!("{:?}", SigningSecret::from_bytes([0x41; 32])), "SigningSecret(..)");
    }

    #[test]
    fn the_fingerprint_is_sha_256() {
        let abc = [0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea];
        assert_eq!(fingerprint("abc")[..8], abc);
    }
}
