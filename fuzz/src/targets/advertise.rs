//! What `--advertise` says, `kura-link publish` prints, and SIGHUP reads again.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use kura_front_http::{Advertised, Zones};
use serde_json::Value;

use super::http_request::{hear, responses};
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_memory_bytes: 8 << 20,
    pieces: &[
        b"apne1-az4=192.0.2.1:9004",
        b"use1-az1=[2001:db8::1]:9004",
        b",",
        b"=",
        b":0",
        b"0.0.0.0:1",
        b"[::]:1",
        b" ",
    ],
    ..Target::new("advertise", "what is taken is listed, all of it and nothing else", check)
};

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let zones = text.parse::<Zones>();
    let expected = read(text);
    trace.note((zones.is_ok(), expected.as_ref().map(|zones| zones.len().min(3))));
    assert_eq!(zones.is_ok(), expected.is_some());
    let (Ok(public), Some(expected)) = (zones, expected) else { return };
    let advertised = Advertised { public, private: Zones::default() };
    let asked = b"GET /endpoints HTTP/1.1\r\nhost: fuzz\r\nconnection: close\r\n\r\n";
    let (answered, _) = hear(asked, advertised);
    let listed: Value = serde_json::from_slice(&responses(&answered)[0].body).unwrap();
    let address = |entry: &Value| entry["socket_address"].as_str().unwrap().parse().unwrap();
    let listed: BTreeMap<&str, Vec<SocketAddr>> = listed
        .as_object()
        .unwrap()
        .iter()
        .map(|(zone, entries)| (zone.as_str(), entries.as_array().unwrap().iter().map(address).collect()))
        .collect();
    assert_eq!(listed, expected);
}

/// The same in few words: entries with commas between, each a zone, an equals sign and an address that can be
/// dialled, none of them twice.
fn read(text: &str) -> Option<BTreeMap<&str, Vec<SocketAddr>>> {
    let mut zones = BTreeMap::<_, Vec<_>>::new();
    if text.trim().is_empty() {
        return Some(zones);
    }
    for entry in text.split(',') {
        let (zone, address) = entry.trim().split_once('=')?;
        let address: SocketAddr = address.parse().ok()?;
        let is_zone = !zone.is_empty() && zone.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
        let there = zones.entry(zone).or_default();
        if !is_zone || address.port() == 0 || address.ip().is_unspecified() || there.contains(&address) {
            return None;
        }
        there.push(address);
    }
    Some(zones)
}
