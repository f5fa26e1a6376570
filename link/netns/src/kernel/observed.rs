//! What stands in a namespace.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::Ipv4Net;
use kura_model::plan::{Route, To};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{InfoKind, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage},
    route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteType},
    rule::{RuleAttribute, RuleMessage},
};

use super::netlink::Netlink;

/// The kernel's own table: local and broadcast addresses.
const LOCAL_TABLE: u32 = 255;

/// A device that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) index: u32,
    pub(crate) up: bool,
    /// `veth`, or another kind; none for `lo` and hardware.
    pub(crate) kind: Option<String>,
    /// The other end's index, in its namespace.
    pub(crate) peer: Option<u32>,
}

/// A namespace's devices by name.
pub(crate) type Devices = BTreeMap<String, Device>;

/// What is built on the devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Index of the device, address.
    pub(crate) addresses: BTreeSet<(u32, Ipv4Net)>,
    /// Routes that a plan could hold.
    pub(crate) routes: BTreeSet<Route>,
    /// Routes that none could, as the kernel wrote them.
    pub(crate) strange_routes: Vec<RouteMessage>,
    /// Rules beyond the kernel's three, as the kernel wrote them: device, table.
    pub(crate) rules: Vec<(Option<(String, u32)>, RuleMessage)>,
}

impl Netlink {
    pub(super) fn devices(&mut self) -> io::Result<Devices> {
        let mut ask = LinkMessage::default();
        ask.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        let mut devices = Devices::new();
        for message in self.dump(&RouteNetlinkMessage::GetLink(ask))? {
            let RouteNetlinkMessage::NewLink(link) = message else { continue };
            let mut name = None;
            let mut device = Device {
                index: link.header.index,
                up: link.header.flags.contains(LinkFlags::Up),
                kind: None,
                peer: None,
            };
            for attribute in link.attributes {
                match attribute {
                    LinkAttribute::IfName(text) => name = Some(text),
                    LinkAttribute::Link(index) => device.peer = Some(index),
                    LinkAttribute::LinkInfo(infos) => {
                        for info in infos {
                            if let LinkInfo::Kind(kind) = info {
                                device.kind = Some(kind_name(&kind));
                            }
                        }
                    }
                    _ => {}
                }
            }
            if let Some(name) = name {
                devices.insert(name, device);
            }
        }
        Ok(devices)
    }

    pub(super) fn observe(&mut self, devices: &Devices) -> io::Result<Observed> {
        let names: BTreeMap<u32, &str> = devices.iter().map(|(name, d)| (d.index, name.as_str())).collect();
        let mut observed = Observed::default();
        let mut ask = AddressMessage::default();
        ask.header.family = AddressFamily::Inet;
        for message in self.dump(&RouteNetlinkMessage::GetAddress(ask))? {
            if let RouteNetlinkMessage::NewAddress(address) = message {
                observed.addresses.extend(read_address(&address));
            }
        }
        let mut ask = RouteMessage::default();
        ask.header.address_family = AddressFamily::Inet;
        for message in self.dump(&RouteNetlinkMessage::GetRoute(ask))? {
            let RouteNetlinkMessage::NewRoute(route) = message else { continue };
            if table(&route) == LOCAL_TABLE || route.header.protocol == RouteProtocol::Kernel {
                continue;
            }
            match read_route(&route, &names) {
                Some(read) => drop(observed.routes.insert(read)),
                None => observed.strange_routes.push(route),
            }
        }
        let mut ask = RuleMessage::default();
        ask.header.family = AddressFamily::Inet;
        for message in self.dump(&RouteNetlinkMessage::GetRule(ask))? {
            let RouteNetlinkMessage::NewRule(rule) = message else { continue };
            // The kernel's own: local at 0, main at 32766, default at 32767.
            if !matches!(priority(&rule), 0 | 32766 | 32767) {
                observed.rules.push((read_rule(&rule), rule));
            }
        }
        Ok(observed)
    }
}

fn kind_name(kind: &InfoKind) -> String {
    match kind {
        InfoKind::Veth => "veth".into(),
        other => format!("{other:?}"),
    }
}

fn read_address(message: &AddressMessage) -> Option<(u32, Ipv4Net)> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
        _ => None,
    })?;
    Some((message.header.index, Ipv4Net::new(local, message.header.prefix_len).ok()?))
}

pub(super) fn table(message: &RouteMessage) -> u32 {
    let named = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    named.unwrap_or_else(|| message.header.table.into())
}

/// The route as a plan would have it; `None` when it has what no plan gives a route.
fn read_route(message: &RouteMessage, names: &BTreeMap<u32, &str>) -> Option<Route> {
    let mut destination = Ipv4Addr::UNSPECIFIED;
    let mut gateway = None;
    let mut device = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => destination = *address,
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => gateway = Some(*address),
            RouteAttribute::Oif(index) => device = Some((*names.get(index)?).to_owned()),
            RouteAttribute::Priority(metric) if *metric != 0 => return None,
            RouteAttribute::PrefSource(_) | RouteAttribute::MultiPath(_) | RouteAttribute::Via(_) => {
                return None;
            }
            _ => {}
        }
    }
    if message.header.tos != 0 {
        return None;
    }
    let to = match (message.header.kind, device) {
        (RouteType::Unicast, Some(device)) => To::Device(device, gateway),
        (RouteType::Unreachable, _) => To::Unreachable,
        _ => return None,
    };
    let destination = Ipv4Net::new(destination, message.header.destination_prefix_length).ok()?;
    Some(Route { table: table(message), destination, to })
}

fn priority(message: &RuleMessage) -> u32 {
    let given = message.attributes.iter().find_map(|attribute| match attribute {
        RuleAttribute::Priority(priority) => Some(*priority),
        _ => None,
    });
    given.unwrap_or(0)
}

fn read_rule(message: &RuleMessage) -> Option<(String, u32)> {
    let mut device = None;
    let mut table = None;
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Iifname(name) => device = Some(name.clone()),
            RuleAttribute::Table(number) => table = Some(*number),
            RuleAttribute::Priority(priority) if *priority != super::change::RULE_PRIORITY => return None,
            RuleAttribute::Source(_) | RuleAttribute::Destination(_) | RuleAttribute::Oifname(_) => {
                return None;
            }
            _ => {}
        }
    }
    Some((device?, table?))
}
