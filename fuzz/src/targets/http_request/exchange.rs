//! One HTTP/1.1 connection in memory, with the server's own code at the other end.

use std::sync::Arc;
use std::time::Duration;

use kura_base::{FakeClock, Limits, Millis};
use kura_commands::{Authentication, Commands, Parts, Session};
use kura_front::drain;
use kura_front_http::{Advertised, Cors, Http, Options, Peer};
use kura_store::{Data, Registry, TopicConfig, TopicLog};
use kura_tokens::SigningSecret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longest that a connection may take: a long poll of 50 s for each of some, then 30 s of silence.
const PATIENCE: Duration = Duration::from_secs(600);

/// The time that it is on this server, in milliseconds.
pub(in crate::targets) const NOW: u64 = 1_000_000;

/// A head and what came behind it.
pub(in crate::targets) struct Response {
    pub(in crate::targets) status: u16,
    pub(in crate::targets) headers: Vec<(String, String)>,
    pub(in crate::targets) body: Vec<u8>,
}

impl Response {
    pub(in crate::targets) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a server of its own, with a cache `c` that anybody may use, answers to these bytes, and how long that
/// took on a clock that moves only when nothing else does.
pub(in crate::targets) fn hear(sent: &[u8], advertised: Advertised) -> (Vec<u8>, Duration) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let began = tokio::time::Instant::now();
        let (_drain, signal) = drain();
        let (http, grpc) = fronts(advertised);
        let told = signal.clone();
        let pipe = move |far| {
            tokio::spawn(kura_front_grpc::serve(far, grpc.clone(), told.clone()));
        };
        let peer = Arc::new(Peer::new(http, signal, pipe));
        let (mut near, far) = tokio::io::duplex(64 * 1024);
        let talk = async {
            // The server may close before it has read everything. It does in any case, sooner or later, so
            // that this end stays open until then: a peer that closes is not answered.
            let _ = near.write_all(sent).await;
            let mut answered = Vec::new();
            let read = tokio::time::timeout(PATIENCE, near.read_to_end(&mut answered)).await;
            let _ = read.expect("the connection ends in time");
            answered
        };
        let (_, answered) = tokio::join!(peer.http1(far), talk);
        (answered, began.elapsed())
    })
}

fn fronts(advertised: Advertised) -> (Arc<Http>, Arc<kura_front_grpc::Front>) {
    let limits = Limits { max_caches: 16, ..Limits::default() };
    let commands = Arc::new(Commands::new(Parts {
        registry: Arc::new(Registry::in_memory().unwrap()),
        data: Arc::new(Data::new(1 << 20, 1)),
        topics: TopicLog::new(TopicConfig { memory_bytes: 1 << 20, max_subscriptions: 16 }, Millis(0)),
        secret: SigningSecret::from_bytes([7; 32]),
        endpoint: "cell".to_owned(),
        authentication: Authentication::Optional,
        limits,
        clock: Arc::new(FakeClock::at(Millis(NOW))),
    }));
    let anybody: Arc<Session> = commands.authenticate(b"").unwrap();
    commands.create_cache(&anybody, "c").unwrap();
    let text = kura_commands::TopicValue::text("v".to_owned());
    commands.publish(&anybody, "c", "t", text).unwrap();
    let random = || Some([7; 48]);
    let options =
        kura_front_grpc::Options { max_concurrent_streams: 100, max_inflight_bytes: 1 << 20, random };
    let grpc = Arc::new(kura_front_grpc::Front::new(commands.clone(), options));
    let cors = Cors::These(vec!["https://a".parse().unwrap()]);
    let http = Http::new(commands, grpc.budget().clone(), Options { cors, advertised, random });
    (Arc::new(http), grpc)
}

/// Reads the responses of a connection; panics unless they are whole ones.
pub(in crate::targets) fn responses(mut bytes: &[u8]) -> Vec<Response> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("whole heads only");
        let head = std::str::from_utf8(&bytes[..end]).expect("heads are text");
        bytes = &bytes[end + 4..];
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.").expect("a status line").get(2..5).unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").expect("headers only"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut response = Response { status: status.parse().unwrap(), headers, body: Vec::new() };
        if response.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = bytes.windows(2).position(|window| window == b"\r\n").expect("whole chunks only");
                let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
                response.body.extend_from_slice(&bytes[line + 2..line + 2 + length]);
                bytes = &bytes[line + 4 + length..];
                if length == 0 {
                    break;
                }
            }
        } else {
            let length = response.header("content-length").map_or(0, |length| length.parse().unwrap());
            let (body, rest) = bytes.split_at_checked(length).expect("whole bodies only");
            response.body = body.to_vec();
            bytes = rest;
        }
        // "Go on", before the answer.
        if response.status != 100 {
            all.push(response);
        }
    }
    all
}
