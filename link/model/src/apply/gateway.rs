//! Internet gateways.

use super::{Result, Step, find, quota, tag};
use crate::{Error, ids::*, state::*};

impl Step<'_> {
    pub(super) fn create_gateway(&mut self, id: GatewayId, tags: Tags) -> Result {
        tag::check(&tags)?;
        let own = self.state.gateways.values().filter(|gateway| gateway.owner == *self.account).count();
        if own >= quota::VPCS {
            return Err(find::over_quota("InternetGatewayLimitExceeded", "internet gateways", quota::VPCS));
        }
        let gateway = InternetGateway { id: id.clone(), owner: self.account.clone(), vpc: None, tags };
        self.state.gateways.insert(id, gateway);
        Ok(())
    }

    pub(super) fn delete_gateway(&mut self, id: &GatewayId) -> Result {
        if self.gateway(id)?.vpc.is_some() {
            return Err(find::in_use("internetGateway", id.as_str()));
        }
        // Routes to it stay as black holes, as on AWS.
        self.state.gateways.remove(id);
        Ok(())
    }

    pub(super) fn attach_gateway(&mut self, id: &GatewayId, vpc: VpcId) -> Result {
        if let Some(attached) = &self.gateway(id)?.vpc {
            return Err(Error::new(
                "Resource.AlreadyAssociated",
                format!("resource {id} is already attached to network {attached}"),
            ));
        }
        self.vpc(&vpc)?;
        if self.state.gateway_of(&vpc).is_some() {
            return Err(Error::new(
                "InvalidParameterValue",
                format!("Network {vpc} already has an internet gateway attached"),
            ));
        }
        self.gateway_mut(id)?.vpc = Some(vpc);
        Ok(())
    }

    pub(super) fn detach_gateway(&mut self, id: &GatewayId, vpc: &VpcId) -> Result {
        if self.gateway(id)?.vpc.as_ref() != Some(vpc) {
            return Err(Error::new(
                "Gateway.NotAttached",
                format!("resource {id} is not attached to network {vpc}"),
            ));
        }
        let mut interfaces = self.state.interfaces.values();
        if interfaces.any(|interface| interface.vpc == *vpc && interface.public_address.is_some()) {
            return Err(Error::new(
                "DependencyViolation",
                format!(
                    "Network {vpc} has some mapped public address(es). Please unmap those public address(es) \
                     before detaching the gateway."
                ),
            ));
        }
        self.gateway_mut(id)?.vpc = None;
        Ok(())
    }
}
