//! The rules of a role, in JSON, next to what they say to somebody who only reads the JSON.

use kura_tokens::rules::PermissionSet;
use kura_tokens::{Managed, Need, Permissions};
use serde_json::Value;

use super::http_request::without_nulls;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[
        br#"{"rules":[{"type":"cache","permissions":["read"],"caches":"*","items":"*"}]}"#,
        br#","conditions":[{"ip_filter":{"allowed_cidr_ranges":["10.0.0.0/8"]}}]"#,
        br#"{"type":"topic","permissions":["write"],"caches":{"name":"c"},"topics":{"prefix":"t"}}"#,
        br#"{"type":"auth_management","permissions":["list"],"items":"*"}"#,
        br#"{"type":"resource_management","permissions":["write"],"resources":"*"}"#,
        br#""permissions":["read","write","list"]"#,
        br#"{"name":"c"}"#,
        br#"{"key_prefix":"k"}"#,
        br#"{"key":"k"}"#,
        br#""*""#,
        b",",
        b"[]",
    ],
    ..Target::new("role_rules", "allow what each of them says, and nothing that none of them says", check)
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let read = serde_json::from_slice::<PermissionSet>(input);
    // An error's text up to what the input chose.
    let kind = |error: &serde_json::Error| {
        error.to_string().chars().take_while(|c| !matches!(c, '`' | '"' | '0'..='9')).collect::<String>()
    };
    trace.note(read.as_ref().map(|set| set.rules.len().min(4)).map_err(kind));
    let Ok(set) = read else { return };
    // A name that comes twice is refused, so this is the same JSON.
    let given: Value = serde_json::from_slice(input).expect("what is read is JSON");
    if !is_plain(&given) {
        return;
    }
    assert_eq!(serde_json::to_value(&set.rules).unwrap(), without_nulls(&given["rules"]));
    let permissions = set.permissions();
    assert_ne!(permissions, Permissions::Superuser);
    let rules = given["rules"].as_array().unwrap();
    for need in [Need::Read, Need::Write] {
        for managed in [Managed::Keys, Managed::Caches] {
            let expected = rules.iter().any(|rule| manages(rule, need, managed));
            assert_eq!(permissions.allows_managing(need, managed), expected, "{need:?} {managed:?}");
        }
        for cache in ["c", "d", ""] {
            for name in ["k", "key", "t", "top", ""] {
                let items = rules.iter().any(|rule| reaches(rule, "cache", "items", need, cache, name));
                assert_eq!(
                    permissions.allows_item(need, cache, name.as_bytes()),
                    items,
                    "{need:?} {cache} {name}"
                );
                let topics = rules.iter().any(|rule| reaches(rule, "topic", "topics", need, cache, name));
                assert_eq!(permissions.allows_topic(need, cache, name), topics, "{need:?} {cache} {name}");
            }
        }
    }
}

/// Whether rules are spelled as they are documented. serde also takes structs as arrays and names as objects.
pub(super) fn is_plain(given: &Value) -> bool {
    let rights = |rule: &Value| {
        rule["permissions"].as_array().is_some_and(|rights| rights.iter().all(Value::is_string))
    };
    given["rules"].as_array().is_some_and(|rules| rules.iter().all(|rule| rule.is_object() && rights(rule)))
}

fn permits(rule: &Value, right: &str) -> bool {
    rule["permissions"].as_array().unwrap().iter().any(|permitted| permitted == right)
}

fn manages(rule: &Value, need: Need, managed: Managed) -> bool {
    let kind = if managed == Managed::Keys { "auth_management" } else { "resource_management" };
    let read = permits(rule, "read") || permits(rule, "list");
    rule["type"] == kind && if need == Need::Write { permits(rule, "write") } else { read }
}

fn reaches(rule: &Value, kind: &str, what: &str, need: Need, cache: &str, name: &str) -> bool {
    if rule["type"] != kind || !permits(rule, if need == Need::Write { "write" } else { "read" }) {
        return false;
    }
    let is_cache = rule["caches"] == "*" || rule["caches"]["name"] == cache;
    let selector = &rule[what];
    let exactly = |field: &str| selector[field] == name;
    let begins = |field: &str| selector[field].as_str().is_some_and(|prefix| name.starts_with(prefix));
    is_cache
        && (*selector == "*" || exactly("key") || exactly("name") || begins("key_prefix") || begins("prefix"))
}
