//! A world to change: one region, a provider with a service, a consumer with a default VPC.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod check;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use kura_model::*;

pub const PROVIDER: &str = "000000000001";
pub const CONSUMER: &str = "000000000000";
pub const DOMAIN: &str = "cache.cell-1.kura.internal";

/// A state, and what draws identifiers for it.
pub struct World {
    pub state: State,
    pub account: AccountId,
    pub events: Vec<Event>,
    drawn: u64,
}

impl World {
    pub fn new() -> Self {
        let state = State::new("ap-northeast-1").unwrap();
        Self { state, account: CONSUMER.into(), events: Vec::new(), drawn: 0 }
    }

    /// A world in which the consumer has its default VPC.
    pub fn consumer() -> Self {
        let mut world = Self::new();
        world.give_account(CONSUMER);
        world
    }

    /// A world in which the provider's service may be found by the consumer, who has its default VPC.
    pub fn with_service() -> (Self, Service) {
        let mut world = Self::new();
        world.give_account(PROVIDER);
        let service = world.service(&["a", "c"], Some(DOMAIN));
        world.give_account(CONSUMER);
        (world, service)
    }

    pub fn give_account(&mut self, account: &str) {
        self.account = account.into();
        let zones = self.state.zones.clone();
        let changes = account_changes(&zones, |count| self.hex(count));
        for change in changes {
            self.run(change);
        }
    }

    pub fn hex(&mut self, count: usize) -> String {
        self.drawn += 1;
        format!("{:0count$x}", self.drawn)
    }

    pub fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.hex(17))
    }

    pub fn try_run(&mut self, change: Change) -> Result<(), Error> {
        self.try_event(change, None)
    }

    pub fn try_event(&mut self, change: Change, token: Option<Token>) -> Result<(), Error> {
        let at = 1_800_000_000_000 + self.events.len() as u64;
        let event = Event { at, account: self.account.clone(), change, token };
        self.state = apply(&self.state, &event)?;
        self.events.push(event);
        Ok(())
    }

    #[track_caller]
    pub fn run(&mut self, change: Change) {
        let text = format!("{change:?}");
        if let Err(error) = self.try_run(change) {
            panic!("{error} for {text}");
        }
    }

    /// The refusal of a change, which leaves everything as it was.
    #[track_caller]
    pub fn refused(&mut self, change: Change) -> Error {
        let before = self.state.clone();
        let error = self.try_run(change).unwrap_err();
        assert_eq!(self.state, before, "a refused change left something");
        error
    }

    /// Asserts code and text of a refusal.
    #[track_caller]
    pub fn refuses(&mut self, change: Change, code: &str, text: &str) {
        let error = self.refused(change);
        assert_eq!((error.code, error.message.as_str()), (code, text));
    }

    pub fn plan(&self) -> plan::Plan {
        plan(&self.state, &Health::default())
    }

    pub fn default_vpc(&self) -> VpcId {
        self.state.default_vpc(&self.account).unwrap().id.clone()
    }

    /// The account's subnet in a zone, such as `a`, of its default VPC.
    pub fn subnet(&self, letter: &str) -> SubnetId {
        let (vpc, zone) = (self.default_vpc(), format!("ap-northeast-1{letter}"));
        let mut subnets = self.state.subnets.values();
        subnets.find(|found| found.vpc == vpc && found.zone == zone).unwrap().id.clone()
    }

    pub fn new_interface(&mut self, subnet: &SubnetId) -> NewInterface {
        NewInterface { id: InterfaceId::new(self.id("eni-")), subnet: subnet.clone(), address: None }
    }

    pub fn create_vpc(&mut self, cidr: &str) -> Change {
        Change::CreateVpc {
            id: VpcId::new(self.id("vpc-")),
            cidr: cidr.parse().unwrap(),
            is_default: false,
            route_table: RouteTableId::new(self.id("rtb-")),
            association: AssociationId::new(self.id("rtbassoc-")),
            default_group: GroupId::new(self.id("sg-")),
            default_rules: [RuleId::new(self.id("sgr-")), RuleId::new(self.id("sgr-"))],
            tags: Tags::new(),
        }
    }

    pub fn vpc(&mut self, cidr: &str) -> VpcId {
        let change = self.create_vpc(cidr);
        let Change::CreateVpc { id, .. } = &change else { unreachable!() };
        let id = id.clone();
        self.run(change);
        id
    }

    pub fn create_subnet(&mut self, vpc: &VpcId, cidr: &str, zone: &str) -> Change {
        Change::CreateSubnet {
            id: SubnetId::new(self.id("subnet-")),
            vpc: vpc.clone(),
            cidr: cidr.parse().unwrap(),
            zone: format!("ap-northeast-1{zone}"),
            default_for_zone: false,
            tags: Tags::new(),
        }
    }

    pub fn subnet_of(&mut self, vpc: &VpcId, cidr: &str, zone: &str) -> SubnetId {
        let change = self.create_subnet(vpc, cidr, zone);
        let Change::CreateSubnet { id, .. } = &change else { unreachable!() };
        let id = id.clone();
        self.run(change);
        id
    }

    pub fn create_group(&mut self, vpc: &VpcId, name: &str) -> Change {
        Change::CreateSecurityGroup {
            id: GroupId::new(self.id("sg-")),
            vpc: vpc.clone(),
            name: name.to_owned(),
            description: "of a test".to_owned(),
            egress_rule: RuleId::new(self.id("sgr-")),
            tags: Tags::new(),
        }
    }

    pub fn group(&mut self, vpc: &VpcId, name: &str) -> GroupId {
        let change = self.create_group(vpc, name);
        let Change::CreateSecurityGroup { id, .. } = &change else { unreachable!() };
        let id = id.clone();
        self.run(change);
        id
    }

    pub fn allow(&mut self, group: &GroupId, direction: Direction, traffic: Traffic, peer: Peer) -> Change {
        let rule = NewRule {
            id: RuleId::new(self.id("sgr-")),
            direction,
            allows: Permission { traffic, peer },
            description: None,
            tags: Tags::new(),
        };
        Change::AuthorizeRules { group: group.clone(), rules: vec![rule] }
    }

    pub fn run_instances(&mut self, subnet: &SubnetId, groups: &[&GroupId]) -> (InstanceId, Change) {
        let id = InstanceId::new(self.id("i-"));
        let change = Change::RunInstances {
            reservation: ReservationId::new(self.id("r-")),
            instances: vec![NewInstance {
                id: id.clone(),
                interface: self.new_interface(subnet),
                attachment: AttachmentId::new(self.id("eni-attach-")),
            }],
            image: "ami-0".to_owned(),
            instance_type: "t3.micro".to_owned(),
            key_name: None,
            groups: groups.iter().map(|group| (*group).clone()).collect(),
            user_data: None,
            public_address: None,
            tags: Tags::new(),
            interface_tags: Tags::new(),
        };
        (id, change)
    }

    pub fn instance(&mut self, subnet: &SubnetId, groups: &[&GroupId]) -> InstanceId {
        let (id, change) = self.run_instances(subnet, groups);
        self.run(change);
        id
    }

    pub fn interface_of(&self, instance: &InstanceId) -> &NetworkInterface {
        let id = self.state.instances[instance].interface.as_ref().unwrap();
        &self.state.interfaces[id]
    }

    pub fn create_balancer(&mut self, name: &str, scheme: Scheme, subnets: &[SubnetId]) -> Change {
        let tail = self.hex(16);
        let nodes = subnets.iter().map(|subnet| self.new_interface(subnet)).collect();
        Change::CreateLoadBalancer {
            arn: LoadBalancerArn::new(format!(
                "arn:aws:elasticloadbalancing:x:1:loadbalancer/net/{name}/{tail}"
            )),
            name: name.to_owned(),
            dns_name: format!("{name}-{tail}.elb.ap-northeast-1.amazonaws.com"),
            scheme,
            nodes,
            groups: BTreeSet::new(),
            public_addresses: Vec::new(),
            tags: Tags::new(),
        }
    }

    pub fn balancer(&mut self, name: &str, scheme: Scheme, subnets: &[SubnetId]) -> LoadBalancerArn {
        let change = self.create_balancer(name, scheme, subnets);
        let Change::CreateLoadBalancer { arn, .. } = &change else { unreachable!() };
        let arn = arn.clone();
        self.run(change);
        arn
    }

    pub fn create_target_group(&mut self, name: &str, kind: TargetKind) -> Change {
        let health =
            HealthCheck { port: None, interval: 30, timeout: 10, healthy_after: 3, unhealthy_after: 3 };
        Change::CreateTargetGroup {
            arn: TargetGroupArn::new(format!(
                "arn:aws:elasticloadbalancing:x:1:targetgroup/{name}/{}",
                self.hex(16)
            )),
            name: name.to_owned(),
            kind,
            port: 8443,
            vpc: self.default_vpc(),
            health,
            tags: Tags::new(),
        }
    }

    pub fn target_group(&mut self, name: &str, kind: TargetKind) -> TargetGroupArn {
        let change = self.create_target_group(name, kind);
        let Change::CreateTargetGroup { arn, .. } = &change else { unreachable!() };
        let arn = arn.clone();
        self.run(change);
        arn
    }

    pub fn register(&mut self, group: &TargetGroupArn, id: &str) {
        let target = Target { id: id.to_owned(), port: 8443 };
        self.run(Change::RegisterTargets { group: group.clone(), targets: [target].into() });
    }

    pub fn create_listener(
        &mut self,
        balancer: &LoadBalancerArn,
        port: u16,
        group: &TargetGroupArn,
    ) -> Change {
        Change::CreateListener {
            arn: ListenerArn::new(format!("arn:aws:elasticloadbalancing:x:1:listener/net/{}", self.hex(16))),
            load_balancer: balancer.clone(),
            port,
            target_group: group.clone(),
            tags: Tags::new(),
        }
    }

    /// A service of the current account's default VPC, verified if it has a name, open to the consumer.
    pub fn service(&mut self, zones: &[&str], domain: Option<&str>) -> Service {
        let subnets: Vec<SubnetId> = zones.iter().map(|zone| self.subnet(zone)).collect();
        let number = self.hex(4);
        let balancer = self.balancer(&format!("nlb-{number}"), Scheme::Internal, &subnets);
        let group = self.target_group(&format!("tg-{number}"), TargetKind::Instance);
        let vpc = self.default_vpc();
        let range = self.state.vpcs[&vpc].cidr;
        let open = self.group(&vpc, &format!("open-{number}"));
        let change = self.allow(&open, Direction::Ingress, Traffic::Tcp(8443, 8443), Peer::Cidr(range));
        self.run(change);
        let targets: Vec<InstanceId> = subnets.iter().map(|subnet| self.instance(subnet, &[&open])).collect();
        for target in &targets {
            self.register(&group, target.as_str());
        }
        let change = self.create_listener(&balancer, 443, &group);
        self.run(change);
        let id = ServiceId::new(self.id("vpce-svc-"));
        self.run(Change::CreateService {
            id: id.clone(),
            load_balancers: [balancer.clone()].into(),
            acceptance_required: false,
            private_dns: domain.map(private_name),
            tags: Tags::new(),
        });
        if domain.is_some() {
            self.run(Change::VerifyPrivateDns { id: id.clone(), found: true });
        }
        let add = [format!("arn:aws:iam::{CONSUMER}:root")].into();
        self.run(Change::ModifyServicePermissions { id: id.clone(), add, remove: BTreeSet::new() });
        let name = self.state.services[&id].name.clone();
        Service { id, name, balancer, group, targets }
    }

    pub fn create_endpoint(
        &mut self,
        service: &str,
        subnets: &[SubnetId],
        private_dns: bool,
    ) -> (EndpointId, Change) {
        let id = EndpointId::new(self.id("vpce-"));
        let interfaces = subnets.iter().map(|subnet| self.new_interface(subnet)).collect();
        let change = Change::CreateEndpoint {
            id: id.clone(),
            vpc: self.default_vpc(),
            service_name: service.to_owned(),
            interfaces,
            groups: BTreeSet::new(),
            private_dns_enabled: private_dns,
            dns_label: self.hex(8),
            policy: None,
            tags: Tags::new(),
        };
        (id, change)
    }

    pub fn endpoint(&mut self, service: &str, zones: &[&str], private_dns: bool) -> EndpointId {
        let subnets: Vec<SubnetId> = zones.iter().map(|zone| self.subnet(zone)).collect();
        let (id, change) = self.create_endpoint(service, &subnets, private_dns);
        self.run(change);
        id
    }
}

/// A service and what is behind it.
pub struct Service {
    pub id: ServiceId,
    pub name: String,
    pub balancer: LoadBalancerArn,
    pub group: TargetGroupArn,
    pub targets: Vec<InstanceId>,
}

pub fn private_name(name: &str) -> NewPrivateDnsName {
    NewPrivateDnsName {
        name: name.to_owned(),
        record_name: "_abc123".to_owned(),
        record_value: "vpce:xyz".to_owned(),
    }
}

/// A modification of an endpoint that changes nothing yet.
pub fn modify_endpoint(id: &EndpointId) -> Change {
    Change::ModifyEndpoint {
        id: id.clone(),
        add_interfaces: Vec::new(),
        remove_subnets: BTreeSet::new(),
        add_groups: BTreeSet::new(),
        remove_groups: BTreeSet::new(),
        private_dns_enabled: None,
        policy: None,
    }
}

pub fn anywhere() -> Peer {
    Peer::Cidr("0.0.0.0/0".parse().unwrap())
}

pub fn addresses(list: &[&str]) -> BTreeSet<Ipv4Addr> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

pub fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
