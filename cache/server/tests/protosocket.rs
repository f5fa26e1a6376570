//! Protosocket as a peer sees it: well-behaved ones, and those that are not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::time::Duration;

use common::proto::{auth, delete, encoded, failed, get, set, value};
use common::{PATIENCE, Server, http_get, kura_says};
use kura_wire::Code;
use kura_wire::protos::protosocket::cache::cache_response::Kind;
use kura_wire::protos::protosocket::cache::{AuthenticateResponse, DeleteResponse, SetResponse};

/// Longest wait for a server to give up on a peer: its own limits are 10 and 20 s.
const GIVES_UP: Duration = Duration::from_secs(40);

/// Rights of a key that only reads.
const READ_ONLY: &str = "c:readonly";

#[tokio::test]
async fn a_key_gets_what_it_may_and_a_miss_is_told_by_its_text() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured_with_protosocket(dir.path(), &[]);
    let token = kura_says(dir.path(), &["key", "create", "--name", "n"]);
    let reader = kura_says(dir.path(), &["key", "create", "--name", "r", "--cache", READ_ONLY]);
    let client = server.client(&token);
    client.create_cache("c").await.unwrap();
    let mut proto = server.protosocket_as(&token).await;

    assert_eq!(failed(&proto.call(1, get("c", "k")).await), (Code::NotFound as i32, "Key not found"));
    assert_eq!(proto.call(2, set("c", "k", "v")).await, Kind::Set(SetResponse {}));
    assert_eq!(value(proto.call(3, get("c", "k")).await), b"v");
    // It is the same cache as everywhere.
    assert_eq!(client.get("c", b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(proto.call(u64::MAX, delete("c", "k")).await, Kind::Delete(DeleteResponse {}));
    assert_eq!(proto.call(4, delete("c", "k")).await, Kind::Delete(DeleteResponse {}));
    assert_eq!(failed(&proto.call(0, get("c", "k")).await), (Code::NotFound as i32, "Key not found"));

    let absent = proto.call(5, get("nowhere", "k")).await;
    assert_eq!(failed(&absent), (Code::NotFound as i32, "Cache not found: nowhere"));
    for (command, code) in [
        (get("c", ""), Code::InvalidArgument),
        (set("c", "", "v"), Code::InvalidArgument),
        (set("c", &"k".repeat(65_536), "v"), Code::InvalidArgument),
        (set("c", "k", vec![0; 5_100_000]), Code::ResourceExhausted),
    ] {
        assert_eq!(failed(&proto.call(6, command).await).0, code as i32);
    }

    // Another token on the same connection: from its answer on, its rights count.
    proto.call(7, set("c", "k", "v")).await;
    assert_eq!(proto.call(8, auth(&reader)).await, Kind::Auth(AuthenticateResponse {}));
    assert_eq!(value(proto.call(9, get("c", "k")).await), b"v");
    let denied = proto.call(10, set("c", "k", "w")).await;
    assert_eq!(failed(&denied).0, Code::PermissionDenied as i32);
    assert!(failed(&denied).1.starts_with("Insufficient permissions"), "{denied:?}");
    assert_eq!(failed(&proto.call(11, get("d", "k")).await).0, Code::PermissionDenied as i32);
    // A refused token leaves nobody, not the one before.
    assert_eq!(failed(&proto.call(12, auth("forged")).await).0, Code::Unauthenticated as i32);
    assert_eq!(failed(&proto.call(13, get("c", "k")).await).0, Code::Unauthenticated as i32);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_its_next_command_and_its_connection_ends() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured_with_protosocket(dir.path(), &[]);
    let token = kura_says(dir.path(), &["key", "create", "--name", "n"]);
    server.client(&token).create_cache("c").await.unwrap();
    let mut proto = server.protosocket_as(&token).await;
    assert_eq!(proto.call(1, set("c", "k", "v")).await, Kind::Set(SetResponse {}));
    let listed = kura_says(dir.path(), &["key", "list", "--json"]);
    let id = listed.split('"').find(|word| word.starts_with("key-")).unwrap();
    kura_says(dir.path(), &["key", "revoke", id]);
    let refused = proto.call(2, get("c", "k")).await;
    assert_eq!(failed(&refused).0, Code::Unauthenticated as i32);
    assert!(failed(&refused).1.contains("revoked"), "{refused:?}");
    proto.ends_within(GIVES_UP).await;
}

#[tokio::test]
async fn many_commands_in_one_packet_are_answered_by_their_ids() {
    let server = Server::local_with_protosocket(&[]);
    server.client("").create_cache("c").await.unwrap();
    let mut proto = server.protosocket_as("").await;
    let large = vec![7; 100_000];
    let mut sent = encoded(1, 0, Some(set("c", "large", large.clone())));
    for n in 0..5_000 {
        sent.extend(encoded(100 + n, 0, Some(set("c", &n.to_string(), n.to_string()))));
        if n % 500 == 0 {
            sent.extend(encoded(50_000 + n, 0, Some(get("c", "large"))));
        }
        // A cancellation and an end have no answer, whatever they name.
        sent.extend(encoded(100 + n, 1 + (n % 3) as u32, None));
    }
    let (mut answered, mut largest) = (0, 0);
    // In pieces of a size that cuts messages everywhere.
    for piece in sent.chunks(777) {
        proto.send(piece).await;
    }
    assert_eq!(proto.response().await.unwrap().message_id, 1);
    while answered < 5_000 || largest < 10 {
        let response = proto.response().await.unwrap();
        match response.kind.unwrap() {
            Kind::Set(_) => {
                assert_eq!(response.message_id, 100 + answered);
                answered += 1;
            }
            Kind::Get(got) => {
                assert!(got.value == large);
                largest += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(value(proto.call(9, get("c", "4999")).await), b"4999");
}

#[tokio::test]
async fn whoever_has_not_authenticated_gets_nothing_and_is_sent_away() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured_with_protosocket(dir.path(), &[]);
    let token = kura_says(dir.path(), &["key", "create", "--name", "n"]);
    server.client(&token).create_cache("c").await.unwrap();

    let mut eager = server.protosocket().await;
    for command in [get("c", "k"), set("c", "k", "v"), delete("c", "k"), auth(""), auth("x.y.z")] {
        assert_eq!(failed(&eager.call(3, command).await).0, Code::Unauthenticated as i32);
    }
    // More than a token needs is not even read.
    let mut large = server.protosocket().await;
    large.send(&encoded(4, 0, Some(set("c", "k", vec![0; 100_000])))).await;
    let response = large.response().await.unwrap();
    assert_eq!((response.message_id, failed(&response.kind.unwrap()).0), (4, Code::Unauthenticated as i32));
    assert_eq!(large.response().await, None);
    // Silence, and a token that trickles.
    let mut silent = server.protosocket().await;
    let mut slow = server.protosocket().await;
    let trickle = async {
        let bytes = encoded(5, 0, Some(auth(&token)));
        for byte in bytes.iter().take(30) {
            slow.send(&[*byte]).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let gone = async {
        silent.ends_within(GIVES_UP).await;
        eager.ends_within(GIVES_UP).await;
    };
    tokio::select! { () = gone => {}, () = async { trickle.await; std::future::pending().await } => {} }
    slow.ends_within(GIVES_UP).await;
    // Nobody else is disturbed.
    assert_eq!(
        server.protosocket_as(&token).await.call(1, set("c", "k", "v")).await,
        Kind::Set(SetResponse {})
    );
}

#[tokio::test]
async fn frames_of_every_length_and_none_get_an_answer_and_the_connection_goes_on() {
    let admin = common::free_address();
    let server = Server::local_with_protosocket(&["--admin-listen", &admin.to_string()]);
    server.client("").create_cache("c").await.unwrap();
    let mut proto = server.protosocket_as("").await;
    // No message at all, and what is no message.
    for (bytes, code) in [
        (&b"\x00"[..], Code::Unimplemented),
        (b"\x02\x10\x07", Code::Unimplemented),
        (b"\x04\x10\x07\x52\x00", Code::Unimplemented),
        (b"\x04\x10\x07\x52\x05", Code::InvalidArgument),
        (b"\x02\x10\x80", Code::InvalidArgument),
        (b"\x80\x00", Code::Unimplemented),
    ] {
        proto.send(bytes).await;
        let response = proto.response().await.unwrap();
        let id = if bytes.starts_with(b"\x04\x10\x07") || bytes == b"\x02\x10\x07" { 7 } else { 0 };
        assert_eq!(response.message_id, id, "{bytes:?}");
        assert_eq!(failed(&response.kind.unwrap()).0, code as i32, "{bytes:?}");
    }
    // Around every bound within: what is copied, what has a buffer of its own, one read, the free budget.
    for bound in [0, 127, 4096, 16 << 10, 64 << 10, 1 << 20] {
        for length in [bound, bound + 1, bound + 30] {
            let stored = vec![u8::try_from(length % 251).unwrap(); length];
            assert_eq!(
                proto.call(8, set("c", "k", stored.clone())).await,
                Kind::Set(SetResponse {}),
                "{length}"
            );
            assert!(value(proto.call(9, get("c", "k")).await) == stored, "{length}");
        }
    }
    // Too long: refused by its id, passed over, and what follows is heard.
    let mut sent = encoded(10, 0, Some(set("c", "k", vec![1; 5_300_000])));
    sent.extend(encoded(11, 0, Some(get("c", "k"))));
    proto.send(&sent).await;
    let response = proto.response().await.unwrap();
    let kind = response.kind.unwrap();
    assert_eq!((response.message_id, failed(&kind).0), (10, Code::ResourceExhausted as i32));
    assert!(failed(&kind).1.contains("request limit"), "{kind:?}");
    assert_eq!(proto.response().await.unwrap().message_id, 11);
    // A length that is none ends the connection, after a word about it.
    proto.send(&[0xff; 32]).await;
    let response = proto.response().await.unwrap();
    assert_eq!(failed(&response.kind.unwrap()).0, Code::InvalidArgument as i32);
    assert_eq!(proto.response().await, None);
    // So does a length beyond all reason.
    let mut proto = server.protosocket_as("").await;
    proto.send(&[&[0xff; 9][..], &[1, 0x10, 7], &[0; 32]].concat()).await;
    let response = proto.response().await.unwrap();
    assert_eq!((response.message_id, failed(&response.kind.unwrap()).0), (7, Code::ResourceExhausted as i32));
    assert_eq!(proto.response().await, None);
    let metrics = http_get(admin, "/metrics");
    for line in [
        "kura_protosocket_commands_total{command=\"set\",code=\"0\"} 18\n",
        "kura_protosocket_commands_total{command=\"none\",code=\"8\"} 2\n",
        "kura_protosocket_connections_accepted_total 2\n",
    ] {
        assert!(metrics.contains(line), "{line} not in {metrics}");
    }
}

#[tokio::test]
async fn peers_that_do_not_read_or_send_half_are_bounded() {
    let server = Server::local_with_protosocket(&["--max-inflight-bytes", "16MiB"]);
    server.client("").create_cache("c").await.unwrap();
    let mut proto = server.protosocket_as("").await;
    proto.call(1, set("c", "k", vec![7; 1_000_000])).await;
    let before = server.memory();
    // Each asks for gigabytes and reads none of them.
    let asks = encoded(2, 0, Some(get("c", "k"))).repeat(1000);
    let mut deaf = Vec::new();
    for _ in 0..4 {
        let mut proto = server.protosocket_as("").await;
        assert!(proto.stuff(&asks, 64 << 20).await, "all was taken");
        deaf.push(proto);
    }
    // Half a large message, from several at once.
    let half = encoded(3, 0, Some(set("c", "h", vec![7; 2_000_000])));
    let mut halves = Vec::new();
    for _ in 0..5 {
        let mut proto = server.protosocket_as("").await;
        proto.stuff(&half[..1_000_000], 1_000_000).await;
        halves.push(proto);
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 40 << 20, "{} MiB more", grown >> 20);
    // Another is served meanwhile.
    assert_eq!(proto.call(4, set("c", "o", "v")).await, Kind::Set(SetResponse {}));
    for mut half in halves {
        half.ends_within(GIVES_UP * 2).await;
    }
}

#[tokio::test]
async fn a_stopping_server_answers_what_it_has_read_and_ends() {
    let mut server = Server::local_with_protosocket(&[]);
    server.client("").create_cache("c").await.unwrap();
    let mut idle = server.protosocket_as("").await;
    let mut halfway = server.protosocket_as("").await;
    let sent = encoded(1, 0, Some(set("c", "k", vec![7; 50_000])));
    // One packet: once its first command is answered, the beginning of the second has been read.
    halfway.send(&[&encoded(2, 0, Some(set("c", "o", "v"))), &sent[..100]].concat()).await;
    assert_eq!(halfway.response().await.unwrap().kind.unwrap(), Kind::Set(SetResponse {}));
    server.terminate();
    assert_eq!(idle.response().await, None);
    halfway.send(&sent[100..]).await;
    assert_eq!(halfway.response().await.unwrap().kind.unwrap(), Kind::Set(SetResponse {}));
    assert_eq!(halfway.response().await, None);
    drop((idle, halfway));
    let (status, took) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(took < PATIENCE, "{took:?}");
}
