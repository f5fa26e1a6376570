//! An endpoint's interface: what comes for a listener goes to a load balancer's node, and nothing else passes.

use std::collections::{BTreeMap, BTreeSet};

use kura_model::plan::{EndpointFilter, EndpointPort};

use super::{
    DNAT_HOOK, FORWARD_HOOK, INPUT_HOOK, Rules, SNAT_HOOK, TABLE, braces, choose, device, guard, idle, known,
    longest, table::Table,
};
use crate::error::Error;

pub(super) fn compile(filter: &EndpointFilter) -> Result<Rules, Error> {
    let inside = device(&filter.inside)?;
    let address = filter.address;
    let mut main = Table::named(TABLE);
    let mut guards = BTreeMap::new();
    for (device, guard) in &filter.guards {
        guards.insert(device, guard::chain(&mut main, guard)?);
    }
    let mut dnat = Vec::new();
    let mut input = known();
    input.push("iifname \"lo\" accept".into());
    for (port, EndpointPort { nodes: listening, forwarder, .. }) in &filter.ports {
        let arrives = format!("iifname {inside} ip daddr {address} tcp dport {port}");
        let nodes: Vec<_> = listening.iter().map(|node| node.node.to_string()).collect();
        match choose(&nodes) {
            _ if *forwarder => {
                // It picks the node later on, so all of them must agree.
                let guards = listening.iter().filter_map(|node| guards.get(&node.device));
                input.extend(guards.map(|guard| format!("{arrives} jump {guard}")));
                input.push(format!("{arrives} accept"));
            }
            Some(chosen) => dnat.push(format!("{arrives} {chosen}")),
            None => input.push(format!("{arrives} reject with tcp reset")),
        }
    }
    main.chain("prerouting", Some(DNAT_HOOK), dnat);
    main.chain("input", Some(INPUT_HOOK), input);

    // What the node sees is the endpoint's own address on their link, whichever VPC the connection is from.
    let mut own = BTreeMap::new();
    for node in filter.ports.values().flat_map(|port| &port.nodes) {
        own.insert(device(&node.device)?, node.own);
    }
    let snat = own.iter().map(|(device, own)| format!("oifname {device} ct status dnat snat ip to {own}"));
    main.chain("postrouting", Some(SNAT_HOOK), snat.collect());

    let mut forward = known();
    let fabric: BTreeSet<_> = own.keys().collect();
    for (name, guard) in &guards {
        let name = device(name)?;
        if fabric.contains(&name) {
            forward.push(format!("iifname {inside} oifname {name} ct status dnat jump {guard}"));
        }
    }
    if !fabric.is_empty() {
        forward.push(format!("iifname {inside} oifname {} ct status dnat accept", braces(fabric)));
    }
    main.chain("forward", Some(FORWARD_HOOK), forward);
    Ok(Rules {
        main,
        idle: idle(filter.ports.iter().map(|(&port, listener)| (port, listener.idle_timeout))),
        idle_timeout: Some(longest(filter.ports.values().map(|port| port.idle_timeout))),
    })
}
