//! Requests of the HTTP API and of grpc-web, from the first byte of their connection: paths, queries, long
//! polls, roles and keys in JSON, deadlines of the web client.

mod exchange;

use kura_front_http::Advertised;
use kura_front_http::web::Encoding;
use serde_json::Value;

use super::role_rules::is_plain;
use crate::input::Input;
use crate::{Target, Trace};
pub(super) use exchange::{NOW, hear, responses};

pub(super) const TARGET: Target = Target {
    // The engine's first segments, two connections with their buffers.
    max_memory_bytes: 8 << 20,
    pieces: &[
        b"/cache/c?key=k", b"&ttl_seconds=9", b"?key_base64=aw", b"/topics/c/t", b"?sequence_number=1", b"&sequence_page=0",
        b"/endpoints", b"?private=true", b"/api-keys", b"?limit=1", b"&next_token=", b"/roles", b"/roles/owner", b"?type=custom",
        b"/openapi.json", b"/cache_client.Scs/Get",
        b"\ncontent-type: application/json", b"\ncontent-type: application/grpc-web",
        b"\ncontent-type: application/grpc-web-text", b"\ncontent-type: application/octet-stream",
        b"\ndeadline: 1000050", b"\ncache: c", b"\norigin: https://a", b"\naccess-control-request-method: PUT",
        b"\ntransfer-encoding: chunked", b"\nexpect: 100-continue",
        br#"{"role_id":"viewer","description":"d","expiry":"never"}"#,
        br#"{"role_name":"r","permissions":{"rules":[{"type":"cache","permissions":["read"],"caches":"*","items":"*"}]}}"#,
        br#""conditions":[{"ip_filter":{"allowed_cidr_ranges":["10.0.0.0/8"]}}],"#,
        b"\x00\x00\x00\x00\x03\x0a\x01k", b"AAAAAAMKAWs=",
    ],
    ..Target::new(
        "http_request",
        "each is answered once, with a status that Kura documents and a body that its type says",
        check,
    )
};

/// What may be answered: what the API documents, and hyper's own for what is not HTTP.
const STATUSES: [u16; 19] =
    [200, 204, 400, 401, 403, 404, 405, 408, 409, 411, 412, 413, 414, 415, 417, 429, 431, 505, 507];

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    if input.byte() == 0 {
        // Whatever it is, it has an end.
        let sent = input.rest();
        let (answered, _) = hear(sent, Advertised::default());
        // Answers to these have no length of their own.
        if [&b"HEAD"[..], b"HTTP/1.0"].iter().any(|word| sent.windows(word.len()).any(|part| part == *word)) {
            return;
        }
        for response in responses(&answered) {
            trace.note(response.status);
            assert!(STATUSES.contains(&response.status), "{}", response.status);
        }
        return;
    }
    const METHODS: [&[u8]; 6] = [b"GET", b"PUT", b"POST", b"DELETE", b"OPTIONS", b"PATCH"];
    let method = input.one_of(&METHODS);
    let target = input.line();
    let mut headers = Vec::new();
    loop {
        let line = input.line();
        if line.is_empty() {
            break;
        }
        headers.push(line);
    }
    let body = input.rest();
    let is_chunked = headers.iter().any(|line| line.to_ascii_lowercase().starts_with(b"transfer-encoding"));
    let length = format!("content-length: {}", body.len());
    if !is_chunked && !headers.iter().any(|line| line.to_ascii_lowercase().starts_with(b"content-length")) {
        headers.push(length.as_bytes());
    }
    let first = [method, b" ", target, b" HTTP/1.1\r\nhost: fuzz\r\nconnection: close\r\n"].concat();
    let sent = [&first[..], &headers.join(&b"\r\n"[..]), b"\r\n\r\n", body].concat();
    let (answered, took) = hear(&sent, Advertised::default());
    let responses = responses(&answered);
    // A long poll waits for 50 s, a head that does not end for 30, a body that does not come for 20.
    assert!(took.as_secs() <= 51, "answered after {took:?}");
    assert!(!responses.is_empty() || took.as_secs() >= 20, "closed without a word");
    for response in &responses {
        trace.note((method, response.status, response.body.len().min(1)));
        assert!(
            STATUSES.contains(&response.status),
            "{} {:?}",
            response.status,
            response.body.escape_ascii()
        );
        let header = |name: &str| response.header(name).unwrap_or_default();
        if header("content-type") == "application/json" {
            let json: Value = serde_json::from_slice(&response.body).expect("JSON is what it is said to be");
            shown_as_given(response.status, target, body, &json);
        }
        if let Some(encoding) = Encoding::of(header("content-type").as_bytes()) {
            let status = ended(encoding, &response.body);
            trace.note(status);
            deadline(&headers, status);
        }
        if let Some(allowed) = response.header("access-control-allow-origin") {
            assert_eq!(allowed, "https://a");
        }
    }
}

/// A role that is taken is shown with the permissions that were given.
fn shown_as_given(status: u16, target: &[u8], body: &[u8], shown: &Value) {
    if status != 200 || !target.starts_with(b"/roles") || shown.get("role_id").is_none() {
        return;
    }
    let given: Value = serde_json::from_slice(body).expect("only JSON is taken");
    if !is_plain(&given["permissions"]) {
        return;
    }
    assert_eq!(given["role_name"], shown["role_name"]);
    assert_eq!(without_nulls(&given["permissions"]["rules"]), shown["permissions"]["rules"]);
    // None is enforced, so a role that has some must not be taken.
    let conditions = given["permissions"].get("conditions").and_then(Value::as_array);
    assert!(conditions.is_none_or(Vec::is_empty), "{conditions:?}");
}

/// What is given as null is not given.
pub(super) fn without_nulls(given: &Value) -> Value {
    match given {
        Value::Object(fields) => {
            let there = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(values) => values.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// The status in the trailers of a grpc-web answer, which must be its last frame.
fn ended(encoding: Encoding, body: &[u8]) -> u32 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let decoded = match encoding {
        Encoding::Binary => body.to_vec(),
        // In pieces with padding of their own.
        Encoding::Text => body.chunks(4).flat_map(|four| STANDARD.decode(four).expect("base64")).collect(),
    };
    let mut left = &decoded[..];
    loop {
        let (&[flag, a, b, c, d], rest) = left.split_first_chunk().expect("whole frames only");
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let (message, rest) = rest.split_at_checked(length).expect("whole frames only");
        if flag == 0x80 {
            assert!(rest.is_empty(), "something follows the trailers");
            let text = std::str::from_utf8(message).unwrap();
            let status = text.split("\r\n").find_map(|line| line.strip_prefix("grpc-status:"));
            return status.expect("trailers have a status").trim().parse().unwrap();
        }
        assert_eq!(flag, 0);
        left = rest;
    }
}

/// A deadline that is no number is refused, and a call is not carried out behind one.
fn deadline(headers: &[&[u8]], status: u32) {
    const INVALID_ARGUMENT: u32 = 3;
    let values = |name: &[u8]| -> Vec<&[u8]> {
        let lines = headers.iter().filter(|line| line.to_ascii_lowercase().starts_with(name));
        lines.map(|line| &line[name.len()..]).collect()
    };
    let (timeouts, given) = (values(b"grpc-timeout:"), values(b"deadline:"));
    let (true, [given]) = (timeouts.is_empty(), &given[..]) else { return };
    let text = given.trim_ascii();
    let number = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match number.and_then(|number| number.parse::<u64>().ok()) {
        None => assert_eq!(status, INVALID_ARGUMENT, "{:?}", text.escape_ascii().to_string()),
        Some(end) if end <= NOW => assert_ne!(status, 0, "a call whose time is over is carried out"),
        Some(_) => {}
    }
}
