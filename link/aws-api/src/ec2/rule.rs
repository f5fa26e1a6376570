//! The rules of security groups, one by one.

use std::collections::BTreeSet;

use kura_model::{
    AccountId, Change, Direction, GroupId, NewRule, Peer, Permission, Rule, RuleId, SecurityGroup, State,
};

use crate::{
    call::Call,
    ec2::{cidr, done, group, permission},
    listing::Kind,
    refusal::{Answer, Refusal},
    xml::Xml,
};

/// A rule with the group it is in.
struct Row {
    group: GroupId,
    owner: AccountId,
    rule: Rule,
}

impl Row {
    fn new(group: &SecurityGroup, rule: &Rule) -> Self {
        Self { group: group.id.clone(), owner: group.owner.clone(), rule: rule.clone() }
    }
}

const KIND: Kind<Row> = Kind {
    parameter: "SecurityGroupRuleId",
    not_found: "InvalidSecurityGroupRuleId.NotFound",
    noun: "security group rule ID",
    prefix: RuleId::PREFIX,
    id: |row| row.rule.id.as_str(),
    tags: Some(|row| &row.rule.tags),
    filters: &[
        ("group-id", |_, row| vec![row.group.to_string()]),
        ("security-group-rule-id", |_, row| vec![row.rule.id.to_string()]),
    ],
    page: (5, 1000),
};

pub fn authorize_ingress(call: &mut Call<'_>) -> Answer {
    authorize(call, Direction::Ingress)
}

pub fn authorize_egress(call: &mut Call<'_>) -> Answer {
    authorize(call, Direction::Egress)
}

fn authorize(call: &mut Call<'_>, direction: Direction) -> Answer {
    let group = group::named(call)?;
    let permissions = permission::read(call)?;
    if permissions.is_empty() {
        return Err(Refusal::missing("IpPermissions"));
    }
    let tags = call.tags_for("security-group-rule")?;
    let rules: Vec<NewRule> = permissions
        .into_iter()
        .map(|(allows, description)| {
            let id = RuleId::new(call.draw(RuleId::PREFIX));
            NewRule { id, direction, allows, description, tags: tags.clone() }
        })
        .collect();
    let ids: Vec<RuleId> = rules.iter().map(|rule| rule.id.clone()).collect();
    call.change(Change::AuthorizeRules { group: group.clone(), rules })?;
    let mut x = done();
    if let Some(group) = call.state().groups.get(&group) {
        let made = ids.iter().filter_map(|id| group.rules.get(id));
        x.list("securityGroupRuleSet", made, |x, rule| write(x, call.state(), &Row::new(group, rule)));
    }
    Ok(x)
}

pub fn revoke_ingress(call: &mut Call<'_>) -> Answer {
    revoke(call, Direction::Ingress)
}

pub fn revoke_egress(call: &mut Call<'_>) -> Answer {
    revoke(call, Direction::Egress)
}

fn revoke(call: &mut Call<'_>, direction: Direction) -> Answer {
    let id = group::named(call)?;
    let permissions = permission::read(call)?;
    let rules = call.params.texts("SecurityGroupRuleId");
    let before = call.state().groups.get(&id).cloned();
    match (permissions.is_empty(), rules.is_empty()) {
        (false, true) => {
            let permissions = permissions.into_iter().map(|(allows, _)| allows).collect();
            call.change(Change::RevokePermissions { group: id.clone(), direction, permissions })?;
        }
        (true, false) => {
            let rules = rules.into_iter().map(RuleId::new).collect();
            call.change(Change::RevokeRules { group: id.clone(), direction, rules })?;
        }
        _ => {
            return Err(Refusal::new(
                "MissingParameter",
                "The request must contain either IpPermissions or SecurityGroupRuleId",
            ));
        }
    }
    let mut x = done();
    if let (Some(before), Some(after)) = (before, call.state().groups.get(&id)) {
        let gone = before.rules.values().filter(|rule| !after.rules.contains_key(&rule.id));
        x.list("revokedSecurityGroupRuleSet", gone, |x, rule| {
            write_core(x, &before.id, rule);
            match &rule.allows.peer {
                Peer::Cidr(range) => x.text("cidrIpv4", range),
                Peer::Group(id) => x.text("referencedGroupId", id),
            };
        });
    }
    Ok(x)
}

pub fn modify(call: &mut Call<'_>) -> Answer {
    let group = GroupId::new(call.params.need("GroupId")?);
    let mut rules = Vec::new();
    for update in call.params.list("SecurityGroupRule") {
        let id = RuleId::new(update.need("SecurityGroupRuleId")?);
        let rule = update.within("SecurityGroupRule");
        let peer = match (rule.text("CidrIpv4"), rule.text("ReferencedGroupId")) {
            (Some(range), None) => Peer::Cidr(cidr(&range, "cidrIpv4")?),
            (None, Some(id)) => Peer::Group(GroupId::new(id)),
            _ => {
                let name = rule.full_name("");
                return Err(Refusal::combination(format!(
                    "{name} needs one of CidrIpv4 and ReferencedGroupId"
                )));
            }
        };
        let permission = Permission { traffic: permission::traffic(&rule)?, peer };
        rules.push((id, permission, rule.text("Description")));
    }
    if rules.is_empty() {
        return Err(Refusal::missing("SecurityGroupRule"));
    }
    call.change(Change::ModifyRules { group, rules })?;
    Ok(done())
}

pub fn describe_ingress(call: &mut Call<'_>) -> Answer {
    describe_descriptions(call, Direction::Ingress)
}

pub fn describe_egress(call: &mut Call<'_>) -> Answer {
    describe_descriptions(call, Direction::Egress)
}

/// By permission, or by rule.
fn describe_descriptions(call: &mut Call<'_>, direction: Direction) -> Answer {
    let group = group::named(call)?;
    let mut descriptions = permission::read(call)?;
    for update in call.params.list("SecurityGroupRuleDescription") {
        let id = update.need("SecurityGroupRuleId")?;
        let found = call.state().groups.get(&group).filter(|group| group.owner == *call.account());
        let rule =
            found.and_then(|group| group.rules.get(id.as_str())).filter(|rule| rule.direction == direction);
        let rule = rule.ok_or_else(|| {
            let message = format!("The security group rule ID '{id}' does not exist");
            Refusal::new("InvalidSecurityGroupRuleId.NotFound", message)
        })?;
        descriptions.push((rule.allows.clone(), update.text("Description")));
    }
    if descriptions.is_empty() {
        return Err(Refusal::missing("IpPermissions"));
    }
    call.change(Change::DescribeRules { group, direction, descriptions })?;
    Ok(done())
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let groups = call.state().groups.values().filter(|group| group.owner == *call.account());
    let rows = groups.flat_map(|group| group.rules.values().map(move |rule| Row::new(group, rule)));
    let page = KIND.page(call, rows)?;
    let mut x = Xml::ec2();
    x.list("securityGroupRuleSet", page.items, |x, row| write(x, call.state(), &row))
        .maybe("nextToken", page.next);
    Ok(x)
}

fn write_core(x: &mut Xml, group: &GroupId, rule: &Rule) {
    // EC2 shows -1 for both ports where there are none.
    let (from, to) = permission::ports(rule.allows.traffic).unwrap_or((-1, -1));
    x.text("securityGroupRuleId", &rule.id)
        .text("groupId", group)
        .text("isEgress", rule.direction == Direction::Egress)
        .text("ipProtocol", permission::protocol(rule.allows.traffic))
        .text("fromPort", from)
        .text("toPort", to)
        .maybe("description", rule.description.as_ref());
}

fn write(x: &mut Xml, state: &State, row: &Row) {
    let Row { group, owner, rule } = row;
    write_core(x, group, rule);
    x.text("groupOwnerId", owner);
    match &rule.allows.peer {
        Peer::Cidr(range) => {
            x.text("cidrIpv4", range);
        }
        Peer::Group(id) => {
            x.within("referencedGroupInfo", |x| {
                x.text("groupId", id).text("userId", permission::owner_of(state, owner, id));
            });
        }
    }
    let arn = format!("arn:aws:ec2:{}:{owner}:security-group-rule/{}", state.region, rule.id);
    x.text("securityGroupRuleArn", arn).tags(&rule.tags);
}

/// Groups named by `name.N`.
pub fn group_set(ids: Vec<String>) -> BTreeSet<GroupId> {
    ids.into_iter().map(GroupId::new).collect()
}
