//! Topics over the wire, as a client's library sees them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is a failure of the test"
)]

mod common;

use std::time::{Duration, Instant};

use common::raw::{Connection, frame, send};
use common::{PATIENCE, Server, free_address, grpc, http_get, http2, kura_says};
use h2::client::ResponseFuture;
use kura_base::{Clock, SystemClock};
use kura_wire::protos::cache_client::pubsub::{
    Discontinuity, PublishRequest, SubscriptionItem, SubscriptionRequest, TopicItem, TopicValue,
    subscription_item::Kind as Item, topic_value::Kind as Value,
};
use kura_wire::{CacheClient, Code, Status, Streaming};
use prost::Message;
use tokio::time::timeout;

const PUBLISH: &str = "/cache_client.pubsub.Pubsub/Publish";
const SUBSCRIBE: &str = "/cache_client.pubsub.Pubsub/Subscribe";

/// A subscription that has had its first heartbeat.
struct Subscription(Streaming<SubscriptionItem>);

impl Subscription {
    async fn new(client: &CacheClient, topic: &str, resume: u64, page: u64) -> Self {
        let mut stream = client.subscribe("c", topic, resume, page).await.unwrap();
        let first = timeout(PATIENCE, stream.message()).await.unwrap().unwrap().unwrap();
        assert!(matches!(first.kind, Some(Item::Heartbeat(_))), "the first message is {first:?}");
        Self(stream)
    }

    /// What comes next that is no heartbeat.
    async fn next(&mut self) -> Result<Item, Status> {
        let next = async {
            loop {
                let next = self.0.message().await?;
                match next.expect("a subscription ends with a status").kind.unwrap() {
                    Item::Heartbeat(_) => {}
                    other => return Ok(other),
                }
            }
        };
        timeout(PATIENCE, next).await.expect("nothing but heartbeats")
    }

    async fn item(&mut self) -> TopicItem {
        match self.next().await.unwrap() {
            Item::Item(item) => item,
            other => panic!("{other:?} is no item"),
        }
    }

    /// The next item's number and text.
    async fn text(&mut self) -> (u64, String) {
        let item = self.item().await;
        let Some(Value::Text(text)) = item.value.unwrap().kind else { panic!("no text") };
        (item.topic_sequence_number, text)
    }

    async fn gap(&mut self) -> Discontinuity {
        match self.next().await.unwrap() {
            Item::Discontinuity(gap) => gap,
            other => panic!("{other:?} is no discontinuity"),
        }
    }

    async fn end(&mut self) -> Status {
        self.next().await.unwrap_err()
    }
}

/// A local server with a cache `c`.
async fn local(arguments: &[&str]) -> (Server, CacheClient) {
    let server = Server::local(arguments);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    (server, client)
}

/// Publishes a text.
async fn publish(client: &CacheClient, topic: &str, text: &str) -> Result<(), Status> {
    client.publish("c", topic, Value::Text(text.to_owned())).await
}

fn publish_request(topic: &str, value: Option<Value>) -> Vec<u8> {
    let value = value.map(|value| TopicValue { kind: Some(value) });
    PublishRequest { cache_name: "c".to_owned(), topic: topic.to_owned(), value }.encode_to_vec()
}

fn subscribe_request(cache: &str, topic: &str) -> Vec<u8> {
    let (cache_name, topic) = (cache.to_owned(), topic.to_owned());
    SubscriptionRequest { cache_name, topic, ..SubscriptionRequest::default() }.encode_to_vec()
}

/// Opens a subscription by hand; its stream is not read.
async fn open(connection: &Connection, topic: &str) -> ResponseFuture {
    let (response, mut body) = connection.begin(SUBSCRIBE, &[]).await;
    send(&mut body, frame(&subscribe_request("c", topic))).await;
    response
}

fn metric(admin: std::net::SocketAddr, name: &str) -> u64 {
    let text = http_get(admin, "/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn it_begins_with_a_heartbeat_and_the_latest_message_and_goes_on_in_order() {
    let (_server, client) = local(&[]).await;
    let mut fresh = Subscription::new(&client, "t", 0, 0).await;
    let now = SystemClock.now().epoch_seconds();
    publish(&client, "t", "one").await.unwrap();
    let first = fresh.item().await;
    assert_eq!((first.topic_sequence_number, first.publisher_id.as_str()), (1, ""));
    assert!(first.sequence_page.abs_diff(now) <= 5, "{first:?} at {now}");
    publish(&client, "t", "two").await.unwrap();
    publish(&client, "u", "another topic's").await.unwrap();
    assert_eq!(fresh.text().await, (2, "two".to_owned()));
    // Published before it was there: the latest only, and what follows.
    let mut late = Subscription::new(&client, "t", 0, 0).await;
    assert_eq!(late.text().await, (2, "two".to_owned()));
    publish(&client, "t", "").await.unwrap();
    for subscription in [&mut fresh, &mut late] {
        let item = subscription.item().await;
        assert_eq!((item.topic_sequence_number, item.sequence_page), (3, first.sequence_page));
        assert_eq!(item.value.unwrap().kind, Some(Value::Text(String::new())));
    }
}

#[tokio::test]
async fn it_resumes_where_it_is_told_or_says_that_it_cannot() {
    let (_server, client) = local(&[]).await;
    for text in ["a", "b", "c"] {
        publish(&client, "t", text).await.unwrap();
    }
    let page = Subscription::new(&client, "t", 0, 0).await.item().await.sequence_page;
    for asked in [0, page] {
        let mut resumed = Subscription::new(&client, "t", 2, asked).await;
        assert_eq!(resumed.text().await, (2, "b".to_owned()));
        assert_eq!(resumed.text().await, (3, "c".to_owned()));
    }
    // Where Node resumes that has had everything: nothing is repeated and nothing is missing.
    let mut next = Subscription::new(&client, "t", 4, page).await;
    for (resume, asked) in [(300, 5_435_435), (1, page + 1), (300, page), (300, 0)] {
        let mut lost = Subscription::new(&client, "t", resume, asked).await;
        let expected =
            Discontinuity { last_topic_sequence: 0, new_topic_sequence: 2, new_sequence_page: page };
        assert_eq!(lost.gap().await, expected, "{resume} {asked}");
        assert_eq!(lost.text().await, (3, "c".to_owned()));
    }
    publish(&client, "t", "d").await.unwrap();
    assert_eq!(next.text().await, (4, "d".to_owned()));
}

#[tokio::test]
async fn thousands_of_short_messages_are_replayed_to_a_client_that_minds_small_frames() {
    const ALL: u64 = 3000;
    let (server, client) = local(&["--topic-memory", "32MiB"]).await;
    for number in 1..=ALL {
        publish(&client, "t", &number.to_string()).await.unwrap();
    }
    let (mut sender, _connection) = http2(server.address).await;
    let request = grpc(server.address, SUBSCRIBE).body(()).unwrap();
    let (response, mut body) = sender.send_request(request, false).unwrap();
    let from_the_first = SubscriptionRequest {
        cache_name: "c".to_owned(),
        topic: "t".to_owned(),
        resume_at_topic_sequence_number: 1,
        sequence_page: 0,
    };
    send(&mut body, frame(&from_the_first.encode_to_vec())).await;
    let mut stream = response.await.unwrap().into_body();
    let (mut received, mut last) = (kura_wire::Frames::new(1 << 20), 0);
    while last < ALL {
        let chunk = timeout(PATIENCE, stream.data()).await.unwrap().unwrap().unwrap();
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        received.push(chunk).unwrap();
        while let Some(message) = received.next().unwrap() {
            if let Some(Item::Item(item)) = SubscriptionItem::decode(message).unwrap().kind {
                assert_eq!(item.topic_sequence_number, last + 1);
                last += 1;
            }
        }
    }
}

#[tokio::test]
async fn all_subscribers_see_one_order() {
    const EACH: usize = 200;
    let (server, client) = local(&[]).await;
    let mut subscriptions = Vec::new();
    for _ in 0..3 {
        subscriptions.push(Subscription::new(&server.client(""), "t", 0, 0).await);
    }
    let publisher = |name: &'static str| {
        let client = server.client("");
        tokio::spawn(async move {
            for number in 0..EACH {
                publish(&client, "t", &format!("{name}{number}")).await.unwrap();
            }
        })
    };
    let publishers = [publisher("a"), publisher("b")];
    let mut seen: Vec<Vec<String>> = Vec::new();
    for subscription in &mut subscriptions {
        let mut texts = Vec::new();
        for number in 1..=2 * EACH as u64 {
            let (sequence, text) = subscription.text().await;
            assert_eq!(sequence, number);
            texts.push(text);
        }
        seen.push(texts);
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    for name in ["a", "b"] {
        let of_one: Vec<_> = seen[0].iter().filter(|text| text.starts_with(name)).collect();
        assert!(of_one.iter().enumerate().all(|(at, text)| **text == format!("{name}{at}")), "{of_one:?}");
    }
    drop(client);
}

#[tokio::test]
async fn values_come_as_they_were_published_up_to_the_limit() {
    let (server, client) = local(&[]).await;
    let connection = server.connect().await;
    let mut subscription = Subscription::new(&client, "t", 0, 0).await;
    let bytes = |length: usize| (0..length).map(|at| (at * 7 % 251) as u8).collect::<Vec<u8>>();
    for length in [0, 1, 127, 128, 4095, 4096, 4097, 65_536, 102_400] {
        let values = [Value::Binary(bytes(length)), Value::Text("ü".repeat(length / 2))];
        for value in values {
            let request = publish_request("t", Some(value.clone()));
            let answer = connection.call(PUBLISH, &[], frame(&request)).await;
            assert_eq!((answer.code, &answer.data[..]), (Code::Ok, &[0, 0, 0, 0, 0][..]), "{length}");
            assert_eq!(subscription.item().await.value.unwrap().kind, Some(value), "{length}");
        }
    }
    let request = publish_request("t", Some(Value::Binary(bytes(102_401))));
    let answer = connection.call(PUBLISH, &[], frame(&request)).await;
    assert_eq!(answer.code, Code::ResourceExhausted, "{answer:?}");
    assert_eq!(answer.err.as_ref().unwrap(), "request_size_limit_exceeded");
    assert!(answer.words.contains("102401") && answer.words.contains("102400"), "{answer:?}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_any_message() {
    let (server, _client) = local(&["--max-subscriptions", "2"]).await;
    let connection = server.connect().await;
    let long = "n".repeat(1025);
    let text = || Some(Value::Text("v".to_owned()));
    let elsewhere = PublishRequest { cache_name: "nowhere".to_owned(), ..PublishRequest::default() };
    let elsewhere = PublishRequest { value: Some(TopicValue { kind: text() }), ..elsewhere };
    let cases = [
        (SUBSCRIBE, subscribe_request("nowhere", "t"), Code::NotFound, "nowhere"),
        (PUBLISH, elsewhere.encode_to_vec(), Code::NotFound, "nowhere"),
        (SUBSCRIBE, subscribe_request("c", ""), Code::InvalidArgument, "topic name"),
        (PUBLISH, publish_request("", text()), Code::InvalidArgument, "topic name"),
        (SUBSCRIBE, subscribe_request("c", &long), Code::InvalidArgument, "at most 1024"),
        (PUBLISH, publish_request(&long, text()), Code::InvalidArgument, "at most 1024"),
        (PUBLISH, publish_request("t", None), Code::InvalidArgument, "lacks its value"),
        // A value of no kind, a topic that is no text, and nothing that is a message.
        (PUBLISH, b"\x0a\x01c\x12\x01t\x1a\x00".to_vec(), Code::InvalidArgument, "lacks its value"),
        (SUBSCRIBE, b"\x0a\x01c\x12\x01\xff".to_vec(), Code::InvalidArgument, "decoded"),
        (PUBLISH, b"\x0a\x09c".to_vec(), Code::InvalidArgument, "decoded"),
    ];
    for (path, request, code, words) in cases {
        let answer = connection.call(path, &[], frame(&request)).await;
        assert_eq!((answer.code, answer.err.as_ref()), (code, None), "{answer:?}");
        assert!(answer.only_trailers && answer.data.is_empty(), "{answer:?}");
        assert!(answer.words.contains(words), "{words} is not in {answer:?}");
    }
    // The name of 1024 bytes is one.
    let answer = connection.call(PUBLISH, &[], frame(&publish_request(&long[1..], text()))).await;
    assert_eq!(answer.code, Code::Ok, "{answer:?}");

    // Two at a time: when one has gone there is room for another.
    let _one = open(&connection, "t").await.await.unwrap();
    let two = open(&connection, "u").await.await.unwrap();
    let answer = connection.call(SUBSCRIBE, &[], frame(&subscribe_request("c", "t"))).await;
    assert_eq!(answer.code, Code::ResourceExhausted, "{answer:?}");
    assert!(answer.only_trailers, "{answer:?}");
    assert_eq!(answer.err.as_ref().unwrap(), "topic_subscriptions_limit_exceeded");
    drop(two);
    let began = Instant::now();
    while open(&connection, "u").await.await.unwrap().headers().contains_key("grpc-status") {
        assert!(began.elapsed() < PATIENCE, "a subscription that was cancelled is still counted");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn deleting_the_cache_ends_it_and_flushing_does_not() {
    let (_server, client) = local(&[]).await;
    publish(&client, "t", "kept").await.unwrap();
    let mut subscription = Subscription::new(&client, "t", 0, 0).await;
    let first = subscription.item().await;
    client.flush_cache("c").await.unwrap();
    publish(&client, "t", "two").await.unwrap();
    assert_eq!(subscription.text().await, (2, "two".to_owned()));
    client.delete_cache("c").await.unwrap();
    let end = subscription.end().await;
    assert_eq!(end.code, Code::NotFound, "{end:?}");
    client.create_cache("c").await.unwrap();
    publish(&client, "t", "anew").await.unwrap();
    // Who comes back with the old page learns that the topic began anew.
    let mut back = Subscription::new(&client, "t", 3, first.sequence_page).await;
    let gap = back.gap().await;
    assert!(gap.new_sequence_page > first.sequence_page, "{gap:?}");
    assert_eq!((gap.new_topic_sequence, back.text().await), (0, (1, "anew".to_owned())));
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_ends_them_at_once() {
    let (mut server, client) = local(&[]).await;
    let mut reads = Subscription::new(&client, "t", 0, 0).await;
    // One that does not read, and has been sent all that its window takes.
    let stalled = server.connect().await;
    let _stalled = open(&stalled, "t").await.await.unwrap();
    for _ in 0..100 {
        publish(&client, "t", &"x".repeat(2000)).await.unwrap();
        reads.item().await;
    }
    let told = Instant::now();
    server.terminate();
    let end = reads.end().await;
    assert_eq!(end.code, Code::Unavailable, "{end:?}");
    assert!(end.message.contains("stopping"), "{end:?}");
    // The stalled one is waited for no longer than it takes to see that it is.
    let (status, _) = server.wait();
    assert!(
        status.success() && told.elapsed() < Duration::from_secs(8),
        "{status:?} after {:?}",
        told.elapsed()
    );
}

#[tokio::test]
async fn a_slow_subscriber_is_told_what_it_missed_and_holds_up_nobody() {
    const ALL: u64 = 3000;
    let (server, client) = local(&["--topic-memory", "4MiB"]).await;
    let slow = server.connect().await;
    let response = open(&slow, "t").await;
    let mut stream = response.await.unwrap().into_body();
    let mut fast = Subscription::new(&client, "t", 0, 0).await;
    let before = server.memory();
    for number in 1..=ALL {
        publish(&client, "t", &format!("{number:01000}")).await.unwrap();
        assert_eq!(fast.item().await.topic_sequence_number, number);
    }
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 12 << 20, "{grown} bytes for a topic that may take half a MiB, of 4");

    // Now it reads all there is.
    let mut received = kura_wire::Frames::new(1 << 20);
    let (mut last, mut gaps) = (0, 0);
    while last < ALL {
        let chunk = timeout(PATIENCE, stream.data()).await.unwrap().unwrap().unwrap();
        stream.flow_control().release_capacity(chunk.len()).unwrap();
        received.push(chunk).unwrap();
        while let Some(message) = received.next().unwrap() {
            match SubscriptionItem::decode(message).unwrap().kind.unwrap() {
                Item::Heartbeat(_) => {}
                Item::Item(item) => {
                    assert_eq!(item.topic_sequence_number, last + 1, "a gap that was not told");
                    last = item.topic_sequence_number;
                }
                Item::Discontinuity(gap) => {
                    assert_eq!(gap.last_topic_sequence, last);
                    assert!(gap.new_topic_sequence > last, "{gap:?}");
                    (last, gaps) = (gap.new_topic_sequence, gaps + 1);
                }
            }
        }
    }
    assert_eq!(gaps, 1, "it fell behind once");
}

#[tokio::test]
async fn a_key_that_ends_ends_its_streams() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let key = |more: &[&str]| kura_says(dir.path(), &[&["key", "create", "--name", "n"], more].concat());
    let owner = server.client(&key(&[]));
    owner.create_cache("c").await.unwrap();
    publish(&owner, "t", "a").await.unwrap();
    let revoked = server.client(&key(&["--cache", "c:readonly"]));
    let mut revoked_stream = Subscription::new(&revoked, "t", 0, 0).await;
    revoked_stream.item().await;
    let writer = server.client(&key(&["--cache", "c:writeonly"]));

    // What each may do.
    let refused = publish(&revoked, "t", "b").await.unwrap_err();
    assert_eq!(refused.code, Code::PermissionDenied, "{refused:?}");
    let refused = writer.subscribe("c", "t", 0, 0).await.err().unwrap();
    assert_eq!(refused.code, Code::PermissionDenied, "{refused:?}");
    publish(&writer, "t", "b").await.unwrap();
    assert_eq!(revoked_stream.text().await.0, 2);
    let refused = server.client("nonsense").subscribe("nowhere", "t", 0, 0).await.err().unwrap();
    assert_eq!(refused.code, Code::Unauthenticated, "{refused:?}");

    let short = server.client(&key(&["--expires", "2s"]));
    let expires = SystemClock.now().plus(Duration::from_secs(2));
    let mut short = Subscription::new(&short, "t", 0, 0).await;
    short.item().await;
    let keys: serde_json::Value =
        serde_json::from_str(&kura_says(dir.path(), &["key", "list", "--json"])).unwrap();
    let read_only = |key: &&serde_json::Value| key.to_string().contains("readonly");
    let id = keys.as_array().unwrap().iter().find(read_only).and_then(|key| key["id"].as_str()).unwrap();
    kura_says(dir.path(), &["key", "revoke", id]);
    let told = Instant::now();
    let end = revoked_stream.end().await;
    assert_eq!(end.code, Code::Unauthenticated, "{end:?}");
    assert!(end.message.contains("revoked") && told.elapsed() < Duration::from_secs(3), "{end:?}");

    let end = short.end().await;
    let late = SystemClock.now().since(expires);
    assert_eq!(end.code, Code::Unauthenticated, "{end:?}");
    assert!(end.message.contains("expired") && late < Duration::from_millis(900), "{end:?}, {late:?} late");
}

#[tokio::test]
async fn thousands_of_topics_and_subscriptions_stay_within_their_bounds() {
    const TOPICS: usize = 10_000;
    const STREAMS: usize = 1000;
    let admin = free_address();
    let (server, client) = local(&["--topic-memory", "1MiB", "--admin-listen", &admin.to_string()]).await;
    let connection = server.connect().await;
    let (mut calls, mut full) = (Vec::new(), 0);
    for number in 0..TOPICS {
        let request = publish_request(&format!("topic-{number}"), Some(Value::Text("v".to_owned())));
        let connection = connection.clone();
        calls.push(tokio::spawn(async move { connection.call(PUBLISH, &[], frame(&request)).await.code }));
        if calls.len() == 500 {
            for call in calls.drain(..) {
                assert_eq!(call.await.unwrap(), Code::Ok);
            }
        }
        if number == 3000 {
            // They are full, and what so many calls at a time take has been taken.
            assert!(metric(admin, "kura_topics_forgotten_total") > 0);
            full = server.memory();
        }
    }
    let held = metric(admin, "kura_topics");
    assert!(held > 500 && metric(admin, "kura_topic_memory_bytes") <= 1 << 20, "{held} topics");
    let forgotten = metric(admin, "kura_topics_forgotten_total");
    assert_eq!(held + forgotten, TOPICS as u64);
    let grown = server.memory().saturating_sub(full);
    // The server counts what the topics take; this is what nobody counts, and the allocator's few MiB.
    assert!(grown < 12 << 20, "{grown} bytes more for topics that are forgotten");
    // The newest is there, the oldest begins anew.
    let mut newest = Subscription::new(&client, &format!("topic-{}", TOPICS - 1), 0, 0).await;
    assert_eq!(newest.text().await.0, 1);

    let streams = server.connect().await;
    let mut open_streams = Vec::new();
    for _ in 0..STREAMS {
        open_streams.push(open(&streams, "many").await.await.unwrap().into_body());
    }
    assert_eq!(metric(admin, "kura_topic_subscriptions"), STREAMS as u64 + 1);
    publish(&client, "many", "to all").await.unwrap();
    for stream in &mut open_streams {
        let mut data = Vec::new();
        while !data.ends_with(b"to all") {
            data.extend_from_slice(&timeout(PATIENCE, stream.data()).await.unwrap().unwrap().unwrap());
        }
    }
    drop((open_streams, streams));
    let began = Instant::now();
    while metric(admin, "kura_topic_subscriptions") > 1 {
        assert!(began.elapsed() < PATIENCE, "subscriptions outlive their connection");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
