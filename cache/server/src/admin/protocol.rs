//! Operations and their answers: values in one process, lines of JSON between two.

use std::fmt;

use kura_store::KeyRecord;
use kura_tokens::{Format, Permissions};
use serde::{Deserialize, Serialize};

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Makes an API key.
    CreateKey(NewKey),
    /// Lists all keys, oldest first.
    ListKeys,
    /// Revokes a key.
    RevokeKey {
        /// Which one.
        id: String,
    },
    /// Creates a cache.
    CreateCache {
        /// Its name.
        name: String,
    },
    /// Deletes a cache and all it holds.
    DeleteCache {
        /// Its name.
        name: String,
    },
    /// Empties a cache of a running server.
    FlushCache {
        /// Its name.
        name: String,
    },
    /// Lists all caches, by name.
    ListCaches,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What its owner calls it.
    pub(crate) name: String,
    /// What it allows.
    pub(crate) permissions: Permissions,
    /// In which outer form it is handed out.
    pub(crate) format: Format,
    /// In how many seconds it expires; `None` for never.
    pub(crate) lifetime_seconds: Option<u64>,
    /// The endpoint in a V1 key, `host` or `host:port`; the cell's host name if not given.
    pub(crate) endpoint: Option<String>,
}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The key, this once.
    KeyCreated(NewKeyInfo),
    /// All keys.
    Keys(Vec<KeyInfo>),
    /// All caches.
    Caches(Vec<String>),
    /// It is as was asked for now.
    Changed {
        /// False: it was so before.
        changed: bool,
    },
}

/// Says that the answer is one to another question, which only another version would give.
pub(crate) fn unexpected() -> anyhow::Error {
    anyhow::anyhow!("the running server gave an answer that this kura does not know; is it another version?")
}

/// The text that a client sends as its API key. Never shown in logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ApiKey(pub(crate) String);

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// A key that was made right now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewKeyInfo {
    /// What to revoke it by.
    pub(crate) id: String,
    /// What its owner calls it.
    pub(crate) name: String,
    /// The key itself.
    pub(crate) api_key: ApiKey,
    /// The endpoint in a V1 key.
    pub(crate) endpoint: Option<String>,
    /// From which second on it is refused, since the Unix epoch; `None` for never.
    pub(crate) expires: Option<u64>,
}

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyState {
    /// It can.
    Live,
    /// No longer, its time is over.
    Expired,
    /// No longer, it was revoked.
    Revoked,
}

/// What is known of a key; nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyInfo {
    /// What to revoke it by.
    pub(crate) id: String,
    /// What its owner calls it.
    pub(crate) name: String,
    /// Whether it can be used.
    pub(crate) state: KeyState,
    /// What it allows.
    pub(crate) permissions: Permissions,
    /// In which outer form it was handed out.
    pub(crate) format: Format,
    /// When it was made, in seconds since the Unix epoch.
    pub(crate) created: u64,
    /// From which second on it is refused; `None` for never.
    pub(crate) expires: Option<u64>,
    /// When it was revoked.
    pub(crate) revoked: Option<u64>,
}

impl KeyInfo {
    /// What `key` is at second `now`.
    pub(crate) fn of(key: &KeyRecord, now: u64) -> Self {
        let state = match (key.revoked, key.expires) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(expires)) if expires <= now => KeyState::Expired,
            (None, _) => KeyState::Live,
        };
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            state,
            permissions: key.permissions.clone(),
            format: key.format,
            created: key.created,
            expires: key.expires,
            revoked: key.revoked,
        }
    }
}
