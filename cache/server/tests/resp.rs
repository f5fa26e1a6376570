//! RESP as a peer sees it: real clients, those that are not, and a gRPC client beside them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::time::Duration;

use common::resp::{Answer, Resp, command};
use common::{PATIENCE, Server, kura_says};
use redis::Commands as _;

/// Longest wait for a server to give up on a peer: its own limits are 10 and 20 s.
const GIVES_UP: Duration = Duration::from_secs(40);

fn wrong_type(answer: &Answer) {
    assert_eq!(answer.error(), "WRONGTYPE Operation against a key holding the wrong kind of value");
}

#[tokio::test]
async fn what_one_protocol_writes_the_other_reads() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured_with_resp(dir.path(), &[]);
    let token = kura_says(dir.path(), &["key", "create", "--name", "n"]);
    let client = server.client(&token);
    client.create_cache("c").await.unwrap();
    let mut resp = server.resp_as("c", &token).await;

    assert_eq!(resp.call(&["SET", "k", "v"]).await, Answer::ok());
    assert_eq!(client.get("c", b"k").await.unwrap().as_deref(), Some(&b"v"[..]));
    client.set("c", b"k", &b"w"[..], Duration::from_secs(60)).await.unwrap();
    assert_eq!(resp.call(&["GET", "k"]).await, Answer::text("w"));
    let Answer::Integer(left) = resp.call(&["PTTL", "k"]).await else { panic!("no integer") };
    assert!((50_000..=60_000).contains(&left), "{left}");
    assert_eq!(resp.call(&["DEL", "k", "none"]).await, Answer::Integer(1));
    assert_eq!(client.get("c", b"k").await.unwrap(), None);

    let large = "x".repeat(1_000_000);
    assert_eq!(resp.call(&["SET", "large", &large]).await, Answer::ok());
    assert_eq!(client.get("c", b"large").await.unwrap().as_deref(), Some(large.as_bytes()));
    assert_eq!(resp.call(&["GET", "large"]).await, Answer::text(&large));
    let both = resp.call(&["MGET", "large", "none", "large"]).await;
    assert_eq!(both, Answer::Array(vec![Answer::text(&large), Answer::Null, Answer::text(&large)]));
    let too_large = resp.call(&["SET", "k", &"x".repeat(5_100_000)]).await;
    assert!(too_large.error().starts_with("ERR item size: "), "{too_large:?}");
    // An item that is to stay has the longest time there is.
    let Answer::Integer(left) = resp.call(&["TTL", "large"]).await else { panic!("no integer") };
    assert!(left > 364 * 24 * 3600, "{left}");
}

#[tokio::test]
async fn a_key_gets_what_it_may_and_nobody_else_anything() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured_with_resp(dir.path(), &[]);
    let token = kura_says(dir.path(), &["key", "create", "--name", "n"]);
    let reader = kura_says(dir.path(), &["key", "create", "--name", "r", "--cache", "c:readonly"]);
    let writer = kura_says(dir.path(), &["key", "create", "--name", "w", "--cache", "c:writeonly"]);
    server.client(&token).create_cache("c").await.unwrap();

    let mut resp = server.resp().await;
    for words in [&["GET", "k"][..], &["PING"], &["EVAL", "x"], &["CLIENT", "ID"], &["SELECT", "0"]] {
        assert_eq!(resp.call(words).await.error(), "NOAUTH Authentication required.");
    }
    assert!(resp.call(&["HELLO", "3"]).await.error().starts_with("NOAUTH HELLO must be called"));
    assert!(resp.call(&["AUTH", "c", "forged"]).await.error().starts_with("WRONGPASS "));
    assert!(resp.call(&["AUTH", "c", ""]).await.error().starts_with("WRONGPASS "));
    assert_eq!(resp.call(&["GET", "k"]).await.error(), "NOAUTH Authentication required.");

    let Answer::Map(hello) = resp.call(&["HELLO", "3", "AUTH", "c", &token, "SETNAME", "me"]).await else {
        panic!("no map")
    };
    assert_eq!(hello[..2], [Answer::text("server"), Answer::text("kura")]);
    assert_eq!(resp.call(&["CLIENT", "GETNAME"]).await, Answer::text("me"));
    assert_eq!(resp.call(&["GET", "none"]).await, Answer::Null);
    resp.call(&["SET", "k", "v"]).await;

    // Another token on the same connection: from its answer on, its rights count.
    assert_eq!(resp.call(&["AUTH", "c", &reader]).await, Answer::ok());
    assert_eq!(resp.call(&["GET", "k"]).await, Answer::text("v"));
    assert!(resp.call(&["SET", "k", "w"]).await.error().starts_with("NOPERM "));
    assert_eq!(resp.call(&["AUTH", "c", &writer]).await, Answer::ok());
    assert_eq!(resp.call(&["SET", "k", "w", "EX", "10"]).await, Answer::ok());
    for telling in [&["GET", "k"][..], &["SET", "k", "w", "get"], &["SET", "k", "w", "NX"], &["DEL", "k"]] {
        assert!(resp.call(telling).await.error().starts_with("NOPERM "), "{telling:?}");
    }
    // A refused token leaves nobody, not the one before.
    resp.call(&["AUTH", "c", "forged"]).await;
    assert_eq!(resp.call(&["GET", "k"]).await.error(), "NOAUTH Authentication required.");

    let mut resp = server.resp_as("nowhere", &token).await;
    assert_eq!(resp.call(&["GET", "k"]).await.error(), "ERR Cache not found: nowhere");
    let keys: serde_json::Value =
        serde_json::from_str(&kura_says(dir.path(), &["key", "list", "--json"])).unwrap();
    let mut keys = keys["keys"].as_array().unwrap_or_else(|| keys.as_array().unwrap()).iter();
    let key = keys.find(|key| key["name"] == "n").unwrap();
    kura_says(dir.path(), &["key", "revoke", key["id"].as_str().unwrap()]);
    let refused = resp.call(&["GET", "k"]).await;
    assert!(refused.error().starts_with("NOAUTH ") && refused.error().contains("revoked"), "{refused:?}");
    resp.ends_within(GIVES_UP).await;
}

#[tokio::test]
async fn local_mode_asks_for_no_key_and_knows_the_cache_by_the_username() {
    let server = Server::local_with_resp(&[]);
    let client = server.client("");
    let mut resp = server.resp().await;
    assert_eq!(resp.call(&["PING"]).await, Answer::Status("PONG".to_owned()));
    assert_eq!(resp.call(&["GET", "k"]).await.error(), "ERR Cache not found: default");
    client.create_cache("default").await.unwrap();
    client.create_cache("c").await.unwrap();
    assert_eq!(resp.call(&["SET", "k", "in default"]).await, Answer::ok());
    assert_eq!(resp.call(&["AUTH", "c", ""]).await, Answer::ok());
    assert_eq!(resp.call(&["GET", "k"]).await, Answer::Null);
    assert_eq!(resp.call(&["RESET"]).await, Answer::Status("RESET".to_owned()));
    assert_eq!(resp.call(&["GET", "k"]).await, Answer::text("in default"));
    assert!(resp.call(&["SELECT", "1"]).await.error().starts_with("ERR DB index is out of range"));
    assert!(resp.call(&["EVAL", "return 1", "0"]).await.error().starts_with("ERR unknown command 'EVAL'"));
    assert_eq!(resp.call(&["QUIT"]).await, Answer::ok());
    assert_eq!(resp.answer().await, None);
}

#[tokio::test]
async fn a_pipeline_of_ten_thousand_is_answered_in_order() {
    let server = Server::local_with_resp(&[]);
    server.client("").create_cache("default").await.unwrap();
    let (mut resp, mut other) = (server.resp().await, server.resp().await);
    let mut sent = Vec::new();
    for n in 0..5_000 {
        let n = n.to_string();
        sent.extend(command(&["SET", &n, &n]));
        // One in a line now and then.
        sent.extend(if n.ends_with('7') {
            format!("get {n}\r\n").into_bytes()
        } else {
            command(&["GET", &n])
        });
    }
    let mut writer = server.resp().await;
    // In pieces of a size that cuts commands everywhere, and at once.
    for piece in sent.chunks(7_777) {
        writer.send(piece).await;
    }
    resp.send(&sent).await;
    for n in 0..5_000 {
        assert_eq!(resp.answer().await, Some(Answer::ok()));
        assert_eq!(resp.answer().await, Some(Answer::text(&n.to_string())));
    }
    for n in 0..5_000 {
        assert_eq!(writer.answer().await, Some(Answer::ok()));
        assert_eq!(writer.answer().await, Some(Answer::text(&n.to_string())));
    }
    assert_eq!(other.call(&["GET", "4999"]).await, Answer::text("4999"));
}

#[tokio::test]
async fn commands_of_any_size_come_whole_wherever_reads_cut_them() {
    const SIZES: [usize; 12] =
        [0, 1, 4_000, 4_095, 4_096, 4_097, 16_385, 60_000, 65_535, 65_536, 70_000, 300_000];
    let server = Server::local_with_resp(&[]);
    server.client("").create_cache("default").await.unwrap();
    let value = |size: usize| char::from(b'a' + (size % 26) as u8).to_string().repeat(size);
    let mut sent = Vec::new();
    for size in SIZES {
        let key = size.to_string();
        sent.extend(command(&["SET", &key, &value(size)]));
        sent.extend(command(&["GET", &key]));
        sent.extend(command(&["STRLEN", &key]));
    }
    for piece in [3_001, 4_096, 65_536, sent.len()] {
        let mut resp = server.resp().await;
        for piece in sent.chunks(piece) {
            resp.send(piece).await;
            tokio::task::yield_now().await;
        }
        for size in SIZES {
            assert_eq!(resp.answer().await, Some(Answer::ok()), "{size} in pieces of {piece}");
            assert!(resp.answer().await == Some(Answer::text(&value(size))), "{size} in pieces of {piece}");
            assert_eq!(
                resp.answer().await,
                Some(Answer::Integer(size as i64)),
                "{size} in pieces of {piece}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_resp_is_told_so_and_sent_away() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured_with_resp(dir.path(), &[]);
    let token = kura_says(dir.path(), &["key", "create", "--name", "n"]);
    for (known, bytes, why) in [
        (true, &b"*1\r\nx"[..], "expected '$', got 'x'"),
        (true, b"*1\r\n$4\r\nPINGPING", "expected CRLF behind a bulk string"),
        (true, b"*x\r\n", "invalid multibulk length"),
        (true, b"*1\r\n$1000000000\r\n", "invalid bulk length"),
        (true, b"get 'k\r\n", "unbalanced quotes in request"),
        (false, b"*3\r\n$4\r\nAUTH\r\n$100000\r\n", "unauthenticated bulk length"),
        (false, b"*1000\r\n", "unauthenticated multibulk length"),
        (false, &[b'x'; 10_000], "too big inline request"),
    ] {
        let mut resp = if known { server.resp_as("c", &token).await } else { server.resp().await };
        resp.send(bytes).await;
        let answer = resp.answer().await.unwrap();
        assert!(answer.error().starts_with(&format!("ERR Protocol error: {why}")), "{answer:?}");
        assert_eq!(resp.answer().await, None);
    }
    // Whoever says nothing, or only half of something, is sent away as well.
    let (mut silent, mut half) = (server.resp().await, server.resp().await);
    half.send(b"*3\r\n$4\r\nAUTH\r\n").await;
    tokio::join!(silent.ends_within(GIVES_UP), half.ends_within(GIVES_UP));
}

#[tokio::test]
async fn memory_is_bounded_whatever_strangers_and_callers_announce() {
    let server = Server::local_with_resp(&["--max-inflight-bytes", "16MiB"]);
    server.client("").create_cache("default").await.unwrap();
    let before = server.memory();
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut resp = server.resp().await;
        // Nearly all of a value of 5 MB, for as many as there is room.
        resp.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000000\r\n").await;
        resp.send(&[b'x'; 100_000]).await;
        waiting.push(resp);
    }
    let mut other = server.resp().await;
    assert_eq!(other.call(&["SET", "small", "v"]).await, Answer::ok());
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 48 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn a_command_on_an_item_of_another_type_is_refused_and_changes_nothing() {
    let server = Server::local_with_resp(&[]);
    server.client("").create_cache("default").await.unwrap();
    let mut resp = server.resp().await;
    resp.call(&["SADD", "set", "a"]).await;
    resp.call(&["SET", "text", "x"]).await;
    for words in [
        &["GET", "set"][..],
        &["APPEND", "set", "x"],
        &["INCR", "set"],
        &["GETDEL", "set"],
        &["SET", "set", "x", "GET"],
        &["HGET", "set", "f"],
        &["LPUSH", "set", "x"],
        &["ZADD", "set", "1", "x"],
        &["SADD", "text", "a"],
        &["HSET", "text", "f", "v"],
        &["SPOP", "text"],
    ] {
        wrong_type(&resp.call(words).await);
    }
    assert_eq!(resp.call(&["SMEMBERS", "set"]).await, Answer::texts(&["a"]));
    assert_eq!(resp.call(&["TYPE", "set"]).await, Answer::Status("set".to_owned()));
    assert_eq!(resp.call(&["SET", "set", "now a string"]).await, Answer::ok());
}

#[tokio::test]
async fn long_answers_and_long_work_come_whole() {
    let server = Server::local_with_resp(&[]);
    server.client("").create_cache("default").await.unwrap();
    let mut resp = server.resp().await;
    let numbers: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    let all: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(resp.call(&[&["RPUSH", "l"], &all[..]].concat()).await, Answer::Integer(20_000));
    assert_eq!(resp.call(&["LRANGE", "l", "0", "-1"]).await, Answer::texts(&all));
    assert_eq!(resp.call(&[&["SADD", "s"], &all[..]].concat()).await, Answer::Integer(20_000));
    assert_eq!(resp.call(&["SCARD", "s"]).await, Answer::Integer(20_000));
    assert_eq!(resp.call(&["LREM", "l", "0", "19999"]).await, Answer::Integer(1));
    assert_eq!(resp.call(&["LPOP", "l", "3"]).await, Answer::texts(&["0", "1", "2"]));
    let Answer::Array(popped) = resp.call(&["SPOP", "s", "10000"]).await else { panic!("no array") };
    assert_eq!(popped.len(), 10_000);
    assert_eq!(resp.call(&["SCARD", "s"]).await, Answer::Integer(10_000));
}

#[test]
fn the_redis_crate_works_with_both_protocols() {
    let server = Server::local_with_resp(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(server.client("").create_cache("c")).unwrap();
    let address = server.resp.unwrap();
    for protocol in ["", "?protocol=resp3"] {
        let client = redis::Client::open(format!("redis://c:any@{address}/0{protocol}")).unwrap();
        let mut connection = client.get_connection_with_timeout(PATIENCE).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let _: () = connection.del(&["n", "h", "z", "l", "s"]).unwrap();
        let _: () = connection.set_ex("k", "v", 60).unwrap();
        assert_eq!(connection.get::<_, Option<String>>("k").unwrap().as_deref(), Some("v"));
        assert_eq!(connection.get::<_, Option<String>>("none").unwrap(), None);
        assert_eq!(connection.incr::<_, _, i64>("n", 5).unwrap(), 5);
        let _: () = connection.hset_multiple("h", &[("a", 1), ("b", 2)]).unwrap();
        let all: std::collections::BTreeMap<String, i64> = connection.hgetall("h").unwrap();
        assert_eq!(all.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        let _: () = connection.zadd_multiple("z", &[(1.5, "a"), (0.5, "b")]).unwrap();
        let ranked: Vec<(String, f64)> = connection.zrange_withscores("z", 0, -1).unwrap();
        assert_eq!(ranked, [("b".to_owned(), 0.5), ("a".to_owned(), 1.5)]);
        assert_eq!(connection.rpush::<_, _, i64>("l", &["x", "y"]).unwrap(), 2);
        assert_eq!(connection.lrange::<_, Vec<String>>("l", 0, -1).unwrap(), ["x", "y"]);
        assert!(connection.sadd::<_, _, bool>("s", "m").unwrap());
        assert_eq!(connection.smembers::<_, Vec<String>>("s").unwrap(), ["m"]);
        let piped: (String, i64) = redis::pipe().get("k").incr("n", 1).query(&mut connection).unwrap();
        assert_eq!(piped, ("v".to_owned(), 6));
    }
    let stored = runtime.block_on(server.client("").get("c", b"n")).unwrap();
    assert_eq!(stored.as_deref(), Some(&b"6"[..]));
}

#[tokio::test]
async fn a_server_that_stops_ends_silent_connections_at_once() {
    let mut server = Server::local_with_resp(&[]);
    let mut resp = Resp::connect(server.resp.unwrap()).await.unwrap();
    assert_eq!(resp.call(&["ECHO", "here"]).await, Answer::text("here"));
    server.terminate();
    assert_eq!(resp.answer().await, None);
    let (status, took) = server.wait();
    assert!(status.success() && took < Duration::from_secs(5), "{status} {took:?}");
}
