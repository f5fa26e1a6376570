//! Security groups.

use kura_model::{Change, Direction, GroupId, Peer, RuleId, SecurityGroup, State, VpcId};

use crate::{
    call::Call,
    ec2::{own, permission},
    listing::{Filter, Kind},
    refusal::{Answer, Refusal},
    xml::Xml,
};

const KIND: Kind<SecurityGroup> = Kind {
    parameter: "GroupId",
    not_found: "InvalidGroup.NotFound",
    noun: "security group",
    prefix: GroupId::PREFIX,
    id: |group| group.id.as_str(),
    tags: Some(|group| &group.tags),
    filters: FILTERS,
    page: (5, 1000),
};

const FILTERS: &[Filter<SecurityGroup>] = &[
    ("description", |_, group| vec![group.description.clone()]),
    ("egress.ip-permission.cidr", |_, group| ranges(group, Direction::Egress)),
    ("egress.ip-permission.from-port", |_, group| ports(group, Direction::Egress, |ports| ports.0)),
    ("egress.ip-permission.group-id", |_, group| groups(group, Direction::Egress)),
    ("egress.ip-permission.protocol", |_, group| protocols(group, Direction::Egress)),
    ("egress.ip-permission.to-port", |_, group| ports(group, Direction::Egress, |ports| ports.1)),
    ("group-id", |_, group| vec![group.id.to_string()]),
    ("group-name", |_, group| vec![group.name.clone()]),
    ("ip-permission.cidr", |_, group| ranges(group, Direction::Ingress)),
    ("ip-permission.from-port", |_, group| ports(group, Direction::Ingress, |ports| ports.0)),
    ("ip-permission.group-id", |_, group| groups(group, Direction::Ingress)),
    ("ip-permission.protocol", |_, group| protocols(group, Direction::Ingress)),
    ("ip-permission.to-port", |_, group| ports(group, Direction::Ingress, |ports| ports.1)),
    ("owner-id", |_, group| vec![group.owner.to_string()]),
    ("vpc-id", |_, group| vec![group.vpc.to_string()]),
];

fn of(group: &SecurityGroup, direction: Direction) -> impl Iterator<Item = &kura_model::Permission> {
    group.rules.values().filter(move |rule| rule.direction == direction).map(|rule| &rule.allows)
}

fn ranges(group: &SecurityGroup, direction: Direction) -> Vec<String> {
    of(group, direction)
        .filter_map(|allows| match &allows.peer {
            Peer::Cidr(range) => Some(range.to_string()),
            Peer::Group(_) => None,
        })
        .collect()
}

fn groups(group: &SecurityGroup, direction: Direction) -> Vec<String> {
    of(group, direction)
        .filter_map(|allows| match &allows.peer {
            Peer::Cidr(_) => None,
            Peer::Group(id) => Some(id.to_string()),
        })
        .collect()
}

fn protocols(group: &SecurityGroup, direction: Direction) -> Vec<String> {
    of(group, direction).map(|allows| permission::protocol(allows.traffic)).collect()
}

fn ports(group: &SecurityGroup, direction: Direction, which: fn((i32, i32)) -> i32) -> Vec<String> {
    let ports = of(group, direction).filter_map(|allows| permission::ports(allows.traffic));
    ports.map(|ports| which(ports).to_string()).collect()
}

pub fn arn(state: &State, group: &SecurityGroup) -> String {
    format!("arn:aws:ec2:{}:{}:security-group/{}", state.region, group.owner, group.id)
}

/// The group a request is about: by its identifier, or by its name in the default VPC.
pub fn named(call: &Call<'_>) -> Answer<GroupId> {
    match (call.params.text("GroupId"), call.params.text("GroupName")) {
        (Some(id), _) => Ok(GroupId::new(id)),
        (None, Some(name)) => by_name(call, &name),
        (None, None) => Err(Refusal::new(
            "MissingParameter",
            "The request must contain the parameter GroupId or GroupName",
        )),
    }
}

/// A group of the default VPC.
pub fn by_name(call: &Call<'_>, name: &str) -> Answer<GroupId> {
    let vpc = call.state().default_vpc(call.account());
    let found = vpc
        .and_then(|vpc| call.state().groups.values().find(|group| group.vpc == vpc.id && group.name == name));
    found.map(|group| group.id.clone()).ok_or_else(|| {
        let vpc = vpc.map_or("none".to_owned(), |vpc| vpc.id.to_string());
        let message = format!("The security group '{name}' does not exist in default VPC '{vpc}'");
        Refusal::new("InvalidGroup.NotFound", message)
    })
}

pub fn create(call: &mut Call<'_>) -> Answer {
    let name = call.params.need("GroupName")?;
    let description = call.params.need("GroupDescription")?;
    let vpc = match call.params.text("VpcId") {
        Some(id) => VpcId::new(id),
        None => {
            let default = call.state().default_vpc(call.account()).map(|vpc| vpc.id.clone());
            default.ok_or_else(|| Refusal::new("VPCIdNotSpecified", "No default VPC for this user"))?
        }
    };
    let tags = call.tags_for("security-group")?;
    let id = GroupId::new(call.draw(GroupId::PREFIX));
    let egress_rule = RuleId::new(call.draw(RuleId::PREFIX));
    call.change(Change::CreateSecurityGroup { id: id.clone(), vpc, name, description, egress_rule, tags })?;
    let mut x = Xml::ec2();
    x.text("groupId", &id);
    if let Some(group) = call.state().groups.get(&id) {
        x.tags(&group.tags).text("securityGroupArn", arn(call.state(), group));
    }
    Ok(x)
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let names = call.params.texts("GroupName");
    let mut wanted = Vec::new();
    for name in &names {
        wanted.push(by_name(call, name)?);
    }
    let mut groups = own(call, call.state().groups.values(), |group| &group.owner);
    groups.retain(|group| names.is_empty() || wanted.contains(&group.id));
    let page = KIND.page(call, groups)?;
    let state = call.state();
    let mut x = Xml::ec2();
    x.list("securityGroupInfo", page.items, |x, group| {
        x.text("ownerId", &group.owner)
            .text("groupId", &group.id)
            .text("groupName", &group.name)
            .text("groupDescription", &group.description)
            .text("vpcId", &group.vpc)
            .text("securityGroupArn", arn(state, group));
        permission::write(x, "ipPermissions", state, group, Direction::Ingress);
        permission::write(x, "ipPermissionsEgress", state, group, Direction::Egress);
        x.tags(&group.tags);
    })
    .maybe("nextToken", page.next);
    Ok(x)
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let id = named(call)?;
    call.change(Change::DeleteSecurityGroup { id: id.clone() })?;
    let mut x = crate::ec2::done();
    x.text("groupId", id);
    Ok(x)
}

/// `groupSet`: identifiers and names.
pub fn write_set<'a>(x: &mut Xml, state: &State, ids: impl IntoIterator<Item = &'a GroupId>) {
    x.list("groupSet", ids, |x, id| {
        x.text("groupId", id).maybe("groupName", state.groups.get(id).map(|group| &group.name));
    });
}
