//! The permissions that callers ask a token for, and the rules that they give a role.

use kura_front_grpc::decode_permissions;
use kura_tokens::rules::PermissionSet;
use kura_tokens::{CacheSelector, Grant, ItemSelector, Managed, Need, Permissions, Reach};
use kura_wire::Code;
use kura_wire::protos::permission_messages as protos;
use prost::Message;

use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    pieces: &[
        // A permission on items, on topics and to invoke functions; all caches and one.
        b"\x12\x08\x0a\x06\x0a\x04\x08\x01\x12\x00",
        b"\x12\x08\x0a\x06\x12\x04\x08\x02\x12\x00",
        b"\x1a\x03\x0a\x01c",
        b"\x2a\x03\x0a\x01k",
        b"\x2a\x03\x12\x01k",
        b"\x08\x00",
        br#"{"rules":[{"type":"cache","permissions":["read"],"caches":"*","items":"*"}]}"#,
        br#"{"type":"topic","permissions":["write"],"caches":{"name":"c"},"topics":{"prefix":"t"}}"#,
        br#"{"key_prefix":"k"}"#,
    ],
    ..Target::new(
        "permissions",
        "what is taken says what the message says, survives a token, and gives nothing to manage",
        check,
    )
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    as_message(input, trace);
    as_rules(input, trace);
}

fn as_message(input: &[u8], trace: &mut Trace<'_>) {
    let message = protos::Permissions::decode(input).ok().and_then(|message| message.kind);
    let permissions = match decode_permissions(input) {
        Ok(permissions) => permissions,
        Err(status) => {
            assert_eq!(status.code, Code::InvalidArgument);
            trace.note((
                message.is_some(),
                status
                    .message
                    .split_once("permission ")
                    .map(|(_, words)| words.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned()),
            ));
            return;
        }
    };
    survives(&permissions);
    let grants = match (&permissions, message) {
        (Permissions::Superuser, Some(protos::permissions::Kind::SuperUser(_))) => return,
        (Permissions::Explicit(grants), Some(protos::permissions::Kind::Explicit(explicit))) => {
            assert_eq!(grants.len(), explicit.permissions.len());
            grants
        }
        other => panic!("{other:?}"),
    };
    for managed in [Managed::Caches, Managed::Keys] {
        assert!(!permissions.allows_managing(Need::Read, managed));
        assert!(!permissions.allows_managing(Need::Write, managed));
    }
    for grant in grants {
        trace.note(std::mem::discriminant(grant));
        reaches_what_it_names(&permissions, grant);
    }
    trace.note(permissions.clash().is_some());
    if let Some((first, second)) = permissions.clash() {
        assert!(first < second && second < grants.len());
        assert_eq!(std::mem::discriminant(&grants[first]), std::mem::discriminant(&grants[second]));
    }
}

/// What a grant names itself is reached.
fn reaches_what_it_names(permissions: &Permissions, grant: &Grant) {
    let Grant::Items { caches, items, access } = grant else { return };
    let cache = match caches {
        CacheSelector::All => "any",
        CacheSelector::Named(name) => name,
    };
    let (ItemSelector::Key(key) | ItemSelector::Prefix(key)) = items;
    let need = match access {
        kura_tokens::Access::WriteOnly => Need::Write,
        _ => Need::Read,
    };
    assert!(permissions.allows_item(need, cache, key));
    assert_ne!(permissions.items(need, cache), Reach::Nothing);
}

fn as_rules(input: &[u8], trace: &mut Trace<'_>) {
    let Ok(set) = serde_json::from_slice::<PermissionSet>(input) else { return };
    trace.note((set.rules.len().min(3), set.conditions.is_empty()));
    let shown = serde_json::to_vec(&set).unwrap();
    assert_eq!(serde_json::from_slice::<PermissionSet>(&shown).unwrap(), set);
    let permissions = set.permissions();
    assert_ne!(permissions, Permissions::Superuser);
    survives(&permissions);
}

/// It is the same after it was written into a token and read from it.
fn survives(permissions: &Permissions) {
    let json = serde_json::to_vec(permissions).unwrap();
    assert_eq!(&serde_json::from_slice::<Permissions>(&json).unwrap(), permissions);
}
