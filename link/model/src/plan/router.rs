//! A VPC's router: a device for each interface, its route tables, its groups.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use super::{
    Allow, AllowPeer, Device, End, Filter, GatewayFilter, GroupFilter, InterfaceFilter, Link, Namespace,
    NamespaceName, Plan, Route, RouterFilter, To, fabric,
    public::{self, MAIN},
    view::View,
};
use crate::{network, state::*};

/// The device in a namespace that leads to its VPC's router.
pub(super) const INSIDE: &str = "eth0";

/// The router's device towards the public side.
const GATEWAY: &str = "igw0";

/// The group of load balancers that were made without groups: they take and send everything, as on AWS.
const UNFILTERED: &str = "unfiltered";

pub(super) fn lay(view: &View<'_>, vpc: &Vpc, plan: &mut Plan) {
    let standing: Vec<&NetworkInterface> =
        view.interfaces(&vpc.id).filter(|interface| view.stands(interface)).collect();
    let gateway = view.state.gateway_of(&vpc.id).map(|_| gateway(&standing));
    let resolver = resolver(vpc);
    let subnets = view.state.subnets.values().filter(|subnet| subnet.vpc == vpc.id);
    let mut namespace = Namespace {
        forwards: true,
        local: subnets.map(|subnet| network::nth(subnet.cidr, 1)).chain(resolver).collect(),
        routes: routes(view, vpc, &standing),
        tables: BTreeMap::new(),
        filter: Filter::Open,
    };
    for interface in &standing {
        let subnet = view.state.subnets.get(&interface.subnet);
        if let Some(table) = subnet.and_then(|subnet| view.state.route_table_of(subnet)) {
            namespace.tables.insert(device(interface), table.number);
        }
    }
    if let Some(gateway) = &gateway {
        let addresses = gateway.addresses.values().copied();
        let (name, far) = (NamespaceName::router(&vpc.id), format!("v{}", vpc.number));
        public::join(plan, name, GATEWAY, far, vpc.number, addresses);
    }
    namespace.filter = Filter::Router(RouterFilter {
        resolver: if vpc.dns_support { BTreeSet::from(resolver) } else { BTreeSet::new() },
        interfaces: standing
            .iter()
            .map(|interface| (device(interface), interface_filter(interface)))
            .collect(),
        groups: groups(view, vpc),
        gateway,
        idle_timeout: idle_timeout(view, vpc),
    });
    plan.namespaces.insert(NamespaceName::router(&vpc.id), namespace);
}

/// Joins an interface's namespace to its router; returns the namespace's routes.
pub(super) fn join(view: &View<'_>, interface: &NetworkInterface, plan: &mut Plan) -> BTreeSet<Route> {
    let Some(subnet) = view.state.subnets.get(&interface.subnet) else { return BTreeSet::new() };
    plan.links.insert(Link {
        a: End {
            namespace: NamespaceName::of(interface),
            device: INSIDE.to_owned(),
            address: Ipv4Net::new(interface.address, subnet.cidr.prefix_len()).ok(),
            proxy_arp: false,
        },
        b: End {
            namespace: NamespaceName::router(&interface.vpc),
            device: device(interface),
            address: None,
            proxy_arp: true,
        },
    });
    let router = network::nth(subnet.cidr, 1);
    BTreeSet::from([Route {
        table: MAIN,
        destination: Ipv4Net::default(),
        to: To::Device(INSIDE.to_owned(), Some(router)),
    }])
}

/// The addresses a VPC's resolver answers at: its range's third and the link-local one.
pub(super) fn resolver(vpc: &Vpc) -> [Ipv4Addr; 2] {
    [network::nth(vpc.cidr, 2), network::LINK_LOCAL_RESOLVER]
}

fn device(interface: &NetworkInterface) -> Device {
    format!("e{}", interface.number)
}

fn gateway(standing: &[&NetworkInterface]) -> GatewayFilter {
    // A load balancer's node has a link of its own to the public side.
    let instances = standing.iter().filter(|found| matches!(found.holder, Holder::Instance(..)));
    GatewayFilter {
        device: GATEWAY.to_owned(),
        addresses: instances.filter_map(|found| Some((found.address, found.public_address?))).collect(),
    }
}

/// The main table leads to the interfaces and nowhere else within the VPC; the VPC's own tables lead out of it.
fn routes(view: &View<'_>, vpc: &Vpc, standing: &[&NetworkInterface]) -> BTreeSet<Route> {
    let nowhere = [vpc.cidr, network::LINK_LOCAL];
    let mut routes: BTreeSet<Route> = nowhere
        .into_iter()
        .map(|destination| Route { table: MAIN, destination, to: To::Unreachable })
        .collect();
    routes.extend(standing.iter().map(|interface| Route {
        table: MAIN,
        destination: Ipv4Net::from(interface.address),
        to: To::Device(device(interface), None),
    }));
    let [_, far] = fabric::to_public(vpc.number);
    for table in view.state.route_tables.values().filter(|table| table.vpc == vpc.id) {
        routes.extend(table.routes.iter().map(|(destination, RouteTarget::Gateway(id))| {
            let is_attached =
                view.state.gateways.get(id).is_some_and(|gateway| gateway.vpc.as_ref() == Some(&vpc.id));
            let to = if is_attached { To::Device(GATEWAY.to_owned(), Some(far)) } else { To::Unreachable };
            Route { table: table.number, destination: *destination, to }
        }));
    }
    routes
}

fn interface_filter(interface: &NetworkInterface) -> InterfaceFilter {
    let mut groups: BTreeSet<String> = interface.groups.iter().map(ToString::to_string).collect();
    if groups.is_empty() {
        groups.insert(UNFILTERED.to_owned());
    }
    InterfaceFilter {
        address: interface.address,
        groups,
        name: interface.id.to_string(),
        tracks: !matches!(interface.holder, Holder::Instance(..)),
    }
}

fn groups(view: &View<'_>, vpc: &Vpc) -> BTreeMap<String, GroupFilter> {
    let mut filters: BTreeMap<String, GroupFilter> = view
        .state
        .groups
        .values()
        .filter(|group| group.vpc == vpc.id)
        .map(|group| (group.id.to_string(), group_filter(group)))
        .collect();
    for interface in view.interfaces(&vpc.id) {
        for group in &interface.groups {
            if let Some(filter) = filters.get_mut(group.as_str()) {
                filter.members.insert(interface.address);
            }
        }
        if interface.groups.is_empty() {
            filters.entry(UNFILTERED.to_owned()).or_insert_with(unfiltered).members.insert(interface.address);
        }
    }
    filters
}

fn group_filter(group: &SecurityGroup) -> GroupFilter {
    let allows = |direction| {
        let rules = group.rules.values().filter(move |rule| rule.direction == direction);
        rules.map(|rule| allow(&rule.allows)).collect()
    };
    GroupFilter {
        members: BTreeSet::new(),
        ingress: allows(Direction::Ingress),
        egress: allows(Direction::Egress),
    }
}

fn allow(permission: &Permission) -> Allow {
    let peer = match &permission.peer {
        Peer::Cidr(range) => AllowPeer::Range(*range),
        Peer::Group(group) => AllowPeer::Members(group.to_string()),
    };
    Allow { traffic: permission.traffic, peer }
}

fn unfiltered() -> GroupFilter {
    let all = BTreeSet::from([Allow { traffic: Traffic::All, peer: AllowPeer::Range(Ipv4Net::default()) }]);
    GroupFilter { members: BTreeSet::new(), ingress: all.clone(), egress: all }
}

/// As long as the longest listener that a connection through this router may end at.
fn idle_timeout(view: &View<'_>, vpc: &Vpc) -> u32 {
    let endpoints = view.state.endpoints.values().filter(|endpoint| endpoint.vpc == vpc.id);
    let used = endpoints.flat_map(|endpoint| view.balancers(&endpoint.service));
    let own = view.state.load_balancers.values().filter(|balancer| balancer.vpc == vpc.id);
    let listeners = used.chain(own).flat_map(|balancer| view.listeners(&balancer.arn));
    listeners.map(|listener| listener.idle_timeout).fold(network::IDLE_TIMEOUT, u32::max)
}
