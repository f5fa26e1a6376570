//! Arbitrary claims for property tests.

use proptest::prelude::*;

use crate::{Access, CacheSelector, Claims, Format, Grant, Permissions};

fn grant() -> impl Strategy<Value = Grant> {
    let caches = prop_oneof![Just(CacheSelector::All), any::<String>().prop_map(CacheSelector::Named)];
    let access = prop_oneof![Just(Access::ReadWrite), Just(Access::ReadOnly), Just(Access::WriteOnly)];
    (caches, access).prop_map(|(caches, access)| Grant { caches, access })
}

fn permissions() -> impl Strategy<Value = Permissions> {
    prop_oneof![
        Just(Permissions::Superuser),
        proptest::collection::vec(grant(), 0..4).prop_map(Permissions::Explicit)
    ]
}

/// Claims that fit into a token.
pub(crate) fn claims() -> impl Strategy<Value = Claims> {
    let format = prop_oneof![Just(Format::V1), Just(Format::V2)];
    (any::<String>(), any::<u64>(), any::<Option<u64>>(), permissions(), format).prop_map(
        |(id, issued, expires, permissions, format)| Claims { id, issued, expires, permissions, format },
    )
}
