//! `AWS::ElasticLoadBalancingV2::LoadBalancer`: Network Load Balancers.
//!
//! Its subnets are fixed when it is made, so a change of them makes another one; on AWS they change in place.

use std::{collections::BTreeSet, net::Ipv4Addr};

use kura_model::{Change, GroupId, LoadBalancerArn, NewInterface, Scheme, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    schema::{Kind, Property, TAGS},
};

pub(super) struct LoadBalancer;

/// Whether its groups are asked about connections from endpoints.
const ENFORCE: &str = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic";
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const PROTECTION: &str = "deletion_protection.enabled";

const MAPPING: &[Property] = &[
    Property::new("AllocationId", Kind::Unsupported("there are no elastic addresses; public ones are drawn")),
    Property::new("IPv6Address", Kind::Unsupported("the link carries IPv4 only")),
    Property::new("PrivateIPv4Address", Kind::Text),
    Property::new("SourceNatIpv6Prefix", Kind::Unsupported("the link carries IPv4 only")),
    Property::new("SubnetId", Kind::Text).required(),
];

/// A list of `Key` and `Value`, as load balancers, target groups and listeners have their attributes.
pub(super) const ATTRIBUTE: &[Property] =
    &[Property::new("Key", Kind::Text), Property::new("Value", Kind::Text)];

/// The attributes of a list; a key that is not known here is refused.
pub(super) fn attributes(
    properties: &Properties,
    name: &str,
    known: &[&str],
) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for attribute in properties.objects(name) {
        let key = attribute.text("Key");
        if !known.contains(&key) {
            return Err(Failure::elb(
                "InvalidConfigurationRequest",
                format!("Attribute key '{key}' is not supported here; known are {}", known.join(", ")),
            ));
        }
        found.push((key.to_owned(), attribute.text("Value").to_owned()));
    }
    Ok(found)
}

/// An attribute that is true or false; false if it is not there.
pub(super) fn flag(attributes: &[(String, String)], key: &str) -> Result<bool, Failure> {
    match attributes.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str()) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Failure::elb(
            "InvalidConfigurationRequest",
            format!("Attribute '{key}' must be true or false, not '{other}'"),
        )),
    }
}

/// The name inside the ARN of a load balancer or target group.
pub(super) fn name_in(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or(arn)
}

/// What follows the kind in an ARN: `net/name/id` or `targetgroup/name/id`.
fn full_name(arn: &str) -> &str {
    arn.split_once(":loadbalancer/").map_or(arn, |(_, name)| name)
}

impl Handler for LoadBalancer {
    fn properties(&self) -> &'static [Property] {
        const IPV6: &str = "the link carries IPv4 only";
        const {
            &[
                Property::new(
                    "EnableCapacityReservationProvisionStabilize",
                    Kind::Unsupported("capacity is not reserved"),
                ),
                Property::new("EnablePrefixForIpv6SourceNat", Kind::Unsupported(IPV6)),
                Property::new(
                    "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic",
                    Kind::Choice(&["off", "on"]),
                ),
                Property::new("IpAddressType", Kind::Choice(&["ipv4"])),
                Property::new("Ipv4IpamPoolId", Kind::Unsupported("there is no address manager")),
                Property::new("LoadBalancerAttributes", Kind::Objects(ATTRIBUTE)),
                Property::new("MinimumLoadBalancerCapacity", Kind::Unsupported("capacity is not reserved")),
                Property::new("Name", Kind::Text).create_only(),
                Property::new("Scheme", Kind::Choice(&["internal", "internet-facing"])).create_only(),
                Property::new("SecurityGroups", Kind::Texts),
                Property::new("SubnetMappings", Kind::Objects(MAPPING)).create_only(),
                Property::new("Subnets", Kind::Texts).create_only(),
                TAGS,
                Property::new("Type", Kind::Choice(&["application", "gateway", "network"])).create_only(),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["DNSName", "LoadBalancerArn", "LoadBalancerFullName", "LoadBalancerName", "SecurityGroups"]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.load_balancers.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, properties: &Properties) -> Result<String, Failure> {
        let name = properties.optional("Name").map(str::to_owned).unwrap_or_else(|| work.name());
        let tail = work.cloud.hex(16);
        let (region, account) = (&work.state().region, &work.account);
        Ok(format!("arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/net/{name}/{tail}"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        // Without a type AWS makes an application load balancer.
        let kind = properties.optional("Type").unwrap_or("application");
        if kind != "network" {
            return Err(Failure::unsupported(
                "Type",
                &format!("load balancers are network ones, not {kind}; say Type: network"),
            ));
        }
        let scheme = match properties.optional("Scheme") {
            Some("internal") => Scheme::Internal,
            _ => Scheme::InternetFacing,
        };
        let mut places: Vec<(String, Option<Ipv4Addr>)> =
            properties.texts("Subnets").into_iter().map(|subnet| (subnet, None)).collect();
        let mappings = properties.objects("SubnetMappings");
        if !places.is_empty() && !mappings.is_empty() {
            return Err(Failure::elb(
                "ValidationError",
                "You must specify either subnets or subnet mappings, not both",
            ));
        }
        for mapping in mappings {
            let address = match mapping.optional("PrivateIPv4Address") {
                Some(text) => Some(text.parse().map_err(|_| {
                    Failure::elb("ValidationError", format!("'{text}' is not a valid IPv4 address"))
                })?),
                None => None,
            };
            places.push((mapping.text("SubnetId").to_owned(), address));
        }
        let nodes: Vec<NewInterface> = places
            .into_iter()
            .map(|(subnet, address)| NewInterface {
                id: work.draw("eni-").as_str().into(),
                subnet: subnet.as_str().into(),
                address,
            })
            .collect();
        let (name, tail) = (name_in(id), id.rsplit('/').next().unwrap_or_default());
        let change = Change::CreateLoadBalancer {
            arn: id.into(),
            name: name.to_owned(),
            dns_name: format!("{name}-{tail}.elb.{}.amazonaws.com", work.state().region),
            scheme,
            public_addresses: vec![None; nodes.len()],
            nodes,
            groups: groups(properties),
            tags: work.tags(properties),
        };
        self::attributes(properties, "LoadBalancerAttributes", &[CROSS_ZONE, PROTECTION])?;
        work.elb(change)?;
        self.update(work, id, properties, properties).map(drop)
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        let attributes = attributes(new, "LoadBalancerAttributes", &[CROSS_ZONE, PROTECTION])?;
        let wanted = (flag(&attributes, CROSS_ZONE)?, flag(&attributes, PROTECTION)?);
        let Some(stands) = work.state().load_balancers.get(id) else {
            return Err(Failure::elb("LoadBalancerNotFound", format!("Load balancer '{id}' not found")));
        };
        if stands.groups.is_empty() && new.optional(ENFORCE) == Some("off") {
            return Err(Failure::elb(
                "InvalidConfigurationRequest",
                format!("{ENFORCE} is about security groups, and load balancer '{id}' has none"),
            ));
        }
        // On AWS too, what is not said is on.
        let enforce = new.optional(ENFORCE) != Some("off");
        let same_groups = stands.groups == groups(new)
            && (stands.enforces_on_private_link == enforce || stands.groups.is_empty());
        let arn = stands.arn.clone();
        if (stands.cross_zone, stands.deletion_protection) != wanted {
            work.elb(Change::ModifyLoadBalancer {
                arn: arn.clone(),
                cross_zone: Some(wanted.0),
                deletion_protection: Some(wanted.1),
            })?;
        }
        if !same_groups {
            work.elb(Change::SetLoadBalancerGroups {
                arn,
                groups: groups(new),
                enforce_on_private_link: Some(enforce),
            })?;
        }
        Ok(None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.elb(Change::DeleteLoadBalancer { arn: LoadBalancerArn::new(id) })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        let balancer = state.load_balancers.get(id)?;
        Some(match name {
            "DNSName" => balancer.dns_name.as_str().into(),
            "LoadBalancerArn" => id.into(),
            "LoadBalancerFullName" => full_name(id).into(),
            "LoadBalancerName" => balancer.name.as_str().into(),
            "SecurityGroups" => balancer.groups.iter().map(GroupId::as_str).collect(),
            _ => return None,
        })
    }
}

fn groups(properties: &Properties) -> BTreeSet<GroupId> {
    properties.texts("SecurityGroups").into_iter().map(GroupId::new).collect()
}
