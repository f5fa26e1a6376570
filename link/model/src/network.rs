//! The numbers of the link's own network: its public range, and what AWS reserves in a VPC.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The public side's addresses: a range set aside for documentation (RFC 5737), so it is nobody's.
pub const PUBLIC_RANGE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(203, 0, 113, 0), 24);

/// Where the public zone is answered on the public side.
pub const PUBLIC_RESOLVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);

/// The second address of every VPC's resolver.
pub const LINK_LOCAL_RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);

/// Link-local addresses: the fabric's and the resolver's, never routed between VPCs.
pub const LINK_LOCAL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16);

/// Seconds after which AWS forgets an idle connection, unless a listener says otherwise.
pub const IDLE_TIMEOUT: u32 = 350;

/// Living interfaces and VPCs at most: each has a pair of link-local addresses for itself on either of two ranges.
pub const NUMBERS: u32 = 8192;

/// The address `offset` after the first of a range.
pub fn nth(range: Ipv4Net, offset: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(range.network()).wrapping_add(offset))
}

/// The addresses of a subnet that may be handed out: AWS keeps the first four and the last.
pub fn usable(subnet: Ipv4Net) -> std::ops::RangeInclusive<u32> {
    u32::from(subnet.network()).saturating_add(4)..=u32::from(subnet.broadcast()).saturating_sub(1)
}

/// The public addresses that may be asked for: the first ten and the last are the link's own.
pub fn usable_public() -> std::ops::RangeInclusive<u32> {
    u32::from(nth(PUBLIC_RANGE, 10))..=u32::from(nth(PUBLIC_RANGE, 254))
}

/// The public addresses that are handed out to who asks for none, so that the first hundred or so stay free for who
/// asks for one.
pub fn drawn_public() -> std::ops::RangeInclusive<u32> {
    u32::from(nth(PUBLIC_RANGE, 128))..=u32::from(nth(PUBLIC_RANGE, 254))
}

/// The next free value after `last`, around the end of the range if need be: what was freed just now rests longest.
pub fn next_free(
    range: std::ops::RangeInclusive<u32>,
    last: Option<Ipv4Addr>,
    is_taken: impl Fn(Ipv4Addr) -> bool,
) -> Option<Ipv4Addr> {
    let (first, end) = (*range.start(), *range.end());
    let from = match last.map(u32::from) {
        Some(last) if range.contains(&last) && last < end => last + 1,
        _ => first,
    };
    (from..=end).chain(first..from).map(Ipv4Addr::from).find(|address| !is_taken(*address))
}
