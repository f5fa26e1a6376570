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
    // 16 KiB each, for the connection's task and HTTP/2's state; buffers are there only while they are used. At this
    // rate the 20,000 that are allowed unless configured take less than 320 MiB.
    assert!(growth < IDLE * 16 * 1024, "{} KiB each", growth / IDLE / 1024);
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

/// An HTTP/2 frame.
fn h2_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The frames of a Get of key `k` from cache `c`, the second of them its body. In HPACK, the first
/// call of a connection enters its headers into the table, and the others point there.
fn get_frames(stream: u32) -> [Vec<u8>; 2] {
    // `:method POST`, `:scheme http`.
    let mut headers = vec![0x83, 0x86];
    if stream == 1 {
        let content_type = "application/grpc";
        for (name, value) in
            [(&[0x44][..], GET), (&[0x41], "kura"), (&[0x5f], content_type), (b"\x40\x05cache", "c")]
        {
            headers.extend_from_slice(name);
            headers.push(u8::try_from(value.len()).unwrap());
            headers.extend_from_slice(value.as_bytes());
        }
    } else {
        headers.extend_from_slice(&[0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]);
    }
    [
        h2_frame(HEADERS, END_HEADERS, stream, &headers),
        h2_frame(DATA, END_STREAM, stream, &frame(b"\x0a\x01k")),
    ]
}

/// Opens and cancels calls as fast as the socket takes them, makes one more, and returns all DATA
/// of its answer.
fn cancel_and_call(address: std::net::SocketAddr, calls: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for n in 0..calls {
        let stream = 2 * n + 1;
        let [headers, body] = get_frames(stream);
        bytes.extend_from_slice(&headers);
        if n % 8 == 0 {
            bytes.extend_from_slice(&body);
        }
        bytes.extend_from_slice(&h2_frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    let last = 2 * calls + 1;
    bytes.extend_from_slice(&get_frames(last).concat());

    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut writer = stream.try_clone().unwrap();
    // What the server does not take fails below.
    std::thread::spawn(move || writer.write_all(&bytes));
    let mut answer = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).unwrap();
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        assert_ne!(head[3], GOAWAY, "{}", String::from_utf8_lossy(&payload));
        if id == last {
            assert_ne!(head[3], RST_STREAM);
            if head[3] == DATA {
                answer.extend_from_slice(&payload);
            }
            if head[4] & END_STREAM != 0 {
                return answer;
            }
        }
    }
}

#[tokio::test]
async fn a_connection_outlives_thousands_of_cancelled_calls() {
    let server = Server::local(&[]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    client.set("c", b"k", b"v", TTL).await.unwrap();
    let address = server.address;
    let work =
        async move { tokio::task::spawn_blocking(move || cancel_and_call(address, 40_000)).await.unwrap() };
    let (answer, growth) = growth(&server, "", work).await;
    assert!(answer.ends_with(b"v"), "{answer:?}");
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
