//! Peers that stop in the middle, and calls whose time is over.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::raw::{Answer, GET, KEYS_EXIST, SET, frame};
use common::{Server, kura_says};
use kura_wire::Code;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for a server to give up on a silent peer: its own limits are 10 and 20 s.
const GIVES_UP: Duration = Duration::from_secs(40);

const TTL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn half_a_hello_and_headers_without_a_body_are_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let token = kura_says(dir.path(), &["key", "create", "--name", "n"]);
    let client = server.client(&token);
    client.create_cache("c").await.unwrap();

    // A record of 512 bytes is announced, the beginning of a ClientHello, and 6 come.
    let mut hello = TcpStream::connect(server.address).await.unwrap();
    hello.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).await.unwrap();
    let mut mute = TcpStream::connect(server.address).await.unwrap();
    let connection = server.connect().await;
    let headers = [("authorization", token.as_bytes()), ("cache", &b"c"[..])];
    let (bodyless, _stream) = connection.begin(SET, &headers).await;
    let (half, mut stream) = connection.begin(SET, &headers).await;
    stream.send_data(Bytes::from_static(b"\0\0\0\0\x20half of it"), false).unwrap();

    let closed = async {
        for stream in [&mut hello, &mut mute] {
            // An alert may come first; the end must.
            let mut rest = Vec::new();
            timeout(GIVES_UP, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        }
    };
    let told = async {
        for response in [bodyless, half] {
            let answer = timeout(GIVES_UP, response).await.unwrap().unwrap();
            assert_eq!(answer.headers()["grpc-status"], Code::DeadlineExceeded.as_trailer());
            assert_eq!(answer.headers().get("err"), None);
        }
    };
    let served = async {
        for n in 0..40_u8 {
            client.set("c", &[n], b"v", TTL).await.unwrap();
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    tokio::join!(closed, told, served);
    // The connection of the two stands.
    let answer = connection.call(GET, &headers, frame(b"\x0a\x01\x07")).await;
    assert_eq!(answer.code, Code::Ok);
}

#[tokio::test]
async fn calls_without_time_are_told_so_and_not_done() {
    let server = Server::local(&[]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    let connection = server.connect().await;
    let set = || frame(b"\x0a\x01k\x12\x01v\x18\xe0\xd4\x03");
    // Past on arrival: the second is how gRPC's C core says it.
    for timeout in ["0m", "1n"] {
        let headers = [("cache", &b"c"[..]), ("grpc-timeout", timeout.as_bytes())];
        for path in [SET, GET, KEYS_EXIST, "/cache_client.Ping/Ping", "/control_client.ScsControl/ListCaches"]
        {
            let answer = connection.call(path, &headers, set()).await;
            assert_eq!((answer.code, answer.err.as_ref()), (Code::DeadlineExceeded, None), "{path}");
            assert!(answer.only_trailers && answer.words.contains("deadline"), "{path}: {answer:?}");
        }
    }
    // Past while the body is waited for.
    let headers = [("cache", &b"c"[..]), ("grpc-timeout", b"50m")];
    let (response, mut stream) = connection.begin(SET, &headers).await;
    let answer = Answer::of(response).await;
    assert_eq!((answer.code, answer.only_trailers), (Code::DeadlineExceeded, true));
    let _ = stream.send_data(set(), true);
    assert_eq!(client.get("c", b"k").await.unwrap(), None);
    let answer = connection.call(SET, &[("cache", b"c"), ("grpc-timeout", b"5S")], set()).await;
    assert_eq!(answer.code, Code::Ok);
    assert_eq!(client.get("c", b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
}
