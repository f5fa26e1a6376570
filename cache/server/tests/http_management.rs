//! `/endpoints`, `/api-keys`, `/roles` and `/openapi.json`, over TLS with keys.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::time::{Duration, Instant};

use common::http::Response;
use common::{PATIENCE, Server, kura_says};
use rustix::process::Signal;
use serde_json::{Value, json};

const JSON: &str = "application/json";

/// A secured server, its data directory and its superuser's key.
struct Setting {
    server: Server,
    dir: tempfile::TempDir,
    owner: String,
}

impl Setting {
    fn new(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::secured(&dir.path().join("data"), arguments);
        let owner = kura_says(&dir.path().join("data"), &["key", "create", "--name", "owner"]);
        Self { server, dir, owner }
    }

    async fn get(&self, path: &str) -> Response {
        self.call("GET", path, &self.owner, &Value::Null).await
    }

    async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Response {
        let headers = [("authorization", token), ("content-type", JSON)];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.server.http2(method, path, &headers, &body).await
    }
}

#[track_caller]
fn refused(answer: &Response, status: u16, code: &str, part: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (status, JSON), "{answer:?}");
    assert_eq!(answer.json()["code"], code, "{answer:?}");
    assert!(answer.json()["message"].as_str().unwrap().contains(part), "{answer:?}");
}

fn role(name: &str) -> Value {
    let rule = json!({ "type": "cache", "permissions": ["read"], "caches": "*", "items": "*" });
    json!({ "role_name": name, "description": "d", "permissions": { "rules": [rule] } })
}

#[tokio::test]
async fn endpoints_are_listed_by_zone_and_read_again_at_sighup() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |text: &str| std::fs::write(file.path(), text).unwrap();
    write(
        "advertise-private = \"apne1-az4=10.0.0.1:9004,apne1-az1=10.0.1.1:9004,apne1-az4=10.0.0.2:9004\"\n",
    );
    let setting = Setting::new(&["--config", file.path().to_str().unwrap()]);
    assert_eq!(setting.get("/endpoints").await.text(), "{}");
    let private = "/endpoints?private=true";
    let zone = |address: &str| json!({ "socket_address": address });
    assert_eq!(
        setting.get(private).await.json(),
        json!({
            "apne1-az1": [zone("10.0.1.1:9004")],
            "apne1-az4": [zone("10.0.0.1:9004"), zone("10.0.0.2:9004")],
        })
    );
    refused(
        &setting.call("GET", "/endpoints", "nobody", &Value::Null).await,
        401,
        "Unauthenticated",
        "refused",
    );
    refused(&setting.get("/endpoints?private=yes").await, 400, "Bad Request", "true or false");
    // Of use in the query of caches and topics only.
    let in_query = format!("/endpoints?token={}", setting.owner);
    assert_eq!(setting.server.http2("GET", &in_query, &[], b"").await.status, 401);

    write("advertise-private = \"nonsense\"\n");
    setting.server.signal(Signal::HUP);
    write("advertise = \"apne1-az2=192.0.2.1:9004\"\n");
    setting.server.signal(Signal::HUP);
    let began = Instant::now();
    while setting.get("/endpoints").await.text() == "{}" {
        assert!(began.elapsed() < PATIENCE, "the file is not read again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(setting.get("/endpoints").await.json(), json!({ "apne1-az2": [zone("192.0.2.1:9004")] }));
    assert_eq!(setting.get(private).await.text(), "{}");
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    let setting = Setting::new(&[]);
    let create = async |body: Value| setting.call("POST", "/api-keys", &setting.owner, &body).await;
    let made = create(json!({ "role_id": "viewer", "description": "for a test", "expiry": "never" })).await;
    assert_eq!(made.status, 200, "{made:?}");
    let made = made.json();
    let (key, info) = (made["api_key"].as_str().unwrap(), &made["key_info"]);
    assert_eq!((&info["role_id"], &info["description"]), (&json!("viewer"), &json!("for a test")));
    assert!(info["issued_at_epoch_seconds"].is_u64() && info.get("expires_at_epoch_seconds").is_none());
    setting.server.client(&setting.owner).create_cache("c").await.unwrap();
    let read = "/cache/c?key=k";
    assert_eq!(setting.call("GET", read, key, &Value::Null).await.text(), "Key Not Found");
    assert_eq!(setting.call("DELETE", read, key, &Value::Null).await.status, 403);

    let later =
        create(json!({ "role_id": "owner", "description": "later", "expiry": 4_000_000_000_u64 })).await;
    assert_eq!(later.json()["key_info"]["expires_at_epoch_seconds"], 4_000_000_000_u64);

    // Three by now, with the superuser's own: one page each.
    let (mut ids, mut token) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = setting.get(&format!("/api-keys?limit=1{token}")).await.json();
        ids.push(page["key_info"][0]["key_id"].as_str().unwrap().to_owned());
        token = page["next_token"].as_str().map(|next| format!("&next_token={next}")).unwrap_or_default();
    }
    assert_eq!(token, "", "there are more than three");
    assert!(ids.contains(&info["key_id"].as_str().unwrap().to_owned()));
    assert_eq!(setting.get("/api-keys").await.json()["key_info"].as_array().unwrap().len(), 3);

    let path = format!("/api-keys/{}", info["key_id"].as_str().unwrap());
    assert_eq!(setting.call("DELETE", &path, &setting.owner, &Value::Null).await.text(), "{}");
    refused(
        &setting.call("DELETE", &path, &setting.owner, &Value::Null).await,
        404,
        "NotFound",
        "no API key",
    );
    assert_eq!(setting.call("GET", read, key, &Value::Null).await.status, 401);

    for (body, status, code, part) in [
        (json!({ "role_id": "viewer", "description": "d" }), 400, "Bad Request", "expiry"),
        (json!({ "role_id": "viewer", "description": "d", "expiry": "soon" }), 400, "Bad Request", "never"),
        (json!({ "role_id": "viewer", "description": "d", "expiry": 1 }), 400, "Bad Request", "expiry"),
        (
            json!({ "role_id": "viewer", "description": "", "expiry": "never" }),
            400,
            "Bad Request",
            "description",
        ),
        (json!({ "role_id": "r", "description": "d", "expiry": "never", "x": 1 }), 400, "Bad Request", "`x`"),
        (json!({ "role_id": "r", "description": "d", "expiry": "never" }), 404, "NotFound", "no role"),
        (json!([]), 400, "Bad Request", "not the JSON"),
    ] {
        refused(&create(body).await, status, code, part);
    }
    for limit in ["0", "101", "x", "%2b1", ""] {
        refused(&setting.get(&format!("/api-keys?limit={limit}")).await, 400, "Bad Request", "from 1 to 100");
    }
    let reader = create(json!({ "role_id": "viewer", "description": "d", "expiry": "never" })).await.json();
    let reader = reader["api_key"].as_str().unwrap();
    // May you, then is it sound.
    refused(&setting.call("POST", "/api-keys", reader, &json!([])).await, 403, "PermissionDenied", "may not");
    let plain = [("authorization", setting.owner.as_str()), ("content-type", "text/plain")];
    let plain = setting.server.http2("POST", "/api-keys", &plain, b"{}").await;
    refused(&plain, 415, "Bad Request", "send application/json");
    let large = json!({ "description": "d".repeat(300_000) });
    refused(&create(large).await, 413, "ResourceExhausted", "262144");
}

#[tokio::test]
async fn roles_are_made_changed_and_deleted() {
    let setting = Setting::new(&[]);
    let call =
        async |method, path: &str, body: &Value| setting.call(method, path, &setting.owner, body).await;
    let made = call("POST", "/roles", &role("reader")).await;
    assert_eq!(made.status, 200, "{made:?}");
    let made = made.json();
    assert_eq!((&made["role_name"], &made["role_type"]), (&json!("reader"), &json!("custom")));
    assert_eq!(made["permissions"], role("reader")["permissions"]);
    refused(&call("POST", "/roles", &role("reader")).await, 409, "AlreadyExists", "reader");

    let path = format!("/roles/{}", made["role_id"].as_str().unwrap());
    let mut change = role("writer");
    change.as_object_mut().unwrap().remove("description");
    let changed = call("PUT", &path, &change).await.json();
    assert_eq!((&changed["role_name"], &changed["description"]), (&json!("writer"), &json!("d")));

    let count = |answer: &Response| answer.json()["roles"].as_array().unwrap().len();
    let custom = setting.get("/roles?type=custom").await;
    assert_eq!((count(&custom), &custom.json()["roles"][0]), (1, &changed));
    assert_eq!(count(&setting.get("/roles?type=system").await), 3);
    assert_eq!(count(&setting.get("/roles").await), 4);
    let first = setting.get("/roles?limit=2").await.json();
    let next = format!("/roles?limit=2&next_token={}", first["next_token"].as_str().unwrap());
    assert_eq!(count(&setting.get(&next).await), 2);
    refused(&setting.get("/roles?type=x").await, 400, "Bad Request", "system or custom");

    let key = json!({ "role_id": made["role_id"], "description": "d", "expiry": "never" });
    let key = call("POST", "/api-keys", &key).await.json()["key_info"].clone();
    let blocked = call("DELETE", &path, &Value::Null).await.json();
    let expected =
        json!({ "status": "blocked", "account_members": [], "invitations": [], "api_keys": [key] });
    assert_eq!(blocked, expected);
    let key = format!("/api-keys/{}", key["key_id"].as_str().unwrap());
    assert_eq!(call("DELETE", &key, &Value::Null).await.status, 200);
    assert_eq!(call("DELETE", &path, &Value::Null).await.json(), json!({ "status": "deleted" }));

    refused(&call("DELETE", &path, &Value::Null).await, 404, "NotFound", "no role");
    refused(&call("PUT", &path, &role("x")).await, 404, "NotFound", "no role");
    refused(&call("PUT", "/roles/viewer", &role("x")).await, 412, "FailedPrecondition", "system role");
    refused(&call("DELETE", "/roles/owner", &Value::Null).await, 412, "FailedPrecondition", "system role");
    let empty = json!({ "role_name": "n", "permissions": { "rules": [] } });
    refused(&call("POST", "/roles", &empty).await, 400, "Bad Request", "0 rules");
    let strange = json!({ "role_name": "n", "permissions": { "rules": [{ "type": "moon" }] } });
    refused(&call("POST", "/roles", &strange).await, 400, "Bad Request", "moon");
    drop(setting.dir);
}

#[tokio::test]
async fn anybody_may_read_what_the_api_is() {
    let setting = Setting::new(&[]);
    let document = setting.server.http2("GET", "/openapi.json", &[], b"").await;
    assert_eq!((document.status, document.header("content-type")), (200, JSON));
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/cache/{cache}"]["put"]["responses"]["204"].is_object());
}
