//! A plan by hand: a consumer and a provider of the same range, an endpoint, a node, a target, a public side.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    path::Path,
};

use ipnet::Ipv4Net;
use kura_model::{
    Traffic,
    plan::{
        Allow, AllowPeer, End, EndpointFilter, EndpointPort, FabricNode, Filter, GatewayFilter, GroupFilter,
        InterfaceFilter, Link, Namespace, NamespaceName, NodeFilter, NodeListener, Plan, PublicFilter, Route,
        RouterFilter, To,
    },
};
use kura_netns::{Fabric, Program};

pub const HOST: &str = "172.31.10.20";
pub const OTHER: &str = "172.31.10.21";
pub const ENDPOINT: &str = "172.31.11.59";
pub const TARGET: &str = "172.31.99.10";
pub const NODE: &str = "172.31.98.5";
pub const WEB: &str = "203.0.113.20";
pub const HOST_PUBLIC: &str = "203.0.113.100";

pub fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub fn net(text: &str) -> Ipv4Net {
    text.parse().unwrap()
}

pub fn name(text: &str) -> NamespaceName {
    NamespaceName(text.into())
}

pub fn route(table: u32, destination: &str, to: To) -> Route {
    Route { table, destination: net(destination), to }
}

pub fn via(device: &str, gateway: Option<&str>) -> To {
    To::Device(device.into(), gateway.map(ip))
}

pub fn allow(traffic: Traffic, peer: &str) -> Allow {
    let peer = match peer.parse() {
        Ok(range) => AllowPeer::Range(range),
        Err(_) => AllowPeer::Members(peer.into()),
    };
    Allow { traffic, peer }
}

pub fn group<const I: usize, const E: usize>(ingress: [Allow; I], egress: [Allow; E]) -> GroupFilter {
    GroupFilter { members: BTreeSet::new(), ingress: ingress.into(), egress: egress.into() }
}

pub fn everything() -> Allow {
    allow(Traffic::All, "0.0.0.0/0")
}

fn end(namespace: &str, device: &str, address: Option<&str>, proxy_arp: bool) -> End {
    End { namespace: name(namespace), device: device.into(), address: address.map(net), proxy_arp }
}

pub fn link(plan: &mut Plan, a: (&str, &str, Option<&str>, bool), b: (&str, &str, Option<&str>, bool)) {
    plan.links.insert(Link { a: end(a.0, a.1, a.2, a.3), b: end(b.0, b.1, b.2, b.3) });
}

pub fn namespace(filter: Filter) -> Namespace {
    Namespace {
        forwards: !matches!(filter, Filter::Open),
        local: BTreeSet::new(),
        routes: BTreeSet::new(),
        tables: BTreeMap::new(),
        filter,
    }
}

pub fn router<'a>(plan: &'a mut Plan, vpc: &str) -> &'a mut RouterFilter {
    match &mut plan.namespaces.get_mut(&name(vpc)).unwrap().filter {
        Filter::Router(router) => router,
        other => panic!("{other:?}"),
    }
}

pub fn add_router(plan: &mut Plan, vpc: &str, gateways: &[&str]) {
    let mut it = namespace(Filter::Router(RouterFilter {
        resolver: [ip("172.31.0.2")].into(),
        interfaces: BTreeMap::new(),
        groups: BTreeMap::new(),
        gateway: None,
        idle_timeout: 350,
    }));
    it.local = gateways.iter().map(|gateway| ip(gateway)).chain([ip("172.31.0.2")]).collect();
    for range in ["172.31.0.0/16", "169.254.0.0/16"] {
        it.routes.insert(route(254, range, To::Unreachable));
    }
    plan.namespaces.insert(name(vpc), it);
}

/// An interface of a VPC, with its namespace, its link and its groups.
pub fn add_interface(plan: &mut Plan, vpc: &str, eni: &str, address: &str, groups: &[&str], filter: Filter) {
    let subnet = Ipv4Net::new(ip(address), 20).unwrap();
    let gateway = Ipv4Addr::from(u32::from(subnet.network()) + 1).to_string();
    let tracks = !matches!(filter, Filter::Open);
    let mut it = namespace(filter);
    it.routes.insert(route(254, "0.0.0.0/0", via("eth0", Some(&gateway))));
    plan.namespaces.insert(name(eni), it);
    let device = eni.trim_start_matches("eni-").to_owned();
    link(plan, (vpc, &device, None, true), (eni, "eth0", Some(&subnet.to_string()), false));
    let router_namespace = plan.namespaces.get_mut(&name(vpc)).unwrap();
    router_namespace.routes.insert(route(254, &format!("{address}/32"), via(&device, None)));
    let router = router(plan, vpc);
    for group in groups {
        router.groups.get_mut(*group).unwrap().members.insert(ip(address));
    }
    let groups = groups.iter().map(|&group| group.to_owned()).collect();
    let interface = InterfaceFilter { address: ip(address), groups, name: eni.into(), tracks };
    router.interfaces.insert(device, interface);
}

pub fn port(nodes: &[(&str, &str, &str)], forwarder: bool) -> EndpointPort {
    let node = |&(device, node, own): &(&str, &str, &str)| FabricNode {
        device: device.into(),
        node: ip(node),
        own: ip(own),
    };
    EndpointPort { nodes: nodes.iter().map(node).collect(), forwarder, idle_timeout: 350 }
}

/// The whole world. `eni-h1` has a public address, `eni-h2` has none; `eni-web` is a host of the public side.
pub fn world() -> Plan {
    let mut plan = Plan::default();
    let mut public = namespace(Filter::Public(PublicFilter { resolver: ip("203.0.113.53") }));
    public.local = [ip("203.0.113.1"), ip("203.0.113.53")].into();
    public.routes.insert(route(254, "203.0.113.20/32", via("web", None)));
    public.routes.insert(route(254, "203.0.113.100/32", via("vpc-c", Some("169.254.200.2"))));
    public.routes.insert(route(254, "203.0.113.0/24", To::Unreachable));
    plan.namespaces.insert(name("public"), public);
    let mut web = namespace(Filter::Open);
    web.routes.insert(route(254, "0.0.0.0/0", via("eth0", Some("203.0.113.1"))));
    plan.namespaces.insert(name("eni-web"), web);
    link(&mut plan, ("public", "web", None, true), ("eni-web", "eth0", Some("203.0.113.20/24"), false));

    add_router(&mut plan, "vpc-c", &["172.31.0.1"]);
    let consumer = router(&mut plan, "vpc-c");
    consumer.groups.insert("sg-host".into(), group([], [everything()]));
    consumer.groups.insert("sg-other".into(), group([], [everything()]));
    consumer.groups.insert("sg-ep".into(), group([allow(Traffic::Tcp(443, 444), "sg-host")], [everything()]));
    add_interface(&mut plan, "vpc-c", "eni-h1", HOST, &["sg-host"], Filter::Open);
    add_interface(&mut plan, "vpc-c", "eni-h2", OTHER, &["sg-other"], Filter::Open);
    let endpoint = EndpointFilter {
        inside: "eth0".into(),
        address: ip(ENDPOINT),
        ports: [(443, port(&[("fab0", "169.254.77.0", "169.254.77.1")], false))].into(),
        guards: BTreeMap::new(),
    };
    add_interface(&mut plan, "vpc-c", "eni-e", ENDPOINT, &["sg-ep"], Filter::Endpoint(endpoint));
    router(&mut plan, "vpc-c").gateway =
        Some(GatewayFilter { device: "igw0".into(), addresses: [(ip(HOST), ip(HOST_PUBLIC))].into() });
    link(
        &mut plan,
        ("vpc-c", "igw0", Some("169.254.200.2/31"), false),
        ("public", "vpc-c", Some("169.254.200.3/31"), false),
    );
    let it = plan.namespaces.get_mut(&name("vpc-c")).unwrap();
    it.routes.insert(route(1, "0.0.0.0/0", via("igw0", Some("169.254.200.3"))));
    it.tables = [("h1".into(), 1), ("h2".into(), 1)].into();

    add_router(&mut plan, "vpc-p", &["172.31.96.1"]);
    let provider = router(&mut plan, "vpc-p");
    provider.groups.insert("sg-node".into(), group([], [everything()]));
    provider
        .groups
        .insert("sg-target".into(), group([allow(Traffic::Tcp(8443, 8443), "sg-node")], [everything()]));
    add_interface(&mut plan, "vpc-p", "eni-t", TARGET, &["sg-target"], Filter::Open);
    let target = format!("{TARGET}:8443").parse().unwrap();
    let node = NodeFilter {
        inside: "eth0".into(),
        address: ip(NODE),
        fronts: [("fab0".into(), ip("169.254.77.0")), ("eth0".into(), ip(NODE))].into(),
        listeners: [(443, NodeListener { targets: [target].into(), forwarder: false, idle_timeout: 350 })]
            .into(),
        guards: BTreeMap::new(),
    };
    add_interface(&mut plan, "vpc-p", "eni-n", NODE, &["sg-node"], Filter::Node(node));
    link(
        &mut plan,
        ("eni-e", "fab0", Some("169.254.77.1/31"), false),
        ("eni-n", "fab0", Some("169.254.77.0/31"), false),
    );
    plan
}

/// The world, standing; taken down when it goes.
pub struct World {
    pub plan: Plan,
    pub fabric: Option<Fabric>,
}

impl World {
    pub fn up(state_dir: &Path) -> Self {
        Self::of(state_dir, world())
    }

    pub fn of(state_dir: &Path, plan: Plan) -> Self {
        let fabric = Fabric::open(state_dir, Program::current().unwrap()).unwrap();
        let mut world = Self { plan, fabric: Some(fabric) };
        world.apply();
        world
    }

    pub fn fabric(&mut self) -> &mut Fabric {
        self.fabric.as_mut().unwrap()
    }

    pub fn apply(&mut self) -> kura_netns::Changes {
        self.fabric.as_mut().unwrap().reconcile(&self.plan).unwrap()
    }

    pub fn consumer(&mut self) -> &mut RouterFilter {
        router(&mut self.plan, "vpc-c")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(fabric) = self.fabric.take() {
            fabric.down().unwrap();
        }
    }
}
