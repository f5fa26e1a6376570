//! A router's short way: where a packet comes in, before routing and the packet filter proper.
//!
//! It takes TCP segments that open no connection, between an interface and one whose namespace knows its connections,
//! and hands them to that one's device at once. Who is let pass is the same as without it: the slower way accepts the
//! same segments by the same two conditions, that the source is the interface's own and that the other end knows what
//! it has (see `router.rs`). Everything else goes the slower way.

use std::fmt::Write as _;

use kura_model::plan::RouterFilter;

use super::{device, router::tracking};
use crate::{error::Error, kernel::Devices};

/// Of the `netdev` family, whose hooks come first of all.
const TABLE: &str = "kura-fast";

/// The table for the devices that stand. Empty where no interface's namespace knows its connections.
pub(super) fn compile(filter: &RouterFilter, devices: &Devices) -> Result<String, Error> {
    let index = |name: &String| devices.get(name).map(|device| device.index);
    let all = filter.interfaces.iter();
    let all: Vec<_> = all.filter_map(|(name, interface)| Some((name, interface, index(name)?))).collect();
    if tracking(filter).next().is_none() {
        return Ok(String::new());
    }
    let mut text = format!("table netdev {TABLE} {{\n");
    for (map, tracking_only) in [("tracking", true), ("everyone", false)] {
        let ways = all.iter().filter(|(_, interface, _)| interface.tracks || !tracking_only);
        let ways: Vec<_> =
            ways.map(|(_, interface, index)| format!("{} : {index}", interface.address)).collect();
        let _ = writeln!(text, "\tmap {map} {{\n\t\ttype ipv4_addr : iface_index");
        if !ways.is_empty() {
            let _ = writeln!(text, "\t\telements = {{ {} }}", ways.join(", "));
        }
        text.push_str("\t}\n");
    }
    for (name, interface, index) in all {
        // What forwards for others does not forge.
        let (source, map) = match interface.tracks {
            true => (String::new(), "everyone"),
            false => (format!("ip saddr {} ", interface.address), "tracking"),
        };
        let device = device(name)?;
        // The index makes another text of a device that was made anew: a chain goes with its device.
        let _ = writeln!(
            text,
            "\tchain {name}-{index} {{\n\t\ttype filter hook ingress device {device} priority filter; policy accept;\n\
             \t\t{source}tcp flags & syn == 0 fwd ip to ip daddr device ip daddr map @{map}\n\t}}"
        );
    }
    text.push_str("}\n");
    Ok(text)
}

/// The transaction that puts a table in the place of the one that stands, if any.
pub(super) fn replace(table: &str) -> String {
    format!("add table netdev {TABLE}\ndelete table netdev {TABLE}\n{table}")
}
