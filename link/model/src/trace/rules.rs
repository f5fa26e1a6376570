//! What security groups say to one connection.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::RuleHop;
use crate::{plan::view::View, state::*};

/// What the groups of an interface say to TCP between it and another address. The port is the receiver's.
pub(super) fn look(
    view: &View<'_>,
    interface: &NetworkInterface,
    direction: Direction,
    other: Ipv4Addr,
    port: u16,
) -> RuleHop {
    find(view, interface, direction, port, |peer| is_with(view, interface, peer, other))
}

/// What the groups of a load balancer's node say to a client of another network, whom no group means.
pub(super) fn look_beyond(view: &View<'_>, node: &NetworkInterface, client: Ipv4Addr, port: u16) -> RuleHop {
    find(view, node, Direction::Ingress, port, |peer| match peer {
        Peer::Cidr(range) => range.contains(&client),
        Peer::Group(_) => false,
    })
}

fn find(
    view: &View<'_>,
    interface: &NetworkInterface,
    direction: Direction,
    port: u16,
    is_with: impl Fn(&Peer) -> bool,
) -> RuleHop {
    let groups = interface.groups.iter().filter_map(|id| view.state.groups.get(id));
    let mut rules = groups.flat_map(|group| group.rules.values()).filter(|rule| rule.direction == direction);
    let rule = rules.find(|rule| is_about(&rule.allows.traffic, port) && is_with(&rule.allows.peer));
    RuleHop {
        interface: interface.id.to_string(),
        groups: interface.groups.iter().map(ToString::to_string).collect(),
        is_allowed: interface.groups.is_empty() || rule.is_some(),
        rule: rule.map(|rule| rule.id.to_string()),
    }
}

/// What to do so that the groups of an interface allow it.
/// `or` says what else might be named than the address.
pub(super) fn advice(hop: &RuleHop, direction: Direction, other: Ipv4Addr, port: u16, or: &str) -> String {
    let (verb, side) = match direction {
        Direction::Ingress => ("authorize-security-group-ingress", "from"),
        Direction::Egress => ("authorize-security-group-egress", "to"),
    };
    let group = hop.groups.first().map_or("", String::as_str);
    format!(
        "allow TCP {port} {side} {other}{or} in a group of {}: aws ec2 {verb} --group-id {group} \
         --ip-permissions IpProtocol=tcp,FromPort={port},ToPort={port},IpRanges='[{{CidrIp={other}/32}}]'",
        hop.interface
    )
}

fn is_about(traffic: &Traffic, port: u16) -> bool {
    match traffic {
        Traffic::All | Traffic::Protocol(6) => true,
        Traffic::Tcp(from, to) => (from..=to).contains(&&port),
        Traffic::Udp(..) | Traffic::Icmp(..) | Traffic::Protocol(_) => false,
    }
}

fn is_with(view: &View<'_>, interface: &NetworkInterface, peer: &Peer, other: Ipv4Addr) -> bool {
    match peer {
        Peer::Cidr(range) => range.contains(&other),
        Peer::Group(group) => {
            let members: BTreeSet<Ipv4Addr> = view
                .interfaces(&interface.vpc)
                .filter(|member| member.groups.contains(group))
                .map(|member| member.address)
                .collect();
            members.contains(&other)
        }
    }
}
