use serde_json::{Value, json};

use super::*;
use crate::{CacheSelector, ItemSelector, NameSelector, Need};

/// Every kind of rule and of selector, as Momento documents them.
fn every_rule() -> Value {
    json!([
        {"type": "account_management", "permissions": ["read", "list"]},
        {"type": "auth_management", "permissions": ["read", "write", "list"], "items": "*"},
        {"type": "resource_management", "permissions": ["list"], "resources": "*"},
        {"type": "cache", "permissions": ["read", "write", "list"], "caches": "*", "items": "*"},
        {"type": "cache", "permissions": ["read"], "caches": {"name": "c"}, "items": {"key_prefix": "p/"}},
        {"type": "cache", "permissions": ["write"], "caches": {"name": "c"}, "items": {"key": "k"}},
        {"type": "cache", "permissions": ["list"], "caches": "*", "items": "*"},
        {"type": "topic", "permissions": ["read"], "caches": "*", "topics": {"name": "t"}},
        {"type": "topic", "permissions": ["write"], "caches": {"name": "c"}, "topics": {"prefix": "t-"}},
        {"type": "store", "permissions": ["read"], "stores": {"name": "s"}, "items": {"key": "k"}},
        {"type": "function", "permissions": ["invoke"], "caches": {"name": "c"}, "functions": "*"},
        {"type": "database", "permissions": ["read", "write"], "databases": "*"},
        {"type": "database", "permissions": ["read"], "databases": {"name": "d"}, "items": {"key": "k"}},
    ])
}

#[test]
fn every_documented_rule_is_shown_as_it_was_given() {
    let rules = every_rule();
    let with =
        json!({"rules": rules, "conditions": [{"ip_filter": {"allowed_cidr_ranges": ["10.0.0.0/8"]}}]});
    let set: PermissionSet = serde_json::from_value(with.clone()).unwrap();
    assert_eq!(serde_json::to_value(&set).unwrap(), with);
    let without = json!({"rules": rules});
    let set: PermissionSet = serde_json::from_value(without.clone()).unwrap();
    assert_eq!(serde_json::to_value(&set).unwrap(), without);
}

#[test]
fn rules_come_to_the_grants_that_they_say() {
    let set: PermissionSet = serde_json::from_value(json!({"rules": every_rule()})).unwrap();
    let c = || CacheSelector::Named("c".to_owned());
    let expected = vec![
        Grant::Manage { what: Managed::Keys, access: Access::ReadWrite },
        Grant::Manage { what: Managed::Caches, access: Access::ReadOnly },
        Grant::Items { caches: CacheSelector::All, items: ItemSelector::ALL, access: Access::ReadWrite },
        Grant::Items { caches: c(), items: ItemSelector::Prefix(b"p/".to_vec()), access: Access::ReadOnly },
        Grant::Items { caches: c(), items: ItemSelector::Key(b"k".to_vec()), access: Access::WriteOnly },
        Grant::Topics {
            caches: CacheSelector::All,
            topics: NameSelector::Name("t".to_owned()),
            access: Access::ReadOnly,
        },
        Grant::Topics {
            caches: c(),
            topics: NameSelector::Prefix("t-".to_owned()),
            access: Access::WriteOnly,
        },
        Grant::Functions { caches: c(), functions: NameSelector::ALL },
    ];
    assert_eq!(set.permissions(), Permissions::Explicit(expected));
}

#[test]
fn rights_on_everything_reach_everything_that_they_name() {
    let viewer = PermissionSet::all(&[Right::Read, Right::List]).permissions();
    assert!(viewer.allows_item(Need::Read, "c", b"k") && viewer.allows_topic(Need::Read, "c", "t"));
    assert!(!viewer.allows_item(Need::Write, "c", b"k") && !viewer.allows_topic(Need::Write, "c", "t"));
    for managed in [Managed::Caches, Managed::Keys] {
        assert!(viewer.allows_managing(Need::Read, managed));
        assert!(!viewer.allows_managing(Need::Write, managed));
        assert!(PermissionSet::everything().permissions().allows_managing(Need::Write, managed));
    }
}

#[test]
fn a_rule_that_is_not_one_is_refused_with_what_is_wrong() {
    for (rule, words) in [
        (json!({"type": "caches", "permissions": ["read"]}), "unknown variant `caches`"),
        (json!({"permissions": ["read"]}), "missing field `type`"),
        (json!({"type": "cache", "permissions": ["read"], "caches": "*"}), "missing field `items`"),
        (
            json!({"type": "cache", "permissions": ["invoke"], "caches": "*", "items": "*"}),
            "unknown variant `invoke`",
        ),
        (json!({"type": "account_management", "permissions": ["write"]}), "unknown variant `write`"),
        (
            json!({"type": "cache", "permissions": ["read"], "caches": "c", "items": "*"}),
            "string \"c\", expected \"*\" or an object with the text \"name\"",
        ),
        (
            json!({"type": "cache", "permissions": ["read"], "caches": {"prefix": "c"}, "items": "*"}),
            "unknown field `prefix`",
        ),
        (
            json!({"type": "cache", "permissions": ["read"], "caches": "*", "items": {"key": "k", "key_prefix": "k"}}),
            "invalid length 2",
        ),
        (json!({"type": "cache", "permissions": ["read"], "caches": {}, "items": "*"}), "invalid length 0"),
        (
            json!({"type": "cache", "permissions": ["read"], "caches": "*", "items": "*", "via": "x"}),
            "unknown field `via`",
        ),
        (
            json!({"type": "auth_management", "permissions": ["read"], "items": {"key": "k"}}),
            "unknown field `key`",
        ),
    ] {
        let error = serde_json::from_value::<PermissionSet>(json!({"rules": [rule]})).unwrap_err();
        assert!(error.to_string().contains(words), "{words:?} is not in {error}");
    }
}
