//! Who answers which names.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{Names, NamespaceName, PrivateZone, Resolver, router, view::View};
use crate::{network, state::*};

pub(crate) fn names(view: &View<'_>) -> Names {
    Names {
        public: public(view),
        public_txt: view.state.public_texts.clone(),
        public_resolver: Some((NamespaceName::public(), network::PUBLIC_RESOLVER)),
        resolvers: view
            .state
            .vpcs
            .values()
            .map(|vpc| (NamespaceName::router(&vpc.id), resolver(view, vpc)))
            .collect(),
    }
}

/// The public zone: what was put there, endpoints' names and load balancers' names.
fn public(view: &View<'_>) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
    let mut zone = view.state.public_records.clone();
    let mut add = |name: String, address| {
        zone.entry(name).or_default().insert(address);
    };
    for endpoint in view.state.endpoints.values().filter(|found| found.state == EndpointState::Available) {
        for interface in endpoint.interfaces.values().filter_map(|id| view.state.interfaces.get(id)) {
            add(view.state.regional_name(endpoint), interface.address);
            if let Some(zone) = view.zone(interface) {
                add(view.state.zonal_name(endpoint, zone), interface.address);
            }
        }
    }
    for balancer in view.state.load_balancers.values() {
        for node in balancer.nodes.keys().filter_map(|zone| view.node(balancer, zone)) {
            let address = match balancer.scheme {
                Scheme::Internal => Some(node.interface.address),
                Scheme::InternetFacing => node.interface.public_address,
            };
            if let Some(address) = address {
                add(balancer.dns_name.clone(), address);
                add(format!("{}.{}", node.zone, balancer.dns_name), address);
            }
        }
    }
    zone
}

/// A VPC's resolver; one without DNS support answers nowhere.
fn resolver(view: &View<'_>, vpc: &Vpc) -> Resolver {
    if !vpc.dns_support {
        return Resolver::default();
    }
    let mut zones = BTreeMap::new();
    if vpc.dns_hostnames {
        let endpoints = view.state.endpoints.values().filter(|endpoint| endpoint.vpc == vpc.id);
        for endpoint in endpoints.filter(|endpoint| endpoint.state == EndpointState::Available) {
            if let Some(name) = view.state.private_name(endpoint) {
                let zone = PrivateZone { alias: view.state.regional_name(endpoint) };
                zones.entry(name.to_owned()).or_insert(zone);
            }
        }
    }
    let instances = view.interfaces(&vpc.id).filter(|found| matches!(found.holder, Holder::Instance(..)));
    Resolver {
        addresses: BTreeSet::from(router::resolver(vpc)),
        zones,
        hosts: instances.map(|found| (view.state.host_name(found.address), found.address)).collect(),
    }
}
