//! What is said over `anchor.sock`: one packet a request, one a reply (a list: one a name, then an empty one).
//!
//! The socket keeps packet boundaries (SOCK_SEQPACKET); a packet that is too long or ill-formed ends the
//! connection. A descriptor travels with its reply.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// A packet is at most this long.
const PACKET_BYTES: usize = 1024;
/// A namespace's name is at most this long.
pub(super) const NAME_BYTES: usize = 64;
/// A note is at most this long.
pub(super) const NOTE_BYTES: usize = 256;

/// What the anchor is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Make the namespace if there is none of that name, and hand its descriptor over.
    Create(String),
    /// Hand over the descriptor of a namespace that is there.
    Open(String),
    /// Forget the namespace.
    Drop(String),
    /// Keep a few bytes with a namespace, as long as it stands.
    Note(String, String),
    /// Keep the socket that comes along with a namespace, as long as it stands, by a label.
    Keep(String, String),
    /// Hand over a copy of a socket that is kept; done if there is none.
    Kept(String, String),
    /// Close a socket that is kept, if it is.
    Close(String, String),
    /// Name every namespace, with its note.
    List,
    /// End.
    Quit,
}

impl Request {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (tag, name, note) = match self {
            Self::Create(name) => (b'c', name.as_str(), ""),
            Self::Open(name) => (b'o', name.as_str(), ""),
            Self::Drop(name) => (b'd', name.as_str(), ""),
            Self::Note(name, note) => (b'n', name.as_str(), note.as_str()),
            Self::Keep(name, label) => (b'k', name.as_str(), label.as_str()),
            Self::Kept(name, label) => (b's', name.as_str(), label.as_str()),
            Self::Close(name, label) => (b'x', name.as_str(), label.as_str()),
            Self::List => (b'l', "", ""),
            Self::Quit => (b'q', "", ""),
        };
        let mut bytes = vec![tag];
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(note.as_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        let (name, note) = std::str::from_utf8(rest).ok()?.split_once('\0')?;
        if note.len() > NOTE_BYTES {
            return None;
        }
        let named = || is_name(name).then(|| name.to_owned());
        Some(match tag {
            b'c' => Self::Create(named()?),
            b'o' => Self::Open(named()?),
            b'd' => Self::Drop(named()?),
            b'n' => Self::Note(named()?, note.to_owned()),
            b'k' => Self::Keep(named()?, note.to_owned()),
            b's' => Self::Kept(named()?, note.to_owned()),
            b'x' => Self::Close(named()?, note.to_owned()),
            b'l' => Self::List,
            b'q' => Self::Quit,
            _ => return None,
        })
    }
}

/// Letters, digits and `-`: what AWS's identifiers consist of.
pub(super) fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// What the anchor answers.
#[derive(Debug)]
pub(super) enum Reply {
    /// Done; for a list, its end.
    Done,
    /// A namespace's descriptor, and whether it was made just now; or a socket's.
    Descriptor { made: bool, descriptor: OwnedFd },
    /// A line of a list.
    Listed { name: String, note: String },
    /// Why not.
    Refused(String),
}

impl Reply {
    pub(super) fn send(&self, socket: impl AsFd) -> io::Result<()> {
        match self {
            Self::Done => send(socket, b".", None),
            Self::Descriptor { made, descriptor } => {
                send(socket, if *made { b"+" } else { b"=" }, Some(descriptor.as_fd()))
            }
            Self::Listed { name, note } => send(socket, format!("#{name}\0{note}").as_bytes(), None),
            Self::Refused(why) => {
                let mut end = why.len().min(PACKET_BYTES - 1);
                while !why.is_char_boundary(end) {
                    end -= 1;
                }
                send(socket, format!("!{}", &why[..end]).as_bytes(), None)
            }
        }
    }

    pub(super) fn receive(socket: impl AsFd) -> io::Result<Self> {
        let ill = || io::Error::new(io::ErrorKind::InvalidData, "the anchor's answer is ill-formed");
        let Some((bytes, descriptor)) = receive(socket)? else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the anchor has ended"));
        };
        let (tag, rest) = bytes.split_first().ok_or_else(ill)?;
        let text = std::str::from_utf8(rest).map_err(|_| ill())?;
        Ok(match (tag, descriptor) {
            (b'.', None) => Self::Done,
            (b'+', Some(descriptor)) => Self::Descriptor { made: true, descriptor },
            (b'=', Some(descriptor)) => Self::Descriptor { made: false, descriptor },
            (b'#', None) => {
                let (name, note) = text.split_once('\0').ok_or_else(ill)?;
                Self::Listed { name: name.into(), note: note.into() }
            }
            (b'!', None) => Self::Refused(text.into()),
            _ => return Err(ill()),
        })
    }
}

/// Sends one packet.
pub(super) fn send(socket: impl AsFd, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<_> = descriptor.into_iter().collect();
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one packet; `None` when the other side has hung up.
pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<(Vec<u8>, Option<OwnedFd>)>> {
    let mut bytes = vec![0; PACKET_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a packet is too long"));
    }
    let mut descriptor = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            for each in descriptors {
                descriptor = Some(each);
            }
        }
    }
    bytes.truncate(received.bytes);
    Ok((received.bytes > 0).then_some((bytes, descriptor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_as_they_went() {
        for request in [
            Request::Create("vpc-0a".into()),
            Request::Open("public".into()),
            Request::Drop("eni-1".into()),
            Request::Note("eni-1".into(), "a note".into()),
            Request::Keep("vpc-0a".into(), "udp 10.0.0.2:53".into()),
            Request::Kept("vpc-0a".into(), "udp 10.0.0.2:53".into()),
            Request::Close("vpc-0a".into(), "udp 10.0.0.2:53".into()),
            Request::List,
            Request::Quit,
        ] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
    }

    #[test]
    fn garbage_is_no_request() {
        for bytes in [&b""[..], b"c", b"c\0", b"cvpc", b"c../x\0", b"x\0", b"z\0", b"c\xff\0"] {
            assert_eq!(Request::decode(bytes), None, "{bytes:?}");
        }
        let long = [b"c".to_vec(), vec![b'a'; NAME_BYTES + 1], vec![0]].concat();
        assert_eq!(Request::decode(&long), None);
    }
}
