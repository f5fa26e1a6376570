//! A grant as tokens carry it: short names, and nothing that goes without saying.

use serde::{Deserialize, Serialize};

use crate::{Access, CacheSelector, Grant, ItemSelector, Managed, NameSelector};

/// The fields of a grant. At most one of those behind `a` is there; without one it is
/// [`Grant::Data`].
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompactGrant {
    /// The cache's name; absent for all caches.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    cache: Option<String>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    access: Option<Access>,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(rename = "kp", default, skip_serializing_if = "Option::is_none")]
    key_prefix: Option<String>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(rename = "tp", default, skip_serializing_if = "Option::is_none")]
    topic_prefix: Option<String>,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(rename = "fp", default, skip_serializing_if = "Option::is_none")]
    function_prefix: Option<String>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    managed: Option<Managed>,
}

impl From<Grant> for CompactGrant {
    fn from(grant: Grant) -> Self {
        let named = |caches| match caches {
            CacheSelector::All => None,
            CacheSelector::Named(name) => Some(name),
        };
        match grant {
            Grant::Data { caches, access } => {
                Self { cache: named(caches), access: Some(access), ..Self::default() }
            }
            Grant::Items { caches, items, access } => {
                let (key, key_prefix) = match items {
                    ItemSelector::Key(key) => (Some(to_text(&key)), None),
                    ItemSelector::Prefix(prefix) => (None, Some(to_text(&prefix))),
                };
                Self { cache: named(caches), access: Some(access), key, key_prefix, ..Self::default() }
            }
            Grant::Topics { caches, topics, access } => {
                let (topic, topic_prefix) = split(topics);
                Self { cache: named(caches), access: Some(access), topic, topic_prefix, ..Self::default() }
            }
            Grant::Functions { caches, functions } => {
                let (function, function_prefix) = split(functions);
                Self { cache: named(caches), function, function_prefix, ..Self::default() }
            }
            Grant::Manage { what, access } => {
                Self { access: Some(access), managed: Some(what), ..Self::default() }
            }
        }
    }
}

impl TryFrom<CompactGrant> for Grant {
    type Error = &'static str;

    fn try_from(compact: CompactGrant) -> Result<Self, Self::Error> {
        let CompactGrant {
            cache,
            access,
            key,
            key_prefix,
            topic,
            topic_prefix,
            function,
            function_prefix,
            managed,
        } = compact;
        let all_caches = cache.is_none();
        let caches = cache.map_or(CacheSelector::All, CacheSelector::Named);
        let items = match (key, key_prefix) {
            (None, None) => None,
            (Some(key), None) => Some(ItemSelector::Key(to_bytes(&key)?)),
            (None, Some(prefix)) => Some(ItemSelector::Prefix(to_bytes(&prefix)?)),
            (Some(_), Some(_)) => return Err("a grant has both a key and a key prefix"),
        };
        let topics = join(topic, topic_prefix)?;
        let functions = join(function, function_prefix)?;
        match (items, topics, functions, managed, access) {
            (None, None, None, None, Some(access)) => Ok(Self::Data { caches, access }),
            (Some(items), None, None, None, Some(access)) => Ok(Self::Items { caches, items, access }),
            (None, Some(topics), None, None, Some(access)) => Ok(Self::Topics { caches, topics, access }),
            (None, None, Some(functions), None, None) => Ok(Self::Functions { caches, functions }),
            (None, None, None, Some(what), Some(access)) if all_caches => Ok(Self::Manage { what, access }),
            _ => Err("a grant has fields that do not go together"),
        }
    }
}

fn split(selector: NameSelector) -> (Option<String>, Option<String>) {
    match selector {
        NameSelector::Name(name) => (Some(name), None),
        NameSelector::Prefix(prefix) => (None, Some(prefix)),
    }
}

fn join(name: Option<String>, prefix: Option<String>) -> Result<Option<NameSelector>, &'static str> {
    match (name, prefix) {
        (None, None) => Ok(None),
        (Some(name), None) => Ok(Some(NameSelector::Name(name))),
        (None, Some(prefix)) => Ok(Some(NameSelector::Prefix(prefix))),
        (Some(_), Some(_)) => Err("a grant has both a name and a prefix"),
    }
}

/// Bytes as text with a character each, U+0000 to U+00FF: keys are nearly always ASCII, and then
/// stand here as they are.
fn to_text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn to_bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    text.chars()
        .map(|c| u8::try_from(c).map_err(|_| "a key in a grant has a character that stands for no byte"))
        .collect()
}
