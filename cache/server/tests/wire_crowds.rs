//! Many and much at once: requests, streams, connections and bodies that would fill the memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::raw::{Answer, GET, KEYS_EXIST, SET, frame, send};
use common::{PATIENCE, Server};
use kura_wire::Code;
use kura_wire::protos::cache_client::{KeysExistRequest, KeysExistResponse};
use prost::Message;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinSet;

const MIB: usize = 1024 * 1024;
const TTL: Duration = Duration::from_secs(60);

/// Does `work` while another client is served, and says how much more memory the server had for
/// itself at the worst moment than before.
async fn growth<T>(server: &Server, token: &str, work: impl Future<Output = T>) -> (T, usize) {
    let client = server.client(token);
    client.create_cache("others").await.unwrap();
    client.set("others", b"k", b"v", TTL).await.unwrap();
    let (over, peak, before) = (AtomicBool::new(false), AtomicUsize::new(0), server.memory());
    let work = async {
        let done = work.await;
        over.store(true, Ordering::Relaxed);
        done
    };
    let others = async {
        let mut served = 0;
        while !over.load(Ordering::Relaxed) || served == 0 {
            assert_eq!(client.get("others", b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
            peak.fetch_max(server.memory(), Ordering::Relaxed);
            served += 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let (done, ()) = tokio::join!(work, others);
    let growth = peak.into_inner().saturating_sub(before);
    println!("grew by {} KiB", growth / 1024);
    (done, growth)
}

#[tokio::test]
async fn a_million_keys_are_looked_up_and_more_bytes_than_allowed_are_refused() {
    let server = Server::local(&[]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    let key = |n: u32| n.to_be_bytes()[1..].to_vec();
    client.set("c", &key(999_999), b"v", TTL).await.unwrap();
    let connection = server.connect().await;
    let headers = [("cache", &b"c"[..])];

    // Five bytes for each key: just below the limit of 5 MiB.
    let million = frame(&KeysExistRequest { cache_keys: (0..1_000_000).map(key).collect() }.encode_to_vec());
    let work = async {
        let mut calls = JoinSet::new();
        for _ in 0..4 {
            let (connection, million) = (connection.clone(), million.clone());
            calls.spawn(async move { connection.call(KEYS_EXIST, &headers, million).await });
        }
        calls.join_all().await
    };
    let (answers, growth) = growth(&server, "", work).await;
    for answer in answers {
        assert_eq!(answer.code, Code::Ok, "{}", answer.words);
        let exists = KeysExistResponse::decode(&answer.data[5..]).unwrap().exists;
        assert_eq!(exists.len(), 1_000_000);
        assert_eq!(exists.iter().filter(|exists| **exists).count(), 1);
        assert!(exists[999_999]);
    }
    // Four at once, each with its request and what of it is still in the connection (5 + 1 MB),
    // and its answer in the making (1 MB, doubled as it grows, and two copies).
    assert!(growth < 4 * 12 * MIB, "{} MiB", growth / MIB);

    // A million keys of 16 bytes are over the limit, which is told before they are sent.
    let request = KeysExistRequest { cache_keys: vec![vec![7; 16]; 1_000_000] };
    let answer = connection.call(KEYS_EXIST, &headers, frame(&request.encode_to_vec())).await;
    assert_eq!(answer.code, Code::ResourceExhausted);
    assert_eq!(answer.err.unwrap(), "request_size_limit_exceeded");
    assert!(answer.words.contains("18000000") && answer.words.contains("5242880"), "{}", answer.words);
}

#[tokio::test]
async fn bodies_of_strangers_are_refused_unread() {
    const STRANGERS: usize = 256;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let token = common::kura_says(dir.path(), &["key", "create", "--name", "n"]);
    let body = frame(&vec![7; 10 * 1000 * 1000]);
    let work = async {
        let mut connections = Vec::new();
        for _ in 0..STRANGERS {
            connections.push(server.connect().await);
        }
        let mut calls = JoinSet::new();
        for connection in connections {
            let body = body.clone();
            calls.spawn(async move {
                let (response, mut stream) = connection.begin(SET, &[("cache", b"c")]).await;
                // It goes on for as long as the server takes anything.
                let sending = tokio::spawn(async move { send(&mut stream, body).await });
                let answer = Answer::of(response).await;
                sending.await.unwrap();
                (answer, connection)
            });
        }
        calls.join_all().await
    };
    let (ended, growth) = growth(&server, &token, work).await;
    for (answer, _) in &ended {
        assert_eq!((answer.code, answer.only_trailers), (Code::Unauthenticated, true), "{answer:?}");
    }
    // At the most a stranger's window of 256 KiB and its connection's TLS and HTTP/2 (64 KiB); the
    // bodies are 2.4 GiB.
    assert!(growth < STRANGERS * (256 + 64) * 1024, "{} MiB", growth / MIB);
}

#[tokio::test]
async fn five_thousand_idle_connections_cost_little() {
    const IDLE: usize = 5000;
    // Here as many descriptors are needed as in the server, which raises its limit by itself.
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
    let server = Server::local(&[]);
    let address = server.address;
    let connect = move || {
        let mut streams = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
            // The server's SETTINGS: it has taken the connection.
            stream.read_exact(&mut [0; 9]).unwrap();
            streams.push(stream);
        }
        streams
    };
    let work = async { tokio::task::spawn_blocking(connect).await.unwrap() };
    let (streams, growth) = growth(&server, "", work).await;
    assert_eq!(streams.len(), IDLE);
    // 48 KiB each: HTTP/2's buffers (24 KiB), its tables and the connection's task. At this rate the
    // 20,000 that are allowed unless configured take less than 1 GiB.
    assert!(growth < IDLE * 48 * 1024, "{} KiB each", growth / IDLE / 1024);
    // None of them was closed to make room for another.
    for stream in &streams {
        stream.set_nonblocking(true).unwrap();
        let mut rest = [0; 1024];
        match (&mut &*stream).read(&mut rest) {
            Ok(held) => assert_ne!(held, 0, "closed"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
}

#[tokio::test]
async fn a_connection_outlives_thousands_of_cancelled_calls() {
    let server = Server::local(&[]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    client.set("c", b"k", b"v", TTL).await.unwrap();
    let connection = server.connect().await;
    let headers = [("cache", &b"c"[..])];
    let work = async {
        for n in 0..20_000 {
            let (response, mut stream) = connection.begin(GET, &headers).await;
            // Some with their body, some without; none waits for its answer.
            if n % 2 == 0 {
                stream.send_data(frame(b"\x0a\x01k"), true).unwrap();
            }
            stream.send_reset(h2::Reason::CANCEL);
            drop(response);
        }
        // This client puts new calls before its cancellations on the wire, so that the server may
        // see too many open at first; then it refuses one and the connection stays.
        for _ in 0..500 {
            let (response, mut stream) = connection.begin(GET, &headers).await;
            let _ = stream.send_data(frame(b"\x0a\x01k"), true);
            match response.await {
                Ok(_) => return connection.call(GET, &headers, frame(b"\x0a\x01k")).await,
                Err(error) => assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("all calls are refused");
    };
    let (answer, growth) = growth(&server, "", work).await;
    assert_eq!(answer.code, Code::Ok, "{answer:?}");
    assert!(answer.data.ends_with(b"v"));
    // At the most some 2,700 calls that were read at once and 1,024 open ones, at 8 KiB.
    assert!(growth < 32 * MIB, "{} MiB", growth / MIB);
}

#[tokio::test]
async fn a_thousand_calls_are_open_at_once_on_one_connection() {
    // The limit is 1024 streams; SDKs count on some hundreds.
    const CALLS: usize = 1000;
    let server = Server::local(&[]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    client.set("c", b"k", b"v", TTL).await.unwrap();
    for _ in 0..10 {
        // From the first moment on, without a call before that would make the client known.
        let connection = server.connect().await;
        let mut open = Vec::new();
        for _ in 0..CALLS {
            let (response, mut stream) = connection.begin(GET, &[("cache", b"c")]).await;
            stream.send_data(Bytes::from_static(b"\0\0"), false).unwrap();
            open.push((response, stream));
        }
        // All are open, and one more call is answered before any of them.
        let answer = connection.call(GET, &[("cache", b"c")], frame(b"\x0a\x01k")).await;
        assert!(answer.data.ends_with(b"v"));
        for (_, stream) in &mut open {
            stream.send_data(frame(b"\x0a\x01k").slice(2..), true).unwrap();
        }
        for (response, _) in open {
            let answer = Answer::of(response).await;
            assert_eq!(answer.code, Code::Ok, "{answer:?}");
            assert!(answer.data.ends_with(b"v"));
        }
    }
}
