//! Endpoint services and the connections to them.

use std::collections::BTreeSet;

use super::{Result, Step, principal, record, tag};
use crate::{Change, Error, NewPrivateDnsName, ids::*, state::*};

impl Step<'_> {
    pub(super) fn create_service(
        &mut self,
        id: ServiceId,
        load_balancers: BTreeSet<LoadBalancerArn>,
        acceptance_required: bool,
        private_dns: Option<NewPrivateDnsName>,
        tags: Tags,
    ) -> Result {
        tag::check(&tags)?;
        self.check_balancers(&id, &load_balancers)?;
        let service = EndpointService {
            id: id.clone(),
            owner: self.account.clone(),
            name: format!("com.amazonaws.vpce.{}.{id}", self.state.region),
            private_dns: private_dns.map(|new| self.private_name(new)).transpose()?,
            load_balancers,
            acceptance_required,
            allowed_principals: BTreeSet::new(),
            tags,
        };
        self.state.services.insert(id, service);
        Ok(())
    }

    pub(super) fn modify_service(&mut self, change: Change) -> Result {
        let Change::ModifyService {
            id,
            add_load_balancers,
            remove_load_balancers,
            acceptance_required,
            private_dns,
            remove_private_dns,
        } = change
        else {
            return Ok(());
        };
        let mut service = self.service(&id)?.clone();
        for arn in &remove_load_balancers {
            if !service.load_balancers.remove(arn) {
                return Err(Error::new(
                    "InvalidParameter",
                    format!("The load balancer '{arn}' is not associated with the service {id}"),
                ));
            }
        }
        service.load_balancers.extend(add_load_balancers);
        self.check_balancers(&id, &service.load_balancers)?;
        service.acceptance_required = acceptance_required.unwrap_or(service.acceptance_required);
        if remove_private_dns {
            if private_dns.is_some() {
                return Err(Error::new(
                    "InvalidParameterCombination",
                    "A private DNS name cannot be set and removed in one request",
                ));
            }
            service.private_dns = None;
        }
        if let Some(new) = private_dns {
            let kept = service.private_dns.filter(|old| old.name.eq_ignore_ascii_case(&new.name));
            service.private_dns = Some(match kept {
                Some(kept) => kept,
                None => self.private_name(new)?,
            });
        }
        self.state.services.insert(id, service);
        Ok(())
    }

    pub(super) fn delete_service(&mut self, id: &ServiceId) -> Result {
        self.service(id)?;
        let mut endpoints = self.state.endpoints.values();
        if endpoints.any(|endpoint| endpoint.service == *id && endpoint.state != EndpointState::Rejected) {
            return Err(Error::new(
                "ExistingVpcEndpointConnections",
                "Service has existing active VPC Endpoint connections!",
            ));
        }
        self.state.services.remove(id);
        Ok(())
    }

    pub(super) fn modify_service_permissions(
        &mut self,
        id: &ServiceId,
        add: BTreeSet<String>,
        remove: &BTreeSet<String>,
    ) -> Result {
        self.service(id)?;
        for name in add.iter().chain(remove) {
            principal::check(name)?;
        }
        let principals = &mut self.service_mut(id)?.allowed_principals;
        principals.retain(|name| !remove.contains(name));
        principals.extend(add);
        Ok(())
    }

    pub(super) fn verify_private_dns(&mut self, id: &ServiceId, found: bool) -> Result {
        let Some(mut name) = self.service(id)?.private_dns.clone() else {
            return Err(Error::new(
                "InvalidParameter",
                format!("The service {id} has no private DNS name to verify; give it one first"),
            ));
        };
        let is_proved = found || self.has_verified(&name.name);
        name.state = if is_proved { Verification::Verified } else { Verification::Failed };
        self.service_mut(id)?.private_dns = Some(name);
        Ok(())
    }

    pub(super) fn accept(&mut self, service: &ServiceId, endpoints: &[EndpointId]) -> Result {
        self.set_connections(service, endpoints, EndpointState::Available)
    }

    pub(super) fn reject(&mut self, service: &ServiceId, endpoints: &[EndpointId]) -> Result {
        self.set_connections(service, endpoints, EndpointState::Rejected)
    }

    /// Accepting what is accepted and rejecting what is rejected changes nothing.
    fn set_connections(&mut self, service: &ServiceId, ids: &[EndpointId], state: EndpointState) -> Result {
        self.service(service)?;
        for id in ids {
            let found = self.state.endpoints.get_mut(id).filter(|endpoint| endpoint.service == *service);
            let Some(endpoint) = found else {
                return Err(Error::new(
                    "InvalidVpcEndpointId.NotFound",
                    format!("The Vpc Endpoint Id '{id}' does not exist for the service {service}"),
                ));
            };
            endpoint.state = state;
        }
        Ok(())
    }

    /// At least one, all of the account, none in another service.
    fn check_balancers(&self, id: &ServiceId, arns: &BTreeSet<LoadBalancerArn>) -> Result {
        if arns.is_empty() {
            return Err(Error::new(
                "InvalidParameter",
                "An endpoint service needs at least one Network Load Balancer",
            ));
        }
        for arn in arns {
            self.balancer(arn).map_err(|_| {
                Error::new("InvalidParameter", format!("The Network Load Balancer '{arn}' does not exist"))
            })?;
            let mut others = self.state.services.values().filter(|other| other.id != *id);
            if let Some(other) = others.find(|other| other.load_balancers.contains(arn)) {
                return Err(Error::new(
                    "InvalidParameter",
                    format!("The load balancer '{arn}' is already associated with the service {}", other.id),
                ));
            }
        }
        Ok(())
    }

    fn private_name(&self, new: NewPrivateDnsName) -> Result<PrivateDnsName> {
        let name = record::check_name(&new.name)?;
        if !name.contains('.') {
            return Err(Error::new(
                "InvalidParameter",
                format!("The private DNS name '{name}' needs at least two labels"),
            ));
        }
        let state = if self.has_verified(&name) { Verification::Verified } else { Verification::Pending };
        Ok(PrivateDnsName { name, state, record_name: new.record_name, record_value: new.record_value })
    }

    /// Whether the account has proved a domain or one above it. What `*` stands for in a name is below that name.
    fn has_verified(&self, name: &str) -> bool {
        let own = self.state.services.values().filter(|service| service.owner == *self.account);
        own.filter_map(|service| service.private_dns.as_ref())
            .filter(|proved| proved.state == Verification::Verified)
            .any(|proved| {
                name == proved.name || name.strip_suffix(&proved.name).is_some_and(|rest| rest.ends_with('.'))
            })
    }
}
