//! An endpoint's interface: what comes in at a listener's port goes over the fabric to a node of its zone.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddrV4,
};

use super::{
    Device, Dial, End, EndpointFilter, EndpointPort, FabricNode, Filter, Forwarder, Guard, Link, Namespace,
    NamespaceName, Plan, ProxyV2, fabric, guard, node,
    router::{self, INSIDE},
    view::{PlacedNode, View},
};
use crate::{Endpoint, EndpointId, EndpointState, NetworkInterface};

pub(super) fn lay(view: &View<'_>, interface: &NetworkInterface, id: &EndpointId, plan: &mut Plan) {
    let routes = router::join(view, interface, plan);
    let endpoint = view.state.endpoints.get(id).filter(|found| found.state == EndpointState::Available);
    let ports = endpoint.map(|endpoint| ports(view, interface, endpoint, plan)).unwrap_or_default();
    let guards = endpoint.map(|endpoint| guards(view, interface, endpoint)).unwrap_or_default();
    let filter = EndpointFilter { inside: INSIDE.to_owned(), address: interface.address, ports, guards };
    let namespace = Namespace {
        forwards: true,
        local: BTreeSet::new(),
        routes,
        tables: BTreeMap::new(),
        filter: Filter::Endpoint(filter),
    };
    plan.namespaces.insert(NamespaceName::of(interface), namespace);
}

/// The ports an available endpoint answers on, with the links and forwarders they need.
fn ports(
    view: &View<'_>,
    interface: &NetworkInterface,
    endpoint: &Endpoint,
    plan: &mut Plan,
) -> BTreeMap<u16, EndpointPort> {
    let mut ports = BTreeMap::new();
    let mut dials: BTreeMap<u16, BTreeSet<Dial>> = BTreeMap::new();
    for node in view.nodes_for(endpoint, interface) {
        let fabric = link(interface, node.interface, plan);
        for listener in view.listeners(&node.balancer.arn) {
            let port = ports.entry(listener.port).or_insert_with(|| EndpointPort {
                nodes: BTreeSet::new(),
                forwarder: false,
                idle_timeout: listener.idle_timeout,
            });
            port.nodes.insert(fabric.clone());
            port.idle_timeout = port.idle_timeout.max(listener.idle_timeout);
            let group = view.state.target_groups.get(&listener.target_group);
            if let Some(group) = group.filter(|group| group.proxy_protocol_v2) {
                dials.entry(listener.port).or_default().extend(dial(view, node, group));
            }
        }
    }
    // With several load balancers on a port, those that ask for the header take it all: a flow can have one way.
    for (number, dial) in dials {
        let Some(port) = ports.get_mut(&number) else { continue };
        if dial.is_empty() {
            port.nodes.clear();
            continue;
        }
        port.forwarder = true;
        plan.forwarders.insert(Forwarder {
            listen: (NamespaceName::of(interface), SocketAddrV4::new(interface.address, number)),
            dial,
            proxy_v2: Some(ProxyV2 { endpoint: Some(endpoint.id.to_string()) }),
            idle_timeout: port.idle_timeout,
        });
    }
    ports
}

/// Here, since what the node sees is the endpoint's address on their link, and no client's.
fn guards(view: &View<'_>, interface: &NetworkInterface, endpoint: &Endpoint) -> BTreeMap<Device, Guard> {
    let nodes = view.nodes_for(endpoint, interface).filter(|node| node.balancer.enforces_on_private_link);
    let guards = nodes.filter_map(|node| {
        let guard = guard::before(view, node.balancer, node.interface)?;
        Some((node::fabric_device(node.interface), guard))
    });
    guards.collect()
}

fn dial(view: &View<'_>, node: PlacedNode<'_>, group: &crate::TargetGroup) -> Vec<Dial> {
    view.chosen(node, group).into_iter().map(|place| node::dial(node.interface, place)).collect()
}

/// Lays the link between an endpoint's interface and a load balancer's node.
fn link(interface: &NetworkInterface, node: &NetworkInterface, plan: &mut Plan) -> FabricNode {
    let [own, far] = fabric::between(interface.number, node.number);
    let end = |of: &NetworkInterface, to: &NetworkInterface, address| End {
        namespace: NamespaceName::of(of),
        device: node::fabric_device(to),
        address: fabric::on_link(address),
        proxy_arp: false,
    };
    plan.links.insert(Link { a: end(interface, node, own), b: end(node, interface, far) });
    FabricNode { device: node::fabric_device(node), node: far, own }
}
