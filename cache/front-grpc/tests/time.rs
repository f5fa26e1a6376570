//! What time does to calls: deadlines and slow bodies, on a clock that the tests move.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use http::{HeaderMap, Request};
use kura_base::{Limits, Millis, SystemClock};
use kura_commands::{Authentication, Commands, Parts};
use kura_front::Received;
use kura_front_grpc::{Front, Options, drain, serve_beside};
use kura_store::{Data, Registry, TopicConfig, TopicLog};
use kura_tokens::SigningSecret;
use kura_wire::protos::cache_client::{
    ECacheResult, GetBatchRequest, GetRequest, GetResponse, KeysExistRequest, SetRequest,
    pubsub::{PublishRequest, SubscriptionRequest, TopicValue, topic_value},
};
use kura_wire::{Code, FRAME_HEADER_BYTES, encode_frame};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep, timeout};

/// One connection to a server with a cache `c`.
struct Client {
    sender: SendRequest<Bytes>,
}

impl Client {
    async fn new() -> Self {
        Self::with(Received::new()).await
    }

    /// A client of a server whose bytes had come by what is noted.
    async fn with(received: Received) -> Self {
        // A stream that is not read does not keep the others from theirs.
        let mut builder = h2::client::Builder::new();
        builder.initial_connection_window_size(8 << 20);
        let (sender, connection) = builder.handshake(serve(received)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Sends a call's headers.
    fn begin(&mut self, method: &str, timeout: Option<&str>) -> (ResponseFuture, SendStream<Bytes>) {
        let service = if matches!(method, "Subscribe" | "Publish") { "pubsub.Pubsub" } else { "Scs" };
        let mut request = Request::post(format!("http://kura/cache_client.{service}/{method}"))
            .header("content-type", "application/grpc")
            .header("cache", "c");
        if let Some(timeout) = timeout {
            request = request.header("grpc-timeout", timeout);
        }
        self.sender.send_request(request.body(()).unwrap(), false).unwrap()
    }

    async fn call(&mut self, method: &str, timeout: Option<&str>, message: Bytes) -> Answer {
        let (response, mut body) = self.begin(method, timeout);
        send(&mut body, message, true).await;
        Answer::of(response).await
    }

    async fn is_open(&self) -> bool {
        self.sender.clone().ready().await.is_ok()
    }

    async fn holds(&mut self, key: &[u8]) -> bool {
        let answer = self.call("Get", None, get(key)).await;
        assert_eq!(answer.code, Code::Ok);
        match GetResponse::decode(&answer.data[FRAME_HEADER_BYTES..]).unwrap().result() {
            ECacheResult::Hit => true,
            ECacheResult::Miss => false,
            other => panic!("{other:?}"),
        }
    }
}

/// A server with a cache `c`, whose bytes had come by what is noted; the other end of its connection.
fn serve(received: Received) -> DuplexStream {
    let commands = Commands::new(Parts {
        registry: Arc::new(Registry::in_memory().unwrap()),
        data: Arc::new(Data::new(64 << 20, 1)),
        topics: TopicLog::new(TopicConfig::default(), Millis(0)),
        secret: SigningSecret::from_bytes([1; 32]),
        endpoint: "cell".to_owned(),
        authentication: Authentication::Optional,
        limits: Limits::default(),
        clock: Arc::new(SystemClock),
    });
    let superuser = commands.authenticate(b"").unwrap();
    commands.create_cache(&superuser, "c").unwrap();
    let options = Options { max_concurrent_streams: 100, max_inflight_bytes: 10 << 20, random: || None };
    let (ours, theirs) = tokio::io::duplex(256 * 1024);
    let (drain, signal) = drain();
    tokio::spawn(async move {
        let _drain = drain;
        let front = Arc::new(Front::new(Arc::new(commands), options));
        serve_beside(theirs, received, front, signal, &|_| panic!("all is gRPC")).await
    });
    ours
}

/// How a call ended.
struct Answer {
    code: Code,
    trailers: HeaderMap,
    /// Whether there were headers before the trailers.
    only_trailers: bool,
    data: Vec<u8>,
    at: Instant,
}

impl Answer {
    async fn of(response: ResponseFuture) -> Self {
        Self::read(response, true).await
    }

    /// Reads a call's end; without room for more than the first window of its messages if not `all`.
    async fn read(response: ResponseFuture, all: bool) -> Self {
        let (head, mut body) = response.await.unwrap().into_parts();
        assert_eq!(head.status, 200);
        let mut data = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk.unwrap();
            data.extend_from_slice(&chunk);
            if all {
                body.flow_control().release_capacity(chunk.len()).unwrap();
            }
        }
        let only_trailers = head.headers.contains_key("grpc-status");
        let trailers = if only_trailers { head.headers } else { body.trailers().await.unwrap().unwrap() };
        let code = Code::from_trailer(trailers["grpc-status"].as_bytes());
        Self { code, trailers, only_trailers, data, at: Instant::now() }
    }
}

/// Sends bytes as the server takes them, up to where it wants no more.
async fn send(body: &mut SendStream<Bytes>, mut bytes: Bytes, end: bool) {
    while !bytes.is_empty() {
        body.reserve_capacity(bytes.len());
        let room = std::future::poll_fn(|cx| body.poll_capacity(cx)).await;
        let Some(Ok(room)) = room else { return };
        let chunk = bytes.split_to(room.min(bytes.len()));
        let _ = body.send_data(chunk, end && bytes.is_empty());
    }
}

fn set(key: &[u8], value_bytes: usize) -> Bytes {
    let (cache_key, cache_body) = (key.to_vec(), vec![7; value_bytes]);
    encode_frame(&SetRequest { cache_key, cache_body, ttl_milliseconds: 3_600_000 }).unwrap()
}

fn publish(value_bytes: usize) -> Bytes {
    let value = Some(TopicValue { kind: Some(topic_value::Kind::Binary(vec![7; value_bytes])) });
    encode_frame(&PublishRequest { cache_name: "c".into(), topic: "t".into(), value }).unwrap()
}

fn get(key: &[u8]) -> Bytes {
    encode_frame(&GetRequest { cache_key: key.to_vec() }).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slow_and_steady_link_can_send_five_megabytes() {
    let mut client = Client::new().await;
    let began = Instant::now();
    let (response, mut body) = client.begin("Set", None);
    let mut message = set(b"k", 5_000_000);
    while !message.is_empty() {
        let chunk = message.split_to(message.len().min(20_000));
        send(&mut body, chunk, message.is_empty()).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(Answer::of(response).await.code, Code::Ok);
    assert!(began.elapsed() > Duration::from_secs(240), "{:?}", began.elapsed());
    assert!(client.holds(b"k").await);
}

/// When, after its headers, a call is told DEADLINE_EXCEEDED whose body comes in such chunks.
async fn ended_after(chunks: &[usize], pause: Duration) -> Duration {
    let mut client = Client::new().await;
    let began = Instant::now();
    let (response, mut body) = client.begin("Set", None);
    let mut message = set(b"k", 5_000_000);
    let sending = async {
        for chunk in chunks {
            send(&mut body, message.split_to(*chunk), false).await;
            sleep(pause).await;
        }
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! { answer = Answer::of(response) => answer, () = sending => panic!() };
    assert_eq!(answer.code, Code::DeadlineExceeded);
    assert!(answer.trailers["grpc-message"].to_str().unwrap().contains("too slowly"));
    assert!(!client.holds(b"k").await);
    answer.at - began
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_pauses_or_never_comes_is_given_up() {
    let seconds = |range: std::ops::Range<u64>, took: Duration| {
        assert!(range.contains(&took.as_secs()), "{took:?} is not in {range:?} s");
    };
    // Headers and then silence.
    seconds(20..21, ended_after(&[], Duration::ZERO).await);
    seconds(20..21, ended_after(&[3], Duration::ZERO).await);
    // A byte now and then buys nothing.
    seconds(20..21, ended_after(&[1; 100], Duration::from_secs(1)).await);
    // Half of what is asked for: 8 KiB/s. 20 s + 10 KiB/16 KiB of each second.
    seconds(38..42, ended_after(&[8 * 1024; 100], Duration::from_secs(1)).await);
    // Most of it at once buys no silence.
    seconds(20..21, ended_after(&[4_900_000], Duration::ZERO).await);
}

#[tokio::test(start_paused = true)]
async fn a_set_whose_body_comes_after_its_deadline_is_not_done() {
    let mut client = Client::new().await;
    let (response, mut body) = client.begin("Set", Some("100m"));
    sleep(Duration::from_millis(200)).await;
    let answer = Answer::of(response).await;
    assert_eq!((answer.code, answer.only_trailers), (Code::DeadlineExceeded, true));
    assert_eq!(answer.trailers.get("err"), None);
    let _ = body.send_data(set(b"k", 1), true);
    sleep(Duration::from_millis(10)).await;
    assert!(!client.holds(b"k").await);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_gets_its_turn_after_its_deadline_is_not_done() {
    let mut client = Client::new().await;
    let (response, mut body) = client.begin("Set", Some("100m"));
    sleep(Duration::from_millis(50)).await;
    // The body is there before the server's next look at its timers, but the time is over.
    body.send_data(set(b"k", 1), true).unwrap();
    advance(Duration::from_millis(100)).await;
    assert_eq!(Answer::of(response).await.code, Code::DeadlineExceeded);
    assert!(!client.holds(b"k").await);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_counts_from_when_a_call_had_come_even_if_nobody_read_it() {
    let received = Received::new();
    let mut client = Client::with(received.clone()).await;
    assert_eq!(client.call("Set", Some("100m"), set(b"at once", 1)).await.code, Code::Ok);
    received.note(Some(Instant::now()));
    advance(Duration::from_millis(200)).await;
    let answer = client.call("Set", Some("100m"), set(b"k", 1)).await;
    assert_eq!((answer.code, answer.only_trailers), (Code::DeadlineExceeded, true));
    assert!(!client.holds(b"k").await);
    // A longer one is shortened by what it has waited.
    let (response, _body) = client.begin("Set", Some("300m"));
    let began = Instant::now();
    let answer = Answer::of(response).await;
    assert_eq!(answer.code, Code::DeadlineExceeded);
    assert!((answer.at - began).as_millis() <= 110, "{:?}", answer.at - began);
    received.note(None);
    assert_eq!(client.call("Set", Some("100m"), set(b"k", 1)).await.code, Code::Ok);
    assert!(client.holds(b"k").await);
}

/// The frames of a call on cache `c`: its headers and its message.
fn frames(stream: u8, method: &str, message: &[u8]) -> Vec<u8> {
    // `:method POST`, `:scheme http`; the others are literals that enter no table.
    let mut headers = vec![0x83, 0x86];
    let path = format!("/cache_client.Scs/{method}");
    for (name, value) in [
        (&b"\x04"[..], path.as_str()),
        (b"\x01", "kura"),
        (b"\x0f\x10", "application/grpc"),
        (b"\0\x05cache", "c"),
    ] {
        headers.extend_from_slice(name);
        headers.push(value.len() as u8);
        headers.extend_from_slice(value.as_bytes());
    }
    let (end_headers, end_stream) = (4, 1);
    let mut frames = vec![0, 0, headers.len() as u8, 1, end_headers, 0, 0, 0, stream];
    frames.extend_from_slice(&headers);
    frames.extend_from_slice(&[0, 0, message.len() as u8, 0, end_stream, 0, 0, 0, stream]);
    frames.extend_from_slice(message);
    frames
}

#[tokio::test]
async fn of_more_calls_than_are_begun_together_the_newest_are_answered_first() {
    let mut client = Client::new().await;
    assert!(!client.holds(b"taken back").await);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut calls = JoinSet::new();
    // All of them are written before the server has its turn.
    for call in 0..99 {
        let (response, mut body) = client.begin("Set", None);
        let key = if call == 50 { &b"taken back"[..] } else { b"k" };
        body.send_data(set(key, 1), true).unwrap();
        if call == 50 {
            body.send_reset(h2::Reason::CANCEL);
            continue;
        }
        let order = Arc::clone(&order);
        calls.spawn(async move {
            assert_eq!(Answer::of(response).await.code, Code::Ok);
            order.lock().unwrap().push(call);
        });
    }
    while let Some(ended) = timeout(Duration::from_secs(10), calls.join_next()).await.unwrap() {
        ended.unwrap();
    }
    let mut order = order.lock().unwrap().clone();
    // The oldest of all is among the first, so that none waits for ever.
    assert_eq!(order[..3], [0, 98, 97], "{order:?}");
    order.sort_unstable();
    assert!(order.into_iter().eq((0..99).filter(|call| *call != 50)));
    assert!(!client.holds(b"taken back").await);
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_back_before_it_was_read_is_not_done() {
    let received = Received::new();
    received.note(Some(Instant::now()));
    let mut io = serve(received);
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    sent.extend(frames(1, "Set", &set(b"k", 1)));
    sent.extend_from_slice(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08");
    sent.extend(frames(3, "Get", &get(b"k")));
    io.write_all(&sent).await.unwrap();
    let message = loop {
        let mut head = [0; 9];
        io.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        io.read_exact(&mut payload).await.unwrap();
        if (head[3], head[8]) == (0, 3) {
            break payload;
        }
    };
    let got = GetResponse::decode(&message[FRAME_HEADER_BYTES..]).unwrap().result();
    assert_eq!(got, ECacheResult::Miss);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_within_the_answer_ends_in_trailers() {
    let mut client = Client::new().await;
    assert_eq!(client.call("Set", None, set(b"k", 1_000_000)).await.code, Code::Ok);
    let items = vec![GetRequest { cache_key: b"k".to_vec() }; 3];
    let batch = encode_frame(&GetBatchRequest { items }).unwrap();
    for (method, message) in [("Get", get(b"k")), ("GetBatch", batch)] {
        let (response, mut body) = client.begin(method, Some("5S"));
        let began = Instant::now();
        send(&mut body, message, true).await;
        // This peer never opens its window again.
        let answer = Answer::read(response, false).await;
        assert_eq!((answer.code, answer.only_trailers), (Code::DeadlineExceeded, false), "{method}");
        assert!(!answer.data.is_empty(), "{method}");
        assert_eq!((answer.at - began).as_secs(), 5, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_topic_has_heartbeats_and_outlives_the_deadline_of_its_call() {
    let mut client = Client::new().await;
    let request = SubscriptionRequest { cache_name: "c".into(), topic: "t".into(), ..Default::default() };
    let request = encode_frame(&request).unwrap();
    let mut watched = Vec::new();
    // They come one a second, so that whose turn it is must not depend on who came since.
    for _ in 0..20 {
        let (response, mut body) = client.begin("Subscribe", Some("2S"));
        send(&mut body, request.clone(), true).await;
        let mut stream = response.await.unwrap().into_body();
        watched.push(tokio::spawn(async move {
            let mut last = Instant::now();
            for number in 0..8 {
                let heartbeat = stream.data().await.unwrap().unwrap();
                assert_eq!(heartbeat[..], [0, 0, 0, 0, 2, 0x1a, 0]);
                let pause = std::mem::replace(&mut last, Instant::now()).elapsed();
                let expected = match number {
                    0 => 0..=10,
                    1 => 0..=4_100,
                    _ => 3_900..=4_100,
                };
                assert!(expected.contains(&pause.as_millis()), "heartbeat {number} came after {pause:?}");
            }
        }));
        sleep(Duration::from_secs(1)).await;
    }
    for watched in watched {
        timeout(Duration::from_secs(60), watched).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_time_is_refused_whatever_it_is() {
    let mut client = Client::new().await;
    for timeout in ["0S", "0m", "0n", "1n", "00000000H"] {
        for method in ["Set", "Get", "KeysExist", "Unheard"] {
            let answer = client.call(method, Some(timeout), set(b"k", 1)).await;
            assert_eq!((answer.code, answer.only_trailers), (Code::DeadlineExceeded, true), "{method}");
            assert_eq!(answer.trailers.get("err"), None);
        }
    }
    assert!(!client.holds(b"k").await);
    for broken in ["", "S", "soon", "-1S", "123456789S"] {
        let answer = client.call("Set", Some(broken), set(b"k", 1)).await;
        assert_eq!(answer.code, Code::InvalidArgument, "{broken:?}");
    }
    assert!(!client.holds(b"k").await);
    assert_eq!(client.call("Set", Some("99999999H"), set(b"k", 1)).await.code, Code::Ok);
    assert!(client.holds(b"k").await);
}

#[tokio::test(start_paused = true)]
async fn large_requests_with_large_answers_do_not_wait_for_each_other() {
    let mut client = Client::new().await;
    // Two of 5 MB fill the budget of 10 MiB, and each is answered with 1 MB.
    let cache_keys = (0..1_000_000_u32).map(|n| n.to_be_bytes()[1..].to_vec()).collect();
    let million = encode_frame(&KeysExistRequest { cache_keys }).unwrap();
    let calls = [client.begin("KeysExist", None), client.begin("KeysExist", None)];
    let [first, second] = calls.map(|(response, mut body)| {
        let message = million.clone();
        async move { tokio::join!(Answer::of(response), send(&mut body, message, true)).0 }
    });
    let both = async { tokio::join!(first, second) };
    let (first, second) = timeout(Duration::from_secs(600), both).await.unwrap();
    assert_eq!((first.code, second.code), (Code::Ok, Code::Ok));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_for_those_who_call() {
    let (mut caller, silent, mut asking) = (Client::new().await, Client::new().await, Client::new().await);
    assert!(!caller.holds(b"k").await);
    // Login is for strangers.
    for _ in 0..4 {
        let request = Request::post("http://kura/auth.Auth/Login").header("content-type", "application/grpc");
        let (response, _) = asking.sender.send_request(request.body(()).unwrap(), true).unwrap();
        assert_eq!(Answer::of(response).await.code, Code::Ok);
        sleep(Duration::from_secs(50)).await;
        assert!(asking.is_open().await);
    }
    assert!(!silent.is_open().await);
    sleep(Duration::from_secs(20)).await;
    assert!(!asking.is_open().await);
    sleep(Duration::from_secs(3600)).await;
    assert!(!caller.holds(b"k").await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_read_a_byte_at_a_time_is_given_up_and_a_slow_one_is_not() {
    let mut client = Client::new().await;
    assert_eq!(client.call("Set", None, set(b"k", 1_000_000)).await.code, Code::Ok);
    for (bytes, whole) in [(1, false), (32 * 1024, true)] {
        let (response, mut body) = client.begin("Get", None);
        send(&mut body, get(b"k"), true).await;
        let mut stream = response.await.unwrap().into_body();
        let (mut read, mut held, began) = (0, 0, Instant::now());
        let complete = loop {
            match stream.data().await {
                Some(Ok(data)) => (read, held) = (read + data.len(), held + data.len()),
                Some(Err(_)) => break false,
                None => break true,
            }
            // So much of its window is opened again each second.
            while held >= 32 * 1024 && read < 1_000_000 && began.elapsed() < Duration::from_secs(600) {
                sleep(Duration::from_secs(1)).await;
                let opened = bytes.min(held);
                stream.flow_control().release_capacity(opened).unwrap();
                held -= opened;
                if let Ok(more) = timeout(Duration::from_millis(1), stream.data()).await {
                    match more {
                        Some(Ok(data)) => (read, held) = (read + data.len(), held + data.len()),
                        _ => break,
                    }
                }
            }
        };
        assert_eq!(complete, whole, "{read} bytes at {bytes} a second, after {:?}", began.elapsed());
        assert!(whole || began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_never_reads_is_given_up() {
    let mut client = Client::new().await;
    let request = SubscriptionRequest { cache_name: "c".into(), topic: "t".into(), ..Default::default() };
    let (response, mut body) = client.begin("Subscribe", None);
    send(&mut body, encode_frame(&request).unwrap(), true).await;
    let mut stream = response.await.unwrap().into_body();
    // More than its window takes: what is left of the second is held for it.
    for _ in 0..2 {
        let answer = client.call("Publish", None, publish(50_000)).await;
        assert_eq!(answer.code, Code::Ok);
    }
    let began = Instant::now();
    let mut read = 0;
    let ended = loop {
        match stream.data().await {
            Some(Ok(data)) => read += data.len(),
            Some(Err(error)) => break error,
            None => panic!("it ended as if nothing was"),
        }
    };
    assert_eq!(ended.reason(), Some(h2::Reason::NO_ERROR), "{ended:?}");
    assert!((29..35).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(read < 70_000, "{read}");
    // The connection goes on.
    assert!(!client.holds(b"k").await);
}
