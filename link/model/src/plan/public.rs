//! The public side: a router between the internet gateways, and nothing behind it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use super::{Device, End, Filter, Link, Namespace, NamespaceName, Plan, PublicFilter, Route, To, fabric};
use crate::network::{PUBLIC_RANGE, PUBLIC_RESOLVER};

/// The kernel's main routing table.
pub(super) const MAIN: u32 = 254;

pub(super) fn lay(plan: &mut Plan) {
    let namespace = Namespace {
        forwards: true,
        local: BTreeSet::from([PUBLIC_RESOLVER]),
        routes: BTreeSet::from([Route { table: MAIN, destination: PUBLIC_RANGE, to: To::Unreachable }]),
        tables: BTreeMap::new(),
        filter: Filter::Public(PublicFilter { resolver: PUBLIC_RESOLVER }),
    };
    plan.namespaces.insert(NamespaceName::public(), namespace);
}

/// Joins a namespace to the public side, which then has the way to its public addresses. Returns the public side's
/// address on the link.
pub(super) fn join(
    plan: &mut Plan,
    namespace: NamespaceName,
    device: &str,
    far_device: Device,
    number: u32,
    addresses: impl Iterator<Item = Ipv4Addr>,
) -> Ipv4Addr {
    let [near, far] = fabric::to_public(number);
    if let Some(public) = plan.namespaces.get_mut(&NamespaceName::public()) {
        public.routes.extend(addresses.map(|address| Route {
            table: MAIN,
            destination: Ipv4Net::from(address),
            to: To::Device(far_device.clone(), Some(near)),
        }));
    }
    plan.links.insert(Link {
        a: End { namespace, device: device.to_owned(), address: fabric::on_link(near), proxy_arp: false },
        b: End {
            namespace: NamespaceName::public(),
            device: far_device,
            address: fabric::on_link(far),
            proxy_arp: false,
        },
    });
    far
}
