//! Handing out addresses and numbers.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::{Result, Step};
use crate::{Error, SubnetId, network};

impl Step<'_> {
    /// A number no living interface or VPC shares, not even in what its link-local addresses are made from.
    pub(super) fn take_number(&mut self) -> Result<u32> {
        let state = &self.state;
        let living = state.interfaces.values().map(|interface| interface.number);
        let taken: BTreeSet<u32> = living
            .chain(state.vpcs.values().map(|vpc| vpc.number))
            .map(|number| number % network::NUMBERS)
            .collect();
        let first = state.next_number;
        let number = (0..network::NUMBERS)
            .filter_map(|skip| first.checked_add(skip))
            .find(|number| !taken.contains(&(number % network::NUMBERS)))
            .ok_or_else(|| {
                Error::new(
                    "InsufficientCapacity",
                    format!(
                        "All {} numbers for network interfaces and VPCs are taken; delete some first.",
                        network::NUMBERS
                    ),
                )
            })?;
        self.state.next_number = number.saturating_add(1);
        Ok(number)
    }

    /// The address asked for, or the next free one of a subnet.
    pub(super) fn take_address(&mut self, subnet: &SubnetId, wanted: Option<Ipv4Addr>) -> Result<Ipv4Addr> {
        let taken: BTreeSet<Ipv4Addr> = self
            .state
            .interfaces
            .values()
            .filter(|interface| interface.subnet == *subnet)
            .map(|interface| interface.address)
            .collect();
        let found = self.subnet_mut(subnet)?;
        let usable = network::usable(found.cidr);
        if let Some(wanted) = wanted {
            if !found.cidr.contains(&wanted) {
                return Err(Error::new(
                    "InvalidParameterValue",
                    format!(
                        "Address {wanted} does not fall within the subnet's address range {}",
                        found.cidr
                    ),
                ));
            }
            if !usable.contains(&u32::from(wanted)) {
                return Err(Error::new(
                    "InvalidParameterValue",
                    format!("Address {wanted} is in subnet's reserved address range"),
                ));
            }
            if taken.contains(&wanted) {
                return Err(Error::new("InvalidIPAddress.InUse", format!("Address {wanted} is in use.")));
            }
            return Ok(wanted);
        }
        let free = network::next_free(usable, found.last_address, |address| taken.contains(&address));
        let address = free.ok_or_else(|| {
            Error::new(
                "InsufficientFreeAddressesInSubnet",
                format!("The subnet '{subnet}' does not have enough free addresses to satisfy the request."),
            )
        })?;
        found.last_address = Some(address);
        Ok(address)
    }

    /// The public address asked for, or the next free one.
    pub(super) fn take_public_address(&mut self, wanted: Option<Ipv4Addr>) -> Result<Ipv4Addr> {
        let taken: BTreeSet<Ipv4Addr> =
            self.state.interfaces.values().filter_map(|interface| interface.public_address).collect();
        if let Some(wanted) = wanted {
            if !network::usable_public().contains(&u32::from(wanted)) {
                return Err(Error::new(
                    "InvalidParameterValue",
                    format!(
                        "Address {wanted} is not one of the public side's: 203.0.113.10 to 203.0.113.254"
                    ),
                ));
            }
            if taken.contains(&wanted) {
                return Err(Error::new("InvalidIPAddress.InUse", format!("Address {wanted} is in use.")));
            }
            return Ok(wanted);
        }
        let last = self.state.last_public_address;
        let free = network::next_free(network::drawn_public(), last, |address| taken.contains(&address));
        let address = free.ok_or_else(|| {
            Error::new(
                "InsufficientAddressCapacity",
                "All public addresses that are drawn, 203.0.113.128 to 203.0.113.254 are in use; release some first.",
            )
        })?;
        self.state.last_public_address = Some(address);
        Ok(address)
    }
}
