//! `kura key` and `kura cache` while a server runs, as its clients feel it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{PATIENCE, Server, failure, kura};
use kura_base::{Clock, SystemClock};
use kura_wire::{CacheClient, Code, Status};

const TTL: Duration = Duration::from_secs(600);

/// Runs `kura` on the data directory, which must succeed; what it printed.
async fn run(data_dir: &Path, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::from(kura());
    let output = command.args(arguments).arg("--data-dir").arg(data_dir).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a key; its id and the key.
async fn create_key(data_dir: &Path, more: &[&str]) -> (String, String) {
    let arguments = [&["key", "create", "--json", "--name", "k"], more].concat();
    let key: serde_json::Value = serde_json::from_str(&run(data_dir, &arguments).await).unwrap();
    let text = |field: &str| key[field].as_str().unwrap().to_owned();
    (text("id"), text("api_key"))
}

/// Gets one after the other on one connection until one is refused; how many were answered, when
/// the last of them was asked, and the refusal.
async fn get_until_refused(client: CacheClient) -> (u64, Instant, Status) {
    let (began, mut answered, mut last) = (Instant::now(), 0, Instant::now());
    loop {
        let asked = Instant::now();
        match client.get("c", b"k").await {
            Ok(_) => (answered, last) = (answered + 1, asked),
            Err(status) => return (answered, last, status),
        }
        assert!(began.elapsed() < PATIENCE, "still answered");
    }
}

/// 64 callers on four connections that do nothing but get.
fn load(server: &Server, key: &str) -> Vec<tokio::task::JoinHandle<()>> {
    let clients: Vec<_> = (0..4).map(|_| Arc::new(server.client(key))).collect();
    let callers = (0..64).map(|n| {
        let client = clients[n % 4].clone();
        tokio::spawn(async move { while client.get("c", b"k").await.is_ok() {} })
    });
    callers.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_is_felt_within_a_second_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let (_, admin) = create_key(dir.path(), &[]).await;
    server.client(&admin).create_cache("c").await.unwrap();
    let load = load(&server, &admin);
    let mut refused = Vec::new();
    for _ in 0..8 {
        let (id, key) = create_key(dir.path(), &["--role", "readonly"]).await;
        let client = server.client(&key);
        client.get("c", b"k").await.unwrap();
        refused.push((id, tokio::spawn(get_until_refused(client))));
    }
    for (id, caller) in refused {
        assert!(!caller.is_finished());
        run(dir.path(), &["key", "revoke", &id]).await;
        let revoked = Instant::now();
        let (_, last, status) = caller.await.unwrap();
        assert_eq!(status.code, Code::Unauthenticated, "{status}");
        assert!(status.message.contains("revoked"), "{status}");
        let late = last.saturating_duration_since(revoked);
        assert!(late < Duration::from_secs(1), "a call {late:?} after the revocation was answered");
        assert!(revoked.elapsed() < Duration::from_secs(1));
    }
    // The others have felt nothing.
    assert!(load.iter().all(|caller| !caller.is_finished()));
}

#[tokio::test]
async fn a_key_expires_at_its_second_on_a_connection_that_uses_it() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let (_, admin) = create_key(dir.path(), &[]).await;
    server.client(&admin).create_cache("c").await.unwrap();
    let (id, key) = create_key(dir.path(), &["--expires", "5s"]).await;
    let listed: Vec<serde_json::Value> =
        serde_json::from_str(&run(dir.path(), &["key", "list", "--json"]).await).unwrap();
    let expires = listed.iter().find(|key| key["id"] == id.as_str()).unwrap()["expires"].as_u64().unwrap();
    let caller = tokio::spawn(get_until_refused(server.client(&key)));
    let (answered, last, status) = caller.await.unwrap();
    let now = Duration::from_millis(SystemClock.now().0);
    let since_last = now - last.elapsed();
    assert!(answered > 10, "{answered}");
    assert_eq!(status.code, Code::Unauthenticated, "{status}");
    assert!(status.message.contains("expired"), "{status}");
    // The first refusal came right after the last call that was answered: both near that second.
    let expiry = Duration::from_secs(expires);
    assert!(since_last < expiry + Duration::from_millis(50), "answered {since_last:?}, expiry {expiry:?}");
    assert!(now >= expiry && now < expiry + Duration::from_millis(500), "refused {now:?}, expiry {expiry:?}");
    // The connection is not held against anybody.
    server.client(&admin).get("c", b"k").await.unwrap();
}

#[tokio::test]
async fn a_flush_empties_one_cache_of_the_running_server() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let server = Server::local(&["--data-dir", data_dir]);
    let client = server.client("");
    for cache in ["a", "b"] {
        client.create_cache(cache).await.unwrap();
        for n in 0..1000_u32 {
            client.set(cache, &n.to_be_bytes(), b"value", TTL).await.unwrap();
        }
    }
    assert_eq!(run(dir.path(), &["cache", "flush", "a"]).await, "");
    for n in [0_u32, 500, 999] {
        assert_eq!(client.get("a", &n.to_be_bytes()).await.unwrap(), None);
        assert!(client.get("b", &n.to_be_bytes()).await.unwrap().is_some());
    }
    client.set("a", b"k", b"v", TTL).await.unwrap();
    assert_eq!(client.get("a", b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(run(dir.path(), &["cache", "list"]).await, "a\nb\n");
    let mut unknown = kura();
    unknown.args(["cache", "flush", "none", "--data-dir", data_dir]);
    assert_eq!(failure(unknown), (Some(1), "kura: there is no cache named none\n".to_owned()));
}
