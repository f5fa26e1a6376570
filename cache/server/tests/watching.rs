//! What is told to those who watch over a server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use common::{PATIENCE, Server, free_address, grpc, http_get, http2};
use tokio::time::timeout;

/// The samples of `/metrics`, after a check that they keep Prometheus' conventions.
fn samples(admin: SocketAddr) -> BTreeMap<String, f64> {
    let answer = http_get(admin, "/metrics");
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let (mut helped, mut types, mut found) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(help.ends_with('.') && helped.insert(name.to_owned()), "{line}");
            continue;
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(helped.contains(name), "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            name.strip_suffix(end).filter(|name| types.get(*name).is_some_and(|kind| kind == "histogram"))
        });
        let family = family.unwrap_or(name);
        let kind = types.get(family).unwrap_or_else(|| panic!("{line} has no type"));
        assert!(name.starts_with("kura_"), "{line}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        for unit in ["_ms", "_millis", "_kib", "_mib", "_us"] {
            assert!(!family.ends_with(unit), "{line}: base units are seconds and bytes");
        }
        let value: f64 = value.parse().unwrap();
        assert!(found.insert(series.to_owned(), value).is_none(), "{series} is there twice");
    }
    found
}

#[tokio::test]
async fn metrics_count_what_happens_and_do_not_grow_with_what_callers_choose() {
    let admin = free_address();
    let server = Server::local(&["--admin-listen", &admin.to_string()]);
    let client = server.client("");
    let (mut sender, _connection) = http2(server.address).await;
    let mut calls = async |n: usize| {
        let cache = format!("cache-{n}");
        client.create_cache(&cache).await.unwrap();
        client.set(&cache, b"k", b"v", Duration::from_secs(60)).await.unwrap();
        client.get(&cache, b"k").await.unwrap();
        client.get(&format!("none-{n}"), b"k").await.unwrap_err();
        client.delete_cache(&cache).await.unwrap();
        let request = grpc(server.address, &format!("/no.Such/Call{n}")).body(()).unwrap();
        let (response, _) = sender.send_request(request, true).unwrap();
        timeout(PATIENCE, response).await.unwrap().unwrap();
    };
    for n in 0..10 {
        calls(n).await;
    }
    let before = samples(admin);
    for n in 10..110 {
        calls(n).await;
    }
    let after = samples(admin);
    let names = |samples: &BTreeMap<String, f64>| samples.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&before), names(&after));
    assert!(after.len() < 400, "{} series", after.len());
    for (series, grown) in [
        ("kura_grpc_calls_total{method=\"Get\",code=\"0\"}", 100.0),
        ("kura_grpc_calls_total{method=\"Get\",code=\"5\"}", 100.0),
        ("kura_grpc_calls_total{method=\"CreateCache\",code=\"0\"}", 100.0),
        ("kura_grpc_connections", 0.0),
        ("kura_grpc_connections_accepted_total", 0.0),
    ] {
        let value = |samples: &BTreeMap<String, f64>| {
            *samples.get(series).unwrap_or_else(|| panic!("{series} is not in {samples:#?}"))
        };
        assert!((value(&after) - value(&before) - grown).abs() < 0.5, "{series}");
    }
}

#[tokio::test]
async fn the_durations_of_one_call_in_64_are_told() {
    let admin = free_address();
    let server = Server::local(&["--admin-listen", &admin.to_string()]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    for _ in 1..640 {
        client.get("c", b"k").await.unwrap();
    }
    let samples = samples(admin);
    let of = |series: &str| samples[&format!("kura_grpc_call_duration_seconds_{series}")];
    // A call whose body the server reads after its head has waited for it.
    let both = |what: &str, more: &str| {
        ["at_once", "waited"]
            .map(|way| of(&format!("{what}{{way=\"{way}\"{more}}}")))
            .into_iter()
            .sum::<f64>()
    };
    let measured = both("count", "");
    assert!((measured - 10.0).abs() < 0.5, "{measured}");
    assert!(both("sum", "") > 0.0);
    assert!((both("bucket", ",le=\"+Inf\"") - measured).abs() < 0.5);
}

#[test]
fn health_and_readiness_are_told_to_whoever_asks_rightly() {
    let admin = free_address();
    let _server = Server::local(&["--admin-listen", &admin.to_string()]);
    for (path, status) in
        [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 404), ("/debug", 404)]
    {
        let answer = http_get(admin, path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
}
