//! The metadata by which a test asks for faults.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use kura_wire::Code;

use super::request::{CREATE_CACHE, Server, create_cache};
use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_memory_bytes: 8 << 20,
    pieces: &[
        b"return-error: unavailable\n",
        b"error-rpcs: get\n",
        b"error-rpcs: set get\n",
        b"error-count: 1\n",
        b"request-id: a\n",
        b"delay-ms: 50\n",
        b"delay-millis: 7\n",
        b"delay-rpcs: get\n",
        b"delay-count: 1\n",
        b"stream-error: not-found\n",
        b"stream-error-rpcs: topic-subscribe\n",
        b"stream-error-message-limit: 3\n",
        b"set-if-not-exists",
        b"TIMEOUT_ERROR",
        b"600001",
    ],
    ..Target::new(
        "faults",
        "strike as they are asked for, in time and status, or are refused; never anything else",
        check,
    )
};

/// A Get of key `k`.
const GET: &[u8] = b"\0\0\0\0\x03\x0a\x01k";

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut left = Input::of(input);
    let mut request = Request::post("http://fuzz/cache_client.Scs/Get").body(()).unwrap();
    let headers = request.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("cache", HeaderValue::from_static("c"));
    let names = [
        "return-error",
        "error-rpcs",
        "error-count",
        "request-id",
        "delay-ms",
        "delay-millis",
        "delay-rpcs",
        "delay-count",
        "stream-error",
        "stream-error-rpcs",
        "stream-error-message-limit",
    ];
    loop {
        let line = left.line();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let known = names.into_iter().find(|known| known.as_bytes() == name);
        if let (Some(name), Ok(value)) = (known, HeaderValue::from_bytes(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let calls = |name| text(name).map(|calls| calls.split_ascii_whitespace().any(|call| call == "get"));
    let asked_to_fail = text("return-error").filter(|_| calls("error-rpcs") == Some(true));
    let counted = headers.contains_key("error-count");
    let late = ["delay-millis", "delay-ms"].into_iter().find(|name| headers.contains_key(*name));
    let late = late.and_then(text).and_then(|delay| delay.parse::<u64>().ok());
    let late = late.filter(|_| calls("delay-rpcs") == Some(true)).map(Duration::from_millis);
    let late_counted = headers.contains_key("delay-count");
    let streams = calls("stream-error-rpcs") == Some(true);
    let asks = [
        "return-error",
        "error-rpcs",
        "delay-ms",
        "delay-millis",
        "delay-rpcs",
        "stream-error",
        "stream-error-rpcs",
    ];
    let asks_for_nothing =
        headers.get("request-id").is_none() && asks.iter().all(|name| headers.get(*name).is_none());

    let server = Server::with_faults();
    server.ask(create_cache(), vec![CREATE_CACHE.into()]);
    let answer = server.ask(request, vec![Bytes::from_static(GET)]);
    trace.note((
        answer.code,
        late.is_some(),
        asked_to_fail.is_some(),
        answer.message.get(..60).map(str::to_owned),
    ));
    let refused = answer.message.starts_with("the metadata asks for no fault that can be had");
    if refused {
        assert_eq!(answer.code, Code::InvalidArgument);
        assert!(!asks_for_nothing, "{}", answer.message);
        assert!(answer.took < Duration::from_millis(1), "refused after {:?}", answer.took);
        return;
    }
    // Nobody is late who was not asked to be, nor by less or more than that.
    let expected = late.unwrap_or_default();
    let on_time = answer.took >= expected && answer.took < expected + Duration::from_millis(10);
    let in_no_time = answer.took < Duration::from_millis(10);
    assert!(on_time || (late_counted && in_no_time), "{:?}, not {expected:?}", answer.took);
    assert!(answer.took <= Duration::from_secs(601), "{:?}", answer.took);
    let told = answer.message.contains("was asked to end with this status");
    assert_eq!(told, answer.code != Code::Ok, "{:?} {}", answer.code, answer.message);
    match asked_to_fail {
        Some(_) if !counted => assert!(told, "no fault, though it was asked for"),
        None if !streams => assert!(!told, "a fault that nobody asked for: {}", answer.message),
        _ => {}
    }
    if let (true, Some(name)) = (told, asked_to_fail.filter(|_| !streams)) {
        let spelled = |code: Code| {
            let mut words = String::new();
            for letter in format!("{code:?}").chars() {
                if letter.is_ascii_uppercase() && !words.is_empty() {
                    words.push('-');
                }
                words.push(letter.to_ascii_lowercase());
            }
            words
        };
        // Or by the SDKs' names, which are in capitals.
        assert!(name == spelled(answer.code) || name.starts_with(|c: char| c.is_ascii_uppercase()), "{name}");
    }
}
