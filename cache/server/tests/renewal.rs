//! A certificate is replaced under a running server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{PATIENCE, Server};
use kura_wire::Code;
use rustix::process::Signal;

/// Whether a new client trusts what the server shows it. Refused it is in any case: it has no key.
async fn trusted(server: &Server) -> bool {
    match server.client("").list_caches().await.unwrap_err() {
        status if status.code == Code::Unauthenticated => true,
        status if status.message.contains("unknown authority") => false,
        status => panic!("{status}"),
    }
}

#[tokio::test]
async fn a_hangup_shows_new_connections_what_is_in_the_files_now() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for maker in ["old", "new"] {
        drop(Server::secured(&path(maker), &[]));
    }
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let install = |maker: &Path| {
        std::fs::copy(maker.join("cert.pem"), &cert).unwrap();
        std::fs::copy(maker.join("key.pem"), &key).unwrap();
    };
    install(&path("old"));
    let mut server = Server::secured_with(&path("data"), &cert, &key, &path("old"));
    let connected = server.client("");
    connected.list_caches().await.unwrap_err();
    assert!(trusted(&server).await);

    install(&path("new"));
    server.signal(Signal::HUP);
    server.trust(&path("new"));
    let began = Instant::now();
    while !trusted(&server).await {
        assert!(began.elapsed() < PATIENCE, "the old certificate is still shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The connection that was there goes on.
    assert_eq!(connected.list_caches().await.unwrap_err().code, Code::Unauthenticated);
    server.trust(&path("old"));
    assert!(!trusted(&server).await);

    std::fs::write(&cert, "no pem").unwrap();
    server.signal(Signal::HUP);
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.trust(&path("new"));
    assert!(trusted(&server).await);
    server.terminate();
    assert_eq!(server.wait().0.code(), Some(0));
}
