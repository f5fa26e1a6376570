//! HTTP by hand, in both versions.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use tokio::time::timeout;

use super::raw::send;
use super::{PATIENCE, Server};

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Of HTTP/1.1; empty in HTTP/2, which has none.
    pub reason: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

impl Server {
    /// One request in plaintext HTTP/1.1, on a connection of its own.
    pub fn http1(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || matches!(method, "PUT" | "POST") {
            head += &format!("content-length: {}\r\n", body.len());
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // A refusal may come, and the connection close, before all of the body is taken.
        let _ = stream.write_all(body);
        read(stream)
    }

    /// One request in HTTP/2, over TLS if the server speaks it.
    pub async fn http2(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut sender = self.connect().await.sender;
        let mut request = http::Request::builder().method(method).uri(format!("http://kura{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let (response, mut stream) = sender.send_request(request, body.is_empty()).unwrap();
        let body = Bytes::copy_from_slice(body);
        let sending = async {
            if !body.is_empty() {
                send(&mut stream, body).await;
            }
            std::future::pending::<()>().await;
        };
        let reading = async {
            let (head, mut body) = response.await.unwrap().into_parts();
            let mut all = Vec::new();
            while let Some(chunk) = body.data().await {
                let chunk = chunk.unwrap();
                body.flow_control().release_capacity(chunk.len()).unwrap();
                all.extend_from_slice(&chunk);
            }
            let text = |value: &http::HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
            Response {
                status: head.status.as_u16(),
                reason: String::new(),
                headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
                body: all,
            }
        };
        let both = async {
            tokio::select! { response = reading => response, () = sending => unreachable!() }
        };
        timeout(PATIENCE, both).await.unwrap()
    }
}

/// Reads an answer up to the connection's end.
pub fn read(mut stream: TcpStream) -> Response {
    let mut all = Vec::new();
    // A peer that closes with bytes of ours unread resets the connection: what came is the answer.
    let _ = stream.read_to_end(&mut all);
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().splitn(3, ' ').skip(1);
    let status = first.next().unwrap().parse().unwrap();
    let reason = first.next().unwrap_or_default().to_owned();
    let headers: BTreeMap<_, _> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = all[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
        body = unchunk(&body);
    }
    Response { status, reason, headers, body }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(at) = bytes.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..at]).unwrap(), 16).unwrap();
        all.extend_from_slice(&bytes[at + 2..at + 2 + length]);
        bytes = &bytes[(at + 4 + length).min(bytes.len())..];
        if length == 0 {
            break;
        }
    }
    all
}
