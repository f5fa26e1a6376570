//! Starting and stopping.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use common::{PATIENCE, Server, free_address, grpc, http_get, http2, kura};
use h2::client::SendRequest;
use tokio::time::timeout;

#[tokio::test]
async fn a_stop_does_not_wait_for_a_peer_without_calls() {
    let mut server = Server::local(&[]);
    // It has made a connection and never reads what comes: no pong to the farewell's ping either.
    let mut idle = TcpStream::connect(server.address).unwrap();
    idle.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    // And one that has not said a word.
    let _silent = TcpStream::connect(server.address).unwrap();
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    server.terminate();
    let (status, took) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// Returns once what was sent on a connection before has arrived: its frames are read in order.
async fn arrived(sender: &mut SendRequest<Bytes>, address: SocketAddr) {
    let request = grpc(address, "/no.Such/Call").body(()).unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    timeout(PATIENCE, response).await.unwrap().unwrap();
}

/// How the server refuses a new call on this connection. It closes its listener first and then
/// says goodbye, so that the first calls may still be answered.
async fn farewell(sender: &mut SendRequest<Bytes>, address: SocketAddr) -> h2::Error {
    let answered = async {
        loop {
            let request = grpc(address, "/no.Such/Call").body(()).unwrap();
            match sender.send_request(request, true) {
                Ok((response, _)) => match response.await {
                    Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                    Err(error) => return error,
                },
                Err(error) => return error,
            }
        }
    };
    timeout(PATIENCE, answered).await.unwrap()
}

#[tokio::test]
async fn a_stop_refuses_what_is_new_and_finishes_what_has_begun() {
    let admin = free_address();
    let mut server = Server::local(&["--admin-listen", &admin.to_string()]);
    server.client("").create_cache("c").await.unwrap();
    let (mut sender, connection) = http2(server.address).await;
    let head = || grpc(server.address, "/cache_client.Scs/Get").header("cache", "c").body(()).unwrap();
    let (response, mut body) = sender.send_request(head(), false).unwrap();
    // A GetRequest for the key "k" of three bytes, of which one comes before the stop.
    body.send_data(Bytes::from_static(b"\0\0\0\0\x03\x0a"), false).unwrap();
    arrived(&mut sender, server.address).await;
    assert!(http_get(admin, "/readyz").starts_with("HTTP/1.1 200"));

    server.terminate();
    server.wait_until_it_refuses();
    assert!(http_get(admin, "/readyz").starts_with("HTTP/1.1 503"));
    assert!(http_get(admin, "/healthz").starts_with("HTTP/1.1 200"));
    let farewell = farewell(&mut sender, server.address).await;
    assert!(farewell.is_go_away() && farewell.is_remote(), "{farewell}");
    assert_eq!(farewell.reason(), Some(h2::Reason::NO_ERROR));

    body.send_data(Bytes::from_static(b"\x01k"), true).unwrap();
    let mut response = timeout(PATIENCE, response).await.unwrap().unwrap().into_body();
    while let Some(data) = timeout(PATIENCE, response.data()).await.unwrap() {
        data.unwrap();
    }
    let trailers = timeout(PATIENCE, response.trailers()).await.unwrap().unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    timeout(PATIENCE, connection).await.unwrap().unwrap().unwrap();
    let (status, took) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn a_call_that_does_not_end_is_ended_ten_seconds_after_the_stop() {
    let mut server = Server::local(&[]);
    let (mut sender, _connection) = http2(server.address).await;
    let request = grpc(server.address, "/cache_client.Scs/Get").body(()).unwrap();
    let (_response, _body) = sender.send_request(request, false).unwrap();
    arrived(&mut sender, server.address).await;
    server.terminate();
    let (status, took) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!((9..12).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut server = Server::local(&[]);
    // A call that never ends: its body is announced and does not come.
    let (mut sender, _connection) = http2(server.address).await;
    let request = grpc(server.address, "/cache_client.Scs/Get").body(()).unwrap();
    let (_response, _body) = sender.send_request(request, false).unwrap();
    arrived(&mut sender, server.address).await;
    server.terminate();
    // Two signals before the first is seen would be one.
    server.wait_until_it_refuses();
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
