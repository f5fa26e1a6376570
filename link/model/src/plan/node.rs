//! A load balancer's node: a namespace in one zone that passes connections on from its own address.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
};

use super::{
    Device, Dial, Filter, Forwarder, Namespace, NamespaceName, NodeFilter, NodeListener, Plan, ProxyV2,
    Route, To, fabric, guard,
    public::{self, MAIN},
    router::{self, INSIDE},
    view::{Place, PlacedNode, View},
};
use crate::{EndpointState, LoadBalancerArn, NetworkInterface, network};

/// A node's device towards the public side.
const PUBLIC: &str = "pub0";

pub(super) fn lay(view: &View<'_>, interface: &NetworkInterface, arn: &LoadBalancerArn, plan: &mut Plan) {
    let mut routes = router::join(view, interface, plan);
    let mut fronts = fabric_fronts(view, interface, arn);
    fronts.insert(INSIDE.to_owned(), interface.address);
    if let Some(address) = interface.public_address {
        let (name, far) = (NamespaceName::of(interface), format!("p{}", interface.number));
        let far = public::join(plan, name, PUBLIC, far, interface.number, std::iter::once(address));
        let to = To::Device(PUBLIC.to_owned(), Some(far));
        routes.insert(Route { table: MAIN, destination: network::PUBLIC_RANGE, to });
        fronts.insert(PUBLIC.to_owned(), address);
    }
    let balancer = view.state.load_balancers.get(arn);
    let node = balancer.and_then(|balancer| view.node(balancer, view.zone(interface)?));
    let listeners = node.map(|node| listeners(view, node, plan)).unwrap_or_default();
    // By the other fronts come those who passed one at their endpoint or at the router.
    let public = node.filter(|_| fronts.contains_key(PUBLIC));
    let guard = public.and_then(|node| guard::before(view, node.balancer, interface));
    let filter = NodeFilter {
        inside: INSIDE.to_owned(),
        address: interface.address,
        fronts,
        listeners,
        guards: guard.map(|guard| (PUBLIC.to_owned(), guard)).into_iter().collect(),
    };
    let namespace = Namespace {
        forwards: true,
        local: interface.public_address.into_iter().collect(),
        routes,
        tables: BTreeMap::new(),
        filter: Filter::Node(filter),
    };
    plan.namespaces.insert(NamespaceName::of(interface), namespace);
}

/// The device of a fabric link, by the interface at its other end.
pub(super) fn fabric_device(to: &NetworkInterface) -> Device {
    format!("f{}", to.number)
}

/// How a forwarder reaches a target of a node.
pub(super) fn dial(node: &NetworkInterface, place: Place) -> Dial {
    match place {
        Place::Address(address) => Dial::Within(NamespaceName::of(node), address),
        Place::Machine(address) => Dial::Machine(address),
    }
}

/// Where connections from endpoints come in.
fn fabric_fronts(
    view: &View<'_>,
    interface: &NetworkInterface,
    arn: &LoadBalancerArn,
) -> BTreeMap<Device, Ipv4Addr> {
    let services = view.state.services.values().filter(|service| service.load_balancers.contains(arn));
    let zone = view.zone(interface);
    services
        .flat_map(|service| view.state.endpoints.values().filter(|endpoint| endpoint.service == service.id))
        .filter(|endpoint| endpoint.state == EndpointState::Available)
        .flat_map(|endpoint| endpoint.interfaces.values())
        .filter_map(|id| view.state.interfaces.get(id))
        .filter(|from| view.zone(from) == zone)
        .map(|from| {
            let [_, own] = fabric::between(from.number, interface.number);
            (fabric_device(from), own)
        })
        .collect()
}

fn listeners(view: &View<'_>, node: PlacedNode<'_>, plan: &mut Plan) -> BTreeMap<u16, NodeListener> {
    let mut listeners = BTreeMap::new();
    for listener in view.listeners(&node.balancer.arn) {
        let Some(group) = view.state.target_groups.get(&listener.target_group) else { continue };
        let chosen = view.chosen(node, group);
        let targets = chosen.iter().filter_map(|place| match place {
            Place::Address(address) => Some(*address),
            Place::Machine(_) => None,
        });
        let is_kernels = !group.proxy_protocol_v2 && group.kind != crate::TargetKind::Host;
        let forwarder = !is_kernels && !chosen.is_empty();
        listeners.insert(
            listener.port,
            NodeListener { targets: targets.collect(), forwarder, idle_timeout: listener.idle_timeout },
        );
        if forwarder {
            let everywhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, listener.port);
            plan.forwarders.insert(Forwarder {
                listen: (NamespaceName::of(node.interface), everywhere),
                dial: chosen.into_iter().map(|place| dial(node.interface, place)).collect::<BTreeSet<_>>(),
                proxy_v2: group.proxy_protocol_v2.then_some(ProxyV2 { endpoint: None }),
                idle_timeout: listener.idle_timeout,
            });
        }
    }
    listeners
}
