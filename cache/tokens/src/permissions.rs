//! What the holder of a token may do.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Access, CacheSelector, Grant, Managed};

/// Everything that a token allows.
///
/// As JSON it is `"s"` for a superuser, `{"r":"role-1"}` for a role, else the list of grants:
/// `{"x":[{"c":"orders","a":"rw"},{"a":"r"}]}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Permissions {
    /// Everything.
    #[serde(rename = "s")]
    Superuser,
    /// Exactly what these grants allow together.
    #[serde(rename = "x")]
    Explicit(Vec<Grant>),
    /// What the role of this id allows at the time of the call; by itself nothing.
    #[serde(rename = "r")]
    Role(String),
}

/// What an operation does to items or to a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// Reading items, subscribing to a topic.
    Read,
    /// Blind writing, publishing to a topic.
    Write,
    /// Writing whose outcome depends on or tells what is stored: conditional writes, increments,
    /// pops. Write-only access is not enough.
    ReadWrite,
}

/// How much of a cache's items a token reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// None.
    Nothing,
    /// Perhaps some: ask [`Permissions::allows_item`] for each key.
    Some,
    /// All, whatever their keys.
    All,
}

impl Permissions {
    /// The items and topics of every cache, with the same access.
    #[must_use]
    pub fn all_caches(access: Access) -> Self {
        Self::Explicit(vec![Grant::Data { caches: CacheSelector::All, access }])
    }

    fn grants(&self) -> &[Grant] {
        match self {
            Self::Explicit(grants) => grants,
            Self::Superuser | Self::Role(_) => &[],
        }
    }

    /// How much of the items of `cache` an operation with this need reaches.
    ///
    /// Grants add up: one that reads and one that writes together satisfy [`Need::ReadWrite`].
    #[must_use]
    pub fn items(&self, need: Need, cache: &str) -> Reach {
        if matches!(self, Self::Superuser) {
            return Reach::All;
        }
        let (mut reads, mut writes) = (Reach::Nothing, Reach::Nothing);
        for grant in self.grants() {
            let (access, reach) = match grant {
                Grant::Data { caches, access } if caches.selects(cache) => (*access, Reach::All),
                Grant::Items { caches, items, access } if caches.selects(cache) => {
                    (*access, if items.is_all() { Reach::All } else { Reach::Some })
                }
                _ => continue,
            };
            if access.reads() {
                reads = reads.or(reach);
            }
            if access.writes() {
                writes = writes.or(reach);
            }
        }
        match need {
            Need::Read => reads,
            Need::Write => writes,
            Need::ReadWrite => reads.and(writes),
        }
    }

    /// Whether an operation with this need is allowed on the item of this key in `cache`.
    #[must_use]
    pub fn allows_item(&self, need: Need, cache: &str, key: &[u8]) -> bool {
        self.adds_up(need, |grant| match grant {
            Grant::Data { caches, access } if caches.selects(cache) => Some(*access),
            Grant::Items { caches, items, access } if caches.selects(cache) && items.selects(key) => {
                Some(*access)
            }
            _ => None,
        })
    }

    /// Whether an operation with this need is allowed on this topic in `cache`.
    #[must_use]
    pub fn allows_topic(&self, need: Need, cache: &str, topic: &str) -> bool {
        self.adds_up(need, |grant| match grant {
            Grant::Data { caches, access } if caches.selects(cache) => Some(*access),
            Grant::Topics { caches, topics, access } if caches.selects(cache) && topics.selects(topic) => {
                Some(*access)
            }
            _ => None,
        })
    }

    /// Whether managing `managed` is allowed, as far as `need` says.
    #[must_use]
    pub fn allows_managing(&self, need: Need, managed: Managed) -> bool {
        self.adds_up(need, |grant| match grant {
            Grant::Manage { what, access } if *what == managed => Some(*access),
            _ => None,
        })
    }

    /// The first two grants, by their places in the list, that are about the same resource,
    /// whatever they allow on it.
    #[must_use]
    pub fn clash(&self) -> Option<(usize, usize)> {
        let mut seen = HashMap::new();
        self.grants().iter().enumerate().find_map(|(at, grant)| {
            let first = *seen.entry(grant.resource()).or_insert(at);
            (first != at).then_some((first, at))
        })
    }

    /// Whether the accesses of the grants that are `about` something satisfy `need` together.
    fn adds_up(&self, need: Need, about: impl Fn(&Grant) -> Option<Access>) -> bool {
        if matches!(self, Self::Superuser) {
            return true;
        }
        let any = |right: fn(Access) -> bool| self.grants().iter().filter_map(&about).any(right);
        match need {
            Need::Read => any(Access::reads),
            Need::Write => any(Access::writes),
            Need::ReadWrite => any(Access::reads) && any(Access::writes),
        }
    }
}

impl Reach {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Some, _) | (_, Self::Some) => Self::Some,
            (Self::Nothing, Self::Nothing) => Self::Nothing,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::Some, _) | (_, Self::Some) => Self::Some,
            (Self::All, Self::All) => Self::All,
        }
    }
}

#[cfg(test)]
mod tests;
