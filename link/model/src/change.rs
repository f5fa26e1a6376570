//! What can happen. An event holds everything that was drawn for it, so that replaying it gives the same state.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{ids::*, stack::Stack, state::*};

/// One thing that happened: written down and synced before anything follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    /// Whose request it was. A resource of another account does not exist for it.
    pub account: AccountId,
    pub change: Change,
    /// The request's client token, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// A client token and a digest of the parameters that came with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub token: String,
    pub parameters: String,
}

/// A network interface about to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewInterface {
    pub id: InterfaceId,
    pub subnet: SubnetId,
    /// The address asked for; `None` takes the next free one of the subnet.
    pub address: Option<Ipv4Addr>,
}

/// A rule about to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewRule {
    pub id: RuleId,
    pub direction: Direction,
    pub allows: Permission,
    pub description: Option<String>,
    pub tags: Tags,
}

/// An instance about to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewInstance {
    pub id: InstanceId,
    pub interface: NewInterface,
    pub attachment: AttachmentId,
}

/// A change to the state. Requests that only read have none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    // Networks.
    CreateVpc {
        id: VpcId,
        cidr: Ipv4Net,
        /// The account's default VPC, which has both DNS attributes on.
        is_default: bool,
        route_table: RouteTableId,
        association: AssociationId,
        default_group: GroupId,
        /// The default group's first rules: all from itself, all to anywhere.
        default_rules: [RuleId; 2],
        tags: Tags,
    },
    DeleteVpc {
        id: VpcId,
    },
    ModifyVpc {
        id: VpcId,
        dns_support: Option<bool>,
        dns_hostnames: Option<bool>,
    },
    CreateSubnet {
        id: SubnetId,
        vpc: VpcId,
        cidr: Ipv4Net,
        zone: String,
        default_for_zone: bool,
        tags: Tags,
    },
    DeleteSubnet {
        id: SubnetId,
    },
    ModifySubnet {
        id: SubnetId,
        map_public_ip_on_launch: bool,
    },
    CreateInternetGateway {
        id: GatewayId,
        tags: Tags,
    },
    DeleteInternetGateway {
        id: GatewayId,
    },
    AttachInternetGateway {
        id: GatewayId,
        vpc: VpcId,
    },
    DetachInternetGateway {
        id: GatewayId,
        vpc: VpcId,
    },
    CreateRouteTable {
        id: RouteTableId,
        vpc: VpcId,
        tags: Tags,
    },
    DeleteRouteTable {
        id: RouteTableId,
    },
    CreateRoute {
        table: RouteTableId,
        destination: Ipv4Net,
        target: RouteTarget,
    },
    /// A route that is there and leads elsewhere from now on.
    ReplaceRoute {
        table: RouteTableId,
        destination: Ipv4Net,
        target: RouteTarget,
    },
    DeleteRoute {
        table: RouteTableId,
        destination: Ipv4Net,
    },
    AssociateRouteTable {
        id: AssociationId,
        table: RouteTableId,
        subnet: SubnetId,
    },
    /// An association replaced by one with another table; the main one too.
    ReplaceRouteTableAssociation {
        old: AssociationId,
        new: AssociationId,
        table: RouteTableId,
    },
    DisassociateRouteTable {
        id: AssociationId,
    },

    // Security groups.
    CreateSecurityGroup {
        id: GroupId,
        vpc: VpcId,
        name: String,
        description: String,
        /// The rule every new group has: all to anywhere.
        egress_rule: RuleId,
        tags: Tags,
    },
    DeleteSecurityGroup {
        id: GroupId,
    },
    /// All of them or none.
    AuthorizeRules {
        group: GroupId,
        rules: Vec<NewRule>,
    },
    /// All of them or none; by what they allow.
    RevokePermissions {
        group: GroupId,
        direction: Direction,
        permissions: Vec<Permission>,
    },
    RevokeRules {
        group: GroupId,
        direction: Direction,
        rules: Vec<RuleId>,
    },
    /// What a rule allows from now on; its direction stays.
    ModifyRules {
        group: GroupId,
        rules: Vec<(RuleId, Permission, Option<String>)>,
    },
    DescribeRules {
        group: GroupId,
        direction: Direction,
        descriptions: Vec<(Permission, Option<String>)>,
    },

    // Instances and interfaces.
    RunInstances {
        reservation: ReservationId,
        instances: Vec<NewInstance>,
        image: String,
        instance_type: String,
        key_name: Option<String>,
        /// Empty: the VPC's default group.
        groups: BTreeSet<GroupId>,
        user_data: Option<String>,
        /// `None`: as the subnet says.
        public_address: Option<bool>,
        tags: Tags,
        interface_tags: Tags,
    },
    StartInstances {
        ids: Vec<InstanceId>,
    },
    StopInstances {
        ids: Vec<InstanceId>,
    },
    TerminateInstances {
        ids: Vec<InstanceId>,
    },
    /// Terminated instances that were shown long enough.
    ForgetInstances {
        ids: Vec<InstanceId>,
    },
    /// An instance's interface; those of endpoints and load balancers are managed for their owners.
    ModifyInterface {
        id: InterfaceId,
        groups: Option<BTreeSet<GroupId>>,
        description: Option<String>,
    },

    // Load balancers.
    CreateLoadBalancer {
        arn: LoadBalancerArn,
        name: String,
        dns_name: String,
        scheme: Scheme,
        /// One a zone.
        nodes: Vec<NewInterface>,
        groups: BTreeSet<GroupId>,
        /// The public address of each node, in the order of `nodes`; for the public side only, and `None` takes a free one.
        public_addresses: Vec<Option<Ipv4Addr>>,
        tags: Tags,
    },
    /// Only for one that was made with groups.
    SetLoadBalancerGroups {
        arn: LoadBalancerArn,
        groups: BTreeSet<GroupId>,
        /// Whether they are asked about connections from endpoints too; as it was, if it is not said.
        #[serde(default)]
        enforce_on_private_link: Option<bool>,
    },
    DeleteLoadBalancer {
        arn: LoadBalancerArn,
    },
    ModifyLoadBalancer {
        arn: LoadBalancerArn,
        cross_zone: Option<bool>,
        deletion_protection: Option<bool>,
    },
    CreateTargetGroup {
        arn: TargetGroupArn,
        name: String,
        kind: TargetKind,
        port: u16,
        vpc: VpcId,
        health: HealthCheck,
        tags: Tags,
    },
    ModifyTargetGroup {
        arn: TargetGroupArn,
        health: Option<HealthCheck>,
        proxy_protocol_v2: Option<bool>,
    },
    DeleteTargetGroup {
        arn: TargetGroupArn,
    },
    /// Ports were filled in from the group where the request had none.
    RegisterTargets {
        group: TargetGroupArn,
        targets: BTreeSet<Target>,
    },
    DeregisterTargets {
        group: TargetGroupArn,
        targets: BTreeSet<Target>,
    },
    CreateListener {
        arn: ListenerArn,
        load_balancer: LoadBalancerArn,
        port: u16,
        target_group: TargetGroupArn,
        tags: Tags,
    },
    ModifyListener {
        arn: ListenerArn,
        port: Option<u16>,
        target_group: Option<TargetGroupArn>,
        /// Seconds, 60 to 6000.
        idle_timeout: Option<u32>,
    },
    DeleteListener {
        arn: ListenerArn,
    },

    // Endpoint services.
    CreateService {
        id: ServiceId,
        load_balancers: BTreeSet<LoadBalancerArn>,
        acceptance_required: bool,
        private_dns: Option<NewPrivateDnsName>,
        tags: Tags,
    },
    ModifyService {
        id: ServiceId,
        add_load_balancers: BTreeSet<LoadBalancerArn>,
        remove_load_balancers: BTreeSet<LoadBalancerArn>,
        acceptance_required: Option<bool>,
        private_dns: Option<NewPrivateDnsName>,
        remove_private_dns: bool,
    },
    DeleteService {
        id: ServiceId,
    },
    ModifyServicePermissions {
        id: ServiceId,
        add: BTreeSet<String>,
        remove: BTreeSet<String>,
    },
    /// What the check of the TXT record found. A name under one that the owner has verified is verified as well.
    VerifyPrivateDns {
        id: ServiceId,
        found: bool,
    },
    AcceptConnections {
        service: ServiceId,
        endpoints: Vec<EndpointId>,
    },
    RejectConnections {
        service: ServiceId,
        endpoints: Vec<EndpointId>,
    },

    // Interface endpoints.
    CreateEndpoint {
        id: EndpointId,
        vpc: VpcId,
        service_name: String,
        interfaces: Vec<NewInterface>,
        /// Empty: the VPC's default group.
        groups: BTreeSet<GroupId>,
        private_dns_enabled: bool,
        /// Eight characters.
        dns_label: String,
        policy: Option<String>,
        tags: Tags,
    },
    ModifyEndpoint {
        id: EndpointId,
        add_interfaces: Vec<NewInterface>,
        remove_subnets: BTreeSet<SubnetId>,
        add_groups: BTreeSet<GroupId>,
        remove_groups: BTreeSet<GroupId>,
        private_dns_enabled: Option<bool>,
        /// `Some(None)` puts the default document back.
        policy: Option<Option<String>>,
    },
    DeleteEndpoint {
        id: EndpointId,
    },

    // The link's public zone; an empty set removes the name.
    PublicRecord {
        name: String,
        addresses: BTreeSet<Ipv4Addr>,
    },
    PublicText {
        name: String,
        values: BTreeSet<String>,
    },

    // Tags, by any identifier or ARN of the account; all of them or none.
    SetTags {
        resources: Vec<String>,
        tags: Tags,
    },
    /// A tag goes whatever its value is for `None`, else only with this value.
    RemoveTags {
        resources: Vec<String>,
        tags: BTreeMap<String, Option<String>>,
    },

    // Stacks: the state keeps them, CloudFormation's rules are elsewhere.
    PutStack(Box<Stack>),
    /// A deleted stack that was shown for ninety days.
    ForgetStack {
        id: StackId,
    },
}

/// A private DNS name about to be offered, with the record that will prove it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPrivateDnsName {
    pub name: String,
    pub record_name: String,
    pub record_value: String,
}
