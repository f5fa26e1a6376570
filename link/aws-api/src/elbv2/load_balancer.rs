//! Network Load Balancers.

use std::net::Ipv4Addr;

use kura_model::{
    Change, GroupId, InterfaceId, LoadBalancer, LoadBalancerArn, NewInterface, Scheme, State, SubnetId,
};

use crate::{
    call::Call,
    clock::iso,
    elbv2::{arn, draw, named, page},
    refusal::{Answer, Refusal},
    xml::Xml,
};

/// Whether its groups are asked about connections from endpoints.
const ENFORCE: &str = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic";

pub fn create(call: &mut Call<'_>) -> Answer {
    let name = call.params.need("Name")?;
    match call.params.text("Type").as_deref() {
        Some("network") => {}
        other => {
            let kind = other.unwrap_or("application");
            return Err(Refusal::invalid(format!(
                "Load balancers of type '{kind}' are not here; give Type=network"
            )));
        }
    }
    if let Some(kind) = call.params.text("IpAddressType").filter(|kind| kind != "ipv4") {
        return Err(Refusal::invalid(format!("IpAddressType '{kind}': there is no IPv6 on this link")));
    }
    let scheme = match call.params.text("Scheme").as_deref() {
        None | Some("internet-facing") => Scheme::InternetFacing,
        Some("internal") => Scheme::Internal,
        Some(other) => return Err(Refusal::new("InvalidScheme", format!("'{other}' is not a scheme"))),
    };
    let places = places(call)?;
    let groups = call.params.texts("SecurityGroups.member").into_iter().map(GroupId::new).collect();
    let tags = call.params.tags("Tags.member")?;
    let nodes = places
        .into_iter()
        .map(|(subnet, address)| NewInterface {
            id: InterfaceId::new(call.draw(InterfaceId::PREFIX)),
            subnet: SubnetId::new(subnet),
            address,
        })
        .collect();
    let id = draw(call);
    let new = LoadBalancerArn::new(arn(call, &format!("loadbalancer/net/{name}/{id}")));
    let change = Change::CreateLoadBalancer {
        arn: new.clone(),
        dns_name: format!("{name}-{id}.elb.{}.amazonaws.com", call.state().region),
        name,
        scheme,
        nodes,
        groups,
        public_addresses: Vec::new(),
        tags,
    };
    call.change(change)?;
    let mut x = Xml::query();
    x.list("LoadBalancers", call.state().load_balancers.get(&new), |x, one| write(x, call.state(), one));
    Ok(x)
}

/// Subnets, each with the private address asked for.
fn places(call: &Call<'_>) -> Answer<Vec<(String, Option<Ipv4Addr>)>> {
    let subnets = call.params.texts("Subnets.member");
    let mut mapped = Vec::new();
    for mapping in call.params.list("SubnetMappings.member") {
        mapped.push((mapping.need("SubnetId")?, mapping.value("PrivateIPv4Address", "an IPv4 address")?));
    }
    match (subnets.is_empty(), mapped.is_empty()) {
        (false, true) => Ok(subnets.into_iter().map(|subnet| (subnet, None)).collect()),
        (true, false) => Ok(mapped),
        (true, true) => {
            Err(Refusal::invalid("At least one subnet must be specified (Subnets or SubnetMappings)"))
        }
        (false, false) => Err(Refusal::invalid("Give Subnets or SubnetMappings, not both")),
    }
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let own = call.state().load_balancers.values().filter(|one| one.owner == *call.account()).collect();
    let arns = call.params.texts("LoadBalancerArns.member");
    let names = call.params.texts("Names.member");
    let found = named(
        own,
        &arns,
        &names,
        |one| (one.arn.as_str(), one.name.as_str()),
        "LoadBalancerNotFound",
        "Load balancer",
    )?;
    let (found, next) = page(call, found, |one| one.arn.as_str())?;
    let mut x = Xml::query();
    x.list("LoadBalancers", found, |x, one| write(x, call.state(), one)).maybe("NextMarker", next);
    Ok(x)
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let arn = LoadBalancerArn::new(call.params.need("LoadBalancerArn")?);
    // One that is not there is as good as deleted, as on AWS.
    if call.state().exists(call.account(), arn.as_str()) {
        call.change(Change::DeleteLoadBalancer { arn })?;
    }
    Ok(Xml::query())
}

pub fn set_groups(call: &mut Call<'_>) -> Answer {
    let arn = LoadBalancerArn::new(call.params.need("LoadBalancerArn")?);
    let groups: Vec<String> = call.params.texts("SecurityGroups.member");
    let enforce_on_private_link = match call.params.text(ENFORCE).as_deref() {
        None => None,
        Some("on") => Some(true),
        Some("off") => Some(false),
        Some(other) => return Err(Refusal::invalid(format!("{ENFORCE} must be on or off, not '{other}'"))),
    };
    let change = Change::SetLoadBalancerGroups {
        arn: arn.clone(),
        groups: groups.iter().map(|id| GroupId::from(id.as_str())).collect(),
        enforce_on_private_link,
    };
    call.change(change)?;
    let mut x = Xml::query();
    x.texts("SecurityGroupIds", groups);
    x.text(ENFORCE, enforces(find(call, arn.as_str())?));
    Ok(x)
}

/// A load balancer of the account.
pub fn find<'a>(call: &'a Call<'_>, arn: &str) -> Answer<&'a LoadBalancer> {
    let found = call.state().load_balancers.get(arn).filter(|one| one.owner == *call.account());
    found.ok_or_else(|| Refusal::new("LoadBalancerNotFound", format!("Load balancer '{arn}' not found")))
}

fn write(x: &mut Xml, state: &State, one: &LoadBalancer) {
    let scheme = match one.scheme {
        Scheme::Internal => "internal",
        Scheme::InternetFacing => "internet-facing",
    };
    x.text("LoadBalancerArn", &one.arn)
        .text("DNSName", &one.dns_name)
        .text("CreatedTime", iso(one.created))
        .text("LoadBalancerName", &one.name)
        .text("Scheme", scheme)
        .text("VpcId", &one.vpc)
        .within("State", |x| {
            x.text("Code", "active");
        })
        .text("Type", "network")
        .list("AvailabilityZones", &one.nodes, |x, (zone, node)| {
            let public = state.interfaces.get(&node.interface).and_then(|interface| interface.public_address);
            x.text("ZoneName", zone).text("SubnetId", &node.subnet).list(
                "LoadBalancerAddresses",
                public,
                |x, address| {
                    x.text("IpAddress", address);
                },
            );
        });
    if !one.groups.is_empty() {
        x.texts("SecurityGroups", &one.groups).text(ENFORCE, enforces(one));
    }
    x.text("IpAddressType", "ipv4");
}

fn enforces(one: &LoadBalancer) -> &'static str {
    if one.enforces_on_private_link { "on" } else { "off" }
}
