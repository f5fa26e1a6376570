//! What holds for every plan.

use std::collections::{BTreeMap, BTreeSet};

use kura_model::plan::*;

/// Asserts that a kernel could be made as a plan says.
#[track_caller]
pub fn check(plan: &Plan) {
    let mut devices: BTreeMap<&NamespaceName, BTreeSet<&str>> = BTreeMap::new();
    let mut addresses = BTreeSet::new();
    for end in plan.links.iter().flat_map(|link| [&link.a, &link.b]) {
        assert!(plan.namespaces.contains_key(&end.namespace), "a link into nowhere: {end:?}");
        assert!((1..=15).contains(&end.device.len()), "{end:?}");
        assert!(devices.entry(&end.namespace).or_default().insert(&end.device), "a device twice: {end:?}");
        if let Some(address) = end.address {
            assert!(addresses.insert((&end.namespace, address.addr())), "an address twice: {end:?}");
        }
    }
    let none = BTreeSet::new();
    for (name, namespace) in &plan.namespaces {
        let devices = devices.get(name).unwrap_or(&none);
        for route in &namespace.routes {
            if let To::Device(device, _) = &route.to {
                assert!(devices.contains(device.as_str()), "{name:?}: {route:?}");
            }
        }
        for address in &namespace.local {
            assert!(addresses.insert((name, *address)), "an address twice in {name:?}: {address}");
        }
        for device in namespace.tables.keys().chain(filter_devices(&namespace.filter)) {
            assert!(devices.contains(device.as_str()), "{name:?} has no {device}");
        }
        if let Filter::Router(filter) = &namespace.filter {
            let groups = filter.interfaces.values().flat_map(|interface| &interface.groups);
            assert!(groups.into_iter().all(|group| filter.groups.contains_key(group)), "{filter:?}");
        }
    }
    let mut listening = BTreeSet::new();
    for forwarder in &plan.forwarders {
        assert!(plan.namespaces.contains_key(&forwarder.listen.0));
        assert!(listening.insert(&forwarder.listen), "a port twice: {forwarder:?}");
        assert!(!forwarder.dial.is_empty());
        for dial in &forwarder.dial {
            assert!(!matches!(dial, Dial::Within(name, _) if !plan.namespaces.contains_key(name)));
        }
    }
    check_forwarders(plan);
}

fn filter_devices(filter: &Filter) -> Vec<&Device> {
    match filter {
        Filter::Open | Filter::Public(_) => Vec::new(),
        Filter::Router(filter) => {
            filter.interfaces.keys().chain(filter.gateway.as_ref().map(|found| &found.device)).collect()
        }
        Filter::Endpoint(filter) => {
            let nodes = filter.ports.values().flat_map(|port| &port.nodes);
            nodes.map(|node| &node.device).chain([&filter.inside]).collect()
        }
        Filter::Node(filter) => filter.fronts.keys().chain([&filter.inside]).collect(),
    }
}

/// A port that is a forwarder's has one, and no other port has.
fn check_forwarders(plan: &Plan) {
    let mut expected = BTreeSet::new();
    for (name, namespace) in &plan.namespaces {
        let ports: Vec<u16> = match &namespace.filter {
            Filter::Endpoint(filter) => {
                filter.ports.iter().filter(|(_, port)| port.forwarder).map(|(number, _)| *number).collect()
            }
            Filter::Node(filter) => filter
                .listeners
                .iter()
                .filter(|(_, port)| port.forwarder)
                .map(|(number, _)| *number)
                .collect(),
            _ => Vec::new(),
        };
        expected.extend(ports.into_iter().map(|port| (name, port)));
    }
    let found: BTreeSet<_> =
        plan.forwarders.iter().map(|found| (&found.listen.0, found.listen.1.port())).collect();
    assert_eq!(expected, found);
}
