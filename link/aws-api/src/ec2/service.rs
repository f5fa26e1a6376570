//! Endpoint services, as their owner sees them.

use std::collections::BTreeSet;

use kura_model::{
    Change, EndpointService, LoadBalancerArn, NewPrivateDnsName, ServiceId, State, Verification,
};

use crate::{
    call::Call,
    ec2::{done, one_by_one, own, subnet::zone_id},
    listing::Kind,
    refusal::{Answer, Refusal},
    xml::Xml,
};

const KIND: Kind<EndpointService> = Kind {
    parameter: "ServiceId",
    not_found: "InvalidVpcEndpointServiceId.NotFound",
    noun: "VpcEndpointService Id",
    prefix: ServiceId::PREFIX,
    id: |service| service.id.as_str(),
    tags: Some(|service| &service.tags),
    filters: &[
        ("service-id", |_, service| vec![service.id.to_string()]),
        ("service-name", |_, service| vec![service.name.clone()]),
        ("service-state", |_, _| vec!["Available".into()]),
        ("supported-ip-address-types", |_, _| vec!["ipv4".into()]),
    ],
    page: (5, 1000),
};

pub fn create(call: &mut Call<'_>) -> Answer {
    let load_balancers = balancers(call, "NetworkLoadBalancerArn")?;
    check_ip_types(call, "SupportedIpAddressType")?;
    let acceptance_required = call.params.flag("AcceptanceRequired")?.unwrap_or(true);
    let private_dns = private_name(call);
    let tags = call.tags_for("vpc-endpoint-service")?;
    let id = call.draw(ServiceId::PREFIX);
    let change = Change::CreateService {
        id: ServiceId::new(id.clone()),
        load_balancers,
        acceptance_required,
        private_dns,
        tags,
    };
    let made = call.create(&id, change)?;
    let mut x = Xml::ec2();
    if let Some(service) = call.state().services.get(made.as_str()) {
        x.within("serviceConfiguration", |x| write(x, call.state(), service));
    }
    x.maybe("clientToken", call.params.text("ClientToken"));
    Ok(x)
}

pub fn modify(call: &mut Call<'_>) -> Answer {
    let id = ServiceId::new(call.params.need("ServiceId")?);
    let add_load_balancers = balancers(call, "AddNetworkLoadBalancerArn")?;
    let remove_load_balancers = balancers(call, "RemoveNetworkLoadBalancerArn")?;
    check_ip_types(call, "AddSupportedIpAddressType")?;
    let acceptance_required = call.params.flag("AcceptanceRequired")?;
    let remove_private_dns = call.params.flag("RemovePrivateDnsName")?.unwrap_or(false);
    let private_dns = private_name(call);
    let change = Change::ModifyService {
        id,
        add_load_balancers,
        remove_load_balancers,
        acceptance_required,
        private_dns,
        remove_private_dns,
    };
    call.change(change)?;
    Ok(done())
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let ids = call.params.need_texts("ServiceId")?;
    one_by_one(call, ids, |call, id| call.change(Change::DeleteService { id: ServiceId::from(id) }))
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let page = KIND.page(call, own(call, call.state().services.values(), |service| &service.owner))?;
    let mut x = Xml::ec2();
    x.list("serviceConfigurationSet", page.items, |x, service| write(x, call.state(), service))
        .maybe("nextToken", page.next);
    Ok(x)
}

/// Looks for the TXT record in the link's public zone.
pub fn verify(call: &mut Call<'_>) -> Answer {
    let id = ServiceId::new(call.params.need("ServiceId")?);
    let service = find(call, id.as_str())?;
    let found = service.private_dns.as_ref().is_some_and(|name| call.state().has_proof(name));
    call.change(Change::VerifyPrivateDns { id, found })?;
    Ok(done())
}

/// A service of the account.
pub fn find<'a>(call: &'a Call<'_>, id: &str) -> Answer<&'a EndpointService> {
    let found = call.state().services.get(id).filter(|service| service.owner == *call.account());
    found.ok_or_else(|| {
        Refusal::new(KIND.not_found, format!("The VpcEndpointService Id '{id}' does not exist"))
    })
}

fn balancers(call: &Call<'_>, name: &str) -> Answer<BTreeSet<LoadBalancerArn>> {
    let gateways = name.replace("Network", "Gateway");
    if !call.params.texts(&gateways).is_empty() {
        return Err(Refusal::unsupported(format!("{gateways}: there are Network Load Balancers only")));
    }
    Ok(call.params.texts(name).into_iter().map(LoadBalancerArn::new).collect())
}

fn check_ip_types(call: &Call<'_>, name: &str) -> Answer<()> {
    match call.params.texts(name).into_iter().find(|kind| kind != "ipv4") {
        None => Ok(()),
        Some(kind) => Err(Refusal::unsupported(format!("{name} '{kind}': there is no IPv6 on this link"))),
    }
}

/// The name asked for, with a new record that can prove it.
fn private_name(call: &mut Call<'_>) -> Option<NewPrivateDnsName> {
    let name = call.params.text("PrivateDnsName").filter(|name| !name.is_empty())?;
    let record_name = format!("_{}", call.cloud.hex(20));
    let record_value = format!("vpce:{}", call.cloud.hex(20));
    Some(NewPrivateDnsName { name, record_name, record_value })
}

/// A verification's state as it is on the wire.
pub fn verification(state: Verification) -> &'static str {
    match state {
        Verification::Pending => "pendingVerification",
        Verification::Verified => "verified",
        Verification::Failed => "failed",
    }
}

/// The zones of a service's load balancers.
pub fn zones<'a>(state: &'a State, service: &EndpointService) -> BTreeSet<&'a str> {
    let balancers = service.load_balancers.iter().filter_map(|arn| state.load_balancers.get(arn));
    balancers.flat_map(|balancer| balancer.nodes.keys().map(String::as_str)).collect()
}

/// `serviceType`, zones and names: what owner and consumer both see.
pub fn write_common(x: &mut Xml, state: &State, service: &EndpointService, zones: &BTreeSet<&str>) {
    x.text("serviceName", &service.name)
        .text("serviceId", &service.id)
        .list("serviceType", ["Interface"], |x, kind| {
            x.text("serviceType", kind);
        })
        .texts("availabilityZoneSet", zones)
        .texts("availabilityZoneIdSet", zones.iter().map(|zone| zone_id(state, zone)))
        .text("acceptanceRequired", service.acceptance_required)
        .text("managesVpcEndpoints", false)
        .texts("supportedIpAddressTypeSet", ["ipv4"])
        .texts("baseEndpointDnsNameSet", [format!("{}.{}.vpce.amazonaws.com", service.id, state.region)])
        .tags(&service.tags);
}

fn write(x: &mut Xml, state: &State, service: &EndpointService) {
    write_common(x, state, service, &zones(state, service));
    x.text("serviceState", "Available").texts("networkLoadBalancerArnSet", &service.load_balancers);
    if let Some(name) = &service.private_dns {
        x.text("privateDnsName", &name.name).within("privateDnsNameConfiguration", |x| {
            x.text("state", verification(name.state))
                .text("type", "TXT")
                .text("value", &name.record_value)
                .text("name", &name.record_name);
        });
    }
}
