//! The addresses of point-to-point links: pairs from 169.254.0.0/17, made from the numbers of the two ends.
//!
//! Living interfaces and VPCs have numbers that differ modulo [`NUMBERS`], so a pair is never met twice in one
//! namespace: in a load balancer's node the endpoints differ, in an endpoint the nodes do. And a pair never depends on
//! which other links stand.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::network::NUMBERS;

const FABRIC: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 0);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(169, 254, 64, 0);

/// The addresses of an endpoint's interface and of a load balancer's node on the link between them.
pub(super) fn between(endpoint: u32, node: u32) -> [Ipv4Addr; 2] {
    pair(FABRIC, endpoint % NUMBERS + node % NUMBERS)
}

/// The addresses of a router or a node and of the public side on the link between them.
pub(super) fn to_public(number: u32) -> [Ipv4Addr; 2] {
    pair(PUBLIC, number)
}

/// An address with the prefix of such a link.
pub(super) fn on_link(address: Ipv4Addr) -> Option<Ipv4Net> {
    Ipv4Net::new(address, 31).ok()
}

fn pair(base: Ipv4Addr, number: u32) -> [Ipv4Addr; 2] {
    let first = u32::from(base) + 2 * (number % NUMBERS);
    [Ipv4Addr::from(first), Ipv4Addr::from(first + 1)]
}
