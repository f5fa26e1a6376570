//! Flow logs: what each network interface sent and received, and what was refused.
//!
//! Read now and then from the routers: accepted flows from connection tracking, which counts their packets, and
//! refused ones from the packet filter's own list. A flow that begins and is forgotten between two looks is missed
//! only if connection tracking forgets it sooner; it keeps ended TCP connections for two minutes.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use crate::commands::status::holder;
use anyhow::Result;
use kura_model::State;
use kura_model::plan::NamespaceName;
use kura_netns::{Fabric, Refused, Tracked};
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

/// Source, destination, their ports, and IANA's number of the protocol.
type Ends = (Ipv4Addr, Ipv4Addr, u16, u16, u8);

/// What makes two looks see the same flow.
type Key = (String, Ipv4Addr, Ipv4Addr, u16, u16, u8, Action);

/// The flows seen so far.
#[derive(Default)]
pub struct FlowLog {
    flows: BTreeMap<Key, Flow>,
}

impl FlowLog {
    /// Looks at every router.
    ///
    /// # Errors
    /// A router that cannot be read.
    pub fn look(&mut self, state: &State, fabric: &Fabric, now_seconds: u64) -> Result<()> {
        for vpc in state.vpcs.values() {
            let router = NamespaceName::router(&vpc.id);
            for tracked in fabric.tracked(&router)? {
                let Tracked { source, destination, source_port, destination_port, protocol, .. } = tracked;
                let there = (source, destination, source_port, destination_port, protocol);
                let back = (destination, source, destination_port, source_port, protocol);
                for (address, ends, packets, bytes) in [
                    (source, there, tracked.packets, tracked.bytes),
                    (destination, there, tracked.packets, tracked.bytes),
                    (source, back, tracked.packets_back, tracked.bytes_back),
                    (destination, back, tracked.packets_back, tracked.bytes_back),
                ] {
                    if packets > 0
                        && let Some(interface) = state.interface_at(&vpc.id, address)
                    {
                        let counted = (packets, bytes);
                        self.see(state, interface, ends, counted, Action::Accept, now_seconds);
                    }
                }
            }
            for refused in fabric.refused(&router)? {
                let Refused { source, destination, source_port, destination_port, protocol, .. } = refused;
                let at = if refused.is_ingress { destination } else { source };
                if let Some(interface) = state.interface_at(&vpc.id, at) {
                    let ends = (source, destination, source_port, destination_port, protocol);
                    let counted = (refused.packets, refused.bytes);
                    self.see(state, interface, ends, counted, Action::Reject, now_seconds);
                }
            }
        }
        while self.flows.len() > MOST {
            let Some(oldest) = self.flows.iter().min_by_key(|(_, flow)| flow.end).map(|(key, _)| key.clone())
            else {
                break;
            };
            self.flows.remove(&oldest);
        }
        Ok(())
    }

    fn see(
        &mut self,
        state: &State,
        interface: &kura_model::NetworkInterface,
        (source, destination, source_port, destination_port, protocol): Ends,
        (packets, bytes): (u64, u64),
        action: Action,
        now: u64,
    ) {
        let id = interface.id.to_string();
        let key = (id.clone(), source, destination, source_port, destination_port, protocol, action);
        let flow = self.flows.entry(key).or_insert_with(|| Flow {
            account_id: interface.owner.to_string(),
            interface_id: id,
            holder: holder(state, &interface.holder).0,
            source,
            destination,
            source_port,
            destination_port,
            protocol,
            packets: 0,
            bytes: 0,
            start: now,
            end: now,
            action,
        });
        if flow.packets != packets {
            (flow.packets, flow.bytes, flow.end) = (packets, bytes, now);
        }
    }

    /// All of them, oldest first.
    pub fn all(&self) -> Vec<Flow> {
        let mut flows: Vec<Flow> = self.flows.values().cloned().collect();
        flows.sort_by_key(|flow| flow.start);
        flows
    }
}
