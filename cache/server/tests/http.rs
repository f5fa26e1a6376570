//! The HTTP API as its callers see it: every status, in both versions of HTTP.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::http::{Response, read};
use common::{PATIENCE, Server, kura_says};
use kura_wire::Code;

/// A local server with a cache `c`.
async fn local(arguments: &[&str]) -> Server {
    let server = Server::local(arguments);
    server.client("").create_cache("c").await.unwrap();
    server
}

#[track_caller]
fn is(answer: &Response, status: u16, reason: &str, body: &str) {
    assert_eq!((answer.status, answer.reason.as_str(), answer.text()), (status, reason, body), "{answer:?}");
}

#[tokio::test]
async fn an_item_is_put_read_and_deleted_as_momento_documents_it() {
    let server = local(&[]).await;
    let path = "/cache/c?key=greeting";
    is(&server.http1("GET", path, &[], b""), 404, "Not Found", "Key Not Found");
    let headers = [("content-type", "application/json")];
    let put = server.http1("PUT", "/cache/c?key=greeting&value=ignored&ttl_seconds=60", &headers, b"hi");
    is(&put, 204, "No Content", "");
    let got = server.http1("GET", path, &[], b"");
    is(&got, 200, "OK", "hi");
    assert_eq!(got.header("content-type"), "application/octet-stream");
    // The same item as gRPC's.
    assert_eq!(server.client("").get("c", b"greeting").await.unwrap().as_deref(), Some(&b"hi"[..]));
    for _ in 0..2 {
        is(&server.http1("DELETE", path, &[], b""), 204, "No Content", "");
    }
    is(&server.http1("GET", path, &[], b""), 404, "Not Found", "Key Not Found");
}

#[tokio::test]
async fn http_2_answers_the_same_beside_grpc_on_one_connection() {
    let server = local(&[]).await;
    let put = server.http2("PUT", "/cache/c?key=k&ttl_seconds=60", &[], b"v").await;
    assert_eq!((put.status, put.text()), (204, ""));
    let got = server.http2("GET", "/cache/c?key=k", &[], b"").await;
    assert_eq!((got.status, got.text(), got.header("content-type")), (200, "v", "application/octet-stream"));
    let missing = server.http2("GET", "/cache/none?key=k", &[], b"").await;
    assert_eq!((missing.status, missing.text()), (404, "Cache Not Found"));
    assert_eq!(server.http2("DELETE", "/cache/c?key=k", &[], b"").await.status, 204);

    let connection = server.connect().await;
    let mut sender = connection.sender.clone();
    let request = http::Request::get("http://kura/cache/c?key=k").body(()).unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let call = connection.call(common::raw::GET, &[("cache", b"c")], common::raw::frame(b"\x0a\x01k")).await;
    assert_eq!(call.code, Code::Ok);
    assert_eq!(response.await.unwrap().status(), 404);
}

#[tokio::test]
async fn keys_and_values_are_bytes_of_any_kind_and_size() {
    let server = local(&[]).await;
    let key: Vec<u8> = (0..=255).collect();
    let escaped: String = key.iter().map(|byte| format!("%{byte:02x}")).collect();
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn-AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq-wsbKztLW2t7i5uru8vb6_wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t_g4eLj5OXm5-jp6uvs7e7v8PHy8_T19vf4-fr7_P3-_w";
    let value: Vec<u8> = (0..5_000_000_u32).map(|at| (at % 251) as u8).collect();
    let put = format!("/cache/c?key={escaped}&ttl_seconds=60");
    assert_eq!(server.http1("PUT", &put, &[], &value).status, 204);
    for path in [format!("/cache/c?key_base64={base64}"), format!("/cache/c?key_base64={base64}==")] {
        assert!(server.http1("GET", &path, &[], b"").body == value);
        assert!(server.http2("GET", &path, &[], b"").await.body == value);
    }
    assert!(server.client("").get("c", &key).await.unwrap().unwrap() == value);
    assert_eq!(server.http2("PUT", &put, &[], &value).await.status, 204);
    assert_eq!(server.http1("PUT", &put, &[], b"").status, 204);
    is(&server.http1("GET", &format!("/cache/c?key={escaped}"), &[], b""), 200, "OK", "");
    // A name with a slash, and a key with spaces.
    server.client("").create_cache("a/b").await.unwrap();
    assert_eq!(server.http1("PUT", "/cache/a%2Fb?key=x+y%20z&ttl_seconds=9", &[], b"v").status, 204);
    assert_eq!(server.client("").get("a/b", b"x y z").await.unwrap().as_deref(), Some(&b"v"[..]));
}

#[tokio::test]
async fn a_request_that_is_wrong_is_told_how() {
    let server = local(&[]).await;
    let long = format!("/cache/c?key={}&ttl_seconds=1", "k".repeat(65_000));
    for (method, path, status, part) in [
        ("GET", "/cache/c", 400, "the key is missing: give ?key= or ?key_base64="),
        ("GET", "/cache/c?key=", 400, "Invalid key: it is empty"),
        ("GET", "/cache/c?key=a&key_base64=YQ", 400, "give one of them"),
        ("GET", "/cache/c?key=a&key=b", 400, "is there twice"),
        ("GET", "/cache/c?key_base64=a+b", 400, "not URL-safe base64"),
        ("GET", "/cache/c?key=%zz", 400, "write % as %25"),
        ("GET", "/cache/%ff?key=a", 400, "not UTF-8"),
        ("GET", "/cache/c?key=a&token=%zz", 400, "write % as %25"),
        ("DELETE", "/cache/c", 400, "the key is missing"),
        ("PUT", "/cache/c?ttl_seconds=1", 400, "the key is missing"),
        ("PUT", "/cache/c?key=a", 400, "give ?ttl_seconds="),
        ("PUT", "/cache/c?key=a&ttl_seconds=0", 400, "at least 1 millisecond"),
        ("PUT", "/cache/c?key=a&ttl_seconds=-1", 400, "ttl_seconds is \"-1\""),
        ("PUT", "/cache/c?key=a&ttl_seconds=1.5", 400, "ttl_seconds is \"1.5\""),
        ("PUT", "/cache/c?key=a&ttl_seconds=", 400, "ttl_seconds is \"\""),
        ("GET", "/cache/none?key=a", 404, "Cache Not Found"),
        ("PUT", "/cache/none?key=a&ttl_seconds=1", 404, "Cache Not Found"),
        ("PUT", "/cache/none", 404, "Cache Not Found"),
        ("DELETE", "/cache/none?key=a", 404, "Cache Not Found"),
        ("GET", "/nothing", 404, "/openapi.json"),
        ("GET", "/cache/", 404, "Not Found"),
        ("POST", "/cache/c?key=a", 405, "this path takes GET, PUT, DELETE, not POST"),
    ] {
        let answer = server.http1(method, path, &[], b"");
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert!(answer.text().contains(part), "{method} {path}: {answer:?}");
        let again = server.http2(method, path, &[], b"").await;
        assert_eq!((again.status, &again.body), (status, &answer.body), "{method} {path}");
    }
    assert_eq!(server.http1("POST", "/cache/c", &[], b"").header("allow"), "GET, PUT, DELETE");
    assert_eq!(server.http1("PUT", &long, &[], b"v").status, 204);
    // The longest time to live is taken as the longest that there is.
    let forever = "/cache/c?key=a&ttl_seconds=99999999999999999999999";
    assert_eq!(server.http1("PUT", forever, &[], b"v").status, 204);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_sent() {
    let server = local(&["--max-item-bytes", "1000"]).await;
    let path = "/cache/c?key=k&ttl_seconds=9";
    assert_eq!(server.http1("PUT", path, &[], &[7; 999]).status, 204);
    let over = server.http1("PUT", path, &[], &[7; 1000]);
    assert_eq!(over.status, 413, "{over:?}");
    assert!(over.text().contains("item size"), "{over:?}");
    assert_eq!(server.http2("PUT", path, &[], &[7; 1001]).await.status, 413);
    // Announced and never sent.
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head =
        format!("PUT {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 99999999\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(read(stream).status, 413);
    // In chunks, of which nobody said how many there are.
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head =
        format!("PUT {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(format!("400\r\n{}\r\n", "v".repeat(1024)).as_bytes()).unwrap();
    assert_eq!(read(stream).status, 413);
}

#[tokio::test]
async fn keys_are_enforced_and_strangers_bodies_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::secured(dir.path(), &[]);
    let key =
        |arguments: &[&str]| kura_says(dir.path(), &[&["key", "create", "--name", "n"], arguments].concat());
    let all = key(&["--role", "superuser"]);
    let reader = key(&["--role", "readonly"]);
    server.client(&all).create_cache("c").await.unwrap();
    let get = "/cache/c?key=k";
    let put = "/cache/c?key=k&ttl_seconds=60";
    let with = |token: &str| [("authorization", token.to_owned())];
    let call = async |method, path: &str, token: &str, body: &[u8]| {
        let headers = with(token);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        server.http2(method, path, &headers, body).await
    };
    assert_eq!(call("PUT", put, &all, b"v").await.status, 204);
    assert_eq!(call("GET", get, &reader, b"").await.text(), "v");
    assert_eq!(call("PUT", put, &reader, b"w").await.status, 403);
    assert_eq!(call("DELETE", get, &reader, b"").await.status, 403);
    // Who, may you, is there such a cache, is the request sound.
    assert_eq!(call("PUT", "/cache/none", &reader, b"").await.status, 403);
    assert_eq!(call("GET", "/cache/none", &reader, b"").await.status, 404);
    assert_eq!(call("GET", "/cache/none", "nonsense", b"").await.status, 401);
    let bearer = call("GET", get, &format!("Bearer {all}"), b"").await;
    assert_eq!((bearer.status, bearer.header("www-authenticate")), (401, "Momento"));

    assert_eq!(server.http2("GET", get, &[], b"").await.status, 401);
    let in_query = format!("{get}&token={all}");
    assert_eq!(server.http2("GET", &in_query, &[], b"").await.text(), "v");
    let twice = server.http2("GET", &in_query, &[("authorization", &all)], b"").await;
    assert_eq!(twice.status, 400);
    assert!(twice.text().contains("not both"), "{twice:?}");

    // A stranger's five megabytes: the answer comes although none of them is sent.
    let mut sender = server.connect().await.sender;
    let request = http::Request::put(format!("http://kura{put}")).header("content-length", 5_000_000);
    let (response, _open) = sender.send_request(request.body(()).unwrap(), false).unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, response).await.unwrap().unwrap().status(), 401);
}

#[tokio::test]
async fn a_connection_is_kept_and_a_broken_body_writes_nothing() {
    let server = local(&[]).await;
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..3 {
        stream.write_all(b"DELETE /cache/c?key=k HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 204 No Content\r\n");
        let mut rest = Vec::new();
        while !rest.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            rest.push(byte[0]);
        }
    }
    stream
        .write_all(b"PUT /cache/c?key=k&ttl_seconds=9 HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf")
        .unwrap();
    drop(stream);
    is(&server.http1("GET", "/cache/c?key=k", &[], b""), 404, "Not Found", "Key Not Found");
}

#[tokio::test]
async fn a_server_that_stops_closes_idle_connections() {
    let mut server = local(&[]).await;
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"DELETE /cache/c?key=k HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
    let began = Instant::now();
    server.terminate();
    assert_eq!(stream.read(&mut [0; 1024]).unwrap(), 0);
    assert!(server.wait().0.success());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_as_configured() {
    let preflight = |server: &Server, origin| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "authorization,cache"),
        ];
        server.http1("OPTIONS", "/cache/c", &headers, b"")
    };
    let open = local(&[]).await;
    let answer = preflight(&open, "https://a.test");
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-headers"), "authorization,cache");
    assert!(answer.header("access-control-allow-methods").contains("PUT"));
    let got = open.http1("GET", "/cache/c?key=k", &[("origin", "https://a.test")], b"");
    assert_eq!((got.status, got.header("access-control-allow-origin")), (404, "*"));
    drop(open);
    let listed = local(&["--cors-origins", "https://a.test, http://localhost:3000"]).await;
    assert_eq!(preflight(&listed, "https://a.test").header("access-control-allow-origin"), "https://a.test");
    assert_eq!(preflight(&listed, "https://b.test").header("access-control-allow-origin"), "");
    drop(listed);
    let shut = local(&["--cors-origins", "none"]).await;
    assert_eq!(preflight(&shut, "https://a.test").header("access-control-allow-origin"), "");
}
