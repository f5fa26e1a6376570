//! How a command line reaches the daemon that runs on a directory.
//!
//! A Unix socket (mode 0600) in the directory. A request is a line of JSON, and so is its answer; connections are
//! few and short. Whoever may connect may do everything, so besides the mode, the peer's user is checked: only the
//! daemon's own and root.

mod client;
mod server;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use client::{AskError, ask};
pub use server::{MAX_CONNECTIONS, bind, serve};

/// How long a peer may take to send its side.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer on the wire.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply<A> {
    Done(A),
    Refused(String),
}

/// A way to a socket that fits into a socket address, which holds 107 bytes: where the path is longer, through an
/// open descriptor of its directory.
struct ShortPath {
    socket: PathBuf,
    _directory: Option<std::fs::File>,
}

impl ShortPath {
    fn of(path: &Path) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        if path.as_os_str().len() <= 107 {
            return Ok(Self { socket: path.to_owned(), _directory: None });
        }
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket is a file in a directory"));
        };
        let directory = std::fs::File::open(directory)?;
        let socket = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
        Ok(Self { socket, _directory: Some(directory) })
    }
}
