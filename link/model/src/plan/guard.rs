//! Whom a load balancer's groups let in where connections come beside its VPC's router: by endpoints and from the
//! public side. AWS asks the inbound rules about the client's own address there, the private one in the client's VPC
//! for an endpoint; a group's members are interfaces of the load balancer's VPC and so never meant.

use std::collections::BTreeSet;

use super::{Guard, Opening, view::View};
use crate::{Direction, LoadBalancer, NetworkInterface, Peer};

/// What stands before a node; nothing where its load balancer has no groups.
pub(super) fn before(view: &View<'_>, balancer: &LoadBalancer, node: &NetworkInterface) -> Option<Guard> {
    if balancer.groups.is_empty() {
        return None;
    }
    let groups = balancer.groups.iter().filter_map(|id| view.state.groups.get(id));
    let rules = groups.flat_map(|group| group.rules.values());
    let ingress = rules.filter(|rule| rule.direction == Direction::Ingress);
    let openings: BTreeSet<Opening> = ingress
        .filter_map(|rule| match rule.allows.peer {
            Peer::Cidr(from) => Some(Opening { traffic: rule.allows.traffic, from }),
            Peer::Group(_) => None,
        })
        .collect();
    Some(Guard { name: node.id.to_string(), openings })
}
