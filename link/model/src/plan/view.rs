//! The state as a plan looks at it.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
};

use super::Health;
use crate::{ids::*, state::*};

/// The state, with what is looked up again and again sorted beforehand.
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    pub(crate) health: &'a Health,
    interfaces: BTreeMap<&'a VpcId, Vec<&'a NetworkInterface>>,
    listeners: BTreeMap<&'a LoadBalancerArn, Vec<&'a Listener>>,
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the VPC.
    Address(SocketAddrV4),
    /// A process on the machine: `host:port`.
    Machine(String),
}

/// A load balancer's node with what belongs to it.
#[derive(Clone, Copy)]
pub(crate) struct PlacedNode<'a> {
    pub(crate) balancer: &'a LoadBalancer,
    pub(crate) zone: &'a str,
    pub(crate) interface: &'a NetworkInterface,
}

impl<'a> View<'a> {
    pub(crate) fn new(state: &'a State, health: &'a Health) -> Self {
        let mut view = Self { state, health, interfaces: BTreeMap::new(), listeners: BTreeMap::new() };
        for interface in state.interfaces.values() {
            view.interfaces.entry(&interface.vpc).or_default().push(interface);
        }
        for listener in state.listeners.values() {
            view.listeners.entry(&listener.load_balancer).or_default().push(listener);
        }
        view
    }

    /// Every interface of a VPC.
    pub(crate) fn interfaces(&self, vpc: &VpcId) -> impl Iterator<Item = &'a NetworkInterface> + '_ {
        self.interfaces.get(vpc).into_iter().flatten().copied()
    }

    pub(crate) fn listeners(&self, balancer: &LoadBalancerArn) -> impl Iterator<Item = &'a Listener> + '_ {
        self.listeners.get(balancer).into_iter().flatten().copied()
    }

    /// Whether an interface has a namespace: a stopped instance's has none.
    pub(crate) fn stands(&self, interface: &NetworkInterface) -> bool {
        match &interface.holder {
            Holder::Instance(id, _) => {
                self.state.instances.get(id).is_some_and(|found| found.state == InstanceState::Running)
            }
            Holder::Endpoint(_) | Holder::LoadBalancer(_) => true,
        }
    }

    /// The zone an interface is in.
    pub(crate) fn zone(&self, interface: &NetworkInterface) -> Option<&'a str> {
        Some(self.state.subnets.get(&interface.subnet)?.zone.as_str())
    }

    /// All load balancers of a service.
    pub(crate) fn balancers(&self, service: &ServiceId) -> impl Iterator<Item = &'a LoadBalancer> + '_ {
        let arns =
            self.state.services.get(service).map(|service| &service.load_balancers).into_iter().flatten();
        arns.filter_map(|arn| self.state.load_balancers.get(arn))
    }

    /// The nodes an endpoint's interface leads to: those of its service in its own zone.
    pub(crate) fn nodes_for(
        &self,
        endpoint: &'a Endpoint,
        interface: &NetworkInterface,
    ) -> impl Iterator<Item = PlacedNode<'a>> + '_ {
        let zone = self.zone(interface);
        self.balancers(&endpoint.service).filter_map(move |balancer| self.node(balancer, zone?))
    }

    /// A load balancer's node in a zone.
    pub(crate) fn node(&self, balancer: &'a LoadBalancer, zone: &str) -> Option<PlacedNode<'a>> {
        let (zone, node) = balancer.nodes.get_key_value(zone)?;
        Some(PlacedNode { balancer, zone, interface: self.state.interfaces.get(&node.interface)? })
    }

    /// The targets that get a node's connections: those of its zone, or of all zones with cross-zone balancing, that
    /// are healthy; all of them when none is.
    pub(crate) fn chosen(&self, node: PlacedNode<'_>, group: &'a TargetGroup) -> Vec<Place> {
        let near: Vec<(&Target, Place)> = self.candidates(node, group).collect();
        let healthy: Vec<Place> = near
            .iter()
            .filter(|(target, _)| self.health.is_healthy(&group.arn, target, node.zone))
            .map(|(_, place)| place.clone())
            .collect();
        if healthy.is_empty() { near.into_iter().map(|(_, place)| place).collect() } else { healthy }
    }

    /// The targets a node may use, healthy or not.
    pub(crate) fn candidates(
        &self,
        node: PlacedNode<'_>,
        group: &'a TargetGroup,
    ) -> impl Iterator<Item = (&'a Target, Place)> {
        let (cross_zone, zone) = (node.balancer.cross_zone, node.zone.to_owned());
        group.targets.iter().filter_map(move |target| {
            let (place, at) = self.place(group, target)?;
            (cross_zone || at.is_none_or(|at| at == zone)).then_some((target, place))
        })
    }

    /// Where a target is and in which zone; a process on the machine is in every zone.
    fn place(&self, group: &TargetGroup, target: &Target) -> Option<(Place, Option<&'a str>)> {
        let at = |address: Ipv4Addr| Place::Address(SocketAddrV4::new(address, target.port));
        match group.kind {
            TargetKind::Instance => {
                let instance = self.state.instances.get(target.id.as_str())?;
                let interface = self.state.interfaces.get(instance.interface.as_ref()?)?;
                self.stands(interface).then_some((at(interface.address), self.zone(interface)))
            }
            TargetKind::Ip => {
                let address = target.id.parse().ok()?;
                let subnet = self.state.subnet_at(&group.vpc, address)?;
                Some((at(address), Some(subnet.zone.as_str())))
            }
            TargetKind::Host => Some((Place::Machine(target.id.clone()), None)),
        }
    }
}
