//! What health checks found, and what they are to look at.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
};

use super::{
    Dial, NamespaceName,
    view::{Place, View},
};
use crate::{State, Target, TargetGroupArn};

/// The targets that were found unhealthy. A target nobody has checked yet gets traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// With the zone of the node that found it; without one, it holds for every node.
    pub unhealthy: BTreeSet<(TargetGroupArn, Target, Option<String>)>,
}

impl Health {
    /// Whether a node in a zone may use a target.
    #[must_use]
    pub fn is_healthy(&self, group: &TargetGroupArn, target: &Target, zone: &str) -> bool {
        let found = |zone: Option<String>| self.unhealthy.contains(&(group.clone(), target.clone(), zone));
        !found(Some(zone.to_owned())) && !found(None)
    }
}

/// One thing to check: a TCP connection from a node to a target. How often is in the target group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Check {
    pub target_group: TargetGroupArn,
    pub target: Target,
    /// The node's zone.
    pub zone: String,
    pub connect: Dial,
}

/// Everything that is to be checked: each target from each node that may use it.
#[must_use]
pub fn checks(state: &State) -> BTreeSet<Check> {
    let health = Health::default();
    let view = View::new(state, &health);
    let mut checks = BTreeSet::new();
    for balancer in state.load_balancers.values() {
        let nodes = balancer.nodes.keys().filter_map(|zone| view.node(balancer, zone));
        for node in nodes {
            let groups = view
                .listeners(&balancer.arn)
                .filter_map(|found| state.target_groups.get(&found.target_group));
            for group in groups {
                checks.extend(view.candidates(node, group).map(|(target, place)| Check {
                    target_group: group.arn.clone(),
                    target: target.clone(),
                    zone: node.zone.to_owned(),
                    connect: checked(&place, group.health.port, NamespaceName::of(node.interface)),
                }));
            }
        }
    }
    checks
}

fn checked(place: &Place, port: Option<u16>, from: NamespaceName) -> Dial {
    match place {
        Place::Address(address) => {
            let (ip, traffic): (Ipv4Addr, u16) = (*address.ip(), address.port());
            Dial::Within(from, SocketAddrV4::new(ip, port.unwrap_or(traffic)))
        }
        Place::Machine(address) => match (port, address.rsplit_once(':')) {
            (Some(port), Some((host, _))) => Dial::Machine(format!("{host}:{port}")),
            _ => Dial::Machine(address.clone()),
        },
    }
}
