//! Starting and stopping.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use common::{Server, kura};

#[tokio::test]
async fn a_stop_does_not_wait_for_a_peer_without_calls() {
    let mut server = Server::local(&[]);
    // It has made a connection and never reads what comes: no pong to the farewell's ping either.
    let mut idle = TcpStream::connect(server.address).unwrap();
    idle.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    server.terminate();
    let (status, took) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut server = Server::local(&[]);
    // A call that never ends: its body is announced and does not come.
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://{}/cache_client.Scs/Get", server.address))
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (_response, _body) = sender.send_request(request, false).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.terminate();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.terminate();
    let (status, took) = server.wait();
    assert_eq!(status.code(), Some(1));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_taken_port_is_named_in_one_line() {
    let server = Server::local(&[]);
    let taken = server.address.to_string();
    let second = kura().args(["serve", "--local", "--local-listen", &taken]).output().unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success());
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(&taken) && said.contains("--local-listen"), "{said}");
}

#[test]
fn a_data_directory_has_one_server() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let _server = Server::local(&["--data-dir", data]);
    let second = kura()
        .args(["serve", "--local", "--local-listen", "127.0.0.1:0", "--data-dir", data])
        .output()
        .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success());
    assert!(said.contains("a kura server runs on this data directory"), "{said}");
}
