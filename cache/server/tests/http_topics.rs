//! Topics over HTTP: publishing, long polls, and polls that are given up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::http::{Response, read};
use common::{PATIENCE, Server, http_get, kura_says};
use serde_json::{Value, json};

const TOPIC: &str = "/topics/c/t";
const TEXT: (&str, &str) = ("content-type", "text/plain");
const BINARY: (&str, &str) = ("content-type", "application/octet-stream");

async fn local(arguments: &[&str]) -> Server {
    let server = Server::local(arguments);
    server.client("").create_cache("c").await.unwrap();
    server
}

fn publish(server: &Server, header: (&str, &str), value: &[u8]) {
    let answer = server.http1("POST", TOPIC, &[header], value);
    assert_eq!((answer.status, answer.reason.as_str(), answer.text()), (204, "No Content", ""), "{answer:?}");
}

/// The values of an answer's items, which have the numbers from `first` on.
#[track_caller]
fn values(answer: &Response, first: u64) -> Vec<Value> {
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{answer:?}");
    let answer = answer.json();
    let items = answer["items"].as_array().unwrap().iter().zip(first..);
    items
        .map(|(item, number)| {
            assert_eq!(item["item"]["topic_sequence_number"], number, "{answer}");
            item["item"]["value"].clone()
        })
        .collect()
}

/// A poll that waits, begun on a connection of its own.
fn begin(server: &Server, query: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("GET {TOPIC}{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// How many subscriptions the server has.
fn subscriptions(admin: std::net::SocketAddr) -> usize {
    let text = http_get(admin, "/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix("kura_topic_subscriptions "));
    line.unwrap_or_else(|| panic!("no such metric in {text}")).parse().unwrap()
}

fn wait_for_subscriptions(admin: std::net::SocketAddr, wanted: usize) {
    let began = Instant::now();
    while subscriptions(admin) != wanted {
        assert!(began.elapsed() < PATIENCE, "{} subscriptions, not {wanted}", subscriptions(admin));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn messages_are_read_in_order_from_where_the_reader_is() {
    let server = local(&[]).await;
    publish(&server, TEXT, "grüße".as_bytes());
    // As command lines send it that were not told of any type.
    publish(&server, ("content-type", "application/x-www-form-urlencoded"), b"two");
    publish(&server, BINARY, &[0, 255]);
    let first = server.http1("GET", &format!("{TOPIC}?sequence_number=1&sequence_page=0"), &[], b"");
    assert_eq!(
        values(&first, 1),
        [json!({"text": "grüße"}), json!({"text": "two"}), json!({"binary": "AP8="})]
    );
    let page = first.json()["items"][0]["item"]["sequence_page"].as_u64().unwrap();
    assert!(page > 0);
    let latest = server.http2("GET", &format!("{TOPIC}?sequence_number=0"), &[], b"").await;
    assert_eq!(values(&latest, 3), [json!({"binary": "AP8="})]);
    assert_eq!(values(&server.http1("GET", TOPIC, &[], b""), 3).len(), 1);

    // The next one is waited for.
    let waiting = begin(&server, &format!("?sequence_number=4&sequence_page={page}"));
    publish(&server, TEXT, b"four");
    assert_eq!(values(&read(waiting), 4), [json!({"text": "four"})]);
    // Of another incarnation: a gap is told, or the latest comes again.
    let other = server.http1("GET", &format!("{TOPIC}?sequence_number=300&sequence_page=7"), &[], b"").json();
    let items = other["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item.get("item").is_some() || item.get("discontinuity").is_some()));
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let server = local(&[]).await;
    let large = vec![b'x'; 100 * 1024 + 1];
    for (method, path, header, body, status, part) in [
        ("POST", "/topics/none/t", TEXT, &b"v"[..], 404, "Cache Not Found"),
        ("GET", "/topics/none/t", TEXT, b"", 404, "Cache Not Found"),
        ("POST", TOPIC, TEXT, b"\xff", 400, "not UTF-8"),
        ("POST", TOPIC, BINARY, &large, 413, "too large"),
        ("GET", "/topics/c/t?sequence_number=-1", TEXT, b"", 400, "sequence_number is \"-1\""),
        ("GET", "/topics/c/t?sequence_page=x", TEXT, b"", 400, "sequence_page is \"x\""),
        ("POST", "/topics/c/%ff", TEXT, b"v", 400, "not UTF-8"),
        ("PUT", TOPIC, TEXT, b"v", 405, "POST, GET"),
        ("GET", "/topics/c", TEXT, b"", 404, "Not Found"),
    ] {
        let answer = server.http1(method, path, &[header], body);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert!(answer.text().contains(part), "{method} {path}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn polls_end_with_their_cache_with_the_server_and_with_their_reader() {
    let admin = common::free_address();
    let mut server = local(&["--admin-listen", &admin.to_string()]).await;
    let waiting = begin(&server, "");
    wait_for_subscriptions(admin, 1);
    server.client("").delete_cache("c").await.unwrap();
    let ended = read(waiting);
    assert_eq!((ended.status, ended.text()), (404, "Cache Not Found"));

    server.client("").create_cache("c").await.unwrap();
    let given_up: Vec<_> = (0..50).map(|_| begin(&server, "")).collect();
    let mut sender = server.connect().await.sender;
    let request = http::Request::get(format!("http://kura{TOPIC}")).body(()).unwrap();
    let (reset, _) = sender.send_request(request, true).unwrap();
    wait_for_subscriptions(admin, 51);
    drop((given_up, reset));
    wait_for_subscriptions(admin, 0);

    let mut waiting = begin(&server, "");
    wait_for_subscriptions(admin, 1);
    let began = Instant::now();
    server.terminate();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(server.wait().0.success());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn tokens_allow_reading_and_writing_apart_and_end_polls_when_they_are_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let key = |role: &str| kura_says(dir.path(), &["key", "create", "--name", role, "--role", role]);
    let (all, reader) = (key("superuser"), key("readonly"));
    server.client(&all).create_cache("c").await.unwrap();
    let call = async |method, path: &str, token: &str, body: &[u8]| {
        server.http2(method, path, &[("authorization", token), TEXT], body).await
    };
    assert_eq!(call("POST", TOPIC, &reader, b"v").await.status, 403);
    assert_eq!(call("POST", TOPIC, &all, b"v").await.status, 204);
    assert_eq!(values(&call("GET", TOPIC, &reader, b"").await, 1).len(), 1);
    assert_eq!(call("POST", TOPIC, "nobody", b"v").await.status, 401);
    let in_query = format!("{TOPIC}?token={all}");
    assert_eq!(server.http2("POST", &in_query, &[TEXT], b"w").await.status, 204);
    assert_eq!(call("GET", &in_query, &all, b"").await.status, 400);

    let keys: Value = serde_json::from_str(&kura_says(dir.path(), &["key", "list", "--json"])).unwrap();
    let of_reader = keys.as_array().unwrap().iter().find(|key| key["name"] == "readonly").unwrap();
    let next = format!("{TOPIC}?sequence_number=3");
    let revoke = async {
        kura_says(dir.path(), &["key", "revoke", of_reader["id"].as_str().unwrap()]);
    };
    let (ended, ()) = tokio::join!(call("GET", &next, &reader, b""), revoke);
    assert_eq!(ended.status, 401, "{ended:?}");
}
