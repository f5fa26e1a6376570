//! Flows that a namespace's connection tracking knows, as the kernel lists them.

use std::{io, net::Ipv4Addr};

/// A flow, and what went each way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// IANA's number.
    pub protocol: u8,
    /// Where it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// 0 for a protocol without ports.
    pub source_port: u16,
    /// 0 for a protocol without ports.
    pub destination_port: u16,
    /// Packets that way.
    pub packets: u64,
    /// Bytes that way, IP headers included.
    pub bytes: u64,
    /// Packets of the answers.
    pub packets_back: u64,
    /// Bytes of the answers, IP headers included.
    pub bytes_back: u64,
}

/// The flows of the thread's namespace.
pub(crate) fn tracked() -> io::Result<Vec<Tracked>> {
    match std::fs::read_to_string("/proc/thread-self/net/nf_conntrack") {
        Ok(text) => Ok(text.lines().filter_map(parse).collect()),
        // The namespace's rules track connections, so it is the list that is missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(io::Error::other("this kernel lists no connections (CONFIG_NF_CONNTRACK_PROCFS)"))
        }
        Err(error) => Err(error),
    }
}

/// A line such as `ipv4 2 tcp 6 349 ESTABLISHED src=… dst=… sport=… dport=… packets=… bytes=… src=… …`. The second
/// `src` to `bytes` are the answers'.
fn parse(line: &str) -> Option<Tracked> {
    let mut words = line.split_whitespace();
    if words.next() != Some("ipv4") {
        return None;
    }
    let protocol = words.nth(2)?.parse().ok()?;
    let all: Vec<(&str, &str)> = words.filter_map(|word| word.split_once('=')).collect();
    let nth =
        |name: &str, at: usize| all.iter().filter(|(key, _)| *key == name).nth(at).map(|(_, value)| *value);
    let number = |name: &str, at: usize| nth(name, at).and_then(|value| value.parse().ok()).unwrap_or(0u64);
    let port = |name: &str| nth(name, 0).and_then(|value| value.parse().ok()).unwrap_or(0);
    Some(Tracked {
        protocol,
        source: nth("src", 0)?.parse().ok()?,
        destination: nth("dst", 0)?.parse().ok()?,
        source_port: port("sport"),
        destination_port: port("dport"),
        packets: number("packets", 0),
        bytes: number("bytes", 0),
        packets_back: number("packets", 1),
        bytes_back: number("bytes", 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let line = "ipv4     2 tcp      6 349 ESTABLISHED src=172.31.0.4 dst=172.31.0.5 sport=40000 dport=443 \
                    packets=7 bytes=900 src=172.31.0.5 dst=172.31.0.4 sport=443 dport=40000 packets=5 bytes=4000 \
                    [ASSURED] mark=0 zone=0 use=2";
        let flow = parse(line).unwrap();
        assert_eq!((flow.protocol, flow.source_port, flow.destination_port), (6, 40000, 443));
        assert_eq!((flow.packets, flow.bytes, flow.packets_back, flow.bytes_back), (7, 900, 5, 4000));
        assert_eq!(parse("ipv6 10 tcp 6 349 src=::1 dst=::1"), None);
    }
}
