//! A table as `nft` reads it, and the transaction that makes the kernel's table be that one.
//!
//! A table is never deleted to be made again: its rules are flushed, what is left over is deleted, and the rest
//! stated anew, all in one transaction. Counters keep counting, sets keep existing, and connection tracking does
//! not notice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::Ipv4Addr,
};

/// A table of the `inet` family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) counters: BTreeSet<String>,
    /// Idle timeouts of TCP connections, in seconds; the object's name is [`timeout_name`].
    pub(crate) timeouts: BTreeSet<u32>,
    /// Sets of addresses.
    pub(crate) sets: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// Sets that rules put flows into: source, port, destination, port, protocol. Packets are counted by flow.
    pub(crate) flows: BTreeSet<String>,
    pub(crate) chains: Vec<Chain>,
}

/// How long a flow stays in its set after its last packet, and how many there may be: the rest is only counted.
const FLOW_SET: &str = "type ipv4_addr . inet_service . ipv4_addr . inet_service . inet_proto; \
                        flags dynamic,timeout; timeout 10m; size 4096; counter;";

/// A chain; with a hook, packets come to it by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) name: String,
    /// `type … hook … priority …; policy …`
    pub(crate) hook: Option<&'static str>,
    pub(crate) rules: Vec<String>,
}

/// What a standing table consists of, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) chains: BTreeSet<String>,
    pub(crate) sets: BTreeSet<String>,
    pub(crate) counters: BTreeSet<String>,
    pub(crate) timeouts: BTreeSet<String>,
}

/// The name of a timeout of so many seconds. The name says all, so that an object never has to change.
pub(crate) fn timeout_name(seconds: u32) -> String {
    format!("idle-{seconds}")
}

impl Table {
    pub(crate) fn named(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    pub(crate) fn chain(&mut self, name: impl Into<String>, hook: Option<&'static str>, rules: Vec<String>) {
        self.chains.push(Chain { name: name.into(), hook, rules });
    }

    pub(crate) fn names(&self) -> Names {
        Names {
            chains: self.chains.iter().map(|chain| chain.name.clone()).collect(),
            sets: self.sets.keys().chain(&self.flows).cloned().collect(),
            counters: self.counters.clone(),
            timeouts: self.timeouts.iter().copied().map(timeout_name).collect(),
        }
    }

    /// The table by itself.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("table inet {} {{\n", self.name);
        for counter in &self.counters {
            let _ = writeln!(text, "\tcounter {counter} {{ }}");
        }
        for &seconds in &self.timeouts {
            let name = timeout_name(seconds);
            let _ = writeln!(
                text,
                "\tct timeout {name} {{\n\t\tprotocol tcp\n\t\tl3proto ip\n\t\tpolicy = {{ established : {seconds} }}\n\t}}"
            );
        }
        for (name, addresses) in &self.sets {
            let _ = writeln!(text, "\tset {name} {{\n\t\ttype ipv4_addr");
            if !addresses.is_empty() {
                let _ = writeln!(text, "\t\telements = {{ {} }}", join(addresses));
            }
            text.push_str("\t}\n");
        }
        for name in &self.flows {
            let _ = writeln!(text, "\tset {name} {{ {FLOW_SET} }}");
        }
        for chain in &self.chains {
            let _ = writeln!(text, "\tchain {} {{", chain.name);
            if let Some(hook) = chain.hook {
                let _ = writeln!(text, "\t\t{hook}");
            }
            for rule in &chain.rules {
                let _ = writeln!(text, "\t\t{rule}");
            }
            text.push_str("\t}\n");
        }
        text.push_str("}\n");
        text
    }

    /// The transaction that leads to this table from one that consists of `standing`.
    pub(crate) fn replace(&self, standing: &Names) -> String {
        let table = self.name;
        let wanted = self.names();
        let mut text = format!("add table inet {table}\nflush table inet {table}\n");
        for (kind, old, new) in [
            ("chain", &standing.chains, &wanted.chains),
            ("set", &standing.sets, &wanted.sets),
            ("counter", &standing.counters, &wanted.counters),
            ("ct timeout", &standing.timeouts, &wanted.timeouts),
        ] {
            for name in old.difference(new) {
                let _ = writeln!(text, "delete {kind} inet {table} {name}");
            }
        }
        for name in self.sets.keys().filter(|name| standing.sets.contains(*name)) {
            let _ = writeln!(text, "flush set inet {table} {name}");
        }
        // What stands already is not stated again: the kernel refuses to state a timeout twice.
        let mut rest = self.clone();
        rest.timeouts.retain(|&seconds| !standing.timeouts.contains(&timeout_name(seconds)));
        text + &rest.text()
    }

    /// The transaction that puts this table in the place of whatever has its name.
    pub(crate) fn force(&self) -> String {
        let table = self.name;
        format!("add table inet {table}\ndelete table inet {table}\n{}", self.text())
    }
}

/// The transaction that removes a table if it stands.
pub(crate) fn remove(name: &str) -> String {
    format!("add table inet {name}\ndelete table inet {name}\n")
}

/// `a, b, c`
pub(super) fn join<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
