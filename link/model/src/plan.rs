//! What must stand: namespaces, links, addresses, routes, filters, names. Nothing of AWS is left in it but names.
//!
//! Everything is keyed and ordered, so that two plans can be compared and a kernel can be compared with a plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

mod endpoint;
mod fabric;
mod guard;
mod health;
pub(crate) mod names;
mod node;
mod public;
mod router;
pub(crate) mod view;

pub use health::{Check, Health, checks};

use crate::{Holder, NetworkInterface, State};
use view::View;

/// What must stand for a state, given what health checks found.
#[must_use]
pub fn plan(state: &State, health: &Health) -> Plan {
    let view = View::new(state, health);
    let mut plan = Plan::default();
    public::lay(&mut plan);
    for vpc in state.vpcs.values() {
        router::lay(&view, vpc, &mut plan);
    }
    for interface in state.interfaces.values().filter(|interface| view.stands(interface)) {
        match &interface.holder {
            Holder::Instance(..) => lay_instance(&view, interface, &mut plan),
            Holder::Endpoint(id) => endpoint::lay(&view, interface, id, &mut plan),
            Holder::LoadBalancer(arn) => node::lay(&view, interface, arn, &mut plan),
        }
    }
    plan.names = names::names(&view);
    plan
}

fn lay_instance(view: &View<'_>, interface: &NetworkInterface, plan: &mut Plan) {
    let namespace = Namespace {
        forwards: false,
        local: BTreeSet::new(),
        routes: router::join(view, interface, plan),
        tables: BTreeMap::new(),
        filter: Filter::Open,
    };
    plan.namespaces.insert(NamespaceName::of(interface), namespace);
}

/// The name of a namespace: `public`, `vpc-0a…`, `eni-0b…`; an instance's is its interface's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamespaceName(pub String);

impl NamespaceName {
    /// The public side's.
    #[must_use]
    pub fn public() -> Self {
        Self("public".to_owned())
    }

    /// A VPC's router's.
    #[must_use]
    pub fn router(vpc: &crate::VpcId) -> Self {
        Self(vpc.to_string())
    }

    /// A network interface's.
    #[must_use]
    pub fn of(interface: &NetworkInterface) -> Self {
        Self(interface.id.to_string())
    }
}

/// The name of a device: at most 15 bytes.
pub type Device = String;

/// Everything that must stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub namespaces: BTreeMap<NamespaceName, Namespace>,
    /// Pairs of devices; a device belongs to one link.
    pub links: BTreeSet<Link>,
    /// Processes that carry bytes where the kernel cannot.
    pub forwarders: BTreeSet<Forwarder>,
    pub names: Names,
}

/// One network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Whether packets pass through it.
    pub forwards: bool,
    /// Addresses of its own on `lo`, beside 127.0.0.1.
    pub local: BTreeSet<Ipv4Addr>,
    pub routes: BTreeSet<Route>,
    /// Packets from a device that the main table has no route for look in this table: device to table.
    pub tables: BTreeMap<Device, u32>,
    pub filter: Filter,
}

/// Two devices joined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    pub a: End,
    pub b: End,
}

/// One device of a link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct End {
    pub namespace: NamespaceName,
    pub device: Device,
    /// Its address and prefix; none for a router's side, which has only routes to what is behind it.
    pub address: Option<Ipv4Net>,
    /// Answers ARP for every address it has a route to.
    pub proxy_arp: bool,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// 254 is the main table.
    pub table: u32,
    pub destination: Ipv4Net,
    pub to: To,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum To {
    /// To the link itself, or through a neighbour on it.
    Device(Device, Option<Ipv4Addr>),
    /// Nowhere, said at once: "no route to host".
    Unreachable,
}

/// What a namespace lets pass. Input is refused everywhere but for answers and what is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// An instance: its groups are enforced outside of it, where it cannot reach.
    Open,
    Public(PublicFilter),
    Router(RouterFilter),
    Endpoint(EndpointFilter),
    Node(NodeFilter),
}

impl Filter {
    /// The load balancers' groups that are asked here.
    pub fn guards(&self) -> impl Iterator<Item = &Guard> {
        let guards = match self {
            Self::Endpoint(endpoint) => Some(&endpoint.guards),
            Self::Node(node) => Some(&node.guards),
            Self::Open | Self::Public(_) | Self::Router(_) => None,
        };
        guards.into_iter().flat_map(BTreeMap::values)
    }
}

/// The public side: routes between gateways, answers DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicFilter {
    /// UDP and TCP port 53 of this address is answered.
    pub resolver: Ipv4Addr,
}

/// A VPC's router: security groups, the resolver, the internet gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterFilter {
    /// UDP and TCP port 53 of these is answered; empty when the VPC has no DNS support.
    pub resolver: BTreeSet<Ipv4Addr>,
    /// Devices of network interfaces, and what each may do.
    pub interfaces: BTreeMap<Device, InterfaceFilter>,
    pub groups: BTreeMap<String, GroupFilter>,
    pub gateway: Option<GatewayFilter>,
    /// Seconds after which an idle established TCP connection is forgotten and reset.
    pub idle_timeout: u32,
}

/// One network interface at its router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceFilter {
    /// Packets from the device with another source are dropped.
    pub address: Ipv4Addr,
    /// Keys of [`RouterFilter::groups`].
    pub groups: BTreeSet<String>,
    /// The interface's AWS identifier, for counters and flow logs.
    pub name: String,
    /// Its namespace, an endpoint's or a load balancer node's, knows its TCP connections itself and resets what it does
    /// not know: the router need not know them as well.
    pub tracks: bool,
}

/// One security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFilter {
    /// Addresses of the interfaces that carry it.
    pub members: BTreeSet<Ipv4Addr>,
    pub ingress: BTreeSet<Allow>,
    pub egress: BTreeSet<Allow>,
}

/// What a group allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Allow {
    pub traffic: crate::Traffic,
    pub peer: AllowPeer,
}

/// With whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AllowPeer {
    Range(Ipv4Net),
    /// The members of a group of the same router.
    Members(String),
}

/// The internet gateway of a VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayFilter {
    pub device: Device,
    /// Private to public address, one to one. Who has no public address does not pass.
    pub addresses: BTreeMap<Ipv4Addr, Ipv4Addr>,
}

/// An endpoint's interface: only what it redirects passes, and only from the VPC to the fabric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointFilter {
    /// Towards the VPC.
    pub inside: Device,
    pub address: Ipv4Addr,
    /// By listener port.
    pub ports: BTreeMap<u16, EndpointPort>,
    /// What a connection must pass that goes to a node, by the device that leads there.
    pub guards: BTreeMap<Device, Guard>,
}

/// A load balancer's security groups, asked where their router does not see the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The node's AWS identifier, for counters and flow logs.
    pub name: String,
    /// What is let in; nothing else is.
    pub openings: BTreeSet<Opening>,
}

/// Traffic from a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opening {
    pub traffic: crate::Traffic,
    pub from: Ipv4Net,
}

/// A port of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointPort {
    /// Load balancer nodes on the fabric: one is chosen a connection. Empty: refused with a reset.
    pub nodes: BTreeSet<FabricNode>,
    /// A forwarder accepts here instead of the kernel's redirection.
    pub forwarder: bool,
    /// Seconds.
    pub idle_timeout: u32,
}

/// A load balancer's node as an endpoint sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FabricNode {
    pub device: Device,
    /// Its address on that link, and the endpoint's own.
    pub node: Ipv4Addr,
    pub own: Ipv4Addr,
}

/// A load balancer's node: takes connections from the fabric and the public side, passes them on from its own address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFilter {
    /// Towards its VPC.
    pub inside: Device,
    pub address: Ipv4Addr,
    /// Devices it takes connections on, and its address there: the fabric's, the public side's, and its VPC's own.
    pub fronts: BTreeMap<Device, Ipv4Addr>,
    pub listeners: BTreeMap<u16, NodeListener>,
    /// What a connection must pass that comes in on one of the fronts.
    pub guards: BTreeMap<Device, Guard>,
}

/// A port of a load balancer's node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeListener {
    /// Where to: one is chosen a connection. Empty: refused with a reset, unless a forwarder accepts.
    pub targets: BTreeSet<SocketAddrV4>,
    /// A forwarder accepts here instead: the target is a process on the machine, or wants a PROXY protocol header.
    pub forwarder: bool,
    /// Seconds.
    pub idle_timeout: u32,
}

/// A process's work: take connections in one namespace, make them in another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Forwarder {
    pub listen: (NamespaceName, SocketAddrV4),
    /// Where to, tried from a random one on.
    pub dial: BTreeSet<Dial>,
    /// The header that goes before each connection.
    pub proxy_v2: Option<ProxyV2>,
    /// Seconds.
    pub idle_timeout: u32,
}

/// A PROXY protocol version 2 header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProxyV2 {
    /// The endpoint whose connections these are; none for those made to the load balancer itself.
    pub endpoint: Option<String>,
}

/// Where a forwarder connects to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dial {
    /// From a namespace.
    Within(NamespaceName, SocketAddrV4),
    /// `host:port` from the machine's own namespace.
    Machine(String),
}

/// Who answers which names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The public zone: lower-case names without the last dot.
    pub public: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// TXT records of the public zone.
    pub public_txt: BTreeMap<String, BTreeSet<String>>,
    /// Where the public zone itself is answered.
    pub public_resolver: Option<(NamespaceName, Ipv4Addr)>,
    /// By VPC: where it is answered and its private zones.
    pub resolvers: BTreeMap<NamespaceName, Resolver>,
}

/// A VPC's resolver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolver {
    /// In the router's namespace, port 53.
    pub addresses: BTreeSet<Ipv4Addr>,
    /// Private zones by apex. Nothing under an apex falls through to another zone.
    pub zones: BTreeMap<String, PrivateZone>,
    /// Names an instance's own address has, forward and backward.
    pub hosts: BTreeMap<String, Ipv4Addr>,
}

/// A private zone, as an endpoint with private DNS makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateZone {
    /// The apex is an alias of this name, which [`Names::public`] answers.
    pub alias: String,
}
