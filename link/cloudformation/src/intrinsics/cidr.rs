//! `Fn::Cidr`: ranges cut out of a range.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The first `count` ranges of `block` whose addresses have `bits` bits of their own.
pub(super) fn blocks(block: &str, count: &str, bits: &str) -> Result<Vec<String>, String> {
    let net: Ipv4Net = block
        .parse()
        .map_err(|_| format!("Fn::Cidr needs an IPv4 range such as 10.0.0.0/16, not {block}"))?;
    let count: u32 = count
        .parse()
        .ok()
        .filter(|count| (1..=256).contains(count))
        .ok_or_else(|| format!("Fn::Cidr makes 1 to 256 ranges, not {count}"))?;
    let bits: u8 = bits
        .parse()
        .ok()
        .filter(|bits| (1..=32).contains(bits))
        .ok_or_else(|| format!("Fn::Cidr needs 1 to 32 bits for the hosts, not {bits}"))?;
    let prefix = 32 - bits;
    let fit = prefix.checked_sub(net.prefix_len()).map_or(0, |more| 1_u64 << more);
    if u64::from(count) > fit {
        return Err(format!("Fn::Cidr: {net} holds {fit} ranges of /{prefix}, not {count}"));
    }
    let base = u64::from(u32::from(net.network()));
    (0..u64::from(count))
        .map(|index| {
            let address =
                u32::try_from(base + (index << bits)).map_err(|_| "Fn::Cidr left IPv4".to_owned())?;
            Ok(format!("{}/{prefix}", Ipv4Addr::from(address)))
        })
        .collect()
}
