//! Long polls whose clients vanish or never read, many in turn and many at once, and polls and connections
//! that outlive their keys.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::proto::{failed, get, set};
use common::{PATIENCE, Server, free_address, http_get, kura_says, within};
use kura_base::{Clock, SystemClock};
use kura_wire::Code;
use kura_wire::protos::cache_client::pubsub::topic_value::Kind as Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MIB: usize = 1 << 20;

/// A local server with a cache `c` and its metrics.
async fn local(arguments: &[&str]) -> (Server, SocketAddr) {
    let admin = free_address();
    let server = Server::local(&[&["--admin-listen", &admin.to_string()], arguments].concat());
    server.client("").create_cache("c").await.unwrap();
    (server, admin)
}

/// A poll on a connection of its own, which nobody reads.
async fn begin(server: &Server, query: &str) -> TcpStream {
    let mut stream = within(TcpStream::connect(server.address)).await.unwrap();
    let head = format!("GET /topics/c/t{query} HTTP/1.1\r\nhost: x\r\n\r\n");
    within(stream.write_all(head.as_bytes())).await.unwrap();
    stream
}

async fn wait_for_subscriptions(admin: SocketAddr, wanted: usize) {
    let began = Instant::now();
    loop {
        let text = tokio::task::spawn_blocking(move || http_get(admin, "/metrics")).await.unwrap();
        let open = text.lines().find_map(|line| line.strip_prefix("kura_topic_subscriptions ")).unwrap();
        if open == wanted.to_string() {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{open} subscriptions, not {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Somebody else is served, and soon.
async fn others_are_served(server: &Server) {
    let client = server.client("");
    let began = Instant::now();
    for n in 0..20_u8 {
        client.set("c", &[n], b"v", Duration::from_secs(60)).await.unwrap();
        assert_eq!(client.get("c", &[n]).await.unwrap().as_deref(), Some(&b"v"[..]));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?} for 40 calls", began.elapsed());
}

#[tokio::test]
async fn polls_that_are_given_up_in_turn_leave_nothing_behind() {
    const ROUNDS: usize = 6;
    const EACH: usize = 500;
    let (server, admin) = local(&[]).await;
    let mut held = Vec::new();
    for _ in 0..ROUNDS {
        // On connections of their own, closed and reset, and as streams of one that stays and of one that goes.
        let mut streams = Vec::new();
        for _ in 0..EACH {
            streams.push(begin(&server, "").await);
        }
        let (stays, goes) = (server.connect().await, server.connect().await);
        let mut open = Vec::new();
        for connection in [&stays, &goes] {
            for _ in 0..EACH {
                let request = http::Request::get("http://kura/topics/c/t").body(()).unwrap();
                let mut sender = within(connection.sender.clone().ready()).await.unwrap();
                open.push(sender.send_request(request, true).unwrap());
            }
        }
        wait_for_subscriptions(admin, 3 * EACH).await;
        others_are_served(&server).await;
        for (at, stream) in streams.into_iter().enumerate() {
            if at % 2 == 0 {
                // With a reset instead of an end.
                stream.set_zero_linger().unwrap();
            }
        }
        drop((open, goes));
        wait_for_subscriptions(admin, 0).await;
        drop(stays);
        held.push(server.memory());
    }
    // The first rounds fill the allocator's pools; after that, thousands more take nothing.
    let grown = held[ROUNDS - 1].saturating_sub(held[1]);
    assert!(grown < 6 * MIB, "{} KiB more after {} further polls", grown / 1024, (ROUNDS - 2) * 3 * EACH);
}

#[tokio::test]
async fn thousands_of_polls_that_nobody_reads_are_cheap_and_disturb_nobody() {
    const ALL: usize = 2000;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let raised = rustix::process::Rlimit { current: limit, maximum: limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let (server, admin) = local(&[]).await;
    others_are_served(&server).await;
    let before = server.memory();
    let mut streams = Vec::new();
    for _ in 0..ALL {
        streams.push(begin(&server, "").await);
    }
    wait_for_subscriptions(admin, ALL).await;
    let grown = server.memory().saturating_sub(before);
    // What an idle connection of HTTP/2 may take in wire_crowds.rs, the poll's task, and a place in a topic.
    assert!(grown < ALL * 32 * 1024, "{} KiB for each poll", grown / ALL / 1024);
    others_are_served(&server).await;

    // All are answered at once; what nobody reads is in the kernel, or waits within the budget.
    let client = server.client("");
    client.publish("c", "t", Value::Binary(vec![7; 100 * 1024])).await.unwrap();
    wait_for_subscriptions(admin, 0).await;
    others_are_served(&server).await;
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 256 * MIB + ALL * 48 * 1024, "{} MiB", grown / MIB);
    drop(streams);
}

#[tokio::test]
async fn answers_that_nobody_reads_stay_within_the_budget_until_they_are_given_up() {
    const ALL: usize = 64;
    let (server, _) = local(&["--max-inflight-bytes", "16MiB", "--topic-memory", "24MiB"]).await;
    let client = server.client("");
    for _ in 0..20 {
        client.publish("c", "t", Value::Binary(vec![7; 100 * 1024])).await.unwrap();
    }
    let before = server.memory();
    let mut streams = Vec::new();
    for _ in 0..ALL {
        // 1 MiB of messages, half as much again as JSON.
        streams.push(begin(&server, "?sequence_number=1").await);
    }
    let began = Instant::now();
    let mut most = 0;
    while began.elapsed() < Duration::from_secs(3) {
        others_are_served(&server).await;
        most = most.max(server.memory().saturating_sub(before));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The budget, twice while JSON is made of it, and connections. All of it would be 90 MiB.
    assert!(most < 40 * MIB, "{} MiB", most / MIB);
    // Those that hold room are given up after half a minute; what the kernel had is read, then the end.
    let ended = async {
        let mut rest = Vec::new();
        let _ = streams[0].read_to_end(&mut rest).await;
    };
    tokio::time::sleep(Duration::from_secs(32)).await;
    within(ended).await;
    drop(streams);
    let answer = server.http2("GET", "/topics/c/t?sequence_number=20", &[], b"").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The id of the one key with this name.
fn id_of(data: &std::path::Path, name: &str) -> String {
    let keys: serde_json::Value = serde_json::from_str(&kura_says(data, &["key", "list", "--json"])).unwrap();
    let key = keys.as_array().unwrap().iter().find(|key| key["name"] == name).unwrap();
    key["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn open_polls_and_connections_end_with_their_keys_to_the_second() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured_with_protosocket(dir.path(), &[]);
    let key = |name: &str, more: &[&str]| {
        kura_says(dir.path(), &[&["key", "create", "--name", name], more].concat())
    };
    let owner = key("owner", &[]);
    server.client(&owner).create_cache("c").await.unwrap();
    let short = key("short", &["--expires", "3s"]);
    // The second is that of the token: its creation, rounded down, and three.
    let made = SystemClock.now().epoch_seconds();
    let listed: serde_json::Value =
        serde_json::from_str(&kura_says(dir.path(), &["key", "list", "--json"])).unwrap();
    let short_listed = listed.as_array().unwrap().iter().find(|key| key["name"] == "short").unwrap();
    let expires = short_listed["expires"].as_u64().unwrap();
    assert!((made + 2..=made + 3).contains(&expires), "{expires} of {made}");
    let expires = Duration::from_secs(expires);
    let since_expiry = || Duration::from_millis(SystemClock.now().0).checked_sub(expires);

    let poll = async {
        let answer = server.http2("GET", "/topics/c/t", &[("authorization", &short)], b"").await;
        let late = since_expiry().expect("not before its time");
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.text().contains("expired"), "{answer:?}");
        assert!(late < Duration::from_millis(900), "the poll ended {late:?} late");
    };
    let proto = async {
        let mut proto = server.protosocket_as(&short).await;
        proto.call(1, set("c", "k", "v")).await;
        // Asked all the time: good until the second, and refused from it on.
        loop {
            let asked = since_expiry();
            let answer = proto.call(2, get("c", "k")).await;
            let answered = since_expiry();
            match answer {
                kura_wire::protos::protosocket::cache::cache_response::Kind::Get(_) => {
                    assert_eq!(asked, None, "served after its time");
                }
                refused => {
                    assert!(answered.is_some(), "refused before its time: {refused:?}");
                    assert_eq!(failed(&refused).0, Code::Unauthenticated as i32);
                    assert!(failed(&refused).1.contains("expired"), "{refused:?}");
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        proto.ends_within(PATIENCE).await;
    };
    tokio::join!(poll, proto);

    // A revocation is felt within a second by those who wait, and at once by those who ask.
    let doomed = key("doomed", &[]);
    let mut proto = server.protosocket_as(&doomed).await;
    let headers = [("authorization", doomed.as_str())];
    let poll = async {
        let answer = server.http2("GET", "/topics/c/t", &headers, b"").await;
        (answer, Instant::now())
    };
    let revoke = async {
        // The poll is on its way, and waits.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (data, id) = (dir.path().to_owned(), id_of(dir.path(), "doomed"));
        tokio::task::spawn_blocking(move || kura_says(&data, &["key", "revoke", &id])).await.unwrap();
        let revoked = Instant::now();
        let refused = proto.call(3, get("c", "k")).await;
        assert_eq!(failed(&refused).0, Code::Unauthenticated as i32);
        assert!(failed(&refused).1.contains("revoked"), "{refused:?}");
        revoked
    };
    let ((answer, ended), revoked) = tokio::join!(poll, revoke);
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(ended.saturating_duration_since(revoked) < Duration::from_millis(1900), "the poll went on");
}
