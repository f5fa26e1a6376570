//! The anchor as others see it.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{Mode, OFlags},
    net::{AddressFamily, SocketFlags, SocketType, connect, socket_with},
    process::Pid,
};

use super::{
    protocol::{Reply, Request, is_name, send},
    server::address,
};
use crate::{
    error::{During as _, Error},
    program::{Ending, Program},
};

/// A connection to an anchor.
#[derive(Debug)]
pub struct Anchor {
    socket: OwnedFd,
    pid: Pid,
}

impl Anchor {
    /// The anchor of a state directory; `None` if none lives.
    ///
    /// # Errors
    /// When the socket is there and refuses for another reason than that nobody listens.
    pub fn connect(state_dir: &Path) -> Result<Option<Self>, Error> {
        use rustix::io::Errno;
        let what = || format!("connect to {}", state_dir.join(super::SOCKET).display());
        let directory = match rustix::fs::open(state_dir, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            other => other.during(what)?,
        };
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .during(what)?;
        match connect(&socket, &address(&directory)?) {
            Err(Errno::NOENT | Errno::CONNREFUSED) => return Ok(None),
            other => other.during(what)?,
        }
        let peer = rustix::net::sockopt::socket_peercred(&socket).during(what)?;
        Ok(Some(Self { socket, pid: peer.pid }))
    }

    /// The anchor of a state directory, started if there is none. Says whether it was started.
    ///
    /// # Errors
    /// When it neither answers nor starts.
    pub fn connect_or_spawn(state_dir: &Path, program: &Program) -> Result<(Self, bool), Error> {
        if let Some(anchor) = Self::connect(state_dir)? {
            return Ok((anchor, false));
        }
        let anchor = program.start("anchor", state_dir, Error::Anchor, || Self::connect(state_dir))?;
        Ok((anchor, true))
    }

    /// The anchor's process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Becomes readable when the anchor has ended: everything it held is gone then.
    #[must_use]
    pub fn hangup(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// A namespace's descriptor, made if need be, and whether it was made now.
    ///
    /// # Errors
    /// When the kernel makes no more namespaces.
    pub fn create(&self, name: &str) -> Result<(OwnedFd, bool), Error> {
        match self.ask(&Request::Create(checked(name)?))? {
            Reply::Descriptor { made, descriptor } => Ok((descriptor, made)),
            other => Err(unexpected(&other)),
        }
    }

    /// A standing namespace's descriptor.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn open(&self, name: &str) -> Result<OwnedFd, Error> {
        match self.ask(&Request::Open(checked(name)?))? {
            Reply::Descriptor { descriptor, .. } => Ok(descriptor),
            other => Err(unexpected(&other)),
        }
    }

    /// Keeps a socket with a namespace, so that what comes to it waits while nobody reads it. The label has up to 256
    /// bytes.
    ///
    /// # Errors
    /// When there is no namespace of that name.
    pub fn keep(&self, name: &str, label: &str, socket: BorrowedFd<'_>) -> Result<(), Error> {
        match self.ask_with(&Request::Keep(checked(name)?, label.to_owned()), Some(socket))? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// A copy of a socket that is kept with a namespace; `None` if there is none.
    ///
    /// # Errors
    /// When the anchor has ended.
    pub fn kept(&self, name: &str, label: &str) -> Result<Option<OwnedFd>, Error> {
        match self.ask(&Request::Kept(checked(name)?, label.to_owned()))? {
            Reply::Descriptor { descriptor, .. } => Ok(Some(descriptor)),
            Reply::Done => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    /// Keeps a socket no more, if it was kept.
    ///
    /// # Errors
    /// When the anchor has ended.
    pub fn close(&self, name: &str, label: &str) -> Result<(), Error> {
        match self.ask(&Request::Close(checked(name)?, label.to_owned()))? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Forgets a namespace; it ends with the last process in it.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn forget(&self, name: &str) -> Result<(), Error> {
        match self.ask(&Request::Drop(checked(name)?))? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Keeps up to 256 bytes with a namespace.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn note(&self, name: &str, note: &str) -> Result<(), Error> {
        match self.ask(&Request::Note(checked(name)?, note.to_owned()))? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Every namespace with its note.
    ///
    /// # Errors
    /// When the anchor has ended.
    pub fn list(&self) -> Result<BTreeMap<String, String>, Error> {
        let mut all = BTreeMap::new();
        let mut reply = self.ask(&Request::List)?;
        loop {
            match reply {
                Reply::Listed { name, note } => all.insert(name, note),
                Reply::Done => return Ok(all),
                other => return Err(unexpected(&other)),
            };
            reply = Reply::receive(&self.socket).during(|| "read the anchor's list".into())?;
        }
    }

    /// Ends the anchor, and with it every namespace in which no process is left; returns once it has ended.
    ///
    /// # Errors
    /// When it has not ended after ten seconds.
    pub fn quit(self) -> Result<(), Error> {
        let ending = Ending::of(self.pid);
        self.ask(&Request::Quit)?;
        match ending.wait().during(|| "wait for the anchor's end".into())? {
            true => Ok(()),
            false => Err(Error::Anchor(format!("the anchor, process {}, does not end", self.pid()))),
        }
    }

    fn ask(&self, request: &Request) -> Result<Reply, Error> {
        self.ask_with(request, None)
    }

    fn ask_with(&self, request: &Request, descriptor: Option<BorrowedFd<'_>>) -> Result<Reply, Error> {
        let what = || format!("ask the anchor, process {}", self.pid());
        send(&self.socket, &request.encode(), descriptor).during(what)?;
        Reply::receive(&self.socket).during(what)
    }
}

/// Waits until an anchor has ended, by a copy of [`Anchor::hangup`]'s descriptor. It blocks: give it a thread.
pub fn wait_for_hangup(hangup: impl AsFd) {
    // The anchor says nothing unasked, so that nothing but the end can be read.
    while let Err(rustix::io::Errno::INTR) = poll(&mut [PollFd::new(&hangup, PollFlags::HUP)], None) {}
}

fn checked(name: &str) -> Result<String, Error> {
    if is_name(name) {
        return Ok(name.to_owned());
    }
    Err(Error::Plan(format!("a namespace's name has 1 to 64 letters, digits and `-`; this is {name:?}")))
}

fn unexpected(reply: &Reply) -> Error {
    match reply {
        Reply::Refused(why) => Error::Anchor(format!("the anchor refused: {why}")),
        other => Error::Anchor(format!("the anchor gave an answer to another question: {other:?}")),
    }
}
