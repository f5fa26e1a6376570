//! Packet filters: from what a namespace lets pass to what `nft` reads.

mod apply;
mod endpoint;
mod fast;
mod flows;
mod guard;
mod node;
mod public;
mod router;
mod run;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use kura_model::plan::Filter;

pub(crate) use apply::{Loaded, apply, apply_fast};
pub use flows::Refused;
pub(crate) use flows::{refused, refused_on_the_way};
pub use run::Counter;
pub(crate) use run::counters;
use table::{Table, timeout_name};

use crate::error::Error;

/// The table with all rules.
const TABLE: &str = "kura";
/// The table with idle timeouts. One of its own, since a timeout that is stated anew is taken from the
/// connections that had it.
const IDLE_TABLE: &str = "kura-idle";

/// An unknown segment is answered with a reset at once; anything else unknown is dropped.
const RESET_UNKNOWN: [&str; 2] =
    ["ct state invalid meta l4proto tcp reject with tcp reset", "ct state invalid drop"];
const KNOWN: &str = "ct state established,related accept";
const DNAT_HOOK: &str = "type nat hook prerouting priority dstnat; policy accept;";
const SNAT_HOOK: &str = "type nat hook postrouting priority srcnat; policy accept;";
const INPUT_HOOK: &str = "type filter hook input priority filter; policy drop;";
const FORWARD_HOOK: &str = "type filter hook forward priority filter; policy drop;";

/// The set of flows that interfaces' groups refused, `out` of them or `in` to them.
fn refused_flows(direction: &str) -> String {
    format!("refused-{direction}")
}

/// The set of flows that the groups of a load balancer's node refused where it is not at its router.
fn refused_at(name: &str) -> String {
    format!("refused-at-{name}")
}

/// A namespace's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) main: Table,
    pub(crate) idle: Option<Table>,
    /// Whether connections are tracked, and the seconds after which an idle one is forgotten that no rule gave
    /// another timeout.
    pub(crate) idle_timeout: Option<u32>,
}

/// The rules of a filter; none for an instance.
pub(crate) fn compile(filter: &Filter) -> Result<Option<Rules>, Error> {
    Ok(Some(match filter {
        Filter::Open => return Ok(None),
        Filter::Public(public) => public::compile(public),
        Filter::Router(router) => router::compile(router)?,
        Filter::Endpoint(endpoint) => endpoint::compile(endpoint)?,
        Filter::Node(node) => node::compile(node)?,
    }))
}

/// A rule's chain that gives connections to listeners their timeouts: it must come after connection tracking
/// (-200) and before the redirection (-100), or it has no effect. None where all have the same, which is then the
/// namespace's own: every packet would come by the chain.
fn idle(ports: impl Iterator<Item = (u16, u32)> + Clone) -> Option<Table> {
    if ports.clone().map(|(_, seconds)| seconds).collect::<BTreeSet<_>>().len() < 2 {
        return None;
    }
    let mut table = Table::named(IDLE_TABLE);
    let mut rules = Vec::new();
    for (port, seconds) in ports {
        table.timeouts.insert(seconds);
        rules.push(format!("tcp dport {port} ct timeout set \"{}\"", timeout_name(seconds)));
    }
    table.chain("prerouting", Some("type filter hook prerouting priority mangle; policy accept;"), rules);
    Some(table)
}

/// The longest of some timeouts; AWS's own when there is none.
fn longest(timeouts: impl Iterator<Item = u32>) -> u32 {
    timeouts.max().unwrap_or(kura_model::IDLE_TIMEOUT)
}

/// What every chain begins with that packets come to by themselves: what is known passes, an unknown segment is reset.
fn known() -> Vec<String> {
    [KNOWN].into_iter().chain(RESET_UNKNOWN).map(str::to_owned).collect()
}

/// A device's name as a rule can hold it.
fn device(name: &str) -> Result<String, Error> {
    if (1..=15).contains(&name.len()) && is_plain(name) {
        return Ok(format!("\"{name}\""));
    }
    Err(Error::Plan(format!(
        "a device's name has 1 to 15 letters, digits, `-`, `_` and `.`; this is {name:?}"
    )))
}

/// A group's or an interface's name as a rule can hold it.
fn word(name: &str) -> Result<&str, Error> {
    if (1..=64).contains(&name.len()) && is_plain(name) {
        return Ok(name);
    }
    Err(Error::Plan(format!("a name has 1 to 64 letters, digits, `-`, `_` and `.`; this is {name:?}")))
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// `{ a, b }`
fn braces<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    format!("{{ {} }}", table::join(items))
}

/// Which of several destinations a connection goes to is drawn at random; `ip`, or `ip . port`, each.
fn choose(destinations: &[String]) -> Option<String> {
    match destinations {
        [] => None,
        [only] => Some(format!("dnat ip to {}", only.replace(" . ", ":"))),
        several => {
            let numbered = several.iter().enumerate().map(|(number, to)| format!("{number} : {to}"));
            Some(format!("dnat ip to numgen random mod {} map {}", several.len(), braces(numbered)))
        }
    }
}
