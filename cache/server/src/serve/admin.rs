//! `/metrics`, `/healthz` and `/readyz`, for whoever watches over the server.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use kura_commands::Commands;
use kura_front_grpc::Front;
use kura_front_protosocket::Front as Protosocket;
use kura_front_resp::Front as Resp;

use super::private::PrivateConnections;

/// Whether the server takes calls.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says whether it does.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }
}

/// Whose metrics are served.
#[derive(Clone)]
pub struct Watched {
    pub front: Arc<Front>,
    pub protosocket: Arc<Protosocket>,
    pub resp: Arc<Resp>,
    pub private: Arc<PrivateConnections>,
    pub commands: Arc<Commands>,
}

/// Answers a request.
pub fn respond(
    request: &Request<Incoming>,
    watched: &Watched,
    readiness: &Readiness,
) -> (StatusCode, String) {
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => (StatusCode::OK, "ok\n".to_owned()),
        (&Method::GET | &Method::HEAD, "/readyz") if readiness.0.load(Ordering::Relaxed) => {
            (StatusCode::OK, "ready\n".to_owned())
        }
        (&Method::GET | &Method::HEAD, "/readyz") => {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned())
        }
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, metrics(watched)),
        (_, "/healthz" | "/readyz" | "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "Not Found: try /metrics, /healthz or /readyz\n".to_owned()),
    }
}

fn metrics(watched: &Watched) -> String {
    let mut text = String::with_capacity(4096);
    watched.front.metrics().render(&mut text);
    watched.protosocket.metrics().render(&mut text);
    watched.resp.metrics().render(&mut text);
    watched.private.render(&mut text);
    let stats = watched.commands.stats();
    for (name, kind, help, value) in [
        ("kura_items", "gauge", "Items held, expired ones not yet reclaimed included.", stats.items),
        (
            "kura_item_payload_bytes",
            "gauge",
            "Bytes of the keys and values held; of large collections, of the keys.",
            stats.payload_bytes,
        ),
        (
            "kura_collection_bytes",
            "gauge",
            "Memory that large collections take, those still read or waiting to be freed included.",
            stats.collection_bytes,
        ),
        (
            "kura_memory_bytes",
            "gauge",
            "Memory that the items take with all that goes with them.",
            stats.memory_bytes,
        ),
        ("kura_items_evicted_total", "counter", "Items dropped to make room.", stats.evicted_total),
        (
            "kura_items_expired_total",
            "counter",
            "Items reclaimed after their time to live.",
            stats.expired_total,
        ),
    ] {
        put(&mut text, name, kind, help, value);
    }
    topic_metrics(&mut text, &watched.commands);
    text
}

fn topic_metrics(text: &mut String, commands: &Commands) {
    let stats = commands.topic_stats();
    let mut put = |name, kind, help, value| put(text, name, kind, help, value);
    put("kura_topics", "gauge", "Topics that are held.", stats.topics);
    put("kura_topic_subscriptions", "gauge", "Subscriptions open now.", stats.subscriptions);
    put("kura_topic_memory_bytes", "gauge", "Memory that topics take.", stats.memory_bytes);
    put("kura_topic_messages_published_total", "counter", "Messages published.", stats.published_total);
    put("kura_topic_messages_delivered_total", "counter", "Messages delivered.", stats.delivered_total);
    put(
        "kura_topic_discontinuities_total",
        "counter",
        "Times that a subscription was told of a gap.",
        stats.discontinuities_total,
    );
    put(
        "kura_topics_forgotten_total",
        "counter",
        "Times that a topic's messages were dropped to make room.",
        stats.forgotten_total,
    );
}

fn put(text: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
}
