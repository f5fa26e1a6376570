//! What peers send that they should not, and what the server makes of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use common::{PATIENCE, Server, kura};
use kura_wire::Code;
use tokio::time::timeout;

const TTL: Duration = Duration::from_secs(60);

/// Sends bytes and reads all that comes back, for at most two seconds.
fn exchange(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

async fn serves(server: &Server) {
    let client = server.client("");
    client.create_cache("still-here").await.unwrap();
    client.set("still-here", b"key", b"value", TTL).await.unwrap();
    assert_eq!(client.get("still-here", b"key").await.unwrap().as_deref(), Some(&b"value"[..]));
}

#[tokio::test]
async fn http_1_gets_a_404_that_says_what_the_port_speaks() {
    let server = Server::local(&[]);
    let answer = exchange(&server, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("this port speaks gRPC"), "{answer}");
}

#[tokio::test]
async fn garbage_and_silence_disturb_nobody() {
    let server = Server::local(&[]);
    let silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    exchange(&server, &[0xff; 1000]);
    exchange(&server, &[&preface[..], &[0xff; 1000]].concat());
    // Half a TLS hello.
    exchange(&server, &[0x16, 3, 1, 2, 0, 1, 0, 1]);
    serves(&server).await;
    drop(silent);
}

#[tokio::test]
async fn a_ping_without_credentials_is_answered_without_reading_its_body() {
    let server = Server::local(&[]);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://{}/cache_client.Ping/Ping", server.address))
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (response, mut body) = sender.send_request(request, false).unwrap();
    // A message of 5,000,000 bytes is announced and never comes.
    body.send_data(Bytes::from_static(&[0, 0, 0x4c, 0x4b, 0x40]), false).unwrap();
    let mut response = timeout(PATIENCE, response).await.unwrap().unwrap().into_body();
    while let Some(data) = timeout(PATIENCE, response.data()).await.unwrap() {
        data.unwrap();
    }
    let trailers = timeout(PATIENCE, response.trailers()).await.unwrap().unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn keys_of_no_and_of_too_many_bytes_are_invalid() {
    let server = Server::local(&[]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    for key in [&b""[..], &[b'k'; 65_536]] {
        let status = client.set("c", key, b"v", TTL).await.unwrap_err();
        assert_eq!(status.code, Code::InvalidArgument);
        assert!(status.message.contains("Invalid key"), "{status}");
    }
    client.set("c", &[b'k'; 65_535], b"v", TTL).await.unwrap();
}

#[tokio::test]
async fn five_million_bytes_pass_and_a_request_over_the_limit_is_told_so() {
    let server = Server::local(&[]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    let value = vec![7; 5_000_000];
    client.set("c", b"k", &value, TTL).await.unwrap();
    assert_eq!(client.get("c", b"k").await.unwrap(), Some(value));
    let status = client.set("c", b"k", &vec![7; 5_300_000], TTL).await.unwrap_err();
    assert_eq!((status.code, status.err), (Code::ResourceExhausted, Some("request_size_limit_exceeded")));
}

#[tokio::test]
async fn a_key_is_enforced_and_its_revocation_is_felt_within_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let server = Server::local(&["--data-dir", data]);
    let key = |arguments: &[&str]| {
        let made = kura().arg("key").args(arguments).args(["--data-dir", data]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap()
    };
    let token = key(&["create", "--name", "reader", "--role", "readonly"]);
    server.client("").create_cache("c").await.unwrap();
    let client = server.client(token.trim());
    assert_eq!(client.get("c", b"k").await.unwrap(), None);
    assert_eq!(client.set("c", b"k", b"v", TTL).await.unwrap_err().code, Code::PermissionDenied);
    assert_eq!(client.get("no-such-cache", b"k").await.unwrap_err().code, Code::NotFound);

    let keys: serde_json::Value = serde_json::from_str(&key(&["list", "--json"])).unwrap();
    let id = keys.as_array().and_then(|keys| keys[0]["id"].as_str()).unwrap_or_else(|| panic!("{keys}"));
    key(&["revoke", id]);
    // On the connection that has used the key all along.
    let status = client.get("c", b"k").await.unwrap_err();
    assert_eq!(status.code, Code::Unauthenticated);
    assert!(status.message.contains("revoked"), "{status}");
}
