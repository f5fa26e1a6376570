//! Flows that a namespace's connection tracking knows, as the kernel lists them.

use std::{io, net::Ipv4Addr};

/// The two ends of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Where it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// 0 for a protocol without ports.
    pub source_port: u16,
    /// 0 for a protocol without ports.
    pub destination_port: u16,
}

/// A flow, and what went each way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// IANA's number.
    pub protocol: u8,
    /// As it came in.
    pub came: Ends,
    /// As it went on, after address translation; where there is none, the same.
    pub went_on: Ends,
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
    let address = |name: &str, at: usize| nth(name, at).and_then(|value| value.parse().ok());
    let port = |name: &str, at: usize| nth(name, at).and_then(|value| value.parse().ok()).unwrap_or(0);
    Some(Tracked {
        protocol,
        came: Ends {
            source: address("src", 0)?,
            destination: address("dst", 0)?,
            source_port: port("sport", 0),
            destination_port: port("dport", 0),
        },
        // What the answers come from is where it went.
        went_on: Ends {
            source: address("dst", 1)?,
            destination: address("src", 1)?,
            source_port: port("dport", 1),
            destination_port: port("sport", 1),
        },
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
                    packets=7 bytes=900 src=10.0.0.9 dst=10.0.0.8 sport=8443 dport=1024 packets=5 bytes=4000 \
                    [ASSURED] mark=0 zone=0 use=2";
        let flow = parse(line).unwrap();
        let ends = |ends: Ends| {
            format!("{}:{} {}:{}", ends.source, ends.source_port, ends.destination, ends.destination_port)
        };
        assert_eq!(flow.protocol, 6);
        assert_eq!(ends(flow.came), "172.31.0.4:40000 172.31.0.5:443");
        assert_eq!(ends(flow.went_on), "10.0.0.8:1024 10.0.0.9:8443");
        assert_eq!((flow.packets, flow.bytes, flow.packets_back, flow.bytes_back), (7, 900, 5, 4000));
        assert_eq!(parse("ipv6 10 tcp 6 349 src=::1 dst=::1"), None);
    }
}
