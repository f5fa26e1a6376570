//! Tokens of every kind, minted over the wire.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod calls;

use kura_wire::Code;
use kura_wire::protos::permission_messages as protos;
use kura_wire::protos::token::{
    GenerateDisposableTokenRequest, GenerateDisposableTokenResponse,
    generate_disposable_token_request::Expires,
};
use prost::Message;
use protos::permissions_type as parts;

use crate::common::raw::{Answer, Connection, frame};

pub const DISPOSABLE: &str = "/token.Token/GenerateDisposableToken";
pub const ROLES: [Role; 3] = [Role::ReadWrite, Role::ReadOnly, Role::WriteOnly];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    ReadWrite = 1,
    ReadOnly = 2,
    WriteOnly = 3,
}

impl Role {
    pub fn reads(self) -> bool {
        self != Self::WriteOnly
    }

    pub fn writes(self) -> bool {
        self != Self::ReadOnly
    }
}

/// Which items or topics of its cache a permission is about.
#[derive(Clone, Copy, Debug)]
pub enum Selects {
    All,
    One(&'static str),
    Prefix(&'static str),
}

impl Selects {
    pub fn is(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == name,
            Self::Prefix(prefix) => name.starts_with(prefix),
        }
    }
}

fn selector(cache: &str) -> parts::CacheSelector {
    parts::CacheSelector { kind: Some(parts::cache_selector::Kind::CacheName(cache.to_owned())) }
}

/// A permission on items; of all caches if none is named.
pub fn items(role: Role, cache: Option<&str>, selects: Selects) -> parts::Kind {
    use parts::cache_item_selector::Kind;
    use parts::cache_permissions::{Cache, CacheItem};
    let chosen = |kind| CacheItem::ItemSelector(parts::CacheItemSelector { kind: Some(kind) });
    parts::Kind::CachePermissions(parts::CachePermissions {
        role: role as i32,
        cache: Some(
            cache.map_or(Cache::AllCaches(parts::All {}), |cache| Cache::CacheSelector(selector(cache))),
        ),
        cache_item: Some(match selects {
            Selects::All => CacheItem::AllItems(parts::All {}),
            Selects::One(key) => chosen(Kind::Key(key.into())),
            Selects::Prefix(prefix) => chosen(Kind::KeyPrefix(prefix.into())),
        }),
    })
}

/// A permission on topics; of all caches if none is named.
pub fn topics(role: Role, cache: Option<&str>, selects: Selects) -> parts::Kind {
    use parts::topic_permissions::{Cache, Topic};
    use parts::topic_selector::Kind;
    let chosen = |kind| Topic::TopicSelector(parts::TopicSelector { kind: Some(kind) });
    parts::Kind::TopicPermissions(parts::TopicPermissions {
        role: role as i32,
        cache: Some(
            cache.map_or(Cache::AllCaches(parts::All {}), |cache| Cache::CacheSelector(selector(cache))),
        ),
        topic: Some(match selects {
            Selects::All => Topic::AllTopics(parts::All {}),
            Selects::One(name) => chosen(Kind::TopicName(name.to_owned())),
            Selects::Prefix(prefix) => chosen(Kind::TopicNamePrefix(prefix.to_owned())),
        }),
    })
}

/// A permission to invoke all functions of all caches.
pub fn functions() -> parts::Kind {
    parts::Kind::FunctionPermissions(parts::FunctionPermissions {
        role: 1,
        cache: Some(parts::function_permissions::Cache::AllCaches(parts::All {})),
        function: Some(parts::function_permissions::Function::AllFunctions(parts::All {})),
    })
}

pub fn explicit(kinds: impl IntoIterator<Item = parts::Kind>) -> protos::Permissions {
    let permissions = kinds.into_iter().map(|kind| protos::PermissionsType { kind: Some(kind) }).collect();
    protos::Permissions {
        kind: Some(protos::permissions::Kind::Explicit(protos::ExplicitPermissions { permissions })),
    }
}

pub fn all_data(role: Role) -> protos::Permissions {
    explicit([items(role, None, Selects::All), topics(role, None, Selects::All)])
}

pub fn superuser() -> protos::Permissions {
    protos::Permissions { kind: Some(protos::permissions::Kind::SuperUser(0)) }
}

pub fn request(permissions: protos::Permissions) -> GenerateDisposableTokenRequest {
    GenerateDisposableTokenRequest {
        expires: Some(Expires { valid_for_seconds: 300 }),
        auth_token: String::new(),
        permissions: Some(permissions),
        token_id: String::new(),
    }
}

/// A disposable token as whoever needs no key gets one.
pub async fn token(connection: &Connection, permissions: protos::Permissions) -> String {
    let answer = connection.call(DISPOSABLE, &[], frame(&request(permissions).encode_to_vec())).await;
    assert_eq!(answer.code, Code::Ok, "{answer:?}");
    message::<GenerateDisposableTokenResponse>(&answer).api_key
}

/// The message of an answer.
pub fn message<M: Message + Default>(answer: &Answer) -> M {
    M::decode(&answer.data[5..]).unwrap()
}
