//! grpc-web as browsers send it, byte by byte. The official web SDK has a suite of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::io::Write;
use std::net::TcpStream;

use common::http::{Response, read};
use common::raw::{GET, SET, frame};
use common::{PATIENCE, Server, kura_says};
use kura_wire::protos::cache_client::{GetRequest, GetResponse, SetRequest};
use prost::Message;

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text";

fn set(value: &[u8]) -> Vec<u8> {
    let request =
        SetRequest { cache_key: b"k".to_vec(), cache_body: value.to_vec(), ttl_milliseconds: 60_000 };
    frame(&request.encode_to_vec()).to_vec()
}

fn get() -> Vec<u8> {
    frame(&GetRequest { cache_key: b"k".to_vec() }.encode_to_vec()).to_vec()
}

/// The messages of an answer, and its trailers.
fn frames(mut bytes: &[u8]) -> (Vec<Vec<u8>>, String) {
    let (mut messages, mut trailers) = (Vec::new(), None);
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        assert!(trailers.is_none(), "something comes after the trailers");
        match head[0] {
            0 => messages.push(rest[..length].to_vec()),
            0x80 => trailers = Some(String::from_utf8(rest[..length].to_vec()).unwrap()),
            other => panic!("flags {other}"),
        }
        bytes = &rest[length..];
    }
    (messages, trailers.unwrap())
}

/// Base64, each piece of which may be padded.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoder = kura_front_http::web::frame::Decoder::default();
    let bytes = decoder.decode(text).unwrap();
    decoder.end().unwrap();
    bytes.to_vec()
}

fn encode(bytes: &[u8]) -> Vec<u8> {
    kura_front_http::web::frame::encode(bytes).to_vec()
}

#[track_caller]
fn failed(answer: &Response, code: u32, part: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (200, BINARY), "{answer:?}");
    let (messages, trailers) = frames(&answer.body);
    assert!(messages.is_empty());
    assert!(trailers.contains(&format!("grpc-status:{code}\r\n")), "{trailers}");
    assert!(trailers.contains(part), "{trailers}");
}

#[tokio::test]
async fn values_pass_in_both_forms_and_both_versions_of_http() {
    let server = Server::local(&[]);
    server.client("").create_cache("c").await.unwrap();
    let value: Vec<u8> = (0..300_000_u32).map(|at| (at % 253) as u8).collect();
    for (http, text) in [(1, false), (1, true), (2, false), (2, true)] {
        let headers =
            [("content-type", if text { TEXT } else { BINARY }), ("cache", "c"), ("x-grpc-web", "1")];
        let call = async |path: &str, body: Vec<u8>| {
            let body = if text { encode(&body) } else { body };
            let answer = match http {
                1 => server.http1("POST", path, &headers, &body),
                _ => server.http2("POST", path, &headers, &body).await,
            };
            assert_eq!(answer.status, 200, "{answer:?}");
            let kind = if text { "application/grpc-web-text+proto" } else { BINARY };
            assert_eq!(answer.header("content-type"), kind);
            frames(&if text { decode(&answer.body) } else { answer.body })
        };
        let (messages, trailers) = call(SET, set(&value)).await;
        assert_eq!((messages.len(), trailers.as_str()), (1, "grpc-status:0\r\n"));
        let (messages, trailers) = call(GET, get()).await;
        assert_eq!((messages.len(), trailers.as_str()), (1, "grpc-status:0\r\n"));
        assert!(
            GetResponse::decode(messages[0].as_slice()).unwrap().cache_body == value,
            "http/{http} {text}"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_frame_of_trailers() {
    let server = Server::local(&[]);
    server.client("").create_cache("c").await.unwrap();
    let call = |path: &str, headers: &[(&str, &str)], body: &[u8]| {
        server.http1("POST", path, &[&[("content-type", BINARY)], headers].concat(), body)
    };
    failed(&call(GET, &[("cache", "none")], &get()), 5, "Cache not found: none");
    failed(&call("/cache_client.Scs/Nothing", &[], b""), 12, "grpc-message:");
    failed(&call(GET, &[("cache", "c")], b""), 3, "grpc-message:");
    failed(&call(GET, &[("cache", "c"), ("deadline", "1000")], &get()), 4, "grpc-message:");
    failed(&call(GET, &[("cache", "c"), ("deadline", "soon")], &get()), 3, "the deadline is no time");
    let large = call(SET, &[("cache", "c")], &set(&vec![7; 5_300_000]));
    failed(&large, 8, "err:request_size_limit_exceeded\r\n");
    failed(&call(GET, &[("cache", "c"), ("x", &"y".repeat(20_000))], &get()), 8, "send less of it");
    let late = (u64::MAX / 2).to_string();
    let (messages, _) = frames(&call(GET, &[("cache", "c"), ("deadline", &late)], &get()).body);
    assert_eq!(messages.len(), 1);

    let text = server.http1("POST", GET, &[("content-type", TEXT), ("cache", "c")], b"AAAA=AAA");
    let (_, trailers) = frames(&decode(&text.body));
    assert!(trailers.contains("grpc-status:3\r\n") && trailers.contains("not base64"), "{trailers}");
    // Anything but POST is a request for a page.
    assert_eq!(server.http1("GET", GET, &[("content-type", BINARY)], b"").status, 404);
}

#[tokio::test]
async fn a_page_may_read_the_status_of_its_calls() {
    let server = Server::local(&[]);
    let asks = [("origin", "http://page.test"), ("access-control-request-method", "POST")];
    let preflight = server.http1("OPTIONS", GET, &asks, b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, "*"));
    let headers = [("content-type", BINARY), ("origin", "http://page.test")];
    let answer = server.http1("POST", GET, &headers, &get());
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-expose-headers").contains("grpc-status"));
}

#[tokio::test]
async fn strangers_bodies_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let token = kura_says(dir.path(), &["key", "create", "--name", "n"]);
    server.client(&token).create_cache("c").await.unwrap();
    let headers = [("content-type", BINARY), ("cache", "c"), ("authorization", token.as_str())];
    let (messages, _) = frames(&server.http2("POST", GET, &headers, &get()).await.body);
    assert_eq!(messages.len(), 1);
    let refused = server.http2("POST", GET, &headers[..2], &get()).await;
    failed(&refused, 16, "grpc-message:");
    // Announced, and never sent.
    let local = Server::local(&[]);
    let mut stream = TcpStream::connect(local.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /nobody.Service/Call HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {BINARY}\r\n\
         content-length: 5000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    failed(&read(stream), 12, "grpc-message:");
}
