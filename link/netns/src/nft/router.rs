//! A VPC's router: security groups, the resolver, the internet gateway.
//!
//! Sender and receiver are asked independently, by two base chains of the forward hook: what the first accepts still
//! comes to the second, so that no sender's rule can let a packet past its receiver's.
//!
//! A TCP connection to or from an endpoint or a load balancer's node is known in that one's namespace, so the router
//! does not track it a second time: it asks the groups about the segment that opens it, and leaves every other segment
//! to the namespace that knows.

use std::{collections::BTreeMap, fmt::Display};

use kura_model::{
    Traffic,
    plan::{Allow, AllowPeer, GatewayFilter, InterfaceFilter, RouterFilter},
};

use super::{
    DNAT_HOOK, INPUT_HOOK, KNOWN, Rules, SNAT_HOOK, TABLE, braces, device, known, table::Table, word,
};
use crate::error::Error;

pub(super) fn compile(filter: &RouterFilter) -> Result<Rules, Error> {
    let mut main = Table::named(TABLE);
    for (group, rules) in &filter.groups {
        main.sets.insert(set(group)?, rules.members.clone());
        main.chain(format!("out-{group}"), None, allows(filter, &rules.egress, "daddr")?);
        main.chain(format!("in-{group}"), None, allows(filter, &rules.ingress, "saddr")?);
    }
    for interface in filter.interfaces.values() {
        for direction in ["out", "in"] {
            gate(&mut main, filter, interface, direction)?;
        }
    }
    spoofing(&mut main, filter)?;
    forward(&mut main, filter)?;
    input(&mut main, filter)?;
    if let Some(gateway) = &filter.gateway {
        translate(&mut main, filter, gateway)?;
    }
    Ok(Rules { main, idle: None, idle_timeout: Some(filter.idle_timeout) })
}

/// The set with a group's members.
fn set(group: &str) -> Result<String, Error> {
    Ok(format!("members-{}", word(group)?))
}

fn allows<'a>(
    filter: &RouterFilter,
    allowed: impl IntoIterator<Item = &'a Allow>,
    side: &str,
) -> Result<Vec<String>, Error> {
    let mut rules = Vec::new();
    for Allow { traffic, peer } in allowed {
        let peer = match peer {
            AllowPeer::Range(range) => format!("ip {side} {} ", range.trunc()),
            AllowPeer::Members(group) if filter.groups.contains_key(group) => {
                format!("ip {side} @{} ", set(group)?)
            }
            AllowPeer::Members(group) => {
                return Err(Error::Plan(format!(
                    "a rule names group {group}, which its router does not have"
                )));
            }
        };
        rules.push(format!("{peer}{}accept", matching(*traffic)));
    }
    Ok(rules)
}

/// The words that pick a kind of traffic, with a space behind.
pub(super) fn matching(traffic: Traffic) -> String {
    match traffic {
        Traffic::All => String::new(),
        Traffic::Tcp(first, last) => format!("tcp dport {first}-{last} "),
        Traffic::Udp(first, last) => format!("udp dport {first}-{last} "),
        Traffic::Icmp(None, None) => "meta l4proto 1 ".into(),
        Traffic::Icmp(kind, code) => {
            let kind = kind.map(|kind| format!("icmp type {kind} ")).unwrap_or_default();
            kind + &code.map(|code| format!("icmp code {code} ")).unwrap_or_default()
        }
        Traffic::Protocol(number) => format!("meta l4proto {number} "),
    }
}

/// An interface's own chain: what one of its groups allows passes, the rest is counted and dropped.
fn gate(
    main: &mut Table,
    filter: &RouterFilter,
    interface: &InterfaceFilter,
    direction: &str,
) -> Result<(), Error> {
    let name = word(&interface.name)?;
    let counter = format!("refused-{direction}-{name}");
    let mut rules = Vec::new();
    for group in &interface.groups {
        if !filter.groups.contains_key(group) {
            return Err(Error::Plan(format!("{name} carries group {group}, which its router does not have")));
        }
        rules.push(format!("jump {direction}-{group}"));
    }
    refuse(main, &mut rules, counter, super::refused_flows(direction));
    main.chain(format!("{direction}-{name}"), None, rules);
    Ok(())
}

/// What is left is listed as a flow, counted and dropped.
pub(super) fn refuse(main: &mut Table, rules: &mut Vec<String>, counter: String, flows: String) {
    let flow = "ip saddr . th sport . ip daddr . th dport . meta l4proto";
    rules.push(format!("meta l4proto {{ tcp, udp }} update @{flows} {{ {flow} counter }}"));
    rules.push(format!("counter name \"{counter}\" drop"));
    main.counters.insert(counter);
    main.flows.insert(flows);
}

/// Any TCP segment but the one that opens a connection.
const NOT_OPENING: &str = "tcp flags & (fin | syn | rst | ack) != syn";

/// Before connection tracking, so that a forged packet cannot pass as another's answer either.
fn spoofing(main: &mut Table, filter: &RouterFilter) -> Result<(), Error> {
    let mut own = Vec::new();
    let mut devices = Vec::new();
    for (name, interface) in &filter.interfaces {
        own.push(format!("{} . {}", device(name)?, interface.address));
        devices.push(device(name)?);
    }
    let mut rules = Vec::new();
    if !own.is_empty() {
        main.counters.insert("spoofed".into());
        let from = format!("iifname {}", braces(devices));
        rules.push(format!("{from} iifname . ip saddr != {} counter name \"spoofed\" drop", braces(own)));
    }
    let tracking: Vec<_> = tracking(filter).map(|(_, interface)| interface.address).collect();
    if !tracking.is_empty() {
        for side in ["saddr", "daddr"] {
            rules.push(format!("ip {side} {} meta l4proto tcp notrack", braces(&tracking)));
        }
    }
    main.chain("spoofing", Some("type filter hook prerouting priority raw; policy accept;"), rules);
    Ok(())
}

/// The interfaces whose namespaces know their connections.
pub(super) fn tracking(filter: &RouterFilter) -> impl Iterator<Item = (&String, &InterfaceFilter)> {
    filter.interfaces.iter().filter(|(_, interface)| interface.tracks)
}

fn forward(main: &mut Table, filter: &RouterFilter) -> Result<(), Error> {
    let mut egress = known();
    let mut ingress = vec![KNOWN.to_owned()];
    if tracking(filter).next().is_some() {
        let mut devices = Vec::new();
        for name in filter.interfaces.keys() {
            devices.push(device(name)?);
        }
        let devices = braces(devices);
        egress.push(format!("iifname {devices} ct state untracked {NOT_OPENING} accept"));
        ingress.push(format!("oifname {devices} ct state untracked {NOT_OPENING} accept"));
    }
    egress.extend(dispatch("iifname", "out", &filter.interfaces)?);
    ingress.extend(dispatch("oifname", "in", &filter.interfaces)?);
    if let Some(gateway) = &filter.gateway {
        let name = device(&gateway.device)?;
        // From outside only what was for a public address, to the outside only who has one.
        egress.push(format!("iifname {name} ct status dnat accept"));
        if !gateway.addresses.is_empty() {
            ingress.push(format!("oifname {name} ip saddr {} accept", braces(gateway.addresses.keys())));
        }
        ingress.push(format!("oifname {name} counter name \"refused-gateway\" drop"));
        main.counters.insert("refused-gateway".into());
    }
    main.chain("egress", Some("type filter hook forward priority filter - 10; policy drop;"), egress);
    main.chain("ingress", Some("type filter hook forward priority filter + 10; policy drop;"), ingress);
    Ok(())
}

fn dispatch(
    key: &str,
    direction: &str,
    interfaces: &BTreeMap<String, InterfaceFilter>,
) -> Result<Option<String>, Error> {
    let mut jumps = Vec::new();
    for (name, interface) in interfaces {
        jumps.push(format!("{} : jump {direction}-{}", device(name)?, interface.name));
    }
    Ok((!jumps.is_empty()).then(|| format!("{key} vmap {}", braces(jumps))))
}

fn input(main: &mut Table, filter: &RouterFilter) -> Result<(), Error> {
    let mut rules = known();
    rules.push("iifname \"lo\" accept".into());
    let mut devices = Vec::new();
    for name in filter.interfaces.keys() {
        devices.push(device(name)?);
    }
    if !filter.resolver.is_empty() && !devices.is_empty() {
        let (devices, resolver) = (braces(devices), braces(&filter.resolver));
        for protocol in ["udp", "tcp"] {
            rules.push(format!("iifname {devices} ip daddr {resolver} {protocol} dport 53 accept"));
        }
    }
    main.chain("input", Some(INPUT_HOOK), rules);
    Ok(())
}

/// The gateway's one-to-one translation, and what left by it, counted after routing.
fn translate(main: &mut Table, filter: &RouterFilter, gateway: &GatewayFilter) -> Result<(), Error> {
    let name = device(&gateway.device)?;
    let mut dnat = Vec::new();
    let mut snat = Vec::new();
    if !gateway.addresses.is_empty() {
        let pair = |(from, to): (&dyn Display, &dyn Display)| format!("{from} : {to}");
        let inward = gateway.addresses.iter().map(|(private, public)| pair((public, private)));
        dnat.push(format!("iifname {name} dnat ip to ip daddr map {}", braces(inward)));
        let outward = gateway.addresses.iter().map(|(private, public)| pair((private, public)));
        snat.push(format!("oifname {name} snat ip to ip saddr map {}", braces(outward)));
    }
    main.chain("prerouting", Some(DNAT_HOOK), dnat);
    main.chain("postrouting", Some(SNAT_HOOK), snat);

    // Before the translation: a private address says whose packet it is.
    let mut leaving = vec![format!("oifname {name} counter name \"left-gateway\"")];
    main.counters.insert("left-gateway".into());
    let mut owners = Vec::new();
    for interface in filter.interfaces.values() {
        let counter = format!("left-{}", interface.name);
        owners.push(format!("{} : \"{counter}\"", interface.address));
        main.counters.insert(counter);
    }
    if !owners.is_empty() {
        leaving.push(format!("oifname {name} counter name ip saddr map {}", braces(owners)));
    }
    main.chain("leaving", Some("type filter hook postrouting priority filter; policy accept;"), leaving);
    Ok(())
}
