//! The generation of a namespace's packet filter: one more with each change, whoever makes it.
//!
//! That nothing changed since we looked is one question to the kernel this way, instead of a listing.

use std::io;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};

/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN` of linux/netfilter/nf_tables.h.
const GET_GENERATION: u16 = (10 << 8) | 16;
/// `NFTA_GEN_ID`.
const GENERATION_ID: u16 = 1;
/// `nlmsghdr` and `nfgenmsg`.
const HEADER_BYTES: usize = 20;

/// The generation in the thread's namespace.
pub(crate) fn filter_generation() -> io::Result<u32> {
    let mut socket = Socket::new(NETLINK_NETFILTER)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut request = Vec::with_capacity(HEADER_BYTES);
    request.extend_from_slice(&u32::try_from(HEADER_BYTES).unwrap_or(0).to_ne_bytes());
    request.extend_from_slice(&GET_GENERATION.to_ne_bytes());
    request.extend_from_slice(&netlink_packet_core::NLM_F_REQUEST.to_ne_bytes());
    request.extend_from_slice(&[0; 12]);
    socket.send(&request, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    read(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no generation in the answer"))
}

fn read(answer: &[u8]) -> Option<u32> {
    let mut rest = answer.get(HEADER_BYTES..)?;
    while rest.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        let kind = u16::from_ne_bytes([rest[2], rest[3]]);
        let value = rest.get(4..length)?;
        if kind == GENERATION_ID {
            return Some(u32::from_be_bytes(value.try_into().ok()?));
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}
