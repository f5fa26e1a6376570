//! Security groups.

use std::collections::BTreeSet;

use super::{Result, Step, find, quota, rule, tag};
use crate::{Error, ids::*, state::*};

impl Step<'_> {
    pub(super) fn create_group(
        &mut self,
        id: GroupId,
        vpc: VpcId,
        name: String,
        description: String,
        egress_rule: RuleId,
        tags: Tags,
    ) -> Result {
        tag::check(&tags)?;
        self.vpc(&vpc)?;
        check_name(&name)?;
        check_text("GroupDescription", &description)?;
        if self.state.groups.values().any(|group| group.vpc == vpc && group.name == name) {
            return Err(Error::new(
                "InvalidGroup.Duplicate",
                format!("The security group '{name}' already exists for VPC '{vpc}'"),
            ));
        }
        let own = self.state.groups.values().filter(|group| group.owner == *self.account).count();
        if own >= quota::GROUPS {
            return Err(find::over_quota("SecurityGroupLimitExceeded", "security groups", quota::GROUPS));
        }
        let egress = Rule {
            id: egress_rule.clone(),
            direction: Direction::Egress,
            allows: Permission { traffic: Traffic::All, peer: rule::anywhere() },
            description: None,
            tags: Tags::new(),
        };
        let group = SecurityGroup {
            id: id.clone(),
            owner: self.account.clone(),
            vpc,
            name,
            description,
            rules: [(egress_rule, egress)].into(),
            tags,
        };
        self.state.groups.insert(id, group);
        Ok(())
    }

    pub(super) fn delete_group(&mut self, id: &GroupId) -> Result {
        let group = self.group(id)?;
        if self.vpc(&group.vpc)?.default_group == *id {
            return Err(Error::new(
                "CannotDelete",
                format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
            ));
        }
        let state = &self.state;
        let is_carried = state.interfaces.values().any(|interface| interface.groups.contains(id))
            || state.endpoints.values().any(|endpoint| endpoint.groups.contains(id))
            || state.load_balancers.values().any(|balancer| balancer.groups.contains(id));
        let mut others = state.groups.values().filter(|other| other.id != *id);
        let is_named = others.any(|other| {
            other.rules.values().any(|rule| matches!(&rule.allows.peer, Peer::Group(peer) if peer == id))
        });
        if is_carried || is_named {
            return Err(Error::new("DependencyViolation", format!("resource {id} has a dependent object")));
        }
        self.state.groups.remove(id);
        Ok(())
    }

    /// The groups an interface of a VPC shall carry: those asked for, or the VPC's default group.
    pub(super) fn groups_for(&self, vpc: &VpcId, wanted: BTreeSet<GroupId>) -> Result<BTreeSet<GroupId>> {
        if wanted.is_empty() {
            return Ok(BTreeSet::from([self.vpc(vpc)?.default_group.clone()]));
        }
        for id in &wanted {
            if self.group(id)?.vpc != *vpc {
                return Err(Error::new(
                    "InvalidParameter",
                    format!("Security group {id} and VPC {vpc} belong to different networks."),
                ));
            }
        }
        if wanted.len() > quota::GROUPS_PER_INTERFACE {
            return Err(find::over_quota(
                "SecurityGroupsPerInterfaceLimitExceeded",
                "security groups per interface",
                quota::GROUPS_PER_INTERFACE,
            ));
        }
        Ok(wanted)
    }
}

fn check_name(name: &str) -> Result {
    if name == "default" {
        return Err(Error::new("InvalidParameterValue", "Cannot use reserved security group name: default"));
    }
    if name.starts_with("sg-") {
        return Err(Error::new(
            "InvalidParameterValue",
            format!("Invalid value '{name}' for groupName. Group names may not be in the format sg-*."),
        ));
    }
    check_text("GroupName", name)
}

/// At most 255 of the characters that a group's name and description may have.
fn check_text(parameter: &str, text: &str) -> Result {
    let is_allowed =
        |character: char| character.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(character);
    if text.is_empty() || text.len() > 255 || !text.chars().all(is_allowed) {
        return Err(Error::new(
            "InvalidParameterValue",
            format!(
                "Value ({text}) for parameter {parameter} is invalid. 1 to 255 characters are allowed: a-z, A-Z, \
                 0-9, spaces, and ._-:/()#,@[]+=&;{{}}!$*"
            ),
        ));
    }
    Ok(())
}
