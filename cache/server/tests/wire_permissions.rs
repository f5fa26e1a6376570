//! What tokens of every kind reach: each denial, and each allowance next to it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;
mod permissions_support;

use common::raw::{Connection, frame, send};
use common::{PATIENCE, Server};
use kura_wire::Code;
use kura_wire::protos::cache_client::{
    GetBatchRequest, GetRequest, KeysExistRequest, SetBatchRequest, pubsub,
};
use kura_wire::protos::token::{GenerateDisposableTokenRequest, GenerateDisposableTokenResponse};
use permissions_support::calls::{CALLS, Does, set, union_store};
use permissions_support::{
    DISPOSABLE, ROLES, Role, Selects, all_data, explicit, functions, items, message, request, token, topics,
};
use prost::Message;

const PUBLISH: &str = "/cache_client.pubsub.Pubsub/Publish";
const SUBSCRIBE: &str = "/cache_client.pubsub.Pubsub/Subscribe";

/// What a call with this token ends with.
async fn code(connection: &Connection, path: &str, token: &str, cache: &str, message: &[u8]) -> Code {
    let metadata = [("authorization", token.as_bytes()), ("cache", cache.as_bytes())];
    connection.call(path, &metadata, frame(message)).await.code
}

fn may(role: Role, does: Does) -> bool {
    match does {
        Does::Read => role.reads(),
        Does::Write => role.writes(),
        Does::Both => role.reads() && role.writes(),
    }
}

async fn server() -> (Server, Connection) {
    let server = Server::local(&[]);
    for cache in ["c", "d"] {
        server.client("").create_cache(cache).await.unwrap();
    }
    let connection = server.connect().await;
    (server, connection)
}

#[tokio::test]
async fn each_role_reaches_the_items_that_its_selector_says_and_nothing_else() {
    let (_server, connection) = server().await;
    let targets = [("c", "k"), ("c", "k2"), ("c", "pre-1"), ("c", "pr"), ("d", "k"), ("d", "pre-1")];
    for role in ROLES {
        for cache in [None, Some("c")] {
            for selects in [Selects::All, Selects::One("k"), Selects::Prefix("pre-")] {
                let token = token(&connection, explicit([items(role, cache, selects)])).await;
                for call in CALLS {
                    for (target, key) in targets {
                        let reached = cache.is_none_or(|cache| cache == target) && selects.is(key);
                        let code = code(&connection, call.path, &token, target, &(call.message)(key)).await;
                        let as_it_should = match may(role, call.does) && reached {
                            // The same keys serve items of all types.
                            true => matches!(code, Code::Ok | Code::FailedPrecondition),
                            false => code == Code::PermissionDenied,
                        };
                        assert!(
                            as_it_should,
                            "{} of {key} in {target} with {role:?} {cache:?} {selects:?}: {code:?}",
                            call.path
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_reaches_no_items_is_denied_whether_or_not_the_cache_exists() {
    let (_server, connection) = server().await;
    let everything = token(&connection, all_data(Role::ReadWrite)).await;
    let only_topics = token(&connection, explicit([topics(Role::ReadWrite, None, Selects::All)])).await;
    let only_functions = token(&connection, explicit([functions()])).await;
    let elsewhere = token(&connection, explicit([items(Role::ReadWrite, Some("d"), Selects::All)])).await;
    for call in CALLS {
        let message = (call.message)("k");
        for cache in ["c", "nowhere"] {
            for token in [&only_topics, &only_functions, &elsewhere] {
                let code = code(&connection, call.path, token, cache, &message).await;
                assert_eq!(code, Code::PermissionDenied, "{} in {cache}", call.path);
            }
        }
        // Whoever may is told that there is no such cache.
        let code = code(&connection, call.path, &everything, "nowhere", &message).await;
        assert_eq!(code, Code::NotFound, "{}", call.path);
    }
}

#[tokio::test]
async fn a_call_on_several_keys_needs_every_one_and_changes_nothing_without() {
    let (_server, connection) = server().await;
    let token = token(&connection, explicit([items(Role::ReadWrite, Some("c"), Selects::Prefix("p"))])).await;
    let get = |key: &str| GetRequest { cache_key: key.into() };
    let many = |keys: [&str; 2]| {
        [
            ("GetBatch", GetBatchRequest { items: keys.map(get).into() }.encode_to_vec()),
            ("SetBatch", SetBatchRequest { items: keys.map(set).into() }.encode_to_vec()),
            ("KeysExist", KeysExistRequest { cache_keys: keys.map(Into::into).into() }.encode_to_vec()),
            ("SortedSetUnionStore", union_store(keys[0], keys[1]).encode_to_vec()),
        ]
    };
    for keys in [["p1", "q1"], ["q1", "p1"], ["q1", "q2"]] {
        for (method, message) in many(keys) {
            let path = format!("/cache_client.Scs/{method}");
            let code = code(&connection, &path, &token, "c", &message).await;
            assert_eq!(code, Code::PermissionDenied, "{method} {keys:?}");
        }
    }
    for key in ["p1", "q1", "q2"] {
        let found = connection
            .call("/cache_client.Scs/KeysExist", &[("cache", b"c")], frame(&many([key, key])[2].1))
            .await;
        assert_eq!(found.data[5..], [0x0a, 2, 0, 0], "{key} is not there");
    }
    for (method, message) in many(["p1", "p2"]) {
        let path = format!("/cache_client.Scs/{method}");
        let code = code(&connection, &path, &token, "c", &message).await;
        // By then there is a scalar of that name.
        let allowed =
            matches!(code, Code::Ok) || method == "SortedSetUnionStore" && code == Code::FailedPrecondition;
        assert!(allowed, "{method}: {code:?}");
    }
}

#[tokio::test]
async fn managing_is_for_superusers_whatever_else_a_token_allows() {
    let (_server, connection) = server().await;
    let token = token(&connection, all_data(Role::ReadWrite)).await;
    for (method, allowed) in [
        ("CreateCache", Code::AlreadyExists),
        ("FlushCache", Code::Ok),
        ("ListCaches", Code::Ok),
        ("CreateSigningKey", Code::Ok),
        ("ListSigningKeys", Code::Ok),
        ("RevokeSigningKey", Code::Ok),
        ("DeleteCache", Code::Ok),
    ] {
        let path = format!("/control_client.ScsControl/{method}");
        let message: &[u8] = match method {
            "CreateSigningKey" => &[0x08, 1],
            "ListCaches" | "ListSigningKeys" => b"",
            _ => b"\x0a\x01c",
        };
        let denied = connection.call(&path, &[("authorization", token.as_bytes())], frame(message)).await;
        assert_eq!(denied.code, Code::PermissionDenied, "{method}: {denied:?}");
        assert!(denied.words.starts_with("Insufficient permissions"), "{denied:?}");
        let done = connection.call(&path, &[], frame(message)).await;
        assert_eq!(done.code, allowed, "{method}: {done:?}");
    }
}

/// What publishing and subscribing end with. A subscription that stands is given up at once.
async fn on_topic(connection: &Connection, token: &str, cache: &str, topic: &str) -> [Code; 2] {
    let publish = pubsub::PublishRequest {
        cache_name: cache.to_owned(),
        topic: topic.to_owned(),
        value: Some(pubsub::TopicValue { kind: Some(pubsub::topic_value::Kind::Text("v".to_owned())) }),
    };
    let subscribe = pubsub::SubscriptionRequest {
        cache_name: cache.to_owned(),
        topic: topic.to_owned(),
        ..Default::default()
    };
    let published = code(connection, PUBLISH, token, cache, &publish.encode_to_vec()).await;
    let metadata = [("authorization", token.as_bytes())];
    let (response, mut stream) = connection.begin(SUBSCRIBE, &metadata).await;
    send(&mut stream, frame(&subscribe.encode_to_vec())).await;
    let head = tokio::time::timeout(PATIENCE, response).await.unwrap().unwrap();
    let subscribed = match head.headers().get("grpc-status") {
        Some(status) => Code::from_trailer(status.as_bytes()),
        None => Code::Ok,
    };
    stream.send_reset(h2::Reason::CANCEL);
    [published, subscribed]
}

#[tokio::test]
async fn each_role_reaches_the_topics_that_its_selector_says_and_nothing_else() {
    let (_server, connection) = server().await;
    let targets = [("c", "t"), ("c", "t2"), ("c", "room-1"), ("d", "t"), ("d", "room-1")];
    for role in ROLES {
        for cache in [None, Some("c")] {
            for selects in [Selects::All, Selects::One("t"), Selects::Prefix("room-")] {
                let token = token(&connection, explicit([topics(role, cache, selects)])).await;
                for (target, topic) in targets {
                    let reached = cache.is_none_or(|cache| cache == target) && selects.is(topic);
                    let expected = [role.writes(), role.reads()]
                        .map(|may| if may && reached { Code::Ok } else { Code::PermissionDenied });
                    let found = on_topic(&connection, &token, target, topic).await;
                    assert_eq!(found, expected, "{topic} in {target} with {role:?} {cache:?} {selects:?}");
                }
            }
        }
    }
    for permissions in [explicit([items(Role::ReadWrite, None, Selects::All)]), explicit([functions()])] {
        let token = token(&connection, permissions).await;
        for cache in ["c", "nowhere"] {
            assert_eq!(on_topic(&connection, &token, cache, "t").await, [Code::PermissionDenied; 2]);
        }
    }
    let everything = token(&connection, all_data(Role::ReadWrite)).await;
    assert_eq!(on_topic(&connection, &everything, "nowhere", "t").await, [Code::NotFound; 2]);
}

#[tokio::test]
async fn subscribers_are_told_the_id_of_the_token_that_published() {
    let (_server, connection) = server().await;
    let made = connection.call(
        DISPOSABLE,
        &[],
        frame(
            &GenerateDisposableTokenRequest {
                token_id: "till-7".to_owned(),
                ..request(all_data(Role::ReadWrite))
            }
            .encode_to_vec(),
        ),
    );
    let token = message::<GenerateDisposableTokenResponse>(&made.await).api_key;
    assert_eq!(on_topic(&connection, &token, "c", "t").await, [Code::Ok; 2]);
    let subscribe = pubsub::SubscriptionRequest {
        cache_name: "c".to_owned(),
        topic: "t".to_owned(),
        ..Default::default()
    };
    let (response, mut stream) = connection.begin(SUBSCRIBE, &[]).await;
    send(&mut stream, frame(&subscribe.encode_to_vec())).await;
    let mut body = tokio::time::timeout(PATIENCE, response).await.unwrap().unwrap().into_body();
    let mut seen = Vec::new();
    while !seen.windows(6).any(|window| window == b"till-7") {
        let chunk = tokio::time::timeout(PATIENCE, body.data()).await.unwrap().unwrap().unwrap();
        seen.extend_from_slice(&chunk);
    }
}
