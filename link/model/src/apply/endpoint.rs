//! Interface endpoints.

use std::collections::BTreeSet;

use super::{Result, Step, find, interface::Make, quota, tag};
use crate::{Change, Error, NewInterface, ids::*, state::*};

impl Step<'_> {
    pub(super) fn create_endpoint(&mut self, change: Change) -> Result {
        let Change::CreateEndpoint {
            id,
            vpc,
            service_name,
            interfaces,
            groups,
            private_dns_enabled,
            dns_label,
            policy,
            tags,
        } = change
        else {
            return Ok(());
        };
        tag::check(&tags)?;
        check_policy(policy.as_deref())?;
        self.vpc(&vpc)?;
        let service = self
            .state
            .service_named(&service_name)
            .filter(|service| service.is_visible_to(self.account))
            .ok_or_else(|| {
                let text = format!("The Vpc Endpoint Service '{service_name}' does not exist");
                Error::new("InvalidServiceName", text)
            })?;
        if self.state.endpoints.values().filter(|endpoint| endpoint.vpc == vpc).count() >= quota::ENDPOINTS {
            return Err(find::over_quota("VpcEndpointLimitExceeded", "VPC endpoints", quota::ENDPOINTS));
        }
        let endpoint = Endpoint {
            id: id.clone(),
            owner: self.account.clone(),
            vpc: vpc.clone(),
            service: service.id.clone(),
            service_name,
            state: if service.acceptance_required {
                EndpointState::PendingAcceptance
            } else {
                EndpointState::Available
            },
            interfaces: Default::default(),
            groups: self.groups_for(&vpc, groups)?,
            private_dns_enabled: false,
            dns_label,
            policy,
            created: self.at,
            tags,
        };
        self.state.endpoints.insert(id.clone(), endpoint);
        for new in interfaces {
            self.add_interface(&id, new)?;
        }
        if private_dns_enabled {
            self.enable_private_dns(&id)?;
        }
        Ok(())
    }

    pub(super) fn modify_endpoint(&mut self, change: Change) -> Result {
        let Change::ModifyEndpoint {
            id,
            add_interfaces,
            remove_subnets,
            add_groups,
            remove_groups,
            private_dns_enabled,
            policy,
        } = change
        else {
            return Ok(());
        };
        let endpoint = self.endpoint(&id)?;
        let (vpc, mut groups) = (endpoint.vpc.clone(), endpoint.groups.clone());
        for subnet in &remove_subnets {
            self.remove_interface(&id, subnet)?;
        }
        for group in &remove_groups {
            if !groups.remove(group) {
                return Err(Error::new(
                    "InvalidGroup.NotFound",
                    format!("The security group '{group}' is not associated with the VPC endpoint {id}"),
                ));
            }
        }
        groups.extend(add_groups);
        if groups.is_empty() {
            return Err(Error::new(
                "InvalidParameter",
                format!(
                    "The VPC endpoint {id} needs at least one security group; add one before the last goes"
                ),
            ));
        }
        let groups = self.groups_for(&vpc, groups)?;
        self.endpoint_mut(&id)?.groups = groups.clone();
        for interface in self.state.interfaces.values_mut() {
            if interface.holder == Holder::Endpoint(id.clone()) {
                interface.groups = groups.clone();
            }
        }
        for new in add_interfaces {
            self.add_interface(&id, new)?;
        }
        if let Some(policy) = policy {
            check_policy(policy.as_deref())?;
            self.endpoint_mut(&id)?.policy = policy;
        }
        match private_dns_enabled {
            None => Ok(()),
            Some(true) => self.enable_private_dns(&id),
            Some(false) => {
                self.endpoint_mut(&id)?.private_dns_enabled = false;
                Ok(())
            }
        }
    }

    pub(super) fn delete_endpoint(&mut self, id: &EndpointId) -> Result {
        self.endpoint(id)?;
        self.state.interfaces.retain(|_, interface| interface.holder != Holder::Endpoint(id.clone()));
        self.state.endpoints.remove(id);
        Ok(())
    }

    fn add_interface(&mut self, id: &EndpointId, new: NewInterface) -> Result {
        let endpoint = self.endpoint(id)?.clone();
        let wanted = &new.subnet;
        if !is_well_formed(wanted.as_str(), SubnetId::PREFIX) {
            return Err(Error::new(
                "InvalidSubnetId.Malformed",
                format!("Invalid Id: '{wanted}' (expecting 'subnet-...')"),
            ));
        }
        let subnet = self.subnet(wanted).map_err(|_| {
            Error::new("InvalidSubnetId.NotFound", format!("The subnet ID '{wanted}' does not exist"))
        })?;
        if subnet.vpc != endpoint.vpc {
            return Err(Error::new(
                "InvalidParameter",
                format!("The subnet {wanted} is not in the VPC {} of the endpoint", endpoint.vpc),
            ));
        }
        let zone_of = |id: &SubnetId| self.state.subnets.get(id).map(|subnet| subnet.zone.as_str());
        if endpoint.interfaces.keys().any(|other| zone_of(other) == Some(&subnet.zone)) {
            return Err(Error::new(
                "DuplicateSubnetsInSameZone",
                format!("Found another VPC endpoint subnet in the availability zone of {wanted}"),
            ));
        }
        if !self.state.service_zones(&endpoint.service).contains(&subnet.zone) {
            return Err(Error::new(
                "InvalidParameter",
                format!(
                    "The VPC endpoint service {} does not support the availability zone of the subnet: {wanted}.",
                    endpoint.service_name
                ),
            ));
        }
        let make = Make {
            groups: &endpoint.groups,
            description: format!("VPC Endpoint Interface {id}"),
            public_address: None,
            holder: Holder::Endpoint(id.clone()),
            tags: Tags::new(),
        };
        let (subnet, interface) = (new.subnet.clone(), new.id.clone());
        self.make_interface(new, make)?;
        self.endpoint_mut(id)?.interfaces.insert(subnet, interface);
        Ok(())
    }

    fn remove_interface(&mut self, id: &EndpointId, subnet: &SubnetId) -> Result {
        let Some(interface) = self.endpoint_mut(id)?.interfaces.remove(subnet) else {
            return Err(Error::new(
                "InvalidSubnetId.NotFound",
                format!("The subnet ID '{subnet}' does not exist in the VPC endpoint {id}"),
            ));
        };
        self.state.interfaces.remove(&interface);
        Ok(())
    }

    fn enable_private_dns(&mut self, id: &EndpointId) -> Result {
        let endpoint = self.endpoint(id)?;
        if endpoint.private_dns_enabled {
            return Ok(());
        }
        let refuse = |text: String| Err(Error::new("InvalidParameter", text));
        let name = &endpoint.service_name;
        let offered = self.state.services.get(&endpoint.service).and_then(|found| found.private_dns.as_ref());
        let Some(offered) = offered else {
            return refuse(format!(
                "Private DNS can't be enabled because the service {name} does not provide a private DNS name."
            ));
        };
        if offered.state != Verification::Verified {
            return refuse(format!(
                "Private DNS can't be enabled because the service {name} has not verified its private DNS name {}.",
                offered.name
            ));
        }
        if endpoint.state != EndpointState::Available {
            return refuse(format!(
                "Private DNS can only be enabled after the endpoint connection is accepted by the owner of {name}."
            ));
        }
        let vpc = self.vpc(&endpoint.vpc)?;
        if !vpc.dns_support || !vpc.dns_hostnames {
            return refuse(format!(
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to \
                 true for {}",
                vpc.id
            ));
        }
        let mut others = self.state.endpoints.values().filter(|other| other.vpc == vpc.id && other.id != *id);
        let domain =
            |other: &Endpoint| Some(&self.state.services.get(&other.service)?.private_dns.as_ref()?.name);
        if others.any(|other| other.private_dns_enabled && domain(other) == Some(&offered.name)) {
            return refuse(format!(
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {} in the \
                 VPC {}",
                offered.name, vpc.id
            ));
        }
        self.endpoint_mut(id)?.private_dns_enabled = true;
        Ok(())
    }
}

impl State {
    /// The zones an endpoint service is offered in: those its load balancers have nodes in.
    #[must_use]
    pub fn service_zones(&self, id: &ServiceId) -> BTreeSet<String> {
        let arns = self.services.get(id).map(|service| &service.load_balancers).into_iter().flatten();
        arns.filter_map(|arn| self.load_balancers.get(arn))
            .flat_map(|found| found.nodes.keys().cloned())
            .collect()
    }
}

/// A prefix and eight or seventeen hexadecimal digits.
fn is_well_formed(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17)
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

fn check_policy(policy: Option<&str>) -> Result {
    match policy.map(|policy| policy.chars().count()) {
        Some(length) if length > quota::POLICY => Err(Error::new(
            "InvalidPolicyDocument",
            format!("The policy has {length} characters; at most {} are allowed.", quota::POLICY),
        )),
        _ => Ok(()),
    }
}
