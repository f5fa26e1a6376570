//! Names that are answered here or nowhere: asking others for them would be wrong, or tell what they need not know.
//!
//! | under | answered | why |
//! |---|---|---|
//! | `localhost` | 127.0.0.1, ::1 | RFC 6761 §6.3 |
//! | `invalid`, `onion` | NXDOMAIN | RFC 6761 §6.4, RFC 7686 §2 |
//! | reverse names of private, link-local and documentation addresses | hosts of the VPC, else NXDOMAIN | RFC 6303 §4, RFC 7793 |
//! | `compute.internal`, `ec2.internal` | hosts of the VPC, else NXDOMAIN | no other server knows them |
//! | `vpce.amazonaws.com`, `elb.amazonaws.com`, `elb.<region>.amazonaws.com`, `compute.amazonaws.com`, `compute-1.amazonaws.com` | the link's own, else NXDOMAIN | the link plays AWS: the name of an endpoint that was deleted must be gone, not be somebody's at AWS |
//!
//! Everything else of `amazonaws.com` is asked upstream.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

use hickory_proto::rr::LowerName;

/// The zone of a name that is never asked upstream: how many of its labels from the right are the zone's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalZone {
    pub(crate) labels: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The name and all under it are this machine.
    Localhost,
    /// Only what the plan lists exists.
    Listed,
}

/// The zone that answers `name` whatever it is, if it must not go upstream.
pub fn local_zone(name: &LowerName) -> Option<LocalZone> {
    // `labels[0]` is the top-level domain.
    let labels: Vec<&[u8]> = name.iter().rev().collect();
    let listed = |labels| Some(LocalZone { labels, kind: Kind::Listed });
    match labels.as_slice() {
        [b"localhost", ..] => Some(LocalZone { labels: 1, kind: Kind::Localhost }),
        [b"invalid" | b"onion", ..] => listed(1),
        [b"internal", b"compute" | b"ec2", ..] => listed(2),
        [b"com", b"amazonaws", b"vpce" | b"elb" | b"compute" | b"compute-1", ..] => listed(3),
        [b"com", b"amazonaws", _, b"elb", ..] => listed(4),
        [b"arpa", b"in-addr", octets @ ..] => reverse_v4(octets).and_then(|octets| listed(2 + octets)),
        [b"arpa", b"ip6", nibbles @ ..] => reverse_v6(nibbles).and_then(|nibbles| listed(2 + nibbles)),
        _ => None,
    }
}

/// How many octets of a reverse name, the address's first being the first, make a zone that is answered here.
fn reverse_v4(octets: &[&[u8]]) -> Option<usize> {
    const CARRIER: RangeInclusive<u8> = 64..=127;
    const PRIVATE_172: RangeInclusive<u8> = 16..=31;
    let octet = |at: usize| octets.get(at).and_then(|label| decimal(label));
    match (octet(0)?, octet(1), octet(2), octet(3)) {
        (0 | 10 | 127, ..) => Some(1),
        (100, Some(second), ..) if CARRIER.contains(&second) => Some(2),
        (172, Some(second), ..) if PRIVATE_172.contains(&second) => Some(2),
        (169, Some(254), ..) | (192, Some(168), ..) => Some(2),
        (192, Some(0), Some(2), _) | (198, Some(51), Some(100), _) | (203, Some(0), Some(113), _) => Some(3),
        (255, Some(255), Some(255), Some(255)) => Some(4),
        _ => None,
    }
}

fn decimal(label: &[u8]) -> Option<u8> {
    std::str::from_utf8(label).ok()?.parse().ok()
}

/// The same for nibbles: unique local, link-local, documentation, `::` and `::1`.
fn reverse_v6(nibbles: &[&[u8]]) -> Option<usize> {
    match nibbles {
        [b"f", b"c" | b"d", ..] => Some(2),
        [b"f", b"e", b"8" | b"9" | b"a" | b"b", ..] => Some(3),
        [b"2", b"0", b"0", b"1", b"0", b"d", b"b", b"8", ..] => Some(8),
        // `::` and `::1`: 31 zeros and a last nibble.
        [zeros @ .., b"0" | b"1"] if zeros.len() == 31 && zeros.iter().all(|nibble| *nibble == b"0") => {
            Some(32)
        }
        _ => None,
    }
}

/// Whether a reverse name is the one of 127.0.0.1 or ::1.
pub(crate) fn is_loopback(name: &LowerName) -> bool {
    use hickory_proto::rr::Name;
    *name == LowerName::from(Name::from(Ipv4Addr::LOCALHOST))
        || *name == LowerName::from(Name::from(Ipv6Addr::LOCALHOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_asked_elsewhere() {
        for (name, labels) in [
            ("localhost.", Some(1)),
            ("a.b.localhost.", Some(1)),
            ("x.onion.", Some(1)),
            ("ip-10-0-0-1.eu-west-1.compute.internal.", Some(2)),
            ("vpce-svc-1.eu-west-1.vpce.amazonaws.com.", Some(3)),
            ("lb-1.elb.eu-west-1.amazonaws.com.", Some(4)),
            ("lb-1.eu-west-1.elb.amazonaws.com.", Some(3)),
            ("1.0.0.10.in-addr.arpa.", Some(3)),
            ("1.0.31.172.in-addr.arpa.", Some(4)),
            ("1.0.32.172.in-addr.arpa.", None),
            ("1.0.64.100.in-addr.arpa.", Some(4)),
            ("1.0.63.100.in-addr.arpa.", None),
            ("9.113.0.203.in-addr.arpa.", Some(5)),
            ("9.114.0.203.in-addr.arpa.", None),
            ("172.in-addr.arpa.", None),
            ("in-addr.arpa.", None),
            ("0.8.e.f.ip6.arpa.", Some(5)),
            ("0.0.c.e.f.ip6.arpa.", None),
            ("s3.eu-west-1.amazonaws.com.", None),
            ("elbow.amazonaws.com.", None),
            ("localhost.example.", None),
            (".", None),
        ] {
            let name: LowerName = name.parse().unwrap();
            assert_eq!(local_zone(&name).map(|zone| zone.labels), labels, "{name}");
        }
        for address in [Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED] {
            let name = hickory_proto::rr::Name::from(address).into();
            assert_eq!(local_zone(&name).map(|zone| zone.labels), Some(34), "{name}");
        }
    }
}
