//! Arbitrary claims for property tests.

use proptest::prelude::*;

use crate::{Access, CacheSelector, Claims, Format, Grant, ItemSelector, Managed, NameSelector, Permissions};

/// Few names, so that grants and calls meet.
pub(crate) fn cache_name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]{1,2}", 1 => any::<String>()]
}

/// Few keys, so that grants and calls meet.
pub(crate) fn key() -> impl Strategy<Value = Vec<u8>> {
    let short = proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..4);
    prop_oneof![4 => short, 1 => any::<Vec<u8>>()]
}

fn name() -> impl Strategy<Value = NameSelector> {
    (cache_name(), any::<bool>())
        .prop_map(|(name, exact)| if exact { NameSelector::Name(name) } else { NameSelector::Prefix(name) })
}

pub(crate) fn grant() -> impl Strategy<Value = Grant> {
    let caches = || prop_oneof![Just(CacheSelector::All), cache_name().prop_map(CacheSelector::Named)];
    let access = || prop_oneof![Just(Access::ReadWrite), Just(Access::ReadOnly), Just(Access::WriteOnly)];
    let items = prop_oneof![
        key().prop_map(ItemSelector::Key),
        key().prop_map(ItemSelector::Prefix),
        Just(ItemSelector::ALL)
    ];
    prop_oneof![
        (caches(), access()).prop_map(|(caches, access)| Grant::Data { caches, access }),
        (caches(), items, access()).prop_map(|(caches, items, access)| Grant::Items {
            caches,
            items,
            access
        }),
        (caches(), name(), access()).prop_map(|(caches, topics, access)| Grant::Topics {
            caches,
            topics,
            access
        }),
        (caches(), name()).prop_map(|(caches, functions)| Grant::Functions { caches, functions }),
        (any::<bool>(), access()).prop_map(|(keys, access)| {
            let what = if keys { Managed::Keys } else { Managed::Caches };
            Grant::Manage { what, access }
        }),
    ]
}

pub(crate) fn permissions() -> impl Strategy<Value = Permissions> {
    prop_oneof![
        1 => Just(Permissions::Superuser),
        1 => any::<String>().prop_map(Permissions::Role),
        6 => proptest::collection::vec(grant(), 0..4).prop_map(Permissions::Explicit),
    ]
}

/// Claims that fit into a token.
pub(crate) fn claims() -> impl Strategy<Value = Claims> {
    let format = prop_oneof![Just(Format::V1), Just(Format::V2)];
    (any::<String>(), any::<u64>(), any::<Option<u64>>(), permissions(), format).prop_map(
        |(id, issued, expires, permissions, format)| Claims { id, issued, expires, permissions, format },
    )
}
