//! A load balancer's node: what comes for a listener goes on to a target, from the node's own address.

use kura_model::plan::NodeFilter;

use super::{
    DNAT_HOOK, FORWARD_HOOK, INPUT_HOOK, Rules, SNAT_HOOK, TABLE, braces, choose, device, guard, idle, known,
    longest, table::Table,
};
use crate::error::Error;

const GUARD_HOOK: &str = "type filter hook prerouting priority dstnat - 5; policy accept;";

pub(super) fn compile(filter: &NodeFilter) -> Result<Rules, Error> {
    let inside = device(&filter.inside)?;
    let mut fronts = Vec::new();
    for (front, address) in &filter.fronts {
        fronts.push(format!("{} . {address}", device(front)?));
    }
    let mut main = Table::named(TABLE);
    // Before the redirection, after which a listener's port is not to be seen any more.
    let mut guarded = Vec::new();
    for (front, guard) in &filter.guards {
        let chain = guard::chain(&mut main, guard)?;
        guarded.push(format!("iifname {} ct state new jump {chain}", device(front)?));
    }
    if !guarded.is_empty() {
        main.chain("guarded", Some(GUARD_HOOK), guarded);
    }
    let mut dnat = Vec::new();
    let mut input = known();
    input.push("iifname \"lo\" accept".into());
    let mut forward = known();
    if !fronts.is_empty() {
        for (port, listener) in &filter.listeners {
            let arrives = format!("iifname . ip daddr {} tcp dport {port}", braces(&fronts));
            let targets: Vec<_> = listener
                .targets
                .iter()
                .map(|target| format!("{} . {}", target.ip(), target.port()))
                .collect();
            match choose(&targets) {
                _ if listener.forwarder => input.push(format!("{arrives} accept")),
                Some(chosen) => dnat.push(format!("{arrives} {chosen}")),
                None => input.push(format!("{arrives} reject with tcp reset")),
            }
        }
        let mut devices = Vec::new();
        for front in filter.fronts.keys() {
            devices.push(device(front)?);
        }
        forward.push(format!("iifname {} oifname {inside} ct status dnat accept", braces(devices)));
    }
    main.chain("prerouting", Some(DNAT_HOOK), dnat);
    main.chain("input", Some(INPUT_HOOK), input);
    let snat = format!("oifname {inside} ct status dnat snat ip to {}", filter.address);
    main.chain("postrouting", Some(SNAT_HOOK), vec![snat]);
    main.chain("forward", Some(FORWARD_HOOK), forward);
    Ok(Rules {
        main,
        idle: idle(filter.listeners.iter().map(|(&port, listener)| (port, listener.idle_timeout))),
        idle_timeout: Some(longest(filter.listeners.values().map(|listener| listener.idle_timeout))),
    })
}
