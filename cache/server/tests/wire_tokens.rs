//! API keys that do not stand, and caches that do not exist, over TLS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::time::Duration;

use common::raw::{Answer, Connection, GET, frame};
use common::{Server, kura_says};
use kura_wire::Code;

/// A Get of key `k` from a cache, and a ListCaches.
async fn both(connection: &Connection, cache: &str, token: Option<&[u8]>) -> [Answer; 2] {
    let token = token.map(|token| ("authorization", token));
    let data: Vec<_> = [("cache", cache.as_bytes())].into_iter().chain(token).collect();
    let control: Vec<_> = token.into_iter().collect();
    [
        connection.call(GET, &data, frame(b"\x0a\x01k")).await,
        connection.call("/control_client.ScsControl/ListCaches", &control, frame(b"")).await,
    ]
}

#[tokio::test]
async fn a_key_that_does_not_stand_is_told_why_whatever_it_asks_for() {
    let dir = tempfile::tempdir().unwrap();
    let foreign_dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let key = |data: &std::path::Path, more: &[&str]| {
        kura_says(data, &[&["key", "create", "--name", "n"], more].concat())
    };
    let good = key(dir.path(), &[]);
    let revoked = key(dir.path(), &["--role", "readwrite"]);
    let foreign = key(foreign_dir.path(), &[]);
    let client = server.client(&good);
    client.create_cache("c").await.unwrap();

    // Two that stood before, on the connection that they stood on.
    let connection = server.connect().await;
    let short = key(dir.path(), &["--expires", "3s"]);
    for token in [&short, &revoked] {
        let [data, _] = both(&connection, "c", Some(token.as_bytes())).await;
        assert_eq!(data.code, Code::Ok, "{data:?}");
    }
    let keys: serde_json::Value =
        serde_json::from_str(&kura_says(dir.path(), &["key", "list", "--json"])).unwrap();
    let of_role = |key: &&serde_json::Value| key["role"] == "readwrite";
    let id = keys.as_array().unwrap().iter().find(of_role).and_then(|key| key["id"].as_str()).unwrap();
    kura_says(dir.path(), &["key", "revoke", id]);
    tokio::time::sleep(Duration::from_millis(3100)).await;

    let last = good.len() - 20;
    let tampered =
        [&good[..last], if good[last..].starts_with('A') { "B" } else { "A" }, &good[last + 1..]].concat();
    let bearer = format!("Bearer {good}");
    let long = "x".repeat(5000);
    let cases: [(Option<&[u8]>, &str); 10] = [
        (None, "no API key"),
        (Some(b""), "no API key"),
        (Some(b"nonsense"), "malformed"),
        (Some(b"a.b.c"), "malformed"),
        (Some(&[0xff; 40]), "malformed"),
        (Some(long.as_bytes()), "malformed"),
        (Some(bearer.as_bytes()), "malformed"),
        (Some(short.as_bytes()), "expired"),
        (Some(revoked.as_bytes()), "revoked"),
        (Some(foreign.as_bytes()), "not from this server"),
    ];
    let cases = cases.into_iter().chain([(Some(tampered.as_bytes()), "not from this server")]);
    for (token, words) in cases {
        for connection in [&connection, &server.connect().await] {
            // An unknown cache tells a stranger nothing.
            for cache in ["c", "no-such-cache"] {
                for answer in both(connection, cache, token).await {
                    let only_trailers = answer.only_trailers && answer.data.is_empty();
                    assert_eq!(
                        (answer.code, answer.err.as_ref()),
                        (Code::Unauthenticated, None),
                        "{answer:?}"
                    );
                    assert!(only_trailers && answer.words.contains(words), "{words} is not in {answer:?}");
                }
            }
        }
    }
    let [data, control] = both(&connection, "c", Some(good.as_bytes())).await;
    assert_eq!((data.code, control.code), (Code::Ok, Code::Ok));
}

#[tokio::test]
async fn an_unknown_cache_is_not_found_by_any_call() {
    let server = Server::local(&[]);
    let connection = server.connect().await;
    // A key, a value, a time to live and the condition "absent": each call reads what it knows.
    let item = b"\x0a\x01k\x12\x01v\x18\x64\x32\x00";
    for method in [
        "Get",
        "Set",
        "Delete",
        "GetWithHash",
        "SetIf",
        "SetIfHash",
        "SetIfNotExists",
        "Increment",
        "UpdateTtl",
        "ItemGetTtl",
        "ItemGetType",
        "KeysExist",
        "GetBatch",
        "SetBatch",
    ] {
        let path = format!("/cache_client.Scs/{method}");
        for message in [&item[..], b""] {
            let answer = connection.call(&path, &[("cache", b"nowhere")], frame(message)).await;
            // No `err`: SDKs take a NOT_FOUND without one for a cache.
            assert_eq!((answer.code, answer.err.as_ref()), (Code::NotFound, None), "{method}: {answer:?}");
            assert!(answer.only_trailers && answer.words.contains("nowhere"), "{method}: {answer:?}");
        }
    }
    for method in ["DeleteCache", "FlushCache"] {
        let path = format!("/control_client.ScsControl/{method}");
        let answer = connection.call(&path, &[], frame(b"\x0a\x07nowhere")).await;
        assert_eq!((answer.code, answer.err.as_ref()), (Code::NotFound, None), "{method}: {answer:?}");
    }
}
