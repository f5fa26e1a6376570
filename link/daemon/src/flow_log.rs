//! Flow logs: what each network interface sent and received, and what was refused.
//!
//! Read now and then: accepted flows from connection tracking, which counts their packets, in the routers and, for what
//! these leave to them, in the namespaces of endpoints and load balancer nodes; refused ones from lists in the packet
//! filters that ask security groups. A flow that begins and is forgotten between two looks is missed
//! only if connection tracking forgets it sooner; it keeps ended TCP connections for two minutes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::net::Ipv4Addr;

use crate::commands::status::holder;
use anyhow::Result;
use kura_model::plan::{NamespaceName, Plan};
use kura_model::{Holder, NetworkInterface, State, VpcId};
use kura_netns::{Ends, Fabric, Refused, Tracked};
use serde::{Deserialize, Serialize};

/// Most flows that are kept; the oldest go first.
const MOST: usize = 10_000;

/// A record, as AWS's default format has it
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>, version 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    pub account_id: String,
    pub interface_id: String,
    /// The instance, endpoint or load balancer; not in the text format.
    pub holder: String,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub source_port: u16,
    pub destination_port: u16,
    /// IANA's number.
    pub protocol: u8,
    pub packets: u64,
    pub bytes: u64,
    /// Seconds since 1970.
    pub start: u64,
    pub end: u64,
    pub action: Action,
}

/// Whether security groups let it pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    Accept,
    Reject,
}

impl Flow {
    /// The names of the text format's fields.
    pub const FIELDS: &'static str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol \
                                      packets bytes start end action log-status";
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account_id, interface_id, source, destination, source_port, destination_port, .. } = self;
        let Self { protocol, packets, bytes, start, end, .. } = self;
        let action = match self.action {
            Action::Accept => "ACCEPT",
            Action::Reject => "REJECT",
        };
        write!(
            f,
            "2 {account_id} {interface_id} {source} {destination} {source_port} {destination_port} {protocol} \
             {packets} {bytes} {start} {end} {action} OK"
        )
    }
}

/// What makes two looks see the same flow.
type Key = (String, (Ipv4Addr, Ipv4Addr, u16, u16), u8, Action);

/// The flows seen so far.
#[derive(Default)]
pub struct FlowLog {
    flows: BTreeMap<Key, Flow>,
}

impl FlowLog {
    /// Looks at every namespace that knows connections.
    ///
    /// # Errors
    /// The first of those that cannot be read; the others are.
    pub fn look(&mut self, state: &State, plan: &Plan, fabric: &Fabric, now_seconds: u64) -> Result<()> {
        let mut failed = Vec::new();
        for vpc in state.vpcs.values() {
            let router = NamespaceName::router(&vpc.id);
            for tracked in or_none(fabric.tracked(&router), &mut failed) {
                self.accepted(state, &vpc.id, &tracked, &tracked.came, now_seconds);
            }
            for refused in or_none(fabric.refused(&router), &mut failed) {
                let at = if refused.is_ingress { refused.destination } else { refused.source };
                self.see(state, state.interface_at(&vpc.id, at), rejected(&refused, now_seconds));
            }
        }
        for interface in state.interfaces.values() {
            if matches!(interface.holder, Holder::Instance(..)) {
                continue;
            }
            for tracked in or_none(fabric.tracked(&NamespaceName::of(interface)), &mut failed) {
                // In the VPC is what came from it, what went on to it, or both.
                self.accepted(state, &interface.vpc, &tracked, &tracked.came, now_seconds);
                if tracked.went_on != tracked.came {
                    self.accepted(state, &interface.vpc, &tracked, &tracked.went_on, now_seconds);
                }
            }
        }
        for (place, namespace) in &plan.namespaces {
            for guard in namespace.filter.guards() {
                let Some(node) = state.interfaces.get(guard.name.as_str()) else { continue };
                for refused in or_none(fabric.refused_on_the_way(place, &guard.name), &mut failed) {
                    // What the client dialled is another network's address.
                    let flow = Flow { destination: node.address, ..rejected(&refused, now_seconds) };
                    self.see(state, Some(node), flow);
                }
            }
        }
        if let Some(surplus @ 1..) = self.flows.len().checked_sub(MOST) {
            let mut all: Vec<(u64, Key)> =
                self.flows.iter().map(|(key, flow)| (flow.end, key.clone())).collect();
            all.sort_unstable_by_key(|(end, _)| *end);
            for (_, key) in all.into_iter().take(surplus) {
                self.flows.remove(&key);
            }
        }
        failed.into_iter().next().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Takes both directions of a tracked flow, at the interfaces of a VPC that are its ends.
    fn accepted(&mut self, state: &State, vpc: &VpcId, tracked: &Tracked, ends: &Ends, now: u64) {
        let (there, back) = both_ways(tracked, ends, now);
        for flow in [there, back].into_iter().filter(|flow| flow.packets > 0) {
            for address in [ends.source, ends.destination] {
                self.see(state, state.interface_at(vpc, address), flow.clone());
            }
        }
    }

    /// Takes a flow as it is now at an interface, if that is one.
    fn see(&mut self, state: &State, interface: Option<&NetworkInterface>, flow: Flow) {
        let Some(interface) = interface else { return };
        let flow = Flow {
            account_id: interface.owner.to_string(),
            interface_id: interface.id.to_string(),
            holder: holder(state, &interface.holder).0,
            ..flow
        };
        let ends = (flow.source, flow.destination, flow.source_port, flow.destination_port);
        let key = (flow.interface_id.clone(), ends, flow.protocol, flow.action);
        match self.flows.entry(key) {
            Entry::Vacant(new) => drop(new.insert(flow)),
            Entry::Occupied(mut known) if known.get().packets != flow.packets => {
                let start = known.get().start;
                known.insert(Flow { start, ..flow });
            }
            Entry::Occupied(_) => {}
        }
    }

    /// All of them, oldest first.
    pub fn all(&self) -> Vec<Flow> {
        let mut flows: Vec<Flow> = self.flows.values().cloned().collect();
        flows.sort_by_key(|flow| flow.start);
        flows
    }
}

fn or_none<T>(
    read: Result<Vec<T>, kura_netns::Error>,
    failed: &mut Vec<kura_netns::Error>,
) -> impl Iterator<Item = T> + use<T> {
    read.map_err(|error| failed.push(error)).into_iter().flatten()
}

/// A tracked flow's two directions, nobody's yet.
fn both_ways(tracked: &Tracked, ends: &Ends, now: u64) -> (Flow, Flow) {
    let there = Flow {
        account_id: String::new(),
        interface_id: String::new(),
        holder: String::new(),
        source: ends.source,
        destination: ends.destination,
        source_port: ends.source_port,
        destination_port: ends.destination_port,
        protocol: tracked.protocol,
        packets: tracked.packets,
        bytes: tracked.bytes,
        start: now,
        end: now,
        action: Action::Accept,
    };
    let back = Flow {
        source: ends.destination,
        destination: ends.source,
        source_port: ends.destination_port,
        destination_port: ends.source_port,
        packets: tracked.packets_back,
        bytes: tracked.bytes_back,
        ..there.clone()
    };
    (there, back)
}

/// A refused flow, nobody's yet.
fn rejected(refused: &Refused, now: u64) -> Flow {
    Flow {
        account_id: String::new(),
        interface_id: String::new(),
        holder: String::new(),
        source: refused.source,
        destination: refused.destination,
        source_port: refused.source_port,
        destination_port: refused.destination_port,
        protocol: refused.protocol,
        packets: refused.packets,
        bytes: refused.bytes,
        start: now,
        end: now,
        action: Action::Reject,
    }
}
