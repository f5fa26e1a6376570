//! What the holder of a token may do.

use serde::{Deserialize, Serialize};

/// What a grant allows on the caches that it selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Access {
    /// Everything but control operations.
    #[serde(rename = "rw")]
    ReadWrite,
    /// Reading, topic subscriptions included.
    #[serde(rename = "r")]
    ReadOnly,
    /// Blind writing: nothing whose outcome tells what was stored before.
    #[serde(rename = "w")]
    WriteOnly,
}

impl Access {
    fn reads(self) -> bool {
        matches!(self, Self::ReadWrite | Self::ReadOnly)
    }

    fn writes(self) -> bool {
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
    fn selects(&self, cache: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(name) => name == cache,
        }
    }
}

/// One access right on one selection of caches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "CompactGrant", into = "CompactGrant")]
pub struct Grant {
    /// The caches.
    pub caches: CacheSelector,
    /// What is allowed there.
    pub access: Access,
}

/// A grant as tokens carry it: every byte is sent with every request.
///
/// Unknown fields are refused, not skipped: a field that a later version adds narrows the grant,
/// and a server that skipped it would allow too much.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CompactGrant {
    /// The cache's name; absent for all caches.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    cache: Option<String>,
    #[serde(rename = "a")]
    access: Access,
}

impl From<Grant> for CompactGrant {
    fn from(grant: Grant) -> Self {
        let cache = match grant.caches {
            CacheSelector::All => None,
            CacheSelector::Named(name) => Some(name),
        };
        Self { cache, access: grant.access }
    }
}

impl From<CompactGrant> for Grant {
    fn from(compact: CompactGrant) -> Self {
        let caches = compact.cache.map_or(CacheSelector::All, CacheSelector::Named);
        Self { caches, access: compact.access }
    }
}

/// Everything that a token allows.
///
/// As JSON it is `"s"` for a superuser, else `{"x":[{"c":"orders","a":"rw"},{"a":"r"}]}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Permissions {
    /// Everything, control operations included.
    #[serde(rename = "s")]
    Superuser,
    /// Exactly what these grants allow together, and no control operations.
    #[serde(rename = "x")]
    Explicit(Vec<Grant>),
}

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// Creating, deleting, flushing and listing caches, signing keys: superuser only.
    Control,
    /// Reading items, subscribing to topics.
    Read,
    /// Blind writing, publishing to topics.
    Write,
    /// Writing whose outcome depends on or tells what is stored: conditional writes, increments,
    /// pops. Write-only access is not enough.
    ReadWrite,
}

impl Permissions {
    /// Every cache, with the same access.
    #[must_use]
    pub fn all_caches(access: Access) -> Self {
        Self::Explicit(vec![Grant { caches: CacheSelector::All, access }])
    }

    /// Whether an operation with this need is allowed on `cache`.
    ///
    /// Grants add up: one that reads and one that writes together satisfy
    /// [`Need::ReadWrite`]. `cache` is not looked at for [`Need::Control`].
    #[must_use]
    pub fn allows(&self, need: Need, cache: &str) -> bool {
        let grants = match self {
            Self::Superuser => return true,
            Self::Explicit(grants) => grants,
        };
        let any = |right: fn(Access) -> bool| {
            grants.iter().any(|grant| right(grant.access) && grant.caches.selects(cache))
        };
        match need {
            Need::Control => false,
            Need::Read => any(Access::reads),
            Need::Write => any(Access::writes),
            Need::ReadWrite => any(Access::reads) && any(Access::writes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: [Need; 4] = [Need::Control, Need::Read, Need::Write, Need::ReadWrite];

    fn named(cache: &str, access: Access) -> Grant {
        Grant { caches: CacheSelector::Named(cache.to_owned()), access }
    }

    fn table(permissions: &Permissions, cache: &str) -> [bool; 4] {
        NEEDS.map(|need| permissions.allows(need, cache))
    }

    #[test]
    fn each_access_allows_what_it_says_and_only_a_superuser_controls() {
        assert_eq!(table(&Permissions::Superuser, "c"), [true, true, true, true]);
        let all = |access| table(&Permissions::all_caches(access), "c");
        assert_eq!(all(Access::ReadWrite), [false, true, true, true]);
        assert_eq!(all(Access::ReadOnly), [false, true, false, false]);
        assert_eq!(all(Access::WriteOnly), [false, false, true, false]);
        assert_eq!(table(&Permissions::Explicit(vec![]), "c"), [false; 4]);
    }

    #[test]
    fn a_named_grant_is_about_that_cache_alone() {
        let permissions = Permissions::Explicit(vec![named("orders", Access::ReadWrite)]);
        assert_eq!(table(&permissions, "orders"), [false, true, true, true]);
        for other in ["order", "orders2", "Orders", ""] {
            assert_eq!(table(&permissions, other), [false; 4], "{other:?}");
        }
    }

    #[test]
    fn grants_add_up_per_cache() {
        let permissions = Permissions::Explicit(vec![
            Grant { caches: CacheSelector::All, access: Access::ReadOnly },
            named("inbox", Access::WriteOnly),
        ]);
        assert_eq!(table(&permissions, "inbox"), [false, true, true, true]);
        assert_eq!(table(&permissions, "other"), [false, true, false, false]);
    }

    #[test]
    fn the_json_is_compact_and_unknown_fields_are_refused() {
        let permissions = Permissions::Explicit(vec![
            named("*", Access::WriteOnly),
            Grant { caches: CacheSelector::All, access: Access::ReadOnly },
        ]);
        let json = serde_json::to_string(&permissions).unwrap();
        assert_eq!(json, r#"{"x":[{"c":"*","a":"w"},{"a":"r"}]}"#);
        assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), permissions);
        assert_eq!(serde_json::to_string(&Permissions::Superuser).unwrap(), r#""s""#);
        assert!(serde_json::from_str::<Permissions>(r#"{"x":[{"a":"r","key":"k"}]}"#).is_err());
        assert!(serde_json::from_str::<Permissions>(r#"{"x":[{"a":"all"}]}"#).is_err());
    }
}
