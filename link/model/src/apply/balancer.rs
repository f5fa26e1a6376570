//! Network Load Balancers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Result, Step, find, interface::Make, quota, tag};
use crate::{Change, Error, ids::*, state::*};

impl Step<'_> {
    pub(super) fn create_balancer(&mut self, change: Change) -> Result {
        let Change::CreateLoadBalancer { arn, name, dns_name, scheme, nodes, groups, public_addresses, tags } =
            change
        else {
            return Ok(());
        };
        tag::check(&tags)?;
        check_name(&name)?;
        let own = || self.state.load_balancers.values().filter(|balancer| balancer.owner == *self.account);
        if own().any(|balancer| balancer.name == name) {
            return Err(Error::new(
                "DuplicateLoadBalancerName",
                format!("A load balancer with the same name '{name}' exists, but with different settings"),
            ));
        }
        if own().count() >= quota::LOAD_BALANCERS {
            return Err(find::over_quota("TooManyLoadBalancers", "load balancers", quota::LOAD_BALANCERS));
        }
        let Some(first) = nodes.first() else {
            return Err(Error::new("ValidationError", "At least one subnet must be specified"));
        };
        if scheme == Scheme::Internal && public_addresses.iter().any(Option::is_some) {
            return Err(Error::new(
                "InvalidConfigurationRequest",
                "An internal load balancer has no public addresses; leave them out or use an internet-facing one",
            ));
        }
        let vpc = self.subnet_of_balancer(&first.subnet)?.vpc.clone();
        if scheme == Scheme::InternetFacing && self.state.gateway_of(&vpc).is_none() {
            return Err(Error::new("InvalidSubnet", format!("VPC {vpc} has no internet gateway")));
        }
        let groups = if groups.is_empty() { groups } else { self.groups_for(&vpc, groups)? };
        let mut placed = BTreeMap::new();
        let asked = public_addresses.into_iter().chain(std::iter::repeat(None));
        for (new, public) in nodes.into_iter().zip(asked) {
            let subnet = self.subnet_of_balancer(&new.subnet)?;
            if subnet.vpc != vpc {
                return Err(Error::new(
                    "InvalidConfigurationRequest",
                    format!("The subnet '{}' is not in the VPC {vpc} of the first one", new.subnet),
                ));
            }
            let node = Node { subnet: new.subnet.clone(), interface: new.id.clone() };
            if placed.insert(subnet.zone.clone(), node).is_some() {
                return Err(Error::new(
                    "InvalidConfigurationRequest",
                    "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
                ));
            }
            let make = Make {
                groups: &groups,
                description: description(&arn),
                public_address: match scheme {
                    Scheme::Internal => None,
                    Scheme::InternetFacing => Some(self.take_public_address(public)?),
                },
                holder: Holder::LoadBalancer(arn.clone()),
                tags: Tags::new(),
            };
            self.make_interface(new, make)?;
        }
        let balancer = LoadBalancer {
            arn: arn.clone(),
            owner: self.account.clone(),
            name,
            dns_name: dns_name.to_ascii_lowercase(),
            scheme,
            vpc,
            nodes: placed,
            groups,
            enforces_on_private_link: true,
            cross_zone: false,
            deletion_protection: false,
            created: self.at,
            tags,
        };
        self.state.load_balancers.insert(arn, balancer);
        Ok(())
    }

    pub(super) fn set_balancer_groups(
        &mut self,
        arn: &LoadBalancerArn,
        groups: BTreeSet<GroupId>,
        enforce_on_private_link: Option<bool>,
    ) -> Result {
        let balancer = self.balancer(arn)?;
        if balancer.groups.is_empty() || groups.is_empty() {
            return Err(Error::new(
                "InvalidConfigurationRequest",
                format!(
                    "The security groups of '{arn}' can neither be added to none nor all be removed; make a new \
                     load balancer for that"
                ),
            ));
        }
        let groups = self.groups_for(&balancer.vpc.clone(), groups)?;
        for interface in self.state.interfaces.values_mut() {
            if interface.holder == Holder::LoadBalancer(arn.clone()) {
                interface.groups = groups.clone();
            }
        }
        let balancer = self.balancer_mut(arn)?;
        balancer.groups = groups;
        balancer.enforces_on_private_link =
            enforce_on_private_link.unwrap_or(balancer.enforces_on_private_link);
        Ok(())
    }

    pub(super) fn delete_balancer(&mut self, arn: &LoadBalancerArn) -> Result {
        let balancer = self.balancer(arn)?;
        if balancer.deletion_protection {
            return Err(Error::new(
                "OperationNotPermitted",
                format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"),
            ));
        }
        if self.state.services.values().any(|service| service.load_balancers.contains(arn)) {
            return Err(Error::new(
                "ResourceInUse",
                format!(
                    "Load balancer '{arn}' cannot be deleted because it is currently associated with another service"
                ),
            ));
        }
        self.state.listeners.retain(|_, listener| listener.load_balancer != *arn);
        self.state.interfaces.retain(|_, interface| interface.holder != Holder::LoadBalancer(arn.clone()));
        self.state.load_balancers.remove(arn);
        Ok(())
    }

    pub(super) fn modify_balancer(
        &mut self,
        arn: &LoadBalancerArn,
        cross_zone: Option<bool>,
        deletion_protection: Option<bool>,
    ) -> Result {
        let balancer = self.balancer_mut(arn)?;
        balancer.cross_zone = cross_zone.unwrap_or(balancer.cross_zone);
        balancer.deletion_protection = deletion_protection.unwrap_or(balancer.deletion_protection);
        Ok(())
    }

    fn subnet_of_balancer(&self, id: &SubnetId) -> Result<&Subnet> {
        self.subnet(id)
            .map_err(|_| Error::new("SubnetNotFound", format!("The subnet ID '{id}' does not exist")))
    }
}

/// `ELB net/name/id`, as AWS describes the interface of a load balancer's node.
fn description(arn: &LoadBalancerArn) -> String {
    let tail = arn.as_str().split_once("loadbalancer/").map_or(arn.as_str(), |(_, tail)| tail);
    format!("ELB {tail}")
}

/// Names of load balancers and target groups: at most 32 letters, digits and hyphens, none at an end.
pub(super) fn check_simple_name(what: &str, name: &str) -> Result {
    let refuse = |why: &str| Err(Error::new("ValidationError", format!("The {what} name '{name}' {why}")));
    if name.is_empty() || name.len() > 32 {
        return refuse("must have 1 to 32 characters");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return refuse("can only contain characters that are alphanumeric characters or hyphens(-)");
    }
    if name.starts_with('-') || name.ends_with('-') {
        return refuse("cannot begin or end with a hyphen(-)");
    }
    Ok(())
}

fn check_name(name: &str) -> Result {
    if name.starts_with("internal-") {
        return Err(Error::new(
            "ValidationError",
            format!("The load balancer name '{name}' cannot begin with 'internal-'"),
        ));
    }
    check_simple_name("load balancer", name)
}
