//! One change at a time.

use std::{
    io,
    net::IpAddr,
    os::fd::{AsRawFd as _, BorrowedFd},
};

use ipnet::Ipv4Net;
use kura_model::plan::{Route, To};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    neighbour_table::{NeighbourTableAttribute, NeighbourTableMessage, NeighbourTableParameter},
    route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType},
    rule::{RuleAction, RuleAttribute, RuleMessage},
};

use super::{netlink::Netlink, observed::Devices};

/// After the main table's, which is 32766.
pub(super) const RULE_PRIORITY: u32 = 33_000;

impl Netlink {
    /// Makes a pair of devices, `name` here and `peer` in the namespace behind `peer_namespace`.
    pub(super) fn add_pair(
        &mut self,
        name: &str,
        peer: &str,
        peer_namespace: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let mut other = LinkMessage::default();
        other.attributes.push(LinkAttribute::IfName(peer.to_owned()));
        other.attributes.push(LinkAttribute::NetNsFd(peer_namespace.as_raw_fd()));
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(other))),
        ]));
        self.change(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
    }

    pub(super) fn delete_device(&mut self, index: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        self.change(RouteNetlinkMessage::DelLink(link), 0)
    }

    pub(super) fn set_group(&mut self, index: u32, group: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.attributes.push(LinkAttribute::Group(group));
        self.change(RouteNetlinkMessage::SetLink(link), 0)
    }

    pub(super) fn delete_group(&mut self, group: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::Group(group));
        self.change(RouteNetlinkMessage::DelLink(link), 0)
    }

    pub(super) fn set_up(&mut self, index: u32) -> io::Result<()> {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        self.change(RouteNetlinkMessage::SetLink(link), 0)
    }

    /// A device that answers ARP for what is behind its namespace waits for up to 0.8 s by default, so that others may
    /// answer first. Nobody else is there.
    pub(super) fn answer_at_once(&mut self, index: u32) -> io::Result<()> {
        let mut message = NeighbourTableMessage::default();
        message.header.family = AddressFamily::Inet;
        message.attributes.push(NeighbourTableAttribute::Name("arp_cache".into()));
        message.attributes.push(NeighbourTableAttribute::Parms(vec![
            NeighbourTableParameter::Ifindex(index),
            NeighbourTableParameter::ProxyDelay(0),
        ]));
        self.change(RouteNetlinkMessage::SetNeighbourTable(message), 0)
    }

    pub(super) fn add_address(&mut self, index: u32, address: Ipv4Net) -> io::Result<()> {
        let message = address_message(index, address);
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    pub(super) fn delete_address(&mut self, index: u32, address: Ipv4Net) -> io::Result<()> {
        self.change(RouteNetlinkMessage::DelAddress(address_message(index, address)), 0)
    }

    /// Adds a route, in the place of one to the same destination.
    pub(super) fn set_route(&mut self, route: &Route, devices: &Devices) -> io::Result<()> {
        let message = route_message(route, devices)?;
        self.change(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Removes a route whoever added it: its protocol and its scope are not compared.
    pub(super) fn delete_route(&mut self, route: &Route, devices: &Devices) -> io::Result<()> {
        let mut message = route_message(route, devices)?;
        message.header.protocol = RouteProtocol::Unspec;
        message.header.scope = RouteScope::NoWhere;
        self.delete_strange_route(message)
    }

    pub(super) fn delete_strange_route(&mut self, mut message: RouteMessage) -> io::Result<()> {
        message.attributes.retain(|attribute| !matches!(attribute, RouteAttribute::CacheInfo(_)));
        self.change(RouteNetlinkMessage::DelRoute(message), 0)
    }

    pub(super) fn add_rule(&mut self, device: &str, table: u32) -> io::Result<()> {
        let mut message = RuleMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.action = RuleAction::ToTable;
        message.attributes.push(RuleAttribute::Iifname(device.to_owned()));
        message.attributes.push(RuleAttribute::Priority(RULE_PRIORITY));
        message.attributes.push(RuleAttribute::Table(table));
        self.change(RouteNetlinkMessage::NewRule(message), NLM_F_CREATE | NLM_F_EXCL)
    }

    pub(super) fn delete_rule(&mut self, message: RuleMessage) -> io::Result<()> {
        self.change(RouteNetlinkMessage::DelRule(message), 0)
    }
}

fn address_message(index: u32, address: Ipv4Net) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.index = index;
    message.header.prefix_len = address.prefix_len();
    message.attributes.push(AddressAttribute::Local(IpAddr::V4(address.addr())));
    message.attributes.push(AddressAttribute::Address(IpAddr::V4(address.addr())));
    message
}

fn route_message(route: &Route, devices: &Devices) -> io::Result<RouteMessage> {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = route.destination.prefix_len();
    message.header.protocol = RouteProtocol::Static;
    match u8::try_from(route.table) {
        Ok(table) => message.header.table = table,
        Err(_) => {
            message.header.table = RouteHeader::RT_TABLE_UNSPEC;
            message.attributes.push(RouteAttribute::Table(route.table));
        }
    }
    if route.destination.prefix_len() > 0 {
        message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(route.destination.network())));
    }
    match &route.to {
        To::Unreachable => {
            message.header.kind = RouteType::Unreachable;
            message.header.scope = RouteScope::Universe;
        }
        To::Device(name, gateway) => {
            let device = devices.get(name).ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, format!("no device {name} stands there"))
            })?;
            message.header.kind = RouteType::Unicast;
            message.attributes.push(RouteAttribute::Oif(device.index));
            match gateway {
                None => message.header.scope = RouteScope::Link,
                Some(gateway) => {
                    message.header.scope = RouteScope::Universe;
                    // A router's side has no prefix that would make its neighbours known as such.
                    message.header.flags = netlink_packet_route::route::RouteFlags::Onlink;
                    message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(*gateway)));
                }
            }
        }
    }
    Ok(message)
}
