//! `AWS::EC2::SecurityGroup`.

use kura_model::{Change, Direction, Permission, State};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work, rules,
    schema::{Kind, Property, TAGS},
};

pub(super) struct SecurityGroup;

type Rules = Vec<(Permission, Option<String>)>;

fn wanted(properties: &Properties, name: &str, direction: Direction) -> Result<Rules, Failure> {
    let rule = |rule: &Properties| {
        Ok((rules::permission(rule, direction)?, rule.optional("Description").map(str::to_owned)))
    };
    properties.objects(name).iter().map(rule).collect()
}

fn standing(state: &State, id: &str, direction: Direction) -> Vec<Permission> {
    let rules = state.groups.get(id).map(|group| group.rules.values()).into_iter().flatten();
    rules.filter(|rule| rule.direction == direction).map(|rule| rule.allows.clone()).collect()
}

impl SecurityGroup {
    fn rules(
        work: &mut Work<'_>,
        id: &str,
        properties: &Properties,
        old: Option<&Properties>,
    ) -> Result<(), Failure> {
        let ingress = wanted(properties, "SecurityGroupIngress", Direction::Ingress)?;
        let mut egress = wanted(properties, "SecurityGroupEgress", Direction::Egress)?;
        // A group that names no egress rules has the default one; one that has lost all of them has none.
        let named_before = old.is_some_and(|old| !old.objects("SecurityGroupEgress").is_empty());
        if egress.is_empty() && !named_before {
            if old.is_some() {
                egress = standing(work.state(), id, Direction::Egress)
                    .into_iter()
                    .map(|rule| (rule, None))
                    .collect();
            } else {
                egress = vec![(rules::default_egress(), None)];
            }
        }
        let before = |name: &str, direction| match old {
            Some(old) => {
                wanted(old, name, direction).unwrap_or_default().into_iter().map(|(rule, _)| rule).collect()
            }
            None => Vec::new(),
        };
        let old_ingress: Vec<Permission> = before("SecurityGroupIngress", Direction::Ingress);
        let mut old_egress: Vec<Permission> = before("SecurityGroupEgress", Direction::Egress);
        if !named_before {
            old_egress.push(rules::default_egress());
        }
        rules::reconcile(work, id, Direction::Ingress, &old_ingress, &ingress)?;
        rules::reconcile(work, id, Direction::Egress, &old_egress, &egress)
    }
}

impl Handler for SecurityGroup {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("GroupDescription", Kind::Text).required().create_only(),
                Property::new("GroupName", Kind::Text).create_only(),
                Property::new("SecurityGroupEgress", Kind::Objects(rules::EGRESS)),
                Property::new("SecurityGroupIngress", Kind::Objects(rules::INGRESS)),
                TAGS,
                Property::new("VpcId", Kind::Text).create_only(),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["GroupId", "Id", "VpcId"]
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.groups.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, _: &Properties) -> Result<String, Failure> {
        Ok(work.draw("sg-"))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        // Rules are read before the group is made: a mistake in one leaves nothing behind.
        wanted(properties, "SecurityGroupIngress", Direction::Ingress)?;
        wanted(properties, "SecurityGroupEgress", Direction::Egress)?;
        let vpc = match properties.optional("VpcId") {
            Some(vpc) => vpc.into(),
            None => work.default_vpc()?.id.clone(),
        };
        let name = properties.optional("GroupName").map(str::to_owned).unwrap_or_else(|| work.name());
        let change = Change::CreateSecurityGroup {
            id: id.into(),
            vpc,
            name,
            description: properties.text("GroupDescription").to_owned(),
            egress_rule: work.draw("sgr-").as_str().into(),
            tags: work.tags(properties),
        };
        work.ec2(change)?;
        Self::rules(work, id, properties, None)
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        old: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        Self::rules(work, id, new, Some(old)).map(|()| None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.ec2(Change::DeleteSecurityGroup { id: id.into() })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        let group = state.groups.get(id)?;
        Some(match name {
            "GroupId" | "Id" => id.into(),
            "VpcId" => group.vpc.as_str().into(),
            _ => return None,
        })
    }
}
