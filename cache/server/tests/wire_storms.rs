//! More connections than there is room for, and more handshakes than there is time for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::raw::{GET, frame};
use common::{PATIENCE, Server, kura_says, within};
use kura_wire::Code;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

const TTL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn without_descriptors_who_is_there_is_served_and_others_are_once_there_are_some() {
    let server = Server::local(&[]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    client.set("c", b"k", b"v", TTL).await.unwrap();
    let most = server.descriptors() + 20;
    server.limit_descriptors(most);
    // The kernel takes all of these; the server can have no more than twenty.
    let crowd: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let began = std::time::Instant::now();
    while server.descriptors() < most {
        assert!(began.elapsed() < PATIENCE, "{} of {most} descriptors are open", server.descriptors());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..100 {
        assert_eq!(client.get("c", b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
    }
    drop(crowd);
    let late = within(server.connect()).await;
    let answer = late.call(GET, &[("cache", b"c")], frame(b"\x0a\x01k")).await;
    assert_eq!(answer.code, Code::Ok);
}

#[tokio::test]
async fn a_storm_of_handshakes_leaves_nobody_out() {
    const WHOLE: usize = 100;
    const HALF: usize = 400;
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let token = kura_says(dir.path(), &["key", "create", "--name", "n"]);
    let client = server.client(&token);
    client.create_cache("c").await.unwrap();
    client.set("c", b"k", b"v", TTL).await.unwrap();
    let before = server.descriptors();
    let over = AtomicBool::new(false);
    let storm = async {
        // These begin a ClientHello of 512 bytes and go on with nothing, or go at once.
        let mut halves = Vec::new();
        for n in 0..HALF {
            let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
            stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).await.unwrap();
            if n % 2 == 0 {
                halves.push(stream);
            }
        }
        // And these mean it.
        let mut whole = JoinSet::new();
        for _ in 0..WHOLE {
            let client = server.client(&token);
            whole.spawn(async move { client.get("c", b"k").await });
        }
        let mut served = 0;
        while let Some(ended) = whole.join_next().await {
            assert_eq!(ended.unwrap().unwrap().as_deref(), Some(&b"v"[..]));
            served += 1;
        }
        over.store(true, Ordering::Relaxed);
        drop(halves);
        served
    };
    let others = async {
        let mut served = 0;
        while !over.load(Ordering::Relaxed) {
            assert_eq!(client.get("c", b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
            served += 1;
        }
        served
    };
    let (whole, served) = tokio::join!(storm, others);
    assert_eq!(whole, WHOLE);
    assert!(served > 0);
    // All that went is given back.
    let began = std::time::Instant::now();
    while server.descriptors() > before {
        assert!(began.elapsed() < PATIENCE, "{} descriptors, {before} before", server.descriptors());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
