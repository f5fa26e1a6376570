//! What is said over `forwarder.sock`: a length of four bytes, then JSON, both ways.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Write},
    os::{fd::AsRawFd as _, unix::net::UnixListener},
    path::{Path, PathBuf},
};

use kura_model::plan::Forwarder;
use rustix::fs::{FlockOperation, Mode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::SOCKET;
use crate::error::{During as _, Error};

/// Above any configuration a plan could hold.
const LARGEST_BYTES: u32 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Forward these and nothing else. Live connections stay.
    Configure(BTreeSet<Forwarder>),
    End,
}

/// Whether anything changed, or what could not be done.
pub(super) type Answer = Result<bool, String>;

/// Takes the state directory's place, and its socket.
pub(super) fn listen(state_dir: &Path) -> Result<(File, UnixListener), Error> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(state_dir.join("forwarder.lock"))
        .during(|| format!("lock the forwarder of {}", state_dir.display()))?;
    if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(Error::Forwarder(format!("another forwarder serves {}", state_dir.display())));
    }
    // The lock is ours, so a socket that is there is a dead forwarder's.
    let _ = fs::remove_file(state_dir.join(SOCKET));
    rustix::process::umask(Mode::from_raw_mode(0o177));
    let (_directory, path) = socket(state_dir).during(|| format!("open {}", state_dir.display()))?;
    let listener = UnixListener::bind(path).during(|| format!("listen on {SOCKET}"))?;
    Ok((lock, listener))
}

/// The socket's path by way of its directory's descriptor: a socket's path may have 107 bytes at most.
pub(super) fn socket(state_dir: &Path) -> io::Result<(File, PathBuf)> {
    let directory = File::open(state_dir)?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()).into();
    Ok((directory, path))
}

pub(super) fn write<T: Serialize>(mut to: impl Write, message: &T) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let length = u32::try_from(bytes.len()).ok().filter(|&length| length <= LARGEST_BYTES);
    let length = length.ok_or_else(|| io::Error::other("a message is too long"))?;
    to.write_all(&[&length.to_le_bytes()[..], &bytes].concat())
}

pub(super) fn read<T: DeserializeOwned>(mut from: impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LARGEST_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    let mut bytes = Vec::new();
    from.take(length.into()).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}
