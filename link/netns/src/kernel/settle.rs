//! Addresses, states, routes and rules of one namespace, made what the plan says.

use std::{collections::BTreeSet, io, net::Ipv4Addr};

use ipnet::Ipv4Net;
use kura_model::plan::{End, Namespace, To};
use rustix::io::Errno;

use super::{
    netlink::Netlink,
    observed::{Devices, Observed},
    settings::proxy_arp,
};

/// What went wrong, doing what.
type Failure = (String, io::Error);

/// Makes the thread's namespace what the plan says, its devices being there. Returns how much was changed.
pub(crate) fn settle(namespace: &Namespace, ends: &[&End]) -> Result<usize, Failure> {
    let mut netlink = Netlink::open().map_err(|error| ("open a netlink socket".to_owned(), error))?;
    let devices = netlink.devices().map_err(|error| ("list devices".to_owned(), error))?;
    let mut settled = Settled { netlink, devices, changed: 0 };
    let observed = settled.observe()?;
    settled.remove_addresses(&observed, namespace, ends)?;
    settled.devices(&observed, namespace, ends)?;
    // A device that went up, or lost its address, has lost routes: look again only then.
    let observed = if settled.changed > 0 { settled.observe()? } else { observed };
    settled.routes(&observed, namespace)?;
    settled.rules(observed, namespace)?;
    Ok(settled.changed)
}

struct Settled {
    netlink: Netlink,
    devices: Devices,
    changed: usize,
}

impl Settled {
    fn observe(&mut self) -> Result<Observed, Failure> {
        self.netlink.observe(&self.devices).map_err(|error| ("list addresses and routes".to_owned(), error))
    }

    fn done(&mut self, result: io::Result<()>, what: impl FnOnce() -> String) -> Result<(), Failure> {
        self.changed += 1;
        result.map_err(|error| (what(), error))
    }

    /// As [`Settled::done`] for a removal: what somebody else removed since it was seen is removed.
    fn removed(&mut self, result: io::Result<()>, what: impl FnOnce() -> String) -> Result<(), Failure> {
        let gone = [Errno::SRCH, Errno::NOENT, Errno::ADDRNOTAVAIL, Errno::NODEV];
        let is_gone =
            |error: &io::Error| gone.iter().any(|gone| error.raw_os_error() == Some(gone.raw_os_error()));
        self.done(result.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) }), what)
    }

    fn index(&self, device: &str) -> Result<u32, Failure> {
        let missing = || {
            let error = io::Error::new(io::ErrorKind::NotFound, "someone removed it just now");
            (format!("use device {device}"), error)
        };
        self.devices.get(device).map(|device| device.index).ok_or_else(missing)
    }

    fn wanted(&self, namespace: &Namespace, ends: &[&End]) -> Result<BTreeSet<(u32, Ipv4Net)>, Failure> {
        let lo = self.index("lo")?;
        let mut wanted: BTreeSet<_> =
            namespace.local.iter().map(|address| (lo, Ipv4Net::from(*address))).collect();
        for end in ends {
            if let Some(address) = end.address {
                wanted.insert((self.index(&end.device)?, address));
            }
        }
        Ok(wanted)
    }

    fn remove_addresses(
        &mut self,
        observed: &Observed,
        namespace: &Namespace,
        ends: &[&End],
    ) -> Result<(), Failure> {
        let wanted = self.wanted(namespace, ends)?;
        for &(index, address) in observed.addresses.difference(&wanted) {
            if address.addr() != Ipv4Addr::LOCALHOST {
                let result = self.netlink.delete_address(index, address);
                self.removed(result, || format!("remove address {address}"))?;
            }
        }
        Ok(())
    }

    fn devices(&mut self, observed: &Observed, namespace: &Namespace, ends: &[&End]) -> Result<(), Failure> {
        let wanted = self.wanted(namespace, ends)?;
        for &(index, address) in wanted.difference(&observed.addresses) {
            let result = self.netlink.add_address(index, address);
            self.done(result, || format!("add address {address}"))?;
        }
        for name in std::iter::once("lo").chain(ends.iter().map(|end| end.device.as_str())) {
            let index = self.index(name)?;
            if self.devices.get(name).is_some_and(|device| !device.up) {
                let result = self.netlink.set_up(index);
                self.done(result, || format!("set device {name} up"))?;
            }
        }
        for end in ends {
            let changed = proxy_arp(&end.device, end.proxy_arp)?;
            self.changed += changed;
            if changed > 0 && end.proxy_arp {
                let result = self.netlink.answer_at_once(self.index(&end.device)?);
                self.done(result, || format!("let {} answer ARP without delay", end.device))?;
            }
        }
        Ok(())
    }

    fn routes(&mut self, observed: &Observed, namespace: &Namespace) -> Result<(), Failure> {
        for message in &observed.strange_routes {
            let result = self.netlink.delete_strange_route(message.clone());
            self.removed(result, || format!("remove a route: {message:?}"))?;
        }
        let mut missing: Vec<_> = namespace.routes.difference(&observed.routes).collect();
        // A gateway must be reachable before a route leads through it.
        missing.sort_by_key(|route| matches!(route.to, To::Device(_, Some(_))));
        let mut replaced = BTreeSet::new();
        for route in missing {
            let result = self.netlink.set_route(route, &self.devices);
            self.done(result, || format!("add route {route:?}"))?;
            replaced.insert((route.table, route.destination));
        }
        for route in observed.routes.difference(&namespace.routes) {
            if !replaced.contains(&(route.table, route.destination)) {
                let result = self.netlink.delete_route(route, &self.devices);
                self.removed(result, || format!("remove route {route:?}"))?;
            }
        }
        Ok(())
    }

    fn rules(&mut self, observed: Observed, namespace: &Namespace) -> Result<(), Failure> {
        let mut standing = BTreeSet::new();
        for (read, message) in observed.rules {
            let wanted =
                read.as_ref().is_some_and(|(device, table)| namespace.tables.get(device) == Some(table));
            // The same rule twice is once too often.
            if !wanted || !read.clone().is_some_and(|rule| standing.insert(rule)) {
                let result = self.netlink.delete_rule(message);
                self.removed(result, || format!("remove rule {read:?}"))?;
            }
        }
        for (device, &table) in &namespace.tables {
            if !standing.contains(&(device.clone(), table)) {
                let result = self.netlink.add_rule(device, table);
                self.done(result, || format!("send what {device} has no route for to table {table}"))?;
            }
        }
        Ok(())
    }
}
