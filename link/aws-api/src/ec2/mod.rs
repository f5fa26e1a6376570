//! EC2: networks, groups, instances, endpoints. One file a kind of resource.

mod account;
mod attribute;
mod connection;
mod endpoint;
mod gateway;
mod group;
mod image;
mod instance;
mod instance_status;
mod interface;
mod launch;
mod permission;
mod route;
mod route_table;
mod rule;
mod service;
mod service_offer;
mod service_permission;
mod subnet;
mod tag;
mod vpc;

use kura_model::AccountId;

use crate::{
    api::Action,
    call::Call,
    refusal::{Answer, Refusal},
    xml::Xml,
};

/// What is answered.
pub const ACTIONS: &[(&str, Action)] = &[
    ("AcceptVpcEndpointConnections", connection::accept),
    ("AssociateRouteTable", route_table::associate),
    ("AttachInternetGateway", gateway::attach),
    ("AuthorizeSecurityGroupEgress", rule::authorize_egress),
    ("AuthorizeSecurityGroupIngress", rule::authorize_ingress),
    ("CreateInternetGateway", gateway::create),
    ("CreateRoute", route::create),
    ("CreateRouteTable", route_table::create),
    ("CreateSecurityGroup", group::create),
    ("CreateSubnet", subnet::create),
    ("CreateTags", tag::create),
    ("CreateVpc", vpc::create),
    ("CreateVpcEndpoint", endpoint::create),
    ("CreateVpcEndpointServiceConfiguration", service::create),
    ("DeleteInternetGateway", gateway::delete),
    ("DeleteRoute", route::delete),
    ("DeleteRouteTable", route_table::delete),
    ("DeleteSecurityGroup", group::delete),
    ("DeleteSubnet", subnet::delete),
    ("DeleteTags", tag::delete),
    ("DeleteVpc", vpc::delete),
    ("DeleteVpcEndpointServiceConfigurations", service::delete),
    ("DeleteVpcEndpoints", endpoint::delete),
    ("DescribeAccountAttributes", account::describe_attributes),
    ("DescribeAvailabilityZones", account::describe_zones),
    ("DescribeImages", image::describe_images),
    ("DescribeInstanceAttribute", attribute::describe_of_instance),
    ("DescribeInstanceStatus", instance_status::describe),
    ("DescribeInstanceTypes", image::describe_types),
    ("DescribeInstances", instance::describe),
    ("DescribeInternetGateways", gateway::describe),
    ("DescribeNetworkInterfaceAttribute", attribute::describe_of_interface),
    ("DescribeNetworkInterfaces", interface::describe),
    ("DescribeRegions", account::describe_regions),
    ("DescribeRouteTables", route_table::describe),
    ("DescribeSecurityGroupRules", rule::describe),
    ("DescribeSecurityGroups", group::describe),
    ("DescribeSubnets", subnet::describe),
    ("DescribeTags", tag::describe),
    ("DescribeVpcAttribute", vpc::describe_attribute),
    ("DescribeVpcEndpointConnections", connection::describe),
    ("DescribeVpcEndpointServiceConfigurations", service::describe),
    ("DescribeVpcEndpointServicePermissions", service_permission::describe),
    ("DescribeVpcEndpointServices", service_offer::describe),
    ("DescribeVpcEndpoints", endpoint::describe),
    ("DescribeVpcs", vpc::describe),
    ("DetachInternetGateway", gateway::detach),
    ("DisassociateRouteTable", route_table::disassociate),
    ("ModifyInstanceAttribute", attribute::modify_of_instance),
    ("ModifyNetworkInterfaceAttribute", attribute::modify_of_interface),
    ("ModifySecurityGroupRules", rule::modify),
    ("ModifySubnetAttribute", subnet::modify),
    ("ModifyVpcAttribute", vpc::modify),
    ("ModifyVpcEndpoint", endpoint::modify),
    ("ModifyVpcEndpointServiceConfiguration", service::modify),
    ("ModifyVpcEndpointServicePermissions", service_permission::modify),
    ("RebootInstances", instance::reboot),
    ("RejectVpcEndpointConnections", connection::reject),
    ("ReplaceRoute", route::replace),
    ("ReplaceRouteTableAssociation", route_table::replace_association),
    ("RevokeSecurityGroupEgress", rule::revoke_egress),
    ("RevokeSecurityGroupIngress", rule::revoke_ingress),
    ("RunInstances", launch::run),
    ("StartInstances", instance::start),
    ("StartVpcEndpointServicePrivateDnsVerification", service::verify),
    ("StopInstances", instance::stop),
    ("TerminateInstances", instance::terminate),
    ("UpdateSecurityGroupRuleDescriptionsEgress", rule::describe_egress),
    ("UpdateSecurityGroupRuleDescriptionsIngress", rule::describe_ingress),
];

/// The answer of an action that has nothing to tell.
fn done() -> Xml {
    let mut x = Xml::ec2();
    x.text("return", true);
    x
}

/// Those of an account.
fn own<'a, T>(
    call: &Call<'_>,
    all: impl IntoIterator<Item = &'a T>,
    owner: fn(&T) -> &AccountId,
) -> Vec<&'a T> {
    all.into_iter().filter(|one| owner(one) == call.account()).collect()
}

/// A range of addresses.
fn cidr(text: &str, name: &str) -> Answer<ipnet::Ipv4Net> {
    text.parse().map_err(|_| {
        Refusal::invalid(format!(
            "Value ({text}) for parameter {name} is invalid. This is not a valid CIDR block."
        ))
    })
}

/// IPv6 is off on this link, so that nothing can leave by it unseen.
fn no_ipv6(call: &Call<'_>, names: &[&str]) -> Answer<()> {
    match names.iter().find(|name| call.params.text(name).is_some_and(|value| value != "false")) {
        None => Ok(()),
        Some(name) => Err(Refusal::unsupported(format!("{name}: there is no IPv6 on this link"))),
    }
}

/// Takes identifiers one by one; those that are refused are told with the rest, as AWS does with HTTP 200.
fn one_by_one(
    call: &mut Call<'_>,
    ids: Vec<String>,
    mut act: impl FnMut(&mut Call<'_>, &str) -> Answer<()>,
) -> Answer {
    call.understood()?;
    let mut failed = Vec::new();
    for id in ids {
        match act(call, &id) {
            Ok(()) => {}
            Err(refusal) if refusal.status >= 500 => return Err(refusal),
            Err(refusal) => failed.push((id, refusal)),
        }
    }
    let mut x = Xml::ec2();
    x.list("unsuccessful", failed, |x, (id, refusal)| {
        x.within("error", |x| {
            x.text("code", &refusal.code).text("message", &refusal.message);
        })
        .text("resourceId", id);
    });
    Ok(x)
}
