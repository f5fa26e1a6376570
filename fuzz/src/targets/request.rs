//! Whole calls on a connection of the server: path, headers and body, cut in any way.

mod exchange;
mod expected;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use kura_base::{FakeClock, Limits, Millis};
use kura_commands::{Authentication, Commands, Parts};
use kura_front_grpc::metadata::parse_timeout;
use kura_front_grpc::{Front, Method, Options};
use kura_store::{Data, Registry, TopicConfig, TopicLog};
use kura_tokens::SigningSecret;
use kura_wire::{Code, Frames};

use crate::input::{Input, pieces};
use crate::{Target, Trace};
pub(super) use exchange::Server;

pub(super) const TARGET: Target = Target {
    // Some segments of the engine's log, the connection's windows on both sides, and no more
    // however much is sent.
    max_memory_bytes: 6 << 20,
    pieces: &[
        b"\x00\x00\x00\x00\x03\x0a\x01k",
        b"\x00\x00\x00\x00\x08\x0a\x01k\x12\x01v\x18\x05",
        b"\x0a\x01k",
        b"\x0a\x03\x0a\x01k",
        b"\x0a\x05other",
        b"\x00\x00\x00\x00\x00",
        b"20n",
        b"99999999H",
    ],
    ..Target::new(
        "request",
        "answered with what its body deserves, however that is cut, in bounded memory",
        check,
    )
};

/// Longest request message that this server takes: short, so that inputs reach it.
pub(super) const MAX_REQUEST: usize = 1024;

/// The calls whose places stored inputs name, then all others.
const FIRST: [Method; 23] = [
    Method::Get,
    Method::Set,
    Method::Delete,
    Method::GetBatch,
    Method::SetBatch,
    Method::GetWithHash,
    Method::SetIf,
    Method::SetIfHash,
    Method::SetIfNotExists,
    Method::KeysExist,
    Method::Increment,
    Method::UpdateTtl,
    Method::ItemGetTtl,
    Method::ItemGetType,
    Method::CreateCache,
    Method::DeleteCache,
    Method::ListCaches,
    Method::FlushCache,
    Method::CreateSigningKey,
    Method::ListSigningKeys,
    Method::RevokeSigningKey,
    Method::Ping,
    Method::Unknown,
];

fn methods() -> Vec<Method> {
    // Topics and tokens have a target of their own.
    let elsewhere = |method: Method| {
        ["/cache_client.pubsub.", "/token.", "/auth."].iter().any(|start| method.path().starts_with(start))
    };
    let others = Method::ALL.into_iter().filter(|method| !FIRST.contains(method) && !elsewhere(*method));
    FIRST.into_iter().chain(others).collect()
}

fn path(method: Method) -> &'static str {
    if method == Method::Unknown { "/cache_client.Scs/Nothing" } else { method.path() }
}

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let method = input.one_of(&methods());
    let cache = input.one_of(&[Some("c"), Some("c"), Some("c"), Some("none"), None]);
    // More bytes behind the body than any window, to see what the server holds of them.
    let behind = if input.byte() == 255 { 256 } else { 0 };
    let timeout = input.line();
    let cuts = input.line();
    let body = input.rest();

    let mut request = Request::post(format!("http://fuzz{}", path(method))).body(()).unwrap();
    let headers = request.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    if let Some(cache) = cache {
        headers.insert("cache", HeaderValue::from_static(cache));
    }
    if let (false, Ok(value)) = (timeout.is_empty(), HeaderValue::from_bytes(timeout)) {
        headers.insert(HeaderName::from_static("grpc-timeout"), value);
    }
    let mut chunks: Vec<Bytes> = pieces(body, cuts).into_iter().map(Bytes::copy_from_slice).collect();
    chunks.extend(std::iter::repeat_n(Bytes::from_static(&[0; 65536]), behind));

    // The call before may have deleted it.
    let answer = Server::with(|server| {
        server.ask(create_cache(), vec![CREATE_CACHE.into()]);
        server.ask(request, chunks)
    });
    let whole = if behind == 0 { Ok(body) } else { Err(body) };
    let expected = expected::of(method, cache, whole);
    trace.note((method, answer.code, expected.len(), behind));
    let late = answer.code == Code::DeadlineExceeded && !timeout.is_empty();
    // A deadline that is none is refused before the rest is looked at.
    let odd = answer.code == Code::InvalidArgument && !timeout.is_empty() && parse_timeout(timeout).is_none();
    assert!(
        late || odd || expected.contains(&answer.code),
        "{method:?} is answered {:?} ({}), not one of {expected:?}",
        answer.code,
        answer.message
    );

    let mut frames = Frames::new(1 << 20);
    frames.push(answer.body).unwrap();
    let mut messages = 0;
    while let Some(message) = frames.next().unwrap() {
        expected::read_response(method, message);
        messages += 1;
    }
    frames.finish().unwrap();
    trace.note((method, messages.min(4)));
    match method {
        Method::GetBatch | Method::SetBatch => {}
        _ => assert_eq!(messages, usize::from(answer.code == Code::Ok), "messages of a unary call"),
    }
}

/// CreateCache for the cache `c`.
pub(super) const CREATE_CACHE: &[u8] = b"\0\0\0\0\x03\x0a\x01c";

pub(super) fn create_cache() -> Request<()> {
    let path = "http://fuzz/control_client.ScsControl/CreateCache";
    Request::post(path).header("content-type", "application/grpc").body(()).unwrap()
}

/// A front end onto an empty store, open to all.
fn front() -> Front {
    let limits = Limits { max_request_bytes: MAX_REQUEST, max_caches: 16, ..Limits::default() };
    let commands = Commands::new(Parts {
        registry: Arc::new(Registry::in_memory().unwrap()),
        data: Arc::new(Data::new(8 << 20, 1)),
        topics: TopicLog::new(TopicConfig { memory_bytes: 1 << 20, max_subscriptions: 16 }, Millis(0)),
        secret: SigningSecret::from_bytes([7; 32]),
        endpoint: "cell".to_owned(),
        authentication: Authentication::Optional,
        limits,
        clock: Arc::new(FakeClock::at(Millis(1_000_000))),
    });
    let random = || Some(std::array::from_fn(|_| fastrand::u8(..)));
    let options = Options { max_concurrent_streams: 100, max_inflight_bytes: 1 << 20, random };
    Front::new(Arc::new(commands), options)
}
