//! One right on one selection of things.

use serde::{Deserialize, Serialize};

use crate::compact::CompactGrant;

/// What a grant allows on what it selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Access {
    /// Reading and writing.
    #[serde(rename = "rw")]
    ReadWrite,
    /// Reading; of topics, subscribing.
    #[serde(rename = "r")]
    ReadOnly,
    /// Blind writing: nothing whose outcome tells what was stored before. Of topics, publishing.
    #[serde(rename = "w")]
    WriteOnly,
}

impl Access {
    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::ReadWrite | Self::ReadOnly)
    }

    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::ReadWrite | Self::WriteOnly)
    }
}

/// The caches that a grant is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CacheSelector {
    /// Every cache, also those created later.
    All,
    /// The cache of this name, whether or not it exists yet.
    Named(String),
}

impl CacheSelector {
    pub(crate) fn selects(&self, cache: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(name) => name == cache,
        }
    }
}

/// The items of a cache that a grant is about, by key. A collection's or leaderboard's key is its
/// name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ItemSelector {
    /// The item of this key.
    Key(Vec<u8>),
    /// The items whose keys begin so, byte for byte; all of them if it is empty.
    Prefix(Vec<u8>),
}

impl ItemSelector {
    /// Every item.
    pub const ALL: Self = Self::Prefix(Vec::new());

    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::Prefix(prefix) if prefix.is_empty())
    }

    pub(crate) fn selects(&self, key: &[u8]) -> bool {
        match self {
            Self::Key(only) => only == key,
            Self::Prefix(prefix) => key.starts_with(prefix),
        }
    }
}

/// The topics or functions of a cache that a grant is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NameSelector {
    /// The one of this name.
    Name(String),
    /// Those whose names begin so, byte for byte; all of them if it is empty.
    Prefix(String),
}

impl NameSelector {
    /// Every one.
    pub const ALL: Self = Self::Prefix(String::new());

    pub(crate) fn selects(&self, name: &str) -> bool {
        match self {
            Self::Name(only) => only == name,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

/// What is managed rather than used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Managed {
    /// Caches: read to list them; write to create, delete and flush them.
    #[serde(rename = "caches")]
    Caches,
    /// API keys, tokens, roles and signing keys: read to list them, write to make and end them.
    /// Whoever may write here can make a key for anything.
    #[serde(rename = "keys")]
    Keys,
}

/// One right.
///
/// As JSON it is compact, because each of its bytes is sent with every request: `{"a":"rw"}`,
/// `{"c":"orders","a":"r","kp":"user:"}`. Unknown fields are refused, not skipped: a field that a
/// later version adds narrows the grant, and a server that skipped it would allow too much.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "CompactGrant", into = "CompactGrant")]
pub enum Grant {
    /// All items and all topics of these caches.
    Data {
        /// The caches.
        caches: CacheSelector,
        /// What is allowed there.
        access: Access,
    },
    /// Items, and no topics.
    Items {
        /// In which caches.
        caches: CacheSelector,
        /// Which items.
        items: ItemSelector,
        /// What is allowed on them.
        access: Access,
    },
    /// Topics, and no items.
    Topics {
        /// In which caches.
        caches: CacheSelector,
        /// Which topics.
        topics: NameSelector,
        /// What is allowed on them.
        access: Access,
    },
    /// Invoking functions. This server has none, so it reaches nothing.
    Functions {
        /// In which caches.
        caches: CacheSelector,
        /// Which functions.
        functions: NameSelector,
    },
    /// Managing.
    Manage {
        /// What.
        what: Managed,
        /// Reading lists, writing changes.
        access: Access,
    },
}

/// What a grant is about, without what it allows.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Resource<'a> {
    Data(&'a CacheSelector),
    Items(&'a CacheSelector, &'a ItemSelector),
    Topics(&'a CacheSelector, &'a NameSelector),
    Functions(&'a CacheSelector, &'a NameSelector),
    Managed(Managed),
}

impl Grant {
    pub(crate) fn resource(&self) -> Resource<'_> {
        match self {
            Self::Data { caches, .. } => Resource::Data(caches),
            Self::Items { caches, items, .. } => Resource::Items(caches, items),
            Self::Topics { caches, topics, .. } => Resource::Topics(caches, topics),
            Self::Functions { caches, functions } => Resource::Functions(caches, functions),
            Self::Manage { what, .. } => Resource::Managed(*what),
        }
    }
}
