//! Interface endpoints.

use std::collections::BTreeSet;

use kura_model::{
    Change, Endpoint, EndpointId, EndpointState, InterfaceId, NewInterface, State, SubnetId, VpcId,
};

use crate::{
    call::Call,
    clock::iso,
    ec2::{done, group, one_by_one, own, rule::group_set},
    listing::Kind,
    refusal::{Answer, Refusal},
    xml::Xml,
};

const KIND: Kind<Endpoint> = Kind {
    parameter: "VpcEndpointId",
    not_found: "InvalidVpcEndpointId.NotFound",
    noun: "Vpc Endpoint Id",
    prefix: EndpointId::PREFIX,
    id: |endpoint| endpoint.id.as_str(),
    tags: Some(|endpoint| &endpoint.tags),
    filters: &[
        ("ip-address-type", |_, _| vec!["ipv4".into()]),
        ("service-name", |_, endpoint| vec![endpoint.service_name.clone()]),
        ("service-region", |state, _| vec![state.region.clone()]),
        ("vpc-endpoint-id", |_, endpoint| vec![endpoint.id.to_string()]),
        ("vpc-endpoint-state", |_, endpoint| vec![word(endpoint.state).to_owned()]),
        ("vpc-endpoint-type", |_, _| vec!["Interface".into()]),
        ("vpc-id", |_, endpoint| vec![endpoint.vpc.to_string()]),
    ],
    page: (5, 1000),
};

/// What AWS shows where no policy was set: everything is allowed.
const DEFAULT_POLICY: &str =
    r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;

/// A state as it is on the wire.
pub fn word(state: EndpointState) -> &'static str {
    match state {
        EndpointState::PendingAcceptance => "pendingAcceptance",
        EndpointState::Available => "available",
        EndpointState::Rejected => "rejected",
    }
}

pub fn create(call: &mut Call<'_>) -> Answer {
    let vpc = VpcId::new(call.params.need("VpcId")?);
    let service_name = call.params.need("ServiceName")?;
    // AWS's own default is a gateway endpoint, which goes to AWS's services and not to those of this link.
    let kind = call.params.text("VpcEndpointType").unwrap_or_else(|| "Gateway".into());
    if kind != "Interface" {
        return Err(Refusal::unsupported(format!(
            "VpcEndpointType '{kind}' is not here; give VpcEndpointType=Interface"
        )));
    }
    check_ip_type(call)?;
    if let Some(region) = call.params.text("ServiceRegion").filter(|region| *region != call.state().region) {
        return Err(Refusal::unsupported(format!("ServiceRegion '{region}': this link is one region")));
    }
    let subnets = call.params.texts("SubnetId");
    let groups = group_set(call.params.texts("SecurityGroupId"));
    let private_dns_enabled = call.params.flag("PrivateDnsEnabled")?.unwrap_or(false);
    let policy = call.params.text("PolicyDocument");
    let tags = call.tags_for("vpc-endpoint")?;
    let interfaces = new_interfaces(call, subnets)?;
    let id = call.draw(EndpointId::PREFIX);
    let dns_label = call.cloud.hex(8);
    let change = Change::CreateEndpoint {
        id: EndpointId::new(id.clone()),
        vpc,
        service_name,
        interfaces,
        groups,
        private_dns_enabled,
        dns_label,
        policy,
        tags,
    };
    let made = call.create(&id, change)?;
    let mut x = Xml::ec2();
    if let Some(endpoint) = call.state().endpoints.get(made.as_str()) {
        x.within("vpcEndpoint", |x| write(x, call.state(), endpoint));
    }
    x.maybe("clientToken", call.params.text("ClientToken"));
    Ok(x)
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let page = KIND.page(call, own(call, call.state().endpoints.values(), |endpoint| &endpoint.owner))?;
    let mut x = Xml::ec2();
    x.list("vpcEndpointSet", page.items, |x, endpoint| write(x, call.state(), endpoint))
        .maybe("nextToken", page.next);
    Ok(x)
}

pub fn modify(call: &mut Call<'_>) -> Answer {
    let id = EndpointId::new(call.params.need("VpcEndpointId")?);
    check_ip_type(call)?;
    let add_subnets = call.params.texts("AddSubnetId");
    let remove_subnets = call.params.texts("RemoveSubnetId").into_iter().map(SubnetId::new).collect();
    let add_groups = group_set(call.params.texts("AddSecurityGroupId"));
    let remove_groups = group_set(call.params.texts("RemoveSecurityGroupId"));
    let private_dns_enabled = call.params.flag("PrivateDnsEnabled")?;
    let reset = call.params.flag("ResetPolicy")?.unwrap_or(false);
    let policy = match (reset, call.params.text("PolicyDocument")) {
        (true, Some(_)) => {
            return Err(Refusal::combination("ResetPolicy and PolicyDocument exclude each other"));
        }
        (true, None) => Some(None),
        (false, policy) => policy.map(Some),
    };
    let add_interfaces = new_interfaces(call, add_subnets)?;
    let change = Change::ModifyEndpoint {
        id,
        add_interfaces,
        remove_subnets,
        add_groups,
        remove_groups,
        private_dns_enabled,
        policy,
    };
    call.change(change)?;
    Ok(done())
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let ids = call.params.need_texts("VpcEndpointId")?;
    one_by_one(call, ids, |call, id| call.change(Change::DeleteEndpoint { id: EndpointId::from(id) }))
}

/// One a subnet, at the address that `SubnetConfiguration` names for it, if it does.
fn new_interfaces(call: &mut Call<'_>, mut subnets: Vec<String>) -> Answer<Vec<NewInterface>> {
    let mut addresses = Vec::new();
    for configuration in call.params.list("SubnetConfiguration") {
        let subnet = configuration.need("SubnetId")?;
        let address = configuration.value("Ipv4", "an IPv4 address")?;
        if !subnets.contains(&subnet) {
            subnets.push(subnet.clone());
        }
        addresses.push((subnet, address));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = subnets.iter().find(|subnet| !seen.insert(subnet.as_str())) {
        return Err(Refusal::new("InvalidParameter", format!("The subnet {twice} is given more than once")));
    }
    Ok(subnets
        .into_iter()
        .map(|subnet| NewInterface {
            id: InterfaceId::new(call.draw(InterfaceId::PREFIX)),
            address: addresses.iter().find(|(of, _)| *of == subnet).and_then(|(_, address)| *address),
            subnet: SubnetId::new(subnet),
        })
        .collect())
}

fn check_ip_type(call: &Call<'_>) -> Answer<()> {
    let options = call.params.within("DnsOptions");
    for (name, value) in [
        ("IpAddressType", call.params.text("IpAddressType")),
        ("DnsOptions.DnsRecordIpType", options.text("DnsRecordIpType")),
    ] {
        if let Some(kind) = value.filter(|kind| kind != "ipv4") {
            return Err(Refusal::unsupported(format!("{name} '{kind}': there is no IPv6 on this link")));
        }
    }
    Ok(())
}

/// `dnsEntrySet`
pub fn write_dns(x: &mut Xml, state: &State, endpoint: &Endpoint) {
    x.list("dnsEntrySet", state.dns_entries(endpoint), |x, (name, zone)| {
        x.text("dnsName", name).text("hostedZoneId", zone);
    });
}

fn write(x: &mut Xml, state: &State, endpoint: &Endpoint) {
    x.text("vpcEndpointId", &endpoint.id)
        .text("vpcEndpointType", "Interface")
        .text("vpcId", &endpoint.vpc)
        .text("serviceName", &endpoint.service_name)
        .text("serviceRegion", &state.region)
        .text("state", word(endpoint.state))
        .text("policyDocument", endpoint.policy.as_deref().unwrap_or(DEFAULT_POLICY))
        .texts("routeTableIdSet", [] as [&str; 0])
        .texts("subnetIdSet", endpoint.interfaces.keys());
    group::write_set(x, state, &endpoint.groups);
    x.text("ipAddressType", "ipv4")
        .within("dnsOptions", |x| {
            x.text("dnsRecordIpType", "ipv4");
        })
        .text("privateDnsEnabled", endpoint.private_dns_enabled)
        .text("requesterManaged", false)
        .texts("networkInterfaceIdSet", endpoint.interfaces.values());
    write_dns(x, state, endpoint);
    x.text("creationTimestamp", iso(endpoint.created)).text("ownerId", &endpoint.owner).tags(&endpoint.tags);
}
