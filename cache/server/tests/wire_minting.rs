//! Who may make which tokens, and what becomes of them, over TLS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;
mod permissions_support;

use std::path::Path;
use std::time::Duration;

use common::raw::{Answer, Connection, GET, frame};
use common::{PATIENCE, Server, kura_says};
use kura_base::{Clock, Millis, SystemClock};
use kura_wire::Code;
use kura_wire::protos::auth::generate_api_token_request::{Expires, Expiry, Never};
use kura_wire::protos::auth::{
    GenerateApiTokenRequest, GenerateApiTokenResponse, LoginResponse, RefreshApiTokenRequest,
    RefreshApiTokenResponse, login_response,
};
use kura_wire::protos::permission_messages::Permissions;
use kura_wire::protos::token::{GenerateDisposableTokenRequest, GenerateDisposableTokenResponse};
use permissions_support::{
    DISPOSABLE, Role, Selects, all_data, explicit, items, message, request, superuser, topics,
};
use prost::Message;

const API_TOKEN: &str = "/auth.Auth/GenerateApiToken";
const REFRESH: &str = "/auth.Auth/RefreshApiToken";

fn key(data: &Path, more: &[&str]) -> String {
    kura_says(data, &[&["key", "create", "--name", "n"], more].concat())
}

/// The token in a v1 key.
fn unwrapped(v1: &str) -> String {
    kura_tokens::unwrap_v1(v1).unwrap().1
}

async fn call(connection: &Connection, path: &str, header: &str, message: &impl Message) -> Answer {
    let header = [("authorization", header.as_bytes())];
    let metadata = if header[0].1.is_empty() { &[][..] } else { &header[..] };
    connection.call(path, metadata, frame(&message.encode_to_vec())).await
}

fn api_token(auth_token: &str, permissions: Permissions, expiry: Expiry) -> GenerateApiTokenRequest {
    GenerateApiTokenRequest {
        auth_token: auth_token.to_owned(),
        permissions: Some(permissions),
        token_id: String::new(),
        description: "for a test".to_owned(),
        expiry: Some(expiry),
    }
}

/// A Get of key `k` from cache `c`.
async fn get(connection: &Connection, token: &str) -> Answer {
    let metadata = [("authorization", token.as_bytes()), ("cache", b"c")];
    connection.call(GET, &metadata, frame(b"\x0a\x01k")).await
}

fn now() -> u64 {
    SystemClock.now().epoch_seconds()
}

#[tokio::test]
async fn superusers_mint_and_data_keys_and_disposable_tokens_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &["--cell", "cell-7.kura.internal"]);
    let v2 = key(dir.path(), &[]);
    let v1 = unwrapped(&key(dir.path(), &["--format", "v1"]));
    let data = key(dir.path(), &["--role", "readwrite"]);
    let named = key(dir.path(), &["--cache", "c:readwrite"]);
    server.client(&v2).create_cache("c").await.unwrap();
    let connection = server.connect().await;
    let wanted = |auth_token: &str| GenerateDisposableTokenRequest {
        auth_token: auth_token.to_owned(),
        ..request(all_data(Role::ReadWrite))
    };
    let answer = call(&connection, DISPOSABLE, &v2, &wanted("")).await;
    let disposable = message::<GenerateDisposableTokenResponse>(&answer);
    assert_eq!(disposable.endpoint, format!("cell-7.kura.internal:{}", server.address.port()));
    assert!(disposable.valid_until.abs_diff(now() + 300) <= 2, "{}", disposable.valid_until);
    let disposable = disposable.api_key;
    assert_eq!(get(&connection, &disposable).await.code, Code::Ok);

    let cases = [
        // With metadata alone, as a plain client would; with both, as most SDKs; without metadata,
        // as the Node SDK.
        (v2.as_str(), "", Code::Ok),
        (&v2, &v2, Code::Ok),
        ("", &v2, Code::Ok),
        ("", &v1, Code::Ok),
        ("", &data, Code::PermissionDenied),
        ("", &named, Code::PermissionDenied),
        ("", &disposable, Code::PermissionDenied),
        (&disposable, &disposable, Code::PermissionDenied),
        // The credential in the request decides.
        (&v2, &data, Code::PermissionDenied),
        (&data, &v2, Code::Ok),
        ("", "", Code::Unauthenticated),
        ("", "nonsense", Code::Unauthenticated),
        ("nonsense", &v2, Code::Unauthenticated),
    ];
    for (header, field, code) in cases {
        let made = call(&connection, DISPOSABLE, header, &wanted(field)).await;
        assert_eq!(made.code, code, "disposable: {made:?}");
        let never = api_token(field, all_data(Role::ReadOnly), Expiry::Never(Never {}));
        let made = call(&connection, API_TOKEN, header, &never).await;
        assert_eq!(made.code, code, "API token: {made:?}");
        // Momento's own table: only its console makes superusers.
        let never = api_token(field, superuser(), Expiry::Never(Never {}));
        let made = call(&connection, API_TOKEN, header, &never).await;
        let code = if code == Code::Ok { Code::PermissionDenied } else { code };
        assert_eq!(made.code, code, "superuser: {made:?}");
    }
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_and_what_is_next_to_it_is_not() {
    let server = Server::local(&[]);
    let connection = server.connect().await;
    let rw = Role::ReadWrite;
    let c = Some("c");
    let two = |a, b| explicit([a, b]);
    let all = Selects::All;
    let good = request(all_data(rw));
    let cases = [
        (request(explicit([])), "empty"),
        (GenerateDisposableTokenRequest { permissions: None, ..good.clone() }, "names no permissions"),
        (request(superuser()), "superuser"),
        (GenerateDisposableTokenRequest { expires: None, ..good.clone() }, "must expire"),
        (GenerateDisposableTokenRequest { expires: Some(Default::default()), ..good.clone() }, "must expire"),
        (GenerateDisposableTokenRequest { token_id: "é".repeat(65), ..good.clone() }, "65 characters"),
        (request(two(items(rw, None, all), items(Role::ReadOnly, None, all))), "1 and 2"),
        (request(two(items(rw, c, all), items(rw, c, all))), "same resource"),
        (request(two(items(rw, c, Selects::One("k")), items(rw, c, Selects::One("k")))), "same resource"),
        (request(two(topics(rw, c, all), topics(Role::WriteOnly, c, all))), "same resource"),
        (request(two(topics(rw, c, Selects::One("t")), topics(rw, c, Selects::One("t")))), "same resource"),
    ];
    for (request, words) in cases {
        let answer = call(&connection, DISPOSABLE, "", &request).await;
        assert_eq!(answer.code, Code::InvalidArgument, "{words}: {answer:?}");
        assert!(answer.words.contains(words), "{words} is not in {answer:?}");
        if words == "must expire" || words == "superuser" {
            continue;
        }
        let expiry = Expiry::Never(Never {});
        let api = GenerateApiTokenRequest {
            permissions: request.permissions,
            token_id: request.token_id,
            ..api_token("", all_data(rw), expiry)
        };
        let answer = call(&connection, API_TOKEN, "", &api).await;
        assert_eq!(answer.code, Code::InvalidArgument, "{words}: {answer:?}");
    }
    for fine in [
        GenerateDisposableTokenRequest { token_id: "é".repeat(64), ..good },
        request(two(items(rw, None, all), items(rw, c, all))),
        request(two(items(rw, c, all), items(rw, Some("d"), all))),
        request(two(items(rw, c, Selects::One("k")), items(rw, c, Selects::One("k2")))),
        request(two(items(rw, c, Selects::One("k")), items(rw, c, Selects::Prefix("k")))),
        request(two(topics(rw, c, Selects::One("t")), topics(rw, Some("d"), Selects::One("t")))),
        request(two(items(rw, c, all), topics(rw, c, all))),
    ] {
        let answer = call(&connection, DISPOSABLE, "", &fine).await;
        assert_eq!(answer.code, Code::Ok, "{fine:?}: {answer:?}");
    }
    let none =
        GenerateApiTokenRequest { expiry: None, ..api_token("", all_data(rw), Expiry::Never(Never {})) };
    assert_eq!(call(&connection, API_TOKEN, "", &none).await.code, Code::InvalidArgument);
    let zero = api_token("", all_data(rw), Expiry::Expires(Expires { valid_for_seconds: 0 }));
    assert_eq!(call(&connection, API_TOKEN, "", &zero).await.code, Code::InvalidArgument);
}

#[tokio::test]
async fn a_token_that_would_be_too_long_is_refused_and_so_is_too_long_a_request() {
    let server = Server::local(&[]);
    let connection = server.connect().await;
    let names: Vec<String> = (0..100).map(|n| format!("a-cache-with-a-name-{n}")).collect();
    let asking = |n: usize| {
        request(explicit(names[..n].iter().map(|name| items(Role::ReadOnly, Some(name), Selects::All))))
    };
    assert_eq!(call(&connection, DISPOSABLE, "", &asking(40)).await.code, Code::Ok);
    let long = call(&connection, DISPOSABLE, "", &asking(100)).await;
    assert_eq!(long.code, Code::InvalidArgument);
    assert!(long.words.contains("at most 4096"), "{long:?}");
    let longest = GenerateDisposableTokenRequest { token_id: "x".repeat(40_000), ..asking(1) };
    let longest = call(&connection, DISPOSABLE, "", &longest).await;
    assert_eq!(longest.code, Code::ResourceExhausted, "{longest:?}");
    assert_eq!(longest.err.unwrap(), "request_size_limit_exceeded");
}

#[tokio::test]
async fn a_token_ends_at_the_second_that_its_maker_was_told() {
    let server = Server::local(&[]);
    server.client("").create_cache("c").await.unwrap();
    let connection = server.connect().await;
    let expires =
        kura_wire::protos::token::generate_disposable_token_request::Expires { valid_for_seconds: 2 };
    let asked =
        GenerateDisposableTokenRequest { expires: Some(expires), ..request(all_data(Role::ReadWrite)) };
    let made = call(&connection, DISPOSABLE, "", &asked).await;
    let made = message::<GenerateDisposableTokenResponse>(&made);
    let end = Millis(made.valid_until * 1000);
    loop {
        let before = SystemClock.now();
        let answer = get(&connection, &made.api_key).await;
        let after = SystemClock.now();
        match answer.code {
            Code::Ok => assert!(before < end, "it is good at its end"),
            Code::Unauthenticated => {
                assert!(after >= end, "it is over before its end: {answer:?}");
                assert!(answer.words.contains("expired"), "{answer:?}");
                break;
            }
            _ => panic!("{answer:?}"),
        }
        assert!(after < end.plus(PATIENCE), "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_api_token_is_on_record_renewed_for_as_long_again_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::secured(dir.path(), &[]);
    let admin = key(dir.path(), &[]);
    server.client(&admin).create_cache("c").await.unwrap();
    let connection = server.connect().await;
    let asked =
        api_token(&admin, all_data(Role::ReadOnly), Expiry::Expires(Expires { valid_for_seconds: 90 }));
    let made: GenerateApiTokenResponse = message(&call(&connection, API_TOKEN, "", &asked).await);
    assert!(made.valid_until.abs_diff(now() + 90) <= 2);
    assert_eq!(get(&connection, &made.api_key).await.code, Code::Ok);

    let refresh = |api_key: &str, refresh_token: &str| RefreshApiTokenRequest {
        api_key: api_key.to_owned(),
        refresh_token: refresh_token.to_owned(),
    };
    let began = now();
    while now() == began {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = call(&connection, REFRESH, "", &refresh(&made.api_key, &made.refresh_token)).await;
    let again: RefreshApiTokenResponse = message(&again);
    assert_ne!(again.api_key, made.api_key);
    assert_ne!(again.refresh_token, made.refresh_token);
    assert!(again.valid_until > made.valid_until && again.valid_until.abs_diff(now() + 90) <= 2);
    for api_key in [&made.api_key, &again.api_key] {
        assert_eq!(get(&connection, api_key).await.code, Code::Ok, "both are good");
    }

    let never = api_token(&admin, all_data(Role::ReadOnly), Expiry::Never(Never {}));
    let never: GenerateApiTokenResponse = message(&call(&connection, API_TOKEN, "", &never).await);
    assert_eq!(never.valid_until, 0);
    let answer = call(&connection, REFRESH, "", &refresh(&never.api_key, &never.refresh_token)).await;
    assert_eq!(message::<RefreshApiTokenResponse>(&answer).valid_until, 0);

    let disposable = call(&connection, DISPOSABLE, &admin, &request(all_data(Role::ReadOnly))).await;
    let disposable = message::<GenerateDisposableTokenResponse>(&disposable).api_key;
    for (api_key, refresh_token, code) in [
        (made.api_key.as_str(), again.refresh_token.as_str(), Code::Unauthenticated),
        (&made.api_key, "", Code::Unauthenticated),
        (&disposable, &made.refresh_token, Code::Unauthenticated),
        ("nonsense", &made.refresh_token, Code::Unauthenticated),
        ("", "", Code::Unauthenticated),
        (&admin, &made.refresh_token, Code::InvalidArgument),
    ] {
        let answer = call(&connection, REFRESH, "", &refresh(api_key, refresh_token)).await;
        assert_eq!(answer.code, code, "{answer:?}");
    }

    let listed = kura_says(dir.path(), &["key", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let of_test = |key: &&serde_json::Value| key["name"] == "for a test";
    let listed: Vec<_> = listed.as_array().unwrap().iter().filter(of_test).collect();
    assert_eq!(listed.len(), 4);
    assert_eq!(listed[0]["allows"], "items all:readonly=*,topics all:readonly=*");
    for key in listed {
        kura_says(dir.path(), &["key", "revoke", key["id"].as_str().unwrap()]);
    }
    assert_eq!(get(&connection, &made.api_key).await.code, Code::Unauthenticated);
    let refused = call(&connection, REFRESH, "", &refresh(&made.api_key, &made.refresh_token)).await;
    assert_eq!(refused.code, Code::Unauthenticated, "{refused:?}");

    // Both kinds are as good after a restart as before it.
    server.terminate();
    server.wait();
    drop(server);
    let server = Server::secured(dir.path(), &[]);
    let connection = server.connect().await;
    assert_eq!(get(&connection, &disposable).await.code, Code::Ok);
    assert_eq!(get(&connection, &again.api_key).await.code, Code::Unauthenticated);
}

#[tokio::test]
async fn no_choice_of_an_id_makes_a_disposable_token_pass_for_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let admin = key(dir.path(), &[]);
    server.client(&admin).create_cache("c").await.unwrap();
    let connection = server.connect().await;
    let listed = kura_says(dir.path(), &["key", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap();
    for token_id in [id, &format!(".{id}"), "key-", "."] {
        let asked = GenerateDisposableTokenRequest {
            token_id: token_id.to_owned(),
            ..request(explicit([items(Role::ReadOnly, Some("c"), Selects::All)]))
        };
        let made = call(&connection, DISPOSABLE, &admin, &asked).await;
        let token = message::<GenerateDisposableTokenResponse>(&made).api_key;
        assert_eq!(get(&connection, &token).await.code, Code::Ok, "{token_id}");
        let list = connection
            .call("/control_client.ScsControl/ListCaches", &[("authorization", token.as_bytes())], frame(b""))
            .await;
        assert_eq!(list.code, Code::PermissionDenied, "{token_id}");
    }
}

#[tokio::test]
async fn login_says_what_to_do_instead() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let answer = server.connect().await.call("/auth.Auth/Login", &[], frame(b"")).await;
    assert_eq!(answer.code, Code::Ok);
    match message::<LoginResponse>(&answer).state {
        Some(login_response::State::Error(error)) => {
            assert!(error.description.contains("kura key create"), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
}
