//! `kura-link publish`: a cell offered to other accounts, in one command.
//!
//! Does what a provider does on AWS with a dozen calls: for each name an internal load balancer, a target group and
//! an endpoint service with the name as its verified private DNS name; and for the public side one load balancer
//! with the public address, and records of all names to it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use kura_model::{
    AccountId, Change, Cloud, Endpoint, EndpointService, EndpointState, Error, HealthCheck, InstanceId,
    ListenerArn, LoadBalancerArn, NewInterface, NewPrivateDnsName, Scheme, ServiceId, State, SubnetId, Tags,
    Target, TargetGroupArn, TargetKind, VpcId,
};
use serde::{Deserialize, Serialize};

use crate::world::open_account;

/// The port of the protosocket protocol.
const PROTOSOCKET: u16 = 9004;
/// The port of RESP, the protocol of Redis.
const RESP: u16 = 6379;
/// What clients speak to the cell's cache. name alone.
const OF_THE_CACHE: [u16; 2] = [PROTOSOCKET, RESP];

/// What to publish.
#[derive(Clone, Debug, Serialize, Deserialize, clap::Args)]
pub struct Publication {
    /// A name for the load balancers and target groups: at most 20 letters, digits and hyphens
    #[arg(long)]
    pub name: String,
    /// Publish nothing: print the endpoints that consumers have made to the cache. name of what was published as
    /// NAME, as `kura serve --advertise-private` takes them
    #[arg(long)]
    pub private_list: bool,
    /// Where connections end: i-0123…:443 (an instance of a VPC) or host:port (a process on this machine)
    #[arg(long, value_name = "INSTANCE:PORT|HOST:PORT", required_unless_present = "private_list")]
    pub target: Option<String>,
    /// A name that consumers keep using; one endpoint service each
    #[arg(long = "private-dns", value_name = "NAME", required_unless_present = "private_list")]
    pub private_dns: Vec<String>,
    /// The address of 203.0.113.0/24 that the names have on the public side
    #[arg(long, value_name = "ADDRESS")]
    pub public_address: Option<Ipv4Addr>,
    /// Ports to listen on: the first leads to the target's port, the others keep theirs; 9004, the protosocket
    /// protocol's, and 6379, RESP's, are listened on for the cache. name only
    #[arg(long = "listen-port", value_name = "PORT", default_values_t = [443, PROTOSOCKET, RESP])]
    pub ports: Vec<u16>,
    /// Who may connect, by ARN such as arn:aws:iam::000000000000:root
    #[arg(long = "allow", value_name = "ARN", default_value = "*")]
    pub principals: Vec<String>,
    /// Connections wait until `aws ec2 accept-vpc-endpoint-connections`
    #[arg(long)]
    pub acceptance_required: bool,
    /// Put a PROXY protocol version 2 header, with the endpoint's id, before each private connection
    #[arg(long)]
    pub proxy_protocol: bool,
    /// The account that publishes; an instance's own otherwise, else the first
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
}

/// What was published: the line's left side as the article's e-mail has it, and the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Such as `cacheservicename`.
    pub parameter: String,
    /// Such as `com.amazonaws.vpce.ap-northeast-1.vpce-svc-0123456789abcdef0`.
    pub service_name: String,
    pub private_dns: String,
}

/// Where connections end.
struct Destination {
    account: AccountId,
    vpc: VpcId,
    kind: TargetKind,
    id: String,
    port: u16,
}

/// Publishes a cell, one change after the other; the caller makes them all or none.
///
/// # Errors
/// What the state refused, in AWS's words, or a target that is neither an instance nor `host:port`.
pub fn publish(world: &mut dyn Cloud, publication: &Publication) -> Result<Vec<Published>, Error> {
    let destination = destination(world, publication)?;
    let subnets = one_subnet_a_zone(world, &destination)?;
    let mut published = Vec::new();
    for name in &publication.private_dns {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let parameter = parameter(&name).ok_or_else(|| {
            Error::new(
                "InvalidParameterValue",
                format!(
                    "{name:?} is not a name of a cell; it begins with cache., control., token. or api.cache."
                ),
            )
        })?;
        let label = label(&publication.name, parameter);
        let speaks = |port: &u16| !OF_THE_CACHE.contains(port) || parameter == "cacheservicename";
        let ports: Vec<u16> = publication.ports.iter().copied().filter(speaks).collect();
        let scheme = Scheme::Internal;
        let place = Front { label: &label, scheme, ports: &ports, subnets: &subnets, public_address: None };
        let balancer = load_balancer(world, publication, &destination, &place)?;
        let service = offer(world, publication, &destination.account, balancer, &name)?;
        published.push(Published {
            parameter: parameter.to_owned(),
            service_name: service.name,
            private_dns: name,
        });
    }
    if let Some(address) = publication.public_address {
        let label = format!("{}-public", publication.name);
        let scheme = Scheme::InternetFacing;
        // One node, so that a public connection crosses as many hops as a private one.
        let subnet = subnets.iter().take(1).cloned().collect::<Vec<_>>();
        let place = Front {
            label: &label,
            scheme,
            ports: &publication.ports,
            subnets: &subnet,
            public_address: Some(address),
        };
        load_balancer(world, publication, &destination, &place)?;
        for published in &published {
            let name = published.private_dns.clone();
            let record = Change::PublicRecord { name, addresses: BTreeSet::from([address]) };
            world.change(&destination.account, record, None)?;
        }
    }
    Ok(published)
}

/// The addresses of the accepted endpoints to a published cell's `cache.` name by zone id, such as
/// `apne1-az4=172.31.0.10:9004,apne1-az1=172.31.16.11:9004`; empty while there are none. Endpoints of all VPCs are
/// listed: a server has one list for all its consumers.
///
/// # Errors
/// Nothing of that name was published, or without the protosocket protocol's port.
pub fn private_list(state: &State, name: &str) -> Result<String, Error> {
    let label = label(name, "cacheservicename");
    let balancer =
        state.load_balancers.values().find(|balancer| balancer.name == label).ok_or_else(|| {
            Error::new(
                "InvalidParameterValue",
                format!("nothing with a cache. name was published as {name:?}"),
            )
        })?;
    let mut listeners = state.listeners.values().filter(|listener| listener.load_balancer == balancer.arn);
    if !listeners.any(|listener| listener.port == PROTOSOCKET) {
        return Err(Error::new(
            "InvalidParameterValue",
            format!("{name:?} was published without port {PROTOSOCKET}; add --listen-port {PROTOSOCKET}"),
        ));
    }
    let offers = |endpoint: &&Endpoint| {
        endpoint.state == EndpointState::Available
            && state
                .services
                .get(&endpoint.service)
                .is_some_and(|service| service.load_balancers.contains(&balancer.arn))
    };
    let mut places = BTreeSet::new();
    for (subnet, interface) in
        state.endpoints.values().filter(offers).flat_map(|endpoint| &endpoint.interfaces)
    {
        let zone = state.subnets.get(subnet).and_then(|subnet| {
            state.zones.iter().find(|zone| zone.name == subnet.zone).map(|zone| zone.id.as_str())
        });
        let address = state.interfaces.get(interface).map(|interface| interface.address);
        if let (Some(zone), Some(address)) = (zone, address) {
            places.insert((zone, address));
        }
    }
    let places: Vec<String> =
        places.into_iter().map(|(zone, address)| format!("{zone}={address}:{PROTOSOCKET}")).collect();
    Ok(places.join(","))
}

/// What the load balancer is called that stands for a name.
fn label(publication: &str, parameter: &str) -> String {
    format!("{publication}-{}", parameter.trim_end_matches("servicename"))
}

/// One load balancer of a publication.
struct Front<'a> {
    label: &'a str,
    scheme: Scheme,
    ports: &'a [u16],
    subnets: &'a [SubnetId],
    public_address: Option<Ipv4Addr>,
}

/// The template's parameter for a cell's name.
fn parameter(name: &str) -> Option<&'static str> {
    let known = [
        ("api.cache.", "apicacheservicename"),
        ("cache.", "cacheservicename"),
        ("control.", "controlservicename"),
        ("token.", "tokenservicename"),
    ];
    known.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, parameter)| *parameter)
}

fn destination(world: &mut dyn Cloud, publication: &Publication) -> Result<Destination, Error> {
    let target = publication.target.as_deref().unwrap_or_default();
    let wrong = || {
        Error::new(
            "InvalidParameterValue",
            format!("--target {target} is neither i-…:port nor host:port, such as 127.0.0.1:8443"),
        )
    };
    let (host, port) = target.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    if host.starts_with(InstanceId::PREFIX) {
        let id = InstanceId::new(host);
        let instance = world.state().instances.get(&id).ok_or_else(|| {
            Error::new("InvalidInstanceID.NotFound", format!("The instance ID '{host}' does not exist"))
        })?;
        if let Some(account) =
            publication.account.as_deref().filter(|account| *account != instance.owner.as_str())
        {
            return Err(Error::new(
                "InvalidParameterValue",
                format!(
                    "{host} belongs to account {}, not to --account {account}; leave it out",
                    instance.owner
                ),
            ));
        }
        return Ok(Destination {
            account: instance.owner.clone(),
            vpc: instance.vpc.clone(),
            kind: TargetKind::Instance,
            id: host.to_owned(),
            port,
        });
    }
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(wrong());
    }
    let account = AccountId::new(publication.account.as_deref().unwrap_or(crate::keys::FIRST_ACCOUNT));
    open_account(world, &account)?;
    let vpc = world.state().default_vpc(&account).map(|vpc| vpc.id.clone());
    let vpc = vpc.ok_or_else(|| {
        Error::new("DefaultVpcDoesNotExist", format!("account {account} has no default VPC to publish from"))
    })?;
    Ok(Destination { account, vpc, kind: TargetKind::Host, id: host.to_owned(), port })
}

/// The zone of an instance first, since the public node stands there.
fn one_subnet_a_zone(world: &dyn Cloud, destination: &Destination) -> Result<Vec<SubnetId>, Error> {
    let state = world.state();
    let own = state.instances.get(destination.id.as_str()).map(|instance| instance.subnet.clone());
    let own = own.and_then(|subnet| state.subnets.get(&subnet));
    let mut zones = BTreeSet::new();
    let all = own.into_iter().chain(state.subnets.values().filter(|subnet| subnet.vpc == destination.vpc));
    let subnets: Vec<SubnetId> =
        all.filter(|subnet| zones.insert(&subnet.zone)).map(|subnet| subnet.id.clone()).collect();
    if subnets.is_empty() {
        return Err(Error::new("InvalidSubnet", format!("{} has no subnet", destination.vpc)));
    }
    Ok(subnets)
}

/// A load balancer that listens on the published ports and sends everything to the destination.
fn load_balancer(
    world: &mut dyn Cloud,
    publication: &Publication,
    destination: &Destination,
    front: &Front<'_>,
) -> Result<LoadBalancerArn, Error> {
    let Front { label, scheme, ports, subnets, public_address } = *front;
    let account = &destination.account;
    let region = world.state().region.clone();
    let tail = world.hex(16);
    let arn =
        |kind: &str, rest: &str| format!("arn:aws:elasticloadbalancing:{region}:{account}:{kind}/{rest}");
    let balancer = LoadBalancerArn::new(arn("loadbalancer", &format!("net/{label}/{tail}")));
    let mut nodes = Vec::new();
    for subnet in subnets {
        let id = format!("eni-{}", world.hex(17));
        nodes.push(NewInterface { id: id.as_str().into(), subnet: subnet.clone(), address: None });
    }
    let dns_name = format!("{label}-{tail}.elb.{region}.amazonaws.com");
    let change = Change::CreateLoadBalancer {
        arn: balancer.clone(),
        name: label.to_owned(),
        dns_name,
        scheme,
        nodes,
        groups: BTreeSet::new(),
        public_addresses: public_address.into_iter().map(Some).collect(),
        tags: Tags::new(),
    };
    world.change(account, change, None)?;
    // Consumers come through every zone; the destination is in one.
    let cross_zone = Change::ModifyLoadBalancer {
        arn: balancer.clone(),
        cross_zone: Some(true),
        deletion_protection: None,
    };
    world.change(account, cross_zone, None)?;
    for port in ports {
        let target_port = if ports.first() == Some(port) { destination.port } else { *port };
        let tail = world.hex(16);
        let name = format!("{label}-{port}");
        let group = TargetGroupArn::new(arn("targetgroup", &format!("{name}/{tail}")));
        let change = Change::CreateTargetGroup {
            arn: group.clone(),
            name,
            kind: destination.kind,
            port: target_port,
            vpc: destination.vpc.clone(),
            health: HealthCheck {
                port: None,
                interval: 10,
                timeout: 3,
                healthy_after: 2,
                unhealthy_after: 2,
            },
            tags: Tags::new(),
        };
        world.change(account, change, None)?;
        if publication.proxy_protocol && scheme == Scheme::Internal {
            let change =
                Change::ModifyTargetGroup { arn: group.clone(), health: None, proxy_protocol_v2: Some(true) };
            world.change(account, change, None)?;
        }
        let id = match destination.kind {
            // The model's own name of a process of the machine has its port in it.
            TargetKind::Host => format!("{}:{target_port}", destination.id),
            TargetKind::Instance | TargetKind::Ip => destination.id.clone(),
        };
        let targets = BTreeSet::from([Target { id, port: target_port }]);
        world.change(account, Change::RegisterTargets { group: group.clone(), targets }, None)?;
        let listener_tail = world.hex(16);
        let path = balancer.as_str().rsplit_once("loadbalancer/").map_or("", |(_, path)| path);
        let change = Change::CreateListener {
            arn: ListenerArn::new(arn("listener", &format!("{path}/{listener_tail}"))),
            load_balancer: balancer.clone(),
            port: *port,
            target_group: group,
            tags: Tags::new(),
        };
        world.change(account, change, None)?;
    }
    Ok(balancer)
}

/// An endpoint service over a load balancer, with a private DNS name that is proved in the link's public zone.
fn offer(
    world: &mut dyn Cloud,
    publication: &Publication,
    account: &AccountId,
    balancer: LoadBalancerArn,
    name: &str,
) -> Result<EndpointService, Error> {
    let id = ServiceId::new(format!("vpce-svc-{}", world.hex(17)));
    let private_dns = NewPrivateDnsName {
        name: name.to_owned(),
        record_name: format!("_{}", world.hex(20)),
        record_value: format!("vpce:{}", world.hex(20)),
    };
    let change = Change::CreateService {
        id: id.clone(),
        load_balancers: BTreeSet::from([balancer]),
        acceptance_required: publication.acceptance_required,
        private_dns: Some(private_dns),
        tags: Tags::new(),
    };
    world.change(account, change, None)?;
    let add = publication.principals.iter().cloned().collect();
    let change = Change::ModifyServicePermissions { id: id.clone(), add, remove: BTreeSet::new() };
    world.change(account, change, None)?;
    // The link's public zone is the publisher's here: whoever may publish has proved the name.
    world.change(account, Change::VerifyPrivateDns { id: id.clone(), found: true }, None)?;
    let service = world.state().services.get(&id).cloned();
    service.ok_or_else(|| Error::new("InternalError", format!("{id} was made and is not there")))
}
