//! Network interfaces.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::{Result, Step, quota};
use crate::{Error, NewInterface, ids::*, state::*};

/// What is common to the interfaces that one request makes.
pub(super) struct Make<'a> {
    pub(super) groups: &'a BTreeSet<GroupId>,
    pub(super) description: String,
    pub(super) public_address: Option<Ipv4Addr>,
    pub(super) holder: Holder,
    pub(super) tags: Tags,
}

impl Step<'_> {
    pub(super) fn make_interface(&mut self, new: NewInterface, make: Make<'_>) -> Result {
        let vpc = self.subnet(&new.subnet)?.vpc.clone();
        let interface = NetworkInterface {
            id: new.id.clone(),
            owner: self.account.clone(),
            vpc,
            address: self.take_address(&new.subnet, new.address)?,
            subnet: new.subnet,
            public_address: make.public_address,
            groups: make.groups.clone(),
            description: make.description,
            holder: make.holder,
            number: self.take_number()?,
            created: self.at,
            tags: make.tags,
        };
        self.state.interfaces.insert(new.id, interface);
        Ok(())
    }

    pub(super) fn modify_interface(
        &mut self,
        id: &InterfaceId,
        groups: Option<BTreeSet<GroupId>>,
        description: Option<String>,
    ) -> Result {
        let interface = self.interface(id)?;
        let manager = match &interface.holder {
            Holder::Instance(..) => None,
            Holder::Endpoint(endpoint) => Some(endpoint.to_string()),
            Holder::LoadBalancer(arn) => Some(arn.to_string()),
        };
        if let Some(manager) = manager {
            return Err(Error::new(
                "OperationNotPermitted",
                format!(
                    "You do not have permission to modify {id}: it is managed by {manager}; change that instead."
                ),
            ));
        }
        let vpc = interface.vpc.clone();
        let groups = match groups {
            None => None,
            Some(groups) if groups.is_empty() => {
                return Err(Error::new(
                    "InvalidParameterValue",
                    format!(
                        "At least one security group is needed for {id}, {} are allowed.",
                        quota::GROUPS_PER_INTERFACE
                    ),
                ));
            }
            Some(groups) => Some(self.groups_for(&vpc, groups)?),
        };
        let interface = self.interface_mut(id)?;
        if let Some(groups) = groups {
            interface.groups = groups;
        }
        if let Some(description) = description {
            interface.description = description;
        }
        Ok(())
    }
}
