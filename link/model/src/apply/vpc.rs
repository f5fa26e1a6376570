//! VPCs.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use super::{Result, Step, find, quota, rule, tag};
use crate::{Change, Error, ids::*, network, state::*};

/// Kernel routing tables below are not ours to number.
const FIRST_TABLE: u32 = 1000;

impl Step<'_> {
    pub(super) fn create_vpc(&mut self, change: Change) -> Result {
        let Change::CreateVpc {
            id,
            cidr,
            is_default,
            route_table,
            association,
            default_group,
            default_rules: [ingress, egress],
            tags,
        } = change
        else {
            return Ok(());
        };
        tag::check(&tags)?;
        let cidr = cidr.trunc();
        check_range(cidr)?;
        let mut own = self.state.vpcs.values().filter(|vpc| vpc.owner == *self.account);
        if is_default && own.clone().any(|vpc| vpc.is_default) {
            return Err(Error::new(
                "DefaultVpcAlreadyExists",
                "A Default VPC already exists for this account in this region.",
            ));
        }
        if own.nth(quota::VPCS - 1).is_some() {
            return Err(find::over_quota("VpcLimitExceeded", "VPCs", quota::VPCS));
        }
        let owner = self.account.clone();
        let table = RouteTable {
            id: route_table.clone(),
            owner: owner.clone(),
            vpc: id.clone(),
            routes: BTreeMap::new(),
            associations: BTreeMap::from([(association, None)]),
            number: self.take_table()?,
            tags: BTreeMap::new(),
        };
        let anything = |direction, peer| Rule {
            id: if direction == Direction::Ingress { ingress.clone() } else { egress.clone() },
            direction,
            allows: Permission { traffic: Traffic::All, peer },
            description: None,
            tags: BTreeMap::new(),
        };
        let rules = [
            anything(Direction::Ingress, Peer::Group(default_group.clone())),
            anything(Direction::Egress, rule::anywhere()),
        ];
        let group = SecurityGroup {
            id: default_group.clone(),
            owner: owner.clone(),
            vpc: id.clone(),
            name: "default".to_owned(),
            description: "default VPC security group".to_owned(),
            rules: rules.into_iter().map(|rule| (rule.id.clone(), rule)).collect(),
            tags: BTreeMap::new(),
        };
        let vpc = Vpc {
            id: id.clone(),
            owner,
            cidr,
            is_default,
            dns_support: true,
            dns_hostnames: is_default,
            main_route_table: route_table.clone(),
            default_group: default_group.clone(),
            number: self.take_number()?,
            tags,
        };
        self.state.route_tables.insert(route_table, table);
        self.state.groups.insert(default_group, group);
        self.state.vpcs.insert(id, vpc);
        Ok(())
    }

    pub(super) fn delete_vpc(&mut self, id: &VpcId) -> Result {
        let vpc = self.vpc(id)?.clone();
        let state = &self.state;
        let is_needed = state.subnets.values().any(|subnet| subnet.vpc == *id)
            || state.gateways.values().any(|gateway| gateway.vpc.as_ref() == Some(id))
            || state.endpoints.values().any(|endpoint| endpoint.vpc == *id)
            || state.interfaces.values().any(|interface| interface.vpc == *id)
            || state.groups.values().any(|group| group.vpc == *id && group.id != vpc.default_group)
            || state.route_tables.values().any(|table| table.vpc == *id && table.id != vpc.main_route_table);
        if is_needed {
            return Err(find::in_use("vpc", id.as_str()));
        }
        self.state.groups.remove(&vpc.default_group);
        self.state.route_tables.remove(&vpc.main_route_table);
        self.state.vpcs.remove(id);
        Ok(())
    }

    pub(super) fn modify_vpc(
        &mut self,
        id: &VpcId,
        support: Option<bool>,
        hostnames: Option<bool>,
    ) -> Result {
        let vpc = self.vpc_mut(id)?;
        vpc.dns_support = support.unwrap_or(vpc.dns_support);
        vpc.dns_hostnames = hostnames.unwrap_or(vpc.dns_hostnames);
        Ok(())
    }

    /// The lowest free number of a kernel routing table.
    pub(super) fn take_table(&self) -> Result<u32> {
        let taken: BTreeSet<u32> = self.state.route_tables.values().map(|table| table.number).collect();
        (FIRST_TABLE..=u32::MAX)
            .find(|number| !taken.contains(number))
            .ok_or_else(|| Error::new("InsufficientCapacity", "No number is left for a routing table."))
    }
}

/// From /16 to /28, and nothing the link or every host needs for itself.
fn check_range(cidr: Ipv4Net) -> Result {
    if !(16..=28).contains(&cidr.prefix_len()) {
        return Err(Error::new("InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    let kept = [
        Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8),
        Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
        network::LINK_LOCAL,
        network::PUBLIC_RANGE,
        Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3),
    ];
    match kept.iter().find(|kept| kept.contains(&cidr) || cidr.contains(*kept)) {
        None => Ok(()),
        Some(kept) => Err(Error::new(
            "InvalidVpc.Range",
            format!("The CIDR '{cidr}' is invalid: {kept} is reserved. Use a range such as 10.0.0.0/16."),
        )),
    }
}
