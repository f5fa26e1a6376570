//! Faults that callers ask for, and outages.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::raw::{Answer, Connection, GET, SET, frame};
use common::{Server, free_address, http_get};
use kura_wire::Code;
use tokio::time::timeout;

const ITEM: &[u8] = b"\x0a\x01k\x12\x01v\x18\xe0\xd4\x03";

fn started() -> (Server, SocketAddr) {
    let admin = free_address();
    (Server::local(&["--test-admin", &admin.to_string()]), admin)
}

async fn call(connection: &Connection, path: &str, asked: &[(&'static str, &[u8])]) -> Answer {
    let headers = [&[("cache", &b"c"[..])], asked].concat();
    connection.call(path, &headers, frame(ITEM)).await
}

#[tokio::test]
async fn calls_fail_and_wait_as_often_as_their_request_id_asks() {
    let (server, _) = started();
    server.client("").create_cache("c").await.unwrap();
    let connection = server.connect().await;
    let fails = |id: &'static [u8]| {
        [
            ("request-id", id),
            ("return-error", b"unavailable"),
            ("error-rpcs", b"get set-if"),
            ("error-count", b"2"),
        ]
    };
    for code in [Code::Unavailable, Code::Unavailable, Code::Ok, Code::Ok] {
        let answer = call(&connection, GET, &fails(b"one")).await;
        assert_eq!((answer.code, answer.err), (code, None));
    }
    assert_eq!(call(&connection, SET, &fails(b"two")).await.code, Code::Ok);
    assert_eq!(call(&connection, GET, &fails(b"two")).await.code, Code::Unavailable);
    // A call that fails is not carried out.
    server.client("").delete("c", b"k").await.unwrap();
    let denied = [("return-error", &b"permission-denied"[..]), ("error-rpcs", b"set")];
    assert_eq!(call(&connection, SET, &denied).await.code, Code::PermissionDenied);
    assert_eq!(server.client("").get("c", b"k").await.unwrap(), None);

    let late =
        [("request-id", &b"three"[..]), ("delay-rpcs", b"set"), ("delay-ms", b"300"), ("delay-count", b"1")];
    let began = Instant::now();
    assert_eq!(call(&connection, SET, &late).await.code, Code::Ok);
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(server.client("").get("c", b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
    // A deadline counts, whatever makes the call late.
    let hurried = [("delay-rpcs", &b"set"[..]), ("delay-ms", b"60000"), ("grpc-timeout", b"50m")];
    assert_eq!(call(&connection, SET, &hurried).await.code, Code::DeadlineExceeded);

    for wrong in [
        &[("return-error", &b"gone"[..]), ("error-rpcs", b"get")],
        &[("return-error", b"internal"), ("error-rpcs", b"steal")],
    ] {
        let answer = call(&connection, GET, wrong).await;
        assert_eq!(answer.code, Code::InvalidArgument, "{answer:?}");
    }
}

#[tokio::test]
async fn a_stream_ends_after_as_many_messages_as_it_is_asked_for() {
    let (server, _) = started();
    server.client("").create_cache("c").await.unwrap();
    let connection = server.connect().await;
    let topic = b"\x0a\x01c\x12\x01t";
    let value = b"\x1a\x03\x0a\x01v";
    let publish = frame(&[&topic[..], value].concat());
    assert_eq!(connection.call("/cache_client.pubsub.Pubsub/Publish", &[], publish).await.code, Code::Ok);
    let subscribe = async |limit: &'static [u8]| {
        let asked = [
            ("stream-error", &b"internal"[..]),
            ("stream-error-rpcs", b"topic-subscribe"),
            ("stream-error-message-limit", limit),
        ];
        let answer = connection.call("/cache_client.pubsub.Pubsub/Subscribe", &asked, frame(topic)).await;
        assert_eq!(answer.code, Code::Internal, "{answer:?}");
        let mut frames = kura_wire::Frames::new(1 << 20);
        frames.push(answer.data.into()).unwrap();
        std::iter::from_fn(|| frames.next().unwrap()).count()
    };
    // The first heartbeat, the latest message, and heartbeats again.
    for (limit, messages) in [(&b"0"[..], 0), (b"1", 1), (b"2", 2), (b"3", 3)] {
        assert_eq!(subscribe(limit).await, messages);
    }
}

#[tokio::test]
async fn without_the_flag_nothing_of_it_is_looked_at() {
    let server = Server::local(&[]);
    server.client("").create_cache("c").await.unwrap();
    let connection = server.connect().await;
    let asked = [("return-error", &b"unavailable"[..]), ("error-rpcs", b"get nonsense"), ("delay-ms", b"x")];
    assert_eq!(call(&connection, GET, &asked).await.code, Code::Ok);
}

#[tokio::test]
async fn an_outage_stops_what_is_open_and_what_comes_until_its_end() {
    let (server, admin) = started();
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    let connection = server.connect().await;
    assert!(http_get(admin, "/nothing").starts_with("HTTP/1.1 404"));
    assert!(http_get(admin, "/block").starts_with("HTTP/1.1 200"));
    let mut open = tokio::spawn(async move { call(&connection, SET, &[]).await.code });
    let other = server.client("");
    let mut new = tokio::spawn(async move { other.get("c", b"k").await.is_ok() });
    assert!(timeout(Duration::from_millis(500), &mut open).await.is_err(), "it goes through");
    assert!(timeout(Duration::from_millis(100), &mut new).await.is_err(), "it goes through");
    assert!(http_get(admin, "/unblock").starts_with("HTTP/1.1 200"));
    assert_eq!(timeout(common::PATIENCE, open).await.unwrap().unwrap(), Code::Ok);
    assert!(timeout(common::PATIENCE, new).await.unwrap().unwrap());
}
