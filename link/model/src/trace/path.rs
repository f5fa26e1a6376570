//! The way of a connection to one address.

use std::net::Ipv4Addr;

use super::{EndpointHop, NodeHop, Path, Refusal, RouteHop, RuleHop, TargetHop, Verdict, rules};
use crate::{
    ids::*,
    network,
    plan::view::{Place, PlacedNode, View},
    state::*,
};

/// Walks the way from an interface to an address, as far as it goes.
pub(super) fn walk(view: &View<'_>, from: &NetworkInterface, to: Ipv4Addr, port: u16) -> Path {
    let mut path = Path {
        address: to,
        route: None,
        egress: None,
        ingress: None,
        endpoint: None,
        nodes: Vec::new(),
        verdict: Verdict::Refused,
        reason: String::new(),
        advice: None,
    };
    match go(view, from, port, &mut path) {
        Ok((verdict, reason)) => (path.verdict, path.reason) = (verdict, reason),
        Err((reason, advice)) => (path.reason, path.advice) = (reason, Some(advice)),
    }
    path
}

fn go(
    view: &View<'_>,
    from: &NetworkInterface,
    port: u16,
    path: &mut Path,
) -> Result<(Verdict, String), Refusal> {
    let to = path.address;
    if to == from.address {
        return Ok((Verdict::Private, "it is the instance's own address".to_owned()));
    }
    let vpc = view.state.vpcs.get(&from.vpc).ok_or_else(|| gone(from.vpc.as_str()))?;
    if vpc.cidr.contains(&to) {
        path.route =
            Some(RouteHop { table: None, destination: vpc.cidr.to_string(), to: "local".to_owned() });
        pass(view, from, Direction::Egress, to, port, &mut path.egress)?;
        let found = view.state.interface_at(&vpc.id, to).filter(|found| view.stands(found));
        let found = found.ok_or_else(|| nobody(to, vpc.id.as_str()))?;
        pass(view, found, Direction::Ingress, from.address, port, &mut path.ingress)?;
        return Ok((Verdict::Private, arrive(view, found, from.address, port, path)?));
    }
    let public = leave(view, from, path)?;
    pass(view, from, Direction::Egress, to, port, &mut path.egress)?;
    let mut holders = view.state.interfaces.values().filter(|found| view.stands(found));
    let found = holders.find(|found| found.public_address == Some(to));
    let found = found.ok_or_else(|| nobody(to, "the public side"))?;
    match &found.holder {
        Holder::Instance(..) => {
            route(view, found, public)?;
            pass(view, found, Direction::Ingress, public, port, &mut path.ingress)?;
        }
        Holder::LoadBalancer(_) => take(view, found, public, port, &mut path.ingress)?,
        // None has a public address.
        Holder::Endpoint(_) => {}
    }
    Ok((Verdict::Public, arrive(view, found, public, port, path)?))
}

/// Out of the VPC by its gateway; returns the public address the connection then comes from.
fn leave(view: &View<'_>, from: &NetworkInterface, path: &mut Path) -> Result<Ipv4Addr, Refusal> {
    path.route = Some(route(view, from, path.address)?);
    from.public_address.ok_or_else(|| {
        (
            format!("{} has no public address, and the internet gateway passes nobody without one", from.id),
            "start the instance in a subnet that maps public addresses, or with one of its own".to_owned(),
        )
    })
}

/// The route of an interface's subnet to an address outside of its VPC.
fn route(view: &View<'_>, from: &NetworkInterface, to: Ipv4Addr) -> Result<RouteHop, Refusal> {
    let table = view.state.subnets.get(&from.subnet).and_then(|subnet| view.state.route_table_of(subnet));
    let table = table.ok_or_else(|| gone(from.subnet.as_str()))?;
    let matching = table.routes.iter().filter(|(destination, _)| destination.contains(&to));
    let best = matching.max_by_key(|(destination, _)| destination.prefix_len());
    let best = best.filter(|_| !network::LINK_LOCAL.contains(&to));
    let (destination, RouteTarget::Gateway(gateway)) = best.ok_or_else(|| {
        (
            format!("the route table {} of {} has no route to {to}", table.id, from.subnet),
            format!("add one to an internet gateway: aws ec2 create-route --route-table-id {} …", table.id),
        )
    })?;
    if view.state.gateways.get(gateway).is_none_or(|found| found.vpc.as_ref() != Some(&from.vpc)) {
        return Err((
            format!("the route to {destination} in {} leads to {gateway}, which is not attached", table.id),
            format!("attach {gateway} to {}, or replace the route", from.vpc),
        ));
    }
    Ok(RouteHop {
        table: Some(table.id.to_string()),
        destination: destination.to_string(),
        to: gateway.to_string(),
    })
}

/// What happens at the interface a connection has come to: who takes it.
fn arrive(
    view: &View<'_>,
    at: &NetworkInterface,
    from: Ipv4Addr,
    port: u16,
    path: &mut Path,
) -> Result<String, Refusal> {
    match &at.holder {
        Holder::Instance(id, _) => Ok(format!("it reaches the instance {id}")),
        Holder::LoadBalancer(arn) => {
            let balancer = view.state.load_balancers.get(arn).ok_or_else(|| gone(arn.as_str()))?;
            let node = view.zone(at).and_then(|zone| view.node(balancer, zone));
            let node = node.ok_or_else(|| gone(arn.as_str()))?;
            balance(view, node, None, port, path)?;
            Ok(format!("it reaches a target of the load balancer {}", balancer.name))
        }
        Holder::Endpoint(id) => enter(view, at, id, from, port, path),
    }
}

/// Through an endpoint's interface to the nodes of its zone.
fn enter(
    view: &View<'_>,
    at: &NetworkInterface,
    id: &EndpointId,
    from: Ipv4Addr,
    port: u16,
    path: &mut Path,
) -> Result<String, Refusal> {
    let endpoint = view.state.endpoints.get(id).ok_or_else(|| gone(id.as_str()))?;
    let zone = view.zone(at).unwrap_or_default();
    path.endpoint = Some(EndpointHop {
        endpoint: id.to_string(),
        interface: at.id.to_string(),
        zone: zone.to_owned(),
        service: endpoint.service_name.clone(),
    });
    let accept = || format!("ask the owner of {} to accept the connection", endpoint.service_name);
    match endpoint.state {
        EndpointState::Available => {}
        EndpointState::PendingAcceptance => return Err((format!("{id} is not accepted yet"), accept())),
        EndpointState::Rejected => return Err((format!("{id} was rejected"), accept())),
    }
    let nodes: Vec<PlacedNode<'_>> = view.nodes_for(endpoint, at).collect();
    let listening: Vec<PlacedNode<'_>> =
        nodes.iter().copied().filter(|node| listener(view, *node, port).is_some()).collect();
    if listening.is_empty() {
        return Err((
            format!("no load balancer of {} listens on {port} in {zone}", endpoint.service_name),
            "use a port the service listens on, or have its owner add a listener".to_owned(),
        ));
    }
    for node in listening {
        balance(view, node, Some(from), port, path)?;
    }
    Ok(format!("it reaches a target of the service {} through {id}", endpoint.service_name))
}

/// Into a node and from it to its targets. `client` is who comes by an endpoint, as its own VPC knows it.
fn balance(
    view: &View<'_>,
    node: PlacedNode<'_>,
    client: Option<Ipv4Addr>,
    port: u16,
    path: &mut Path,
) -> Result<(), Refusal> {
    let mut hop = NodeHop {
        load_balancer: node.balancer.arn.to_string(),
        zone: node.zone.to_owned(),
        address: node.interface.address,
        ingress: None,
        groups_not_asked: Vec::new(),
        listener: None,
        targets: Vec::new(),
    };
    let taken = match client {
        Some(client) if node.balancer.enforces_on_private_link => {
            take(view, node.interface, client, port, &mut hop.ingress)
        }
        Some(_) => {
            hop.groups_not_asked = node.balancer.groups.iter().map(ToString::to_string).collect();
            Ok(())
        }
        None => Ok(()),
    };
    let result = taken.and_then(|()| targets(view, node, port, &mut hop));
    path.nodes.push(hop);
    result
}

fn targets(view: &View<'_>, node: PlacedNode<'_>, port: u16, hop: &mut NodeHop) -> Result<(), Refusal> {
    let name = &node.balancer.name;
    let listener = listener(view, node, port).ok_or_else(|| {
        (
            format!("the load balancer {name} does not listen on {port}"),
            format!("create a listener for port {port}, or use one it has"),
        )
    })?;
    hop.listener = Some(listener.arn.to_string());
    let group = view.state.target_groups.get(&listener.target_group);
    let group = group.ok_or_else(|| gone(listener.target_group.as_str()))?;
    let chosen = view.chosen(node, group);
    if chosen.is_empty() {
        return Err((
            format!("the target group {} has no target for the node of {name} in {}", group.name, node.zone),
            "register a running target in that zone, or turn cross-zone balancing on".to_owned(),
        ));
    }
    let mut refusal = None;
    for (target, place) in view.candidates(node, group) {
        let is_chosen = chosen.contains(&place);
        let mut found = TargetHop {
            target_group: group.arn.to_string(),
            id: target.id.clone(),
            port: target.port,
            is_healthy: view.health.is_healthy(&group.arn, target, node.zone),
            is_chosen,
            is_on_machine: matches!(place, Place::Machine(_)),
            egress: None,
            ingress: None,
        };
        let reached = reach(view, node, &place, &mut found);
        if is_chosen && refusal.is_none() {
            refusal = reached.err();
        }
        hop.targets.push(found);
    }
    refusal.map_or(Ok(()), Err)
}

/// The rules between a node and a target in its VPC.
fn reach(view: &View<'_>, node: PlacedNode<'_>, place: &Place, hop: &mut TargetHop) -> Result<(), Refusal> {
    let Place::Address(address) = place else { return Ok(()) };
    let (to, port) = (*address.ip(), address.port());
    let found = view.state.interface_at(&node.balancer.vpc, to).filter(|found| view.stands(found));
    let found = found.ok_or_else(|| nobody(to, node.balancer.vpc.as_str()))?;
    let sent = pass(view, node.interface, Direction::Egress, to, port, &mut hop.egress);
    let taken = pass(view, found, Direction::Ingress, node.interface.address, port, &mut hop.ingress);
    sent.and(taken)
}

fn listener<'a>(view: &View<'a>, node: PlacedNode<'_>, port: u16) -> Option<&'a Listener> {
    view.listeners(&node.balancer.arn).find(|listener| listener.port == port)
}

/// Writes down what the groups of an interface say; a refusal if they refuse.
fn pass(
    view: &View<'_>,
    interface: &NetworkInterface,
    direction: Direction,
    other: Ipv4Addr,
    port: u16,
    hop: &mut Option<RuleHop>,
) -> Result<(), Refusal> {
    let hop = hop.insert(rules::look(view, interface, direction, other, port));
    judge(hop, direction, other, port, ", or its group,")
}

/// Writes down what the groups of a load balancer's node say to a client of another network; a refusal if they refuse.
fn take(
    view: &View<'_>,
    node: &NetworkInterface,
    client: Ipv4Addr,
    port: u16,
    hop: &mut Option<RuleHop>,
) -> Result<(), Refusal> {
    let hop = hop.insert(rules::look_beyond(view, node, client, port));
    judge(hop, Direction::Ingress, client, port, " (its groups mean nothing to another network's)")
}

fn judge(hop: &RuleHop, direction: Direction, other: Ipv4Addr, port: u16, or: &str) -> Result<(), Refusal> {
    if hop.is_allowed {
        return Ok(());
    }
    let side = match direction {
        Direction::Ingress => "in from",
        Direction::Egress => "out to",
    };
    let groups = hop.groups.join(", ");
    let advice = rules::advice(hop, direction, other, port, or);
    Err((format!("no rule of {groups} on {} lets TCP {port} {side} {other}", hop.interface), advice))
}

fn nobody(address: Ipv4Addr, place: &str) -> Refusal {
    (format!("nobody has the address {address} in {place}"), "use an address that `status` shows".to_owned())
}

fn gone(id: &str) -> Refusal {
    (format!("{id} does not exist"), "make it again, or remove what names it".to_owned())
}
