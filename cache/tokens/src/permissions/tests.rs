use proptest::prelude::*;

use super::*;
use crate::{ItemSelector, NameSelector, strategies};

const NEEDS: [Need; 3] = [Need::Read, Need::Write, Need::ReadWrite];

fn named(cache: &str) -> CacheSelector {
    CacheSelector::Named(cache.to_owned())
}

fn data(cache: &str, access: Access) -> Grant {
    Grant::Data { caches: named(cache), access }
}

fn items(items: ItemSelector, access: Access) -> Grant {
    Grant::Items { caches: named("c"), items, access }
}

fn key(permissions: &Permissions, cache: &str, key: &[u8]) -> [bool; 3] {
    NEEDS.map(|need| permissions.allows_item(need, cache, key))
}

fn topic(permissions: &Permissions, cache: &str, topic: &str) -> [bool; 3] {
    NEEDS.map(|need| permissions.allows_topic(need, cache, topic))
}

#[test]
fn each_access_allows_what_it_says_and_managing_is_apart() {
    let both = |permissions: &Permissions| {
        assert_eq!(key(permissions, "c", b"k"), topic(permissions, "c", "t"));
        key(permissions, "c", b"k")
    };
    assert_eq!(both(&Permissions::Superuser), [true; 3]);
    assert_eq!(both(&Permissions::all_caches(Access::ReadWrite)), [true; 3]);
    assert_eq!(both(&Permissions::all_caches(Access::ReadOnly)), [true, false, false]);
    assert_eq!(both(&Permissions::all_caches(Access::WriteOnly)), [false, true, false]);
    assert_eq!(both(&Permissions::Explicit(vec![])), [false; 3]);
    assert_eq!(both(&Permissions::Role("owner".to_owned())), [false; 3]);
    for managed in [Managed::Caches, Managed::Keys] {
        let may = |permissions: &Permissions| NEEDS.map(|need| permissions.allows_managing(need, managed));
        assert_eq!(may(&Permissions::Superuser), [true; 3]);
        assert_eq!(may(&Permissions::all_caches(Access::ReadWrite)), [false; 3]);
        let grant = |what, access| Permissions::Explicit(vec![Grant::Manage { what, access }]);
        assert_eq!(may(&grant(managed, Access::ReadOnly)), [true, false, false]);
        assert_eq!(may(&grant(managed, Access::ReadWrite)), [true; 3]);
        let other = if managed == Managed::Caches { Managed::Keys } else { Managed::Caches };
        assert_eq!(may(&grant(other, Access::ReadWrite)), [false; 3]);
        assert_eq!(both(&grant(managed, Access::ReadWrite)), [false; 3]);
    }
}

#[test]
fn a_named_grant_is_about_that_cache_alone() {
    let permissions = Permissions::Explicit(vec![data("orders", Access::ReadWrite)]);
    assert_eq!(key(&permissions, "orders", b"k"), [true; 3]);
    for other in ["order", "orders2", "Orders", ""] {
        assert_eq!(key(&permissions, other, b"k"), [false; 3], "{other:?}");
        assert_eq!(topic(&permissions, other, "t"), [false; 3], "{other:?}");
        assert_eq!(permissions.items(Need::Read, other), Reach::Nothing);
    }
}

#[test]
fn a_key_is_that_key_and_a_prefix_is_compared_byte_for_byte() {
    let exact = Permissions::Explicit(vec![items(ItemSelector::Key(b"k".to_vec()), Access::ReadWrite)]);
    assert_eq!(key(&exact, "c", b"k"), [true; 3]);
    for other in [&b""[..], b"K", b"k1", b"kk", b"\xff"] {
        assert_eq!(key(&exact, "c", other), [false; 3], "{other:?}");
    }
    assert_eq!(key(&exact, "d", b"k"), [false; 3]);

    // The first byte of a two-byte character: no text has this prefix, keys do.
    let prefix = Permissions::Explicit(vec![items(ItemSelector::Prefix(vec![0xc3]), Access::ReadOnly)]);
    assert_eq!(key(&prefix, "c", "é".as_bytes()), [true, false, false]);
    assert_eq!(key(&prefix, "c", &[0xc3]), [true, false, false]);
    assert_eq!(key(&prefix, "c", &[0xc2, 0xc3]), [false; 3]);
    assert_eq!(key(&prefix, "c", b""), [false; 3]);
}

#[test]
fn items_give_nothing_on_topics_and_topics_give_nothing_on_items() {
    let on_items = Permissions::Explicit(vec![items(ItemSelector::ALL, Access::ReadWrite)]);
    assert_eq!(key(&on_items, "c", b"t"), [true; 3]);
    assert_eq!(topic(&on_items, "c", "t"), [false; 3]);
    let grant = |topics, access| {
        Permissions::Explicit(vec![Grant::Topics { caches: CacheSelector::All, topics, access }])
    };
    let on_topics = grant(NameSelector::ALL, Access::ReadWrite);
    assert_eq!(topic(&on_topics, "c", "t"), [true; 3]);
    assert_eq!(key(&on_topics, "c", b"t"), [false; 3]);
    assert_eq!(on_topics.items(Need::Read, "c"), Reach::Nothing);

    let one = grant(NameSelector::Name("news".to_owned()), Access::WriteOnly);
    assert_eq!(topic(&one, "c", "news"), [false, true, false]);
    assert_eq!(topic(&one, "c", "newsflash"), [false; 3]);
    let some = grant(NameSelector::Prefix("news".to_owned()), Access::ReadOnly);
    assert_eq!(topic(&some, "c", "newsflash"), [true, false, false]);
    assert_eq!(topic(&some, "c", "new"), [false; 3]);

    let functions = Grant::Functions { caches: CacheSelector::All, functions: NameSelector::ALL };
    let functions = Permissions::Explicit(vec![functions]);
    assert_eq!((key(&functions, "c", b"t"), topic(&functions, "c", "t")), ([false; 3], [false; 3]));
}

#[test]
fn grants_add_up_per_cache_and_per_key() {
    let permissions = Permissions::Explicit(vec![
        Grant::Data { caches: CacheSelector::All, access: Access::ReadOnly },
        data("inbox", Access::WriteOnly),
        items(ItemSelector::Prefix(b"mine:".to_vec()), Access::WriteOnly),
    ]);
    assert_eq!(key(&permissions, "inbox", b"k"), [true; 3]);
    assert_eq!(key(&permissions, "other", b"k"), [true, false, false]);
    assert_eq!(key(&permissions, "c", b"mine:1"), [true; 3]);
    assert_eq!(key(&permissions, "c", b"yours:1"), [true, false, false]);
    let reach = |cache| NEEDS.map(|need| permissions.items(need, cache));
    assert_eq!(reach("inbox"), [Reach::All; 3]);
    assert_eq!(reach("other"), [Reach::All, Reach::Nothing, Reach::Nothing]);
    assert_eq!(reach("c"), [Reach::All, Reach::Some, Reach::Some]);
}

#[test]
fn the_json_is_compact_and_what_is_unknown_or_contradicts_itself_is_refused() {
    let permissions = Permissions::Explicit(vec![
        data("*", Access::WriteOnly),
        Grant::Data { caches: CacheSelector::All, access: Access::ReadOnly },
        items(ItemSelector::Key(vec![b'k', 0xff]), Access::ReadWrite),
        items(ItemSelector::ALL, Access::ReadOnly),
        Grant::Topics {
            caches: CacheSelector::All,
            topics: NameSelector::Name("n".to_owned()),
            access: Access::ReadOnly,
        },
        Grant::Functions { caches: named("c"), functions: NameSelector::Prefix("f".to_owned()) },
        Grant::Manage { what: Managed::Keys, access: Access::ReadOnly },
    ]);
    let json = serde_json::to_string(&permissions).unwrap();
    assert_eq!(
        json,
        r#"{"x":[{"c":"*","a":"w"},{"a":"r"},{"c":"c","a":"rw","k":"kÿ"},{"c":"c","a":"r","kp":""},{"a":"r","t":"n"},{"c":"c","fp":"f"},{"a":"r","m":"keys"}]}"#
    );
    assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), permissions);
    assert_eq!(serde_json::to_string(&Permissions::Superuser).unwrap(), r#""s""#);
    let role = Permissions::Role("role-1".to_owned());
    assert_eq!(serde_json::to_string(&role).unwrap(), r#"{"r":"role-1"}"#);
    for bad in [
        r#"{"x":[{"a":"r","key":"k"}]}"#,
        r#"{"x":[{"a":"all"}]}"#,
        r#"{"x":[{"c":"c"}]}"#,
        r#"{"x":[{}]}"#,
        r#"{"x":[{"a":"r","k":"k","kp":"k"}]}"#,
        r#"{"x":[{"a":"r","t":"k","tp":"k"}]}"#,
        r#"{"x":[{"a":"r","k":"k","t":"t"}]}"#,
        r#"{"x":[{"a":"r","f":"f"}]}"#,
        r#"{"x":[{"c":"c","a":"r","m":"keys"}]}"#,
        r#"{"x":[{"a":"r","k":"Ā"}]}"#,
        r#"{"s":1}"#,
        r#"{"x":[],"r":"role-1"}"#,
    ] {
        assert!(serde_json::from_str::<Permissions>(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn the_reach_is_what_single_items_say(
        permissions in strategies::permissions(),
        cache in strategies::cache_name(),
        keys in proptest::collection::vec(strategies::key(), 1..8),
    ) {
        for need in NEEDS {
            let allowed = keys.iter().map(|key| permissions.allows_item(need, &cache, key));
            match permissions.items(need, &cache) {
                Reach::Nothing => prop_assert!(allowed.into_iter().all(|allowed| !allowed)),
                Reach::All => prop_assert!(allowed.into_iter().all(|allowed| allowed)),
                Reach::Some => {}
            }
        }
    }

    #[test]
    fn another_grant_never_takes_anything_away(
        permissions in strategies::permissions(),
        more in strategies::grant(),
        cache in strategies::cache_name(),
        key in strategies::key(),
    ) {
        let mut grown = permissions.clone();
        if let Permissions::Explicit(grants) = &mut grown {
            grants.push(more);
        }
        for need in NEEDS {
            prop_assert!(!permissions.allows_item(need, &cache, &key) || grown.allows_item(need, &cache, &key));
            let topic = String::from_utf8_lossy(&key);
            prop_assert!(
                !permissions.allows_topic(need, &cache, &topic) || grown.allows_topic(need, &cache, &topic)
            );
        }
    }
}
