//! The kernel's settings of one namespace, each written only when it is another.

use std::{fs, io};

use kura_model::plan::{Filter, Namespace};

/// Sets what every namespace has.
pub(crate) fn settings(namespace: &Namespace) -> Result<usize, (String, io::Error)> {
    let mut changed = 0;
    // First: the kernel resets others when this one changes.
    changed += set("ipv4/ip_forward", u8::from(namespace.forwards).into())?;
    // Nobody but routers and their like sends to these two, and a router lets nothing forged out.
    let is_sheltered = matches!(namespace.filter, Filter::Endpoint(_) | Filter::Node(_));
    let rp_filter = u8::from(!is_sheltered).into();
    for (name, value) in [
        // A packet from an address that is not routed back to where it came from is dropped.
        ("ipv4/conf/all/rp_filter", rp_filter),
        ("ipv4/conf/default/rp_filter", rp_filter),
        // Two interfaces of a subnet see each other through their router and nowhere else.
        ("ipv4/conf/all/send_redirects", 0),
        ("ipv4/conf/default/send_redirects", 0),
        ("ipv4/conf/all/accept_redirects", 0),
        // Whoever runs in an instance has no capability, and may still listen on port 443 of it.
        ("ipv4/ip_unprivileged_port_start", 0),
        // A connection is as fast as the path is now, not as it was.
        ("ipv4/tcp_no_metrics_save", 1),
    ] {
        changed += set(name, value)?;
    }
    Ok(changed)
}

/// Sets what connection tracking reads; it is there once a rule that tracks is.
pub(crate) fn conntrack_settings(idle_timeout: u32) -> Result<usize, (String, io::Error)> {
    let mut changed = 0;
    for (name, value) in [
        // A segment in the middle of a connection that is not known is invalid, and does not make it known.
        ("netfilter/nf_conntrack_tcp_loose", 0),
        ("netfilter/nf_conntrack_tcp_timeout_established", idle_timeout),
        // A segment out of its window stays with its connection: as invalid, it would be answered with a reset.
        ("netfilter/nf_conntrack_tcp_be_liberal", 1),
        // For flow logs.
        ("netfilter/nf_conntrack_acct", 1),
    ] {
        changed += set(name, value)?;
    }
    Ok(changed)
}

/// Whether `device` answers ARP for what is behind its namespace.
pub(crate) fn proxy_arp(device: &str, on: bool) -> Result<usize, (String, io::Error)> {
    set(&format!("ipv4/conf/{device}/proxy_arp"), u8::from(on).into())
}

fn set(name: &str, value: u32) -> Result<usize, (String, io::Error)> {
    let path = format!("/proc/sys/net/{name}");
    let failed = |error| (format!("set {path} to {value}"), error);
    let now = fs::read_to_string(&path).map_err(failed)?;
    if now.trim() == value.to_string() {
        return Ok(0);
    }
    fs::write(&path, value.to_string()).map_err(failed)?;
    Ok(1)
}
