//! Everything that exists: what the events so far have made.
//!
//! Fields are public to read; only [`apply`](crate::apply()) changes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{ids::*, stack::Stack};

/// Milliseconds since 1970.
pub type Timestamp = u64;

/// A resource's tags.
pub type Tags = BTreeMap<String, String>;

/// All resources of all accounts in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The region, such as `ap-northeast-1`.
    pub region: String,
    /// The zones of the region, in order.
    pub zones: Vec<Zone>,
    pub vpcs: BTreeMap<VpcId, Vpc>,
    pub subnets: BTreeMap<SubnetId, Subnet>,
    pub gateways: BTreeMap<GatewayId, InternetGateway>,
    pub route_tables: BTreeMap<RouteTableId, RouteTable>,
    pub groups: BTreeMap<GroupId, SecurityGroup>,
    pub interfaces: BTreeMap<InterfaceId, NetworkInterface>,
    pub instances: BTreeMap<InstanceId, Instance>,
    pub load_balancers: BTreeMap<LoadBalancerArn, LoadBalancer>,
    pub target_groups: BTreeMap<TargetGroupArn, TargetGroup>,
    pub listeners: BTreeMap<ListenerArn, Listener>,
    pub services: BTreeMap<ServiceId, EndpointService>,
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    pub stacks: BTreeMap<StackId, Stack>,
    /// The link's public zone: lower-case name without the last dot, and its addresses.
    pub public_records: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// TXT records of the link's public zone, by name as above: how a provider proves a domain.
    #[serde(default)]
    pub public_texts: BTreeMap<String, BTreeSet<String>>,
    /// Tokens that make a repeated request the same request: account and token, and what the first one made.
    pub client_tokens: BTreeMap<String, ClientToken>,
    /// The number the next network interface or VPC gets; never used twice.
    pub next_number: u32,
    /// The public address handed out last, so that a freed one rests before it is used again.
    pub last_public_address: Option<Ipv4Addr>,
}

/// An availability zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Such as `ap-northeast-1a`.
    pub name: String,
    /// Such as `apne1-az4`.
    pub id: String,
}

/// What a request with a client token made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientToken {
    /// A digest of the request's parameters: the same token with others is `IdempotentParameterMismatch`.
    pub parameters: String,
    /// The identifier of what was made.
    pub made: String,
}

/// A virtual private cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    pub id: VpcId,
    pub owner: AccountId,
    pub cidr: Ipv4Net,
    pub is_default: bool,
    pub dns_support: bool,
    pub dns_hostnames: bool,
    pub main_route_table: RouteTableId,
    pub default_group: GroupId,
    /// Names its router namespace and the link to the public side.
    pub number: u32,
    pub tags: Tags,
}

/// A subnet: a range of a VPC in one zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    pub id: SubnetId,
    pub owner: AccountId,
    pub vpc: VpcId,
    /// The zone's name.
    pub zone: String,
    pub cidr: Ipv4Net,
    pub default_for_zone: bool,
    pub map_public_ip_on_launch: bool,
    /// The address handed out last, so that a freed one rests before it is used again.
    pub last_address: Option<Ipv4Addr>,
    pub tags: Tags,
}

/// An internet gateway: the way from a VPC to the public side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InternetGateway {
    pub id: GatewayId,
    pub owner: AccountId,
    pub vpc: Option<VpcId>,
    pub tags: Tags,
}

/// A route table. The route to the VPC's own range is always there and not listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTable {
    pub id: RouteTableId,
    pub owner: AccountId,
    pub vpc: VpcId,
    pub routes: BTreeMap<Ipv4Net, RouteTarget>,
    /// The subnets that use it, `None` for the VPC's main association.
    pub associations: BTreeMap<AssociationId, Option<SubnetId>>,
    /// Its number as a routing table of the kernel.
    pub number: u32,
    pub tags: Tags,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteTarget {
    /// To the public side. A black hole once the gateway is detached.
    Gateway(GatewayId),
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    pub id: GroupId,
    pub owner: AccountId,
    pub vpc: VpcId,
    pub name: String,
    pub description: String,
    pub rules: BTreeMap<RuleId, Rule>,
    pub tags: Tags,
}

/// One thing a security group allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub id: RuleId,
    pub direction: Direction,
    pub allows: Permission,
    pub description: Option<String>,
    pub tags: Tags,
}

/// From where a rule looks at a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Towards the interface.
    Ingress,
    /// From the interface.
    Egress,
}

/// What a rule allows: traffic and the other side. Two rules of a group and direction never allow the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Permission {
    pub traffic: Traffic,
    pub peer: Peer,
}

/// The traffic a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Traffic {
    /// Protocol `-1`: everything.
    All,
    /// TCP to ports from the first to the last.
    Tcp(u16, u16),
    /// UDP to ports from the first to the last.
    Udp(u16, u16),
    /// ICMP of a type and code; `None` stands for -1, all of them.
    Icmp(Option<u8>, Option<u8>),
    /// Another IP protocol, all of it.
    Protocol(u8),
}

/// The other side of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// Addresses of a range.
    Cidr(Ipv4Net),
    /// Private addresses of the interfaces that carry a group, in the same VPC.
    Group(GroupId),
}

/// A network interface: an address in a subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkInterface {
    pub id: InterfaceId,
    pub owner: AccountId,
    pub vpc: VpcId,
    pub subnet: SubnetId,
    pub address: Ipv4Addr,
    pub public_address: Option<Ipv4Addr>,
    pub groups: BTreeSet<GroupId>,
    pub description: String,
    pub holder: Holder,
    /// Names its namespace, its devices and its fabric addresses.
    pub number: u32,
    pub created: Timestamp,
    pub tags: Tags,
}

/// Who a network interface belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// An instance's first and only interface.
    Instance(InstanceId, AttachmentId),
    /// A VPC endpoint's interface in one subnet; managed by the requester.
    Endpoint(EndpointId),
    /// A load balancer's node in one zone; managed by the requester.
    LoadBalancer(LoadBalancerArn),
}

/// An instance: a namespace that behaves as a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub id: InstanceId,
    pub owner: AccountId,
    pub reservation: ReservationId,
    /// Its place in the launch.
    pub launch_index: u32,
    pub image: String,
    pub instance_type: String,
    pub key_name: Option<String>,
    pub vpc: VpcId,
    pub subnet: SubnetId,
    /// Gone once it is terminated.
    pub interface: Option<InterfaceId>,
    pub state: InstanceState,
    /// In base64, as it was given.
    pub user_data: Option<String>,
    /// A public address is drawn anew at every start.
    pub wants_public_address: bool,
    pub launched: Timestamp,
    pub tags: Tags,
}

/// Whether an instance runs. The ways between are passed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceState {
    /// Its namespace stands and has its interface.
    Running,
    /// It keeps its private address and nothing else.
    Stopped,
    /// It is shown for an hour and holds nothing.
    Terminated,
}

/// A Network Load Balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    pub arn: LoadBalancerArn,
    pub owner: AccountId,
    pub name: String,
    pub dns_name: String,
    pub scheme: Scheme,
    pub vpc: VpcId,
    /// One node a zone, by the zone's name.
    pub nodes: BTreeMap<String, Node>,
    /// Empty: everything passes.
    pub groups: BTreeSet<GroupId>,
    /// Whether the groups are asked about connections from endpoints too.
    #[serde(default = "enforced")]
    pub enforces_on_private_link: bool,
    pub cross_zone: bool,
    pub deletion_protection: bool,
    pub created: Timestamp,
    pub tags: Tags,
}

/// As AWS has it where nobody says otherwise.
fn enforced() -> bool {
    true
}

/// Who a load balancer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// VPC endpoints and its own VPC.
    Internal,
    /// The public side too.
    InternetFacing,
}

/// A load balancer in one zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub subnet: SubnetId,
    pub interface: InterfaceId,
}

/// Where a load balancer sends connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    pub arn: TargetGroupArn,
    pub owner: AccountId,
    pub name: String,
    pub kind: TargetKind,
    /// The port targets listen on unless a registration names another.
    pub port: u16,
    pub vpc: VpcId,
    /// A PROXY protocol version 2 header goes before each connection.
    pub proxy_protocol_v2: bool,
    pub health: HealthCheck,
    pub targets: BTreeSet<Target>,
    pub tags: Tags,
}

/// What a target is named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetKind {
    /// An instance's identifier.
    Instance,
    /// An address of the VPC.
    Ip,
    /// `host:port` of a process on the machine itself, which AWS has not: a relay leads out of the fabric to it.
    Host,
}

/// One registered target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// An instance id, an address, or a host address: as the group's kind says.
    pub id: String,
    pub port: u16,
}

/// How a target's health is found out: a TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `None` is the port that takes traffic.
    pub port: Option<u16>,
    /// Seconds between two checks.
    pub interval: u32,
    /// Seconds until a check has failed.
    pub timeout: u32,
    /// Checks in a row that make it healthy.
    pub healthy_after: u32,
    /// Failures in a row that make it unhealthy.
    pub unhealthy_after: u32,
}

/// A port a load balancer listens on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    pub arn: ListenerArn,
    pub load_balancer: LoadBalancerArn,
    pub port: u16,
    pub target_group: TargetGroupArn,
    /// Seconds after which an idle connection is reset.
    pub idle_timeout: u32,
    pub tags: Tags,
}

/// An endpoint service: load balancers offered to other accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointService {
    pub id: ServiceId,
    pub owner: AccountId,
    /// `com.amazonaws.vpce.<region>.<id>`.
    pub name: String,
    pub load_balancers: BTreeSet<LoadBalancerArn>,
    pub acceptance_required: bool,
    /// ARNs, or `*`.
    pub allowed_principals: BTreeSet<String>,
    pub private_dns: Option<PrivateDnsName>,
    pub tags: Tags,
}

/// The name a service offers to its consumers' VPCs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateDnsName {
    /// Lower case, without the last dot.
    pub name: String,
    pub state: Verification,
    /// The label of the TXT record that proves the domain: `_` and random characters.
    pub record_name: String,
    /// What the record must say: `vpce:` and random characters.
    pub record_value: String,
}

/// Whether the owner has proved that the domain is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verification {
    Pending,
    Verified,
    Failed,
}

/// An interface endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    pub id: EndpointId,
    pub owner: AccountId,
    pub vpc: VpcId,
    pub service: ServiceId,
    pub service_name: String,
    pub state: EndpointState,
    /// Its interfaces by subnet.
    pub interfaces: BTreeMap<SubnetId, InterfaceId>,
    pub groups: BTreeSet<GroupId>,
    pub private_dns_enabled: bool,
    /// Eight characters after the identifier in its DNS names.
    pub dns_label: String,
    pub policy: Option<String>,
    pub created: Timestamp,
    pub tags: Tags,
}

/// Where an endpoint is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndpointState {
    PendingAcceptance,
    Available,
    Rejected,
}
