//! Subnets.

use ipnet::Ipv4Net;

use super::{Result, Step, find, quota, tag};
use crate::{Error, ids::*, state::*};

impl Step<'_> {
    pub(super) fn create_subnet(
        &mut self,
        id: SubnetId,
        vpc: VpcId,
        cidr: Ipv4Net,
        zone: String,
        default_for_zone: bool,
        tags: Tags,
    ) -> Result {
        tag::check(&tags)?;
        let cidr = cidr.trunc();
        let range = self.vpc(&vpc)?.cidr;
        if !(16..=28).contains(&cidr.prefix_len()) || !range.contains(&cidr) {
            return Err(Error::new("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")));
        }
        if !self.state.zones.iter().any(|known| known.name == zone) {
            let names: Vec<&str> = self.state.zones.iter().map(|zone| zone.name.as_str()).collect();
            return Err(Error::new(
                "InvalidParameterValue",
                format!(
                    "Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be \
                     created in the following availability zones: {}.",
                    names.join(", ")
                ),
            ));
        }
        let siblings = || self.state.subnets.values().filter(|other| other.vpc == vpc);
        if siblings().any(|other| other.cidr.contains(&cidr) || cidr.contains(&other.cidr)) {
            return Err(Error::new(
                "InvalidSubnet.Conflict",
                format!("The CIDR '{cidr}' conflicts with another subnet"),
            ));
        }
        if default_for_zone && siblings().any(|other| other.default_for_zone && other.zone == zone) {
            return Err(Error::new(
                "DefaultSubnetAlreadyExistsInAvailabilityZone",
                format!("A default subnet already exists in the availability zone {zone}."),
            ));
        }
        if siblings().count() >= quota::PER_VPC {
            return Err(find::over_quota("SubnetLimitExceeded", "subnets in a VPC", quota::PER_VPC));
        }
        let subnet = Subnet {
            id: id.clone(),
            owner: self.account.clone(),
            vpc,
            zone,
            cidr,
            default_for_zone,
            map_public_ip_on_launch: false,
            last_address: None,
            tags,
        };
        self.state.subnets.insert(id, subnet);
        Ok(())
    }

    pub(super) fn delete_subnet(&mut self, id: &SubnetId) -> Result {
        self.subnet(id)?;
        if self.state.interfaces.values().any(|interface| interface.subnet == *id) {
            return Err(find::in_use("subnet", id.as_str()));
        }
        for table in self.state.route_tables.values_mut() {
            table.associations.retain(|_, subnet| subnet.as_ref() != Some(id));
        }
        self.state.subnets.remove(id);
        Ok(())
    }

    pub(super) fn modify_subnet(&mut self, id: &SubnetId, map_public_ip_on_launch: bool) -> Result {
        self.subnet_mut(id)?.map_public_ip_on_launch = map_public_ip_on_launch;
        Ok(())
    }
}
