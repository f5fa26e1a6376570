//! Rules of security groups as templates write them: what the group itself and the two rule types share.

use std::collections::BTreeMap;

use kura_model::{Change, Direction, NewRule, Peer, Permission, SecurityGroup, Tags, Traffic};

use super::{
    Failure, Properties, Work,
    schema::{Kind, Property},
    work::cidr,
};

const IPV6: &str = "the link carries IPv4 only";
const PREFIX_LIST: &str = "there are no prefix lists; name ranges or a group";
const EC2_CLASSIC: &str = "groups of a VPC are named by id; use SourceSecurityGroupId";

/// Properties of an ingress rule inside a group.
pub(super) const INGRESS: &[Property] = &[
    Property::new("CidrIp", Kind::Text),
    Property::new("CidrIpv6", Kind::Unsupported(IPV6)),
    Property::new("Description", Kind::Text),
    Property::new("FromPort", Kind::Integer(-1, 65535)),
    Property::new("IpProtocol", Kind::Text).required(),
    Property::new("SourcePrefixListId", Kind::Unsupported(PREFIX_LIST)),
    Property::new("SourceSecurityGroupId", Kind::Text),
    Property::new("SourceSecurityGroupName", Kind::Unsupported(EC2_CLASSIC)),
    Property::new("SourceSecurityGroupOwnerId", Kind::Text),
    Property::new("ToPort", Kind::Integer(-1, 65535)),
];

/// Properties of an egress rule inside a group.
pub(super) const EGRESS: &[Property] = &[
    Property::new("CidrIp", Kind::Text),
    Property::new("CidrIpv6", Kind::Unsupported(IPV6)),
    Property::new("Description", Kind::Text),
    Property::new("DestinationPrefixListId", Kind::Unsupported(PREFIX_LIST)),
    Property::new("DestinationSecurityGroupId", Kind::Text),
    Property::new("FromPort", Kind::Integer(-1, 65535)),
    Property::new("IpProtocol", Kind::Text).required(),
    Property::new("ToPort", Kind::Integer(-1, 65535)),
];

/// What every new group allows outwards: everything.
pub(super) fn default_egress() -> Permission {
    Permission { traffic: Traffic::All, peer: Peer::Cidr(ipnet::Ipv4Net::default()) }
}

/// What a rule allows.
pub(super) fn permission(rule: &Properties, direction: Direction) -> Result<Permission, Failure> {
    let group = match direction {
        Direction::Ingress => "SourceSecurityGroupId",
        Direction::Egress => "DestinationSecurityGroupId",
    };
    let peer = match (rule.optional("CidrIp"), rule.optional(group)) {
        (Some(range), None) => Peer::Cidr(cidr(range, "cidrIp")?.trunc()),
        (None, Some(group)) => Peer::Group(group.into()),
        _ => {
            return Err(Failure::ec2(
                "InvalidParameterValue",
                format!("Exactly one of CidrIp and {group} must be specified for a rule."),
            ));
        }
    };
    Ok(Permission { traffic: traffic(rule)?, peer })
}

fn traffic(rule: &Properties) -> Result<Traffic, Failure> {
    let refuse = |message: String| Err(Failure::ec2("InvalidParameterValue", message));
    let (from, to) = (rule.integer("FromPort"), rule.integer("ToPort"));
    let ports = || match (from, to) {
        (Some(from), Some(to)) => match (u16::try_from(from), u16::try_from(to)) {
            (Ok(from), Ok(to)) if from <= to => Ok((from, to)),
            // -1 stands for all ports.
            _ if from == -1 && to == -1 => Ok((0, u16::MAX)),
            _ => Err(Failure::ec2(
                "InvalidParameterValue",
                format!("Invalid TCP/UDP port range ({from}:{to})"),
            )),
        },
        _ => Err(Failure::ec2(
            "InvalidParameterValue",
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        )),
    };
    let kind = |value: Option<i64>, what: &str| match value {
        None | Some(-1) => Ok(None),
        Some(value) => u8::try_from(value).map(Some).map_err(|_| {
            Failure::ec2("InvalidParameterValue", format!("ICMP {what} ({value}) out of range"))
        }),
    };
    match rule.text("IpProtocol").to_ascii_lowercase().as_str() {
        "-1" | "all" => Ok(Traffic::All),
        "tcp" | "6" => ports().map(|(from, to)| Traffic::Tcp(from, to)),
        "udp" | "17" => ports().map(|(from, to)| Traffic::Udp(from, to)),
        "icmp" | "1" => Ok(Traffic::Icmp(kind(from, "type")?, kind(to, "code")?)),
        "icmpv6" | "58" => Err(Failure::unsupported("IpProtocol icmpv6", IPV6)),
        other => match other.parse::<u8>() {
            Ok(number) => Ok(Traffic::Protocol(number)),
            Err(_) => refuse(format!("Invalid value '{other}' for IP protocol. Unknown protocol.")),
        },
    }
}

/// Brings a group's rules of a direction from `old` to `new`, whatever of it stands already.
pub(super) fn reconcile(
    work: &mut Work<'_>,
    group: &str,
    direction: Direction,
    old: &[Permission],
    new: &[(Permission, Option<String>)],
) -> Result<(), Failure> {
    let stands = |work: &Work<'_>| -> BTreeMap<Permission, Option<String>> {
        let rules = work.state().groups.get(group).map(|group| group.rules.values());
        let rules = rules.into_iter().flatten().filter(|rule| rule.direction == direction);
        rules.map(|rule| (rule.allows.clone(), rule.description.clone())).collect()
    };
    let there = stands(work);
    let gone: Vec<Permission> = old
        .iter()
        .filter(|permission| {
            there.contains_key(permission) && new.iter().all(|(kept, _)| kept != *permission)
        })
        .cloned()
        .collect();
    if !gone.is_empty() {
        work.ec2(Change::RevokePermissions { group: group.into(), direction, permissions: gone })?;
    }
    let mut rules = Vec::new();
    let mut descriptions = Vec::new();
    for (permission, description) in new {
        match there.get(permission) {
            None => rules.push(new_rule(work, direction, permission, description.as_deref())),
            Some(stands) if stands != description => {
                descriptions.push((permission.clone(), description.clone()))
            }
            Some(_) => {}
        }
    }
    if !rules.is_empty() {
        work.ec2(Change::AuthorizeRules { group: group.into(), rules })?;
    }
    if !descriptions.is_empty() {
        work.ec2(Change::DescribeRules { group: group.into(), direction, descriptions })?;
    }
    Ok(())
}

fn new_rule(
    work: &mut Work<'_>,
    direction: Direction,
    allows: &Permission,
    description: Option<&str>,
) -> NewRule {
    NewRule {
        id: work.draw("sgr-").as_str().into(),
        direction,
        allows: allows.clone(),
        description: description.map(str::to_owned),
        tags: Tags::new(),
    }
}

/// One rule with an id of its own.
pub(super) fn authorize(
    work: &mut Work<'_>,
    id: &str,
    direction: Direction,
    rule: &Properties,
) -> Result<(), Failure> {
    let group = rule.text("GroupId");
    let rule = NewRule {
        id: id.into(),
        direction,
        allows: permission(rule, direction)?,
        description: rule.optional("Description").map(str::to_owned),
        tags: Tags::new(),
    };
    work.ec2(Change::AuthorizeRules { group: group.into(), rules: vec![rule] })
}

/// The group that has a rule.
pub(super) fn group_of<'a>(state: &'a kura_model::State, rule: &str) -> Option<&'a SecurityGroup> {
    state.groups.values().find(|group| group.rules.contains_key(rule))
}

/// A rule's description, the only thing of it that changes in place.
pub(super) fn describe(work: &mut Work<'_>, id: &str, new: &Properties) -> Result<Option<String>, Failure> {
    let Some(group) = group_of(work.state(), id) else {
        return Err(Failure::ec2(
            "InvalidSecurityGroupRuleId.NotFound",
            format!("The security group rule ID '{id}' does not exist"),
        ));
    };
    let Some(rule) = group.rules.get(id) else { return Ok(None) };
    let description = new.optional("Description").map(str::to_owned);
    if rule.description != description {
        let change = Change::DescribeRules {
            group: group.id.clone(),
            direction: rule.direction,
            descriptions: vec![(rule.allows.clone(), description)],
        };
        work.ec2(change)?;
    }
    Ok(None)
}

/// Takes one rule away.
pub(super) fn revoke(work: &mut Work<'_>, id: &str, direction: Direction) -> Result<(), Failure> {
    match group_of(work.state(), id).map(|group| group.id.clone()) {
        Some(group) => work.ec2(Change::RevokeRules { group, direction, rules: vec![id.into()] }),
        None => Ok(()),
    }
}
