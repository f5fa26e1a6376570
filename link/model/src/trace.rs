//! What becomes of a connection from an instance, and why: name, answer, route, rules, endpoint, node, target.
//!
//! It is found out from the state alone, no packet is sent. Rules are looked at as for a new TCP connection.

mod path;
mod resolve;
mod rules;

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::{Health, InstanceId, State, plan::view::View, state::InstanceState};

/// What becomes of connections from an instance to a name or an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    pub from: String,
    pub interface: Option<String>,
    /// The private address connections come from.
    pub source: Option<Ipv4Addr>,
    /// What was asked for, as it was written.
    pub target: String,
    pub port: u16,
    pub answer: Option<Answer>,
    /// One for each address of the answer: a client may take any.
    pub paths: Vec<Path>,
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// What to do about it, when it is refused.
    pub advice: Option<String>,
}

/// How a name was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub zone: AnswerZone,
    /// The name that the one asked for is an alias of.
    pub alias: Option<String>,
    pub addresses: Vec<Ipv4Addr>,
}

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerZone {
    /// Nobody was asked: it is an address.
    Literal,
    /// An endpoint's private zone on the VPC, by its apex.
    Private(String),
    /// The VPC itself: the name of an instance's address.
    Vpc,
    /// The link's public zone.
    Public,
}

/// Where a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It arrives and never leaves private addresses.
    Private,
    /// It arrives by the internet gateway.
    Public,
    /// It does not arrive.
    Refused,
}

/// The way to one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Path {
    pub address: Ipv4Addr,
    pub route: Option<RouteHop>,
    /// At the interface the connection leaves.
    pub egress: Option<RuleHop>,
    /// At the interface it comes to.
    pub ingress: Option<RuleHop>,
    pub endpoint: Option<EndpointHop>,
    pub nodes: Vec<NodeHop>,
    pub verdict: Verdict,
    pub reason: String,
    pub advice: Option<String>,
}

/// The route in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteHop {
    /// The subnet's route table.
    pub table: Option<String>,
    pub destination: String,
    /// `local`, or a gateway's identifier.
    pub to: String,
}

/// What the security groups of an interface say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleHop {
    pub interface: String,
    /// The groups that were looked at; none at a load balancer without groups, which lets everything pass.
    pub groups: Vec<String>,
    pub is_allowed: bool,
    /// The first rule that allows it.
    pub rule: Option<String>,
}

/// The endpoint's interface that takes a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndpointHop {
    pub endpoint: String,
    pub interface: String,
    pub zone: String,
    pub service: String,
}

/// A load balancer's node that passes a connection on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeHop {
    pub load_balancer: String,
    pub zone: String,
    pub address: Ipv4Addr,
    /// What the load balancer's groups say to a client that comes by an endpoint.
    pub ingress: Option<RuleHop>,
    /// The groups that are not asked about such a client: `EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic` is off.
    pub groups_not_asked: Vec<String>,
    pub listener: Option<String>,
    pub targets: Vec<TargetHop>,
}

/// A target a node may choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetHop {
    pub target_group: String,
    pub id: String,
    pub port: u16,
    pub is_healthy: bool,
    /// Whether it gets connections: a healthy one does, and any when none is healthy.
    pub is_chosen: bool,
    /// A process on the machine, reached by a relay outside of the VPC.
    pub is_on_machine: bool,
    /// From the node to the target.
    pub egress: Option<RuleHop>,
    pub ingress: Option<RuleHop>,
}

/// Says what becomes of a new TCP connection from an instance.
#[must_use]
pub fn trace(state: &State, health: &Health, from: &InstanceId, target: &str, port: u16) -> Trace {
    let view = View::new(state, health);
    let mut trace = Trace {
        from: from.to_string(),
        interface: None,
        source: None,
        target: target.to_owned(),
        port,
        answer: None,
        paths: Vec::new(),
        verdict: Verdict::Refused,
        reason: String::new(),
        advice: None,
    };
    if let Err((reason, advice)) = follow(&view, from, &mut trace) {
        (trace.reason, trace.advice) = (reason, Some(advice));
    }
    trace
}

/// Why not, and what to do.
type Refusal = (String, String);

fn follow(view: &View<'_>, from: &InstanceId, trace: &mut Trace) -> Result<(), Refusal> {
    let instance =
        view.state.instances.get(from).ok_or_else(|| {
            (format!("there is no instance {from}"), "name one that `status` shows".to_owned())
        })?;
    let interface = instance.interface.as_ref().and_then(|id| view.state.interfaces.get(id));
    let interface = interface.filter(|_| instance.state == InstanceState::Running).ok_or_else(|| {
        (format!("the instance {from} is not running"), "start it, or name another".to_owned())
    })?;
    trace.interface = Some(interface.id.to_string());
    trace.source = Some(interface.address);
    let answer = resolve::resolve(view, &interface.vpc, &trace.target)?;
    trace.paths = answer.addresses.iter().map(|to| path::walk(view, interface, *to, trace.port)).collect();
    trace.answer = Some(answer);
    // The worst that may happen to a client that takes any of the addresses.
    if let Some(worst) = trace.paths.iter().max_by_key(|path| path.verdict) {
        trace.verdict = worst.verdict;
        trace.reason = format!("{}: {}", worst.address, worst.reason);
        trace.advice = worst.advice.clone();
    }
    Ok(())
}
