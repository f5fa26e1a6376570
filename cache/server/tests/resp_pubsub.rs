//! Channels over RESP: topics, as clients of Redis and those of Momento see them side by side.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is a failure of the test"
)]

mod common;

use std::time::Duration;

use common::resp::{Answer, Resp, command};
use common::{PATIENCE, Server, kura_says, within};
use kura_base::{Clock, SystemClock};
use kura_wire::CacheClient;
use kura_wire::protos::cache_client::pubsub::{subscription_item::Kind as Item, topic_value::Kind as Value};

/// A local server with a cache `default`.
async fn local(arguments: &[&str]) -> (Server, CacheClient) {
    let server = Server::local_with_resp(arguments);
    let client = server.client("");
    client.create_cache("default").await.unwrap();
    (server, client)
}

fn array(words: &[&str]) -> Answer {
    Answer::texts(words)
}

fn told(name: &str, channel: &str, count: i64) -> Answer {
    Answer::Array(vec![Answer::text(name), Answer::text(channel), Answer::Integer(count)])
}

fn push(answer: Answer) -> Answer {
    let Answer::Array(parts) = answer else { panic!("{answer:?} is no array") };
    Answer::Push(parts)
}

async fn subscribe(resp: &mut Resp, channel: &str) {
    assert_eq!(resp.call(&["SUBSCRIBE", channel]).await, told("subscribe", channel, 1));
}

#[tokio::test]
async fn version_2_subscribes_publishes_and_allows_nothing_else_meanwhile() {
    let (server, _client) = local(&[]).await;
    let (mut resp, mut publisher) = (server.resp().await, server.resp().await);
    assert_eq!(publisher.call(&["PUBLISH", "a", "before"]).await, Answer::Integer(0));
    resp.send(&command(&["SUBSCRIBE", "a", "b", "a"])).await;
    for (channel, count) in [("a", 1), ("b", 2), ("a", 2)] {
        assert_eq!(resp.answer().await.unwrap(), told("subscribe", channel, count));
    }
    assert_eq!(publisher.call(&["PUBLISH", "a", "one"]).await, Answer::Integer(1));
    assert_eq!(publisher.call(&["PUBLISH", "b", "two"]).await, Answer::Integer(1));
    assert_eq!(publisher.call(&["PUBLISH", "c", "nobody's"]).await, Answer::Integer(0));
    // Nothing that came before, and each message once.
    let mut came = [resp.answer().await.unwrap(), resp.answer().await.unwrap()];
    came.sort();
    assert_eq!(came, [array(&["message", "a", "one"]), array(&["message", "b", "two"])]);

    let refused = resp.call(&["GET", "k"]).await;
    assert!(refused.error().starts_with("ERR Can't execute 'get': only (P|S)SUBSCRIBE"), "{refused:?}");
    assert_eq!(resp.call(&["PING"]).await, array(&["pong", ""]));
    assert_eq!(resp.call(&["PING", "x"]).await, array(&["pong", "x"]));
    assert_eq!(resp.call(&["SSUBSCRIBE", "a"]).await, told("ssubscribe", "a", 1));
    assert_eq!(publisher.call(&["SPUBLISH", "a", "both"]).await, Answer::Integer(2));
    let mut came = [resp.answer().await.unwrap(), resp.answer().await.unwrap()];
    came.sort();
    assert_eq!(came, [array(&["message", "a", "both"]), array(&["smessage", "a", "both"])]);
    assert_eq!(publisher.call(&["PUBSUB", "NUMSUB", "a", "c"]).await, {
        Answer::Array(vec![Answer::text("a"), Answer::Integer(2), Answer::text("c"), Answer::Integer(0)])
    });
    assert_eq!(publisher.call(&["PUBSUB", "CHANNELS", "b*"]).await, array(&["b"]));
    assert!(
        resp.call(&["PSUBSCRIBE", "a*"]).await.error().starts_with("ERR command 'PSUBSCRIBE' is not offered")
    );
    assert_eq!(resp.call(&["SUNSUBSCRIBE"]).await, told("sunsubscribe", "a", 0));
    assert_eq!(resp.call(&["UNSUBSCRIBE", "b"]).await, told("unsubscribe", "b", 1));
    assert_eq!(resp.call(&["UNSUBSCRIBE", "never"]).await, told("unsubscribe", "never", 1));
    assert_eq!(resp.call(&["UNSUBSCRIBE"]).await, told("unsubscribe", "a", 0));
    let none = Answer::Array(vec![Answer::text("unsubscribe"), Answer::Null, Answer::Integer(0)]);
    assert_eq!(resp.call(&["UNSUBSCRIBE"]).await, none);
    // From here on it is a connection like any other.
    assert_eq!(resp.call(&["SET", "k", "v"]).await, Answer::ok());
    assert_eq!(publisher.call(&["PUBLISH", "a", "unheard"]).await, Answer::Integer(0));
    subscribe(&mut resp, "a").await;
    assert_eq!(resp.call(&["RESET"]).await, Answer::Status("RESET".to_owned()));
    assert_eq!(resp.call(&["GET", "k"]).await, Answer::text("v"));
}

#[tokio::test]
async fn version_3_is_pushed_messages_while_commands_go_on() {
    let (server, _client) = local(&[]).await;
    let (mut resp, mut publisher) = (server.resp().await, server.resp().await);
    resp.call(&["HELLO", "3"]).await;
    assert_eq!(resp.call(&["SUBSCRIBE", "a"]).await, push(told("subscribe", "a", 1)));
    assert_eq!(resp.call(&["PING"]).await, Answer::Status("PONG".to_owned()));
    assert_eq!(resp.call(&["SET", "k", "v"]).await, Answer::ok());
    // Its own messages come to it as well, behind or before the answer.
    resp.send(&command(&["PUBLISH", "a", "mine"])).await;
    let mut came = [resp.answer().await.unwrap(), resp.answer().await.unwrap()];
    came.sort();
    assert_eq!(came, [Answer::Integer(1), push(array(&["message", "a", "mine"]))]);
    assert!(resp.call(&["AUTH", "other", ""]).await.error().contains("unsubscribe first"));

    // Whoever sends commands without pause still gets messages, and the other way round.
    let mut sent = Vec::new();
    for _ in 0..20_000 {
        sent.extend(command(&["GET", "k"]));
    }
    let flood = tokio::spawn(async move {
        for n in 0..500 {
            publisher.call(&["PUBLISH", "a", &n.to_string()]).await;
        }
    });
    resp.send(&sent).await;
    let (mut answers, mut messages) = (0, 0);
    while answers < 20_000 || messages < 500 {
        match resp.answer().await.unwrap() {
            Answer::Push(parts) => {
                assert_eq!(parts[2], Answer::text(&messages.to_string()));
                messages += 1;
            }
            answer => {
                assert_eq!(answer, Answer::text("v"));
                answers += 1;
            }
        }
    }
    flood.await.unwrap();
    assert_eq!(resp.call(&["UNSUBSCRIBE"]).await, push(told("unsubscribe", "a", 0)));
}

#[tokio::test]
async fn messages_of_each_protocol_reach_the_other_as_text_or_as_bytes() {
    let (server, client) = local(&[]).await;
    let (mut resp, mut publisher) = (server.resp().await, server.resp().await);
    subscribe(&mut resp, "t").await;
    for value in [Value::Text("Grüße".to_owned()), Value::Binary(vec![0, 255, 13, 10])] {
        client.publish("default", "t", value.clone()).await.unwrap();
        let bytes = match value {
            Value::Text(text) => text.into_bytes(),
            Value::Binary(bytes) => bytes,
        };
        let Answer::Array(parts) = resp.answer().await.unwrap() else { panic!("no message") };
        assert_eq!(parts[2], Answer::Bytes(bytes));
    }
    let mut stream = client.subscribe("default", "t", 0, 0).await.unwrap();
    let mut next = async || loop {
        let item = within(stream.message()).await.unwrap().unwrap();
        if let Item::Item(item) = item.kind.unwrap() {
            return item.value.unwrap().kind.unwrap();
        }
    };
    assert_eq!(next().await, Value::Binary(vec![0, 255, 13, 10]), "SDKs begin with the latest");
    assert_eq!(publisher.call(&["PUBLISH", "t", "Grüße"]).await, Answer::Integer(2));
    assert_eq!(next().await, Value::Text("Grüße".to_owned()));
    publisher.send(&command(&[&b"PUBLISH"[..], b"t", &[0xff, 0]])).await;
    assert_eq!(publisher.answer().await, Some(Answer::Integer(2)));
    assert_eq!(next().await, Value::Binary(vec![0xff, 0]));
    // A publisher over RESP is held to what every publisher is.
    let large = "x".repeat(102_401);
    assert!(publisher.call(&["PUBLISH", "t", &large]).await.error().starts_with("ERR request limit: "));
    assert_eq!(publisher.call(&["PUBLISH", "t", &large[1..]]).await, Answer::Integer(2));
    for refused in [&[&b"PUBLISH"[..], b"\xff", b"x"][..], &[b"SUBSCRIBE", b"\xff"], &[b"SUBSCRIBE", b""]] {
        publisher.send(&command(refused)).await;
        assert!(publisher.answer().await.unwrap().error().starts_with("ERR Invalid topic name"));
    }
}

#[tokio::test]
async fn keys_subscribe_and_publish_as_their_topics_allow() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured_with_resp(dir.path(), &["--max-subscriptions", "3"]);
    let key = |arguments: &[&str]| {
        kura_says(dir.path(), &[&["key", "create", "--name", "n"][..], arguments].concat())
    };
    let all = key(&[]);
    server.client(&all).create_cache("c").await.unwrap();
    let reader = key(&["--topics", "c:readonly=*"]);
    let writer = key(&["--topics", "c:writeonly=*"]);
    let items = key(&["--items", "c:readwrite=*"]);

    let mut resp = server.resp_as("c", &items).await;
    assert!(resp.call(&["SUBSCRIBE", "t"]).await.error().starts_with("NOPERM "));
    assert!(resp.call(&["PUBLISH", "t", "x"]).await.error().starts_with("NOPERM "));
    let mut publisher = server.resp_as("c", &writer).await;
    assert!(publisher.call(&["SUBSCRIBE", "t"]).await.error().starts_with("NOPERM "));
    assert!(publisher.call(&["PUBSUB", "NUMSUB", "t"]).await.error().starts_with("NOPERM "));
    assert_eq!(publisher.call(&["PUBSUB", "CHANNELS"]).await, array(&[]));
    let mut subscriber = server.resp_as("c", &reader).await;
    assert!(subscriber.call(&["PUBLISH", "t", "x"]).await.error().starts_with("NOPERM "));
    subscribe(&mut subscriber, "t").await;
    assert_eq!(publisher.call(&["PUBLISH", "t", "x"]).await, Answer::Integer(1));
    assert_eq!(subscriber.answer().await, Some(array(&["message", "t", "x"])));
    let mut nowhere = server.resp_as("nowhere", &all).await;
    assert_eq!(nowhere.call(&["SUBSCRIBE", "t"]).await.error(), "ERR Cache not found: nowhere");

    // As many as are allowed, and of one command all or none.
    let mut more = server.resp_as("c", &reader).await;
    let refused = more.call(&["SUBSCRIBE", "u", "v", "w"]).await;
    assert!(refused.error().starts_with("ERR subscribers: 3 subscriptions are open"), "{refused:?}");
    more.send(&command(&["SUBSCRIBE", "u", "v"])).await;
    assert_eq!(more.answer().await, Some(told("subscribe", "u", 1)));
    assert_eq!(more.answer().await, Some(told("subscribe", "v", 2)));
    assert!(publisher.call(&["PUBLISH", "t", "x"]).await == Answer::Integer(1));
}

#[tokio::test]
async fn what_ends_a_subscription_ends_the_connection_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured_with_resp(dir.path(), &[]);
    let key =
        |arguments: &[&str]| kura_says(dir.path(), &[&["key", "create", "--name"][..], arguments].concat());
    let all = key(&["all"]);
    let client = server.client(&all);
    client.create_cache("c").await.unwrap();
    client.create_cache("gone").await.unwrap();

    let mut deleted = server.resp_as("gone", &all).await;
    subscribe(&mut deleted, "t").await;
    client.delete_cache("gone").await.unwrap();
    assert_eq!(deleted.answer().await.unwrap().error(), "ERR Cache not found: gone");
    assert_eq!(deleted.answer().await, None);

    let short = key(&["short", "--expires", "2s"]);
    let expires = SystemClock.now().plus(Duration::from_secs(2));
    let mut expiring = server.resp_as("c", &short).await;
    subscribe(&mut expiring, "t").await;
    let end = expiring.answer().await.unwrap();
    assert!(end.error().starts_with("NOAUTH ") && end.error().contains("expired"), "{end:?}");
    assert_eq!(expiring.answer().await, None);
    let late = SystemClock.now().since(expires);
    assert!(late < PATIENCE, "{late:?} after its end");

    let revoked = key(&["revoked"]);
    let mut resp = server.resp_as("c", &revoked).await;
    subscribe(&mut resp, "t").await;
    let keys: serde_json::Value =
        serde_json::from_str(&kura_says(dir.path(), &["key", "list", "--json"])).unwrap();
    let mut keys = keys["keys"].as_array().unwrap_or_else(|| keys.as_array().unwrap()).iter();
    let id = keys.find(|key| key["name"] == "revoked").unwrap()["id"].as_str().unwrap().to_owned();
    kura_says(dir.path(), &["key", "revoke", &id]);
    let end = resp.answer().await.unwrap();
    assert!(end.error().starts_with("NOAUTH ") && end.error().contains("revoked"), "{end:?}");
    assert_eq!(resp.answer().await, None);
}

#[tokio::test]
async fn a_slow_subscriber_is_told_that_it_lost_messages_and_slows_nobody() {
    let (server, _client) = local(&[]).await;
    let (mut slow, mut fast, mut publisher) = (server.resp().await, server.resp().await, server.resp().await);
    subscribe(&mut slow, "t").await;
    subscribe(&mut fast, "t").await;
    let before = server.memory();
    // More than sockets, buffers and the topic hold together.
    let value = "x".repeat(100_000);
    const MESSAGES: usize = 600;
    for _ in 0..MESSAGES {
        assert_eq!(publisher.call(&["PUBLISH", "t", &value]).await, Answer::Integer(2));
        assert_eq!(fast.answer().await, Some(array(&["message", "t", &value])));
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
    // What had been sent comes, then why it ends, and no message that others come before.
    let mut came = 0;
    let end = loop {
        match slow.answer().await.unwrap() {
            Answer::Array(parts) => {
                assert_eq!(parts[2].clone(), Answer::text(&value));
                came += 1;
            }
            end => break end,
        }
    };
    assert!(came < MESSAGES, "nothing was lost");
    assert!(end.error().starts_with("ERR messages of channel 't' were lost"), "{end:?}");
    assert_eq!(slow.answer().await, None);
}

#[tokio::test]
async fn thousands_of_channels_on_one_connection_each_deliver() {
    let (server, _client) = local(&[]).await;
    let (mut resp, mut publisher) = (server.resp().await, server.resp().await);
    let channels: Vec<String> = (0..5_000).map(|n| format!("c{n}")).collect();
    let words: Vec<&str> = ["SUBSCRIBE"].into_iter().chain(channels.iter().map(String::as_str)).collect();
    resp.send(&command(&words)).await;
    for (channel, count) in channels.iter().zip(1..) {
        assert_eq!(resp.answer().await, Some(told("subscribe", channel, count)));
    }
    for channel in channels.iter().step_by(7) {
        publisher.send(&command(&["PUBLISH", channel, channel])).await;
    }
    for channel in channels.iter().step_by(7) {
        assert_eq!(publisher.answer().await, Some(Answer::Integer(1)));
        assert_eq!(resp.answer().await, Some(array(&["message", channel, channel])));
    }
    // The end of the connection ends them all.
    drop(resp);
    let began = std::time::Instant::now();
    while publisher.call(&["PUBSUB", "CHANNELS"]).await != array(&[]) {
        assert!(began.elapsed() < PATIENCE, "subscriptions of a connection that has gone are still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_server_that_stops_ends_subscribers_at_once() {
    let (mut server, _client) = local(&[]).await;
    let mut resp = server.resp().await;
    subscribe(&mut resp, "t").await;
    server.terminate();
    assert_eq!(resp.answer().await, None);
    let (status, took) = server.wait();
    assert!(status.success() && took < Duration::from_secs(5), "{status} {took:?}");
}
