//! The private listener: what a load balancer passes on, behind the header that it puts before each connection.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{PATIENCE, Server, free_address, http_get, kura_says};
use kura_wire::{CacheClient, ChannelOptions, Endpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// As AWS writes it for a connection by an interface endpoint; the checksum is left out, as it may be.
fn header() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    header.extend(38_u16.to_be_bytes());
    header.extend([172, 31, 10, 20, 172, 31, 11, 59, 0x9c, 0x40, 0x01, 0xbb]);
    header.extend([0xEA, 0, 23, 1]);
    header.extend(b"vpce-08d2bf15fac5001c9");
    header
}

/// A load balancer that puts `header` before each connection to `target`.
async fn load_balancer(target: SocketAddr, header: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let header = header.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(target).await?;
                server.write_all(&header).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    address
}

/// What `/metrics` says of the endpoint's connections, once it says as much; none when it says nothing.
async fn counted(admin: SocketAddr, expected: Option<u64>) {
    let began = Instant::now();
    loop {
        let metrics = tokio::task::spawn_blocking(move || http_get(admin, "/metrics")).await.unwrap();
        let line = "kura_private_connections{endpoint=\"vpce-08d2bf15fac5001c9\"} ";
        let count = metrics.lines().find_map(|it| it.strip_prefix(line)).map(|count| count.parse().unwrap());
        if count == expected {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{count:?} connections, not {expected:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_load_balancers_connections_are_served_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (private, admin) = (free_address(), free_address());
    let listen = [("--private-listen", private.to_string()), ("--admin-listen", admin.to_string())];
    let arguments: Vec<&str> = listen.iter().flat_map(|(flag, value)| [*flag, value.as_str()]).collect();
    let server = Server::secured(dir.path(), &arguments);
    let key = kura_says(dir.path(), &["key", "create", "--name", "k"])
        .split_whitespace()
        .last()
        .unwrap()
        .to_owned();
    counted(admin, None).await;

    let through = |address: SocketAddr| {
        let ca = vec![std::fs::read(dir.path().join("ca.pem")).unwrap()];
        let endpoint = Endpoint::parse(&format!("https://{address}")).unwrap();
        CacheClient::new(endpoint, &key, "test", ChannelOptions { ca, ..ChannelOptions::default() }).unwrap()
    };
    let client = through(load_balancer(private, header()).await);
    client.create_cache("c").await.unwrap();
    counted(admin, Some(1)).await;
    drop(client);
    counted(admin, None).await;

    // The other listener takes no header, and this one nothing without, or with a damaged one.
    let mut damaged = header();
    damaged[45] = b'"';
    for (target, header) in [(server.address, header()), (private, Vec::new()), (private, damaged)] {
        let client = through(load_balancer(target, header).await);
        client.create_cache("d").await.unwrap_err();
    }
    let mut stranger = TcpStream::connect(private).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    // Closed at once; what the server had not read makes it a reset.
    let closed = tokio::time::timeout(PATIENCE, stranger.read(&mut [0])).await.unwrap();
    assert!(!closed.is_ok_and(|bytes| bytes > 0));
    counted(admin, None).await;
}
