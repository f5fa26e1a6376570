//! Flows that a router's security groups refused, as its packet filter lists them.

use std::{io, net::Ipv4Addr};

use serde::Deserialize;
use serde_json::Value;

use super::{TABLE, refused_at, refused_flows, run::json};

/// A flow of TCP or UDP that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Refused by the groups of its receiver; otherwise of its sender.
    pub is_ingress: bool,
    /// Where it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// 0 for a protocol without ports.
    pub source_port: u16,
    /// 0 for a protocol without ports.
    pub destination_port: u16,
    /// IANA's number.
    pub protocol: u8,
    /// Packets that way.
    pub packets: u64,
    /// Bytes that way, IP headers included.
    pub bytes: u64,
}

#[derive(Deserialize)]
struct Element {
    elem: Entry,
}

#[derive(Deserialize)]
struct Entry {
    val: Concatenation,
    counter: Count,
}

#[derive(Deserialize)]
struct Concatenation {
    concat: (Ipv4Addr, u16, Ipv4Addr, u16, Value),
}

#[derive(Deserialize)]
struct Count {
    packets: u64,
    bytes: u64,
}

/// The flows that the groups of a router's interfaces refused in the thread's namespace.
pub(crate) fn refused() -> io::Result<Vec<Refused>> {
    let out = listed(&refused_flows("out"), false)?;
    Ok([out, listed(&refused_flows("in"), true)?].concat())
}

/// The flows to a load balancer's node that its groups refused in the thread's namespace.
pub(crate) fn refused_on_the_way(node: &str) -> io::Result<Vec<Refused>> {
    listed(&refused_at(node), true)
}

/// The flows of a set; none where there is no such set.
fn listed(set: &str, is_ingress: bool) -> io::Result<Vec<Refused>> {
    let mut flows = Vec::new();
    if let Some(listing) = json(&["list", "set", "inet", TABLE, set])? {
        let sets = listing.into_iter().filter_map(|mut object| object.remove("set"));
        for element in sets.filter_map(|mut set| set.get_mut("elem").map(Value::take)) {
            for Element { elem } in serde_json::from_value::<Vec<Element>>(element)? {
                let (source, source_port, destination, destination_port, protocol) = elem.val.concat;
                flows.push(Refused {
                    is_ingress,
                    source,
                    destination,
                    source_port,
                    destination_port,
                    protocol: number(&protocol),
                    packets: elem.counter.packets,
                    bytes: elem.counter.bytes,
                });
            }
        }
    }
    Ok(flows)
}

/// `nft` says some protocols by name.
fn number(protocol: &Value) -> u8 {
    match protocol {
        Value::String(name) if name == "tcp" => 6,
        Value::String(name) if name == "udp" => 17,
        other => other.as_u64().and_then(|number| u8::try_from(number).ok()).unwrap_or_default(),
    }
}
