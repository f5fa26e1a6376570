//! The rules of security groups.

use std::{fmt::Write, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{Result, Step, find, quota, tag};
use crate::{Error, NewRule, ids::*, state::*};

/// 0.0.0.0/0.
pub(super) fn anywhere() -> Peer {
    Peer::Cidr(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0))
}

impl Step<'_> {
    pub(super) fn authorize(&mut self, id: &GroupId, rules: Vec<NewRule>) -> Result {
        self.group(id)?;
        for NewRule { id: rule, direction, allows, description, tags } in rules {
            tag::check(&tags)?;
            let allows = self.checked(id, allows)?;
            let group = self.group_mut(id)?;
            let same_way = || group.rules.values().filter(|rule| rule.direction == direction);
            if same_way().any(|rule| rule.allows == allows) {
                return Err(duplicate(&allows));
            }
            if same_way().count() >= quota::RULES {
                return Err(find::over_quota(
                    "RulesPerSecurityGroupLimitExceeded",
                    "rules per security group",
                    quota::RULES,
                ));
            }
            group.rules.insert(rule.clone(), Rule { id: rule, direction, allows, description, tags });
        }
        Ok(())
    }

    pub(super) fn revoke_permissions(
        &mut self,
        id: &GroupId,
        direction: Direction,
        permissions: Vec<Permission>,
    ) -> Result {
        self.group(id)?;
        for permission in permissions {
            let rule = self.rule_that_allows(id, direction, &permission)?;
            self.group_mut(id)?.rules.remove(&rule);
        }
        Ok(())
    }

    pub(super) fn revoke_rules(&mut self, id: &GroupId, direction: Direction, rules: &[RuleId]) -> Result {
        let group = self.group_mut(id)?;
        for rule in rules {
            if group.rules.get(rule).is_none_or(|found| found.direction != direction) {
                return Err(no_rule(rule));
            }
            group.rules.remove(rule);
        }
        Ok(())
    }

    pub(super) fn modify_rules(
        &mut self,
        id: &GroupId,
        rules: Vec<(RuleId, Permission, Option<String>)>,
    ) -> Result {
        self.group(id)?;
        for (rule, allows, description) in rules {
            let allows = self.checked(id, allows)?;
            let group = self.group_mut(id)?;
            let direction = group.rules.get(&rule).ok_or_else(|| no_rule(&rule))?.direction;
            let mut others = group.rules.values().filter(|other| other.id != rule);
            if others.any(|other| other.direction == direction && other.allows == allows) {
                return Err(duplicate(&allows));
            }
            if let Some(found) = group.rules.get_mut(&rule) {
                found.allows = allows;
                found.description = description;
            }
        }
        Ok(())
    }

    pub(super) fn describe_rules(
        &mut self,
        id: &GroupId,
        direction: Direction,
        descriptions: Vec<(Permission, Option<String>)>,
    ) -> Result {
        self.group(id)?;
        for (permission, description) in descriptions {
            let rule = self.rule_that_allows(id, direction, &permission)?;
            if let Some(found) = self.group_mut(id)?.rules.get_mut(&rule) {
                found.description = description;
            }
        }
        Ok(())
    }

    fn rule_that_allows(
        &self,
        id: &GroupId,
        direction: Direction,
        permission: &Permission,
    ) -> Result<RuleId> {
        let wanted = canonical(permission.clone());
        let mut rules = self.group(id)?.rules.values();
        match rules.find(|rule| rule.direction == direction && rule.allows == wanted) {
            Some(rule) => Ok(rule.id.clone()),
            None => Err(Error::new(
                "InvalidPermission.NotFound",
                format!("The specified rule does not exist in this security group: {}.", text(&wanted)),
            )),
        }
    }

    /// A permission as it is kept, if it makes sense for a group.
    fn checked(&self, id: &GroupId, allows: Permission) -> Result<Permission> {
        if let Traffic::Tcp(from, to) | Traffic::Udp(from, to) = allows.traffic
            && from > to
        {
            return Err(Error::new("InvalidParameterValue", format!("Invalid port range ({from}:{to})")));
        }
        if let Traffic::Icmp(None, Some(code)) = allows.traffic {
            return Err(Error::new(
                "InvalidParameterValue",
                format!("ICMP code ({code}) without a type; give the type as well, or -1 for both"),
            ));
        }
        if let Peer::Group(peer) = &allows.peer
            && self.group(peer)?.vpc != self.group(id)?.vpc
        {
            return Err(Error::new(
                "InvalidGroup.NotFound",
                format!(
                    "You have specified two resources that belong to different networks: {id} and {peer}."
                ),
            ));
        }
        Ok(canonical(allows))
    }
}

fn canonical(permission: Permission) -> Permission {
    match permission.peer {
        Peer::Cidr(range) => Permission { peer: Peer::Cidr(range.trunc()), ..permission },
        Peer::Group(_) => permission,
    }
}

fn no_rule(id: &RuleId) -> Error {
    Error::new(
        "InvalidSecurityGroupRuleId.NotFound",
        format!("The security group rule ID '{id}' does not exist"),
    )
}

fn duplicate(allows: &Permission) -> Error {
    Error::new(
        "InvalidPermission.Duplicate",
        format!("the specified rule \"{}\" already exists", text(allows)),
    )
}

/// A permission as EC2 writes it in its errors.
fn text(permission: &Permission) -> String {
    let mut text = match &permission.peer {
        Peer::Cidr(range) => format!("peer: {range}, "),
        Peer::Group(group) => format!("peer: {group}, "),
    };
    // Writing to a String cannot fail.
    let _ = match permission.traffic {
        Traffic::All => write!(text, "ALL, "),
        Traffic::Tcp(from, to) => write!(text, "TCP, from port: {from}, to port: {to}, "),
        Traffic::Udp(from, to) => write!(text, "UDP, from port: {from}, to port: {to}, "),
        Traffic::Icmp(kind, code) => {
            let number = |value: Option<u8>| value.map_or_else(|| "-1".to_owned(), |value| value.to_string());
            write!(text, "ICMP, type: {}, code: {}, ", number(kind), number(code))
        }
        Traffic::Protocol(number) => write!(text, "{number}, "),
    };
    text.push_str("ALLOW");
    text
}
