//! What the registry holds, as it is stored: JSON in which unknown fields are refused, because
//! what a later version adds to a key narrows it.

use std::fmt;

use kura_tokens::rules::PermissionSet;
use kura_tokens::{Format, Permissions};
use serde::{Deserialize, Serialize};

/// What the id of every tracked key begins with.
///
/// A token whose id begins so is good only while its key is on record. Disposable tokens are good
/// until they expire, and their ids begin with another character.
pub const KEY_ID_PREFIX: &str = "key-";

/// What the id of every role on record begins with. Those of built-in roles do not.
pub const ROLE_ID_PREFIX: &str = "r-";

/// An API key that can be listed and revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Which key it is; unique for ever, begins with [`KEY_ID_PREFIX`].
    pub id: String,
    /// What its owner calls it. Not unique.
    pub name: String,
    /// What it allows; the same as in its token.
    pub permissions: Permissions,
    /// In which outer form it was handed out.
    pub format: Format,
    /// When it was made, in seconds since the Unix epoch.
    pub created: u64,
    /// From which second on it is refused, since the Unix epoch; `None` for never.
    pub expires: Option<u64>,
    /// The SHA-256 of its token.
    #[serde(with = "hex")]
    pub fingerprint: [u8; 32],
    /// When it was revoked, in seconds since the Unix epoch.
    pub revoked: Option<u64>,
    /// The SHA-256 of the token that another key like it can be had for, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_hex")]
    pub refresh: Option<[u8; 32]>,
}

impl KeyRecord {
    /// Whether the key is good at second `now` since the Unix epoch.
    #[must_use]
    pub fn is_live(&self, now: u64) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// A role: what all keys of it allow, at any time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRecord {
    /// Which role it is; unique for ever, begins with [`ROLE_ID_PREFIX`].
    pub id: String,
    /// What it is called; unique at a time.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows.
    pub permissions: PermissionSet,
}

/// A signing key that a caller of CreateSigningKey made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKeyRecord {
    /// Which key it is, the `kid` of its JSON form.
    pub key_id: String,
    /// From which second on it is no longer good, since the Unix epoch.
    pub expires: u64,
    /// The key itself.
    #[serde(with = "hex")]
    pub secret: [u8; 32],
}

impl fmt::Debug for SigningKeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeyRecord")
            .field("key_id", &self.key_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// 32 bytes as lower-case hexadecimal text.
mod hex {
    use std::fmt::Write as _;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(64);
        for byte in bytes {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        to.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(from)?;
        parse(text.as_bytes()).ok_or_else(|| D::Error::custom("expected 64 hexadecimal digits"))
    }

    fn parse(text: &[u8]) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            for digit in digits {
                *byte = (*byte << 4) | u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
            }
        }
        Some(bytes)
    }
}

/// The same where there may be none.
mod optional_hex {
    use serde::ser::Serializer;
    use serde::{Deserialize, Deserializer};

    #[derive(Deserialize)]
    struct Hex(#[serde(with = "super::hex")] [u8; 32]);

    pub(super) fn serialize<S: Serializer>(bytes: &Option<[u8; 32]>, to: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => super::hex::serialize(bytes, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[u8; 32]>, D::Error> {
        Ok(Option::<Hex>::deserialize(from)?.map(|Hex(bytes)| bytes))
    }
}
