//! Asking a running daemon, from the command line.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{PATIENCE, Reply, ShortPath};

/// Longest answer: a hundred thousand entries with a few thousand bytes each.
const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;

/// Why a running daemon did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The daemon said why not.
    #[error("{0}")]
    Refused(String),
    /// The daemon could not be talked to.
    #[error("the running server does not answer on its control socket: {0}")]
    Io(#[from] io::Error),
}

/// Asks the daemon behind a socket; `None` if there is none. `work` is how long it may work on the answer.
///
/// # Errors
/// [`AskError::Refused`] with the daemon's reason, or what went wrong on the way.
pub fn ask<Q: Serialize, A: DeserializeOwned>(
    socket: &Path,
    request: &Q,
    work: Duration,
) -> Result<Option<A>, AskError> {
    let connected = ShortPath::of(socket).and_then(|short| UnixStream::connect(&short.socket));
    let mut stream = match connected {
        Ok(stream) => stream,
        // No directory, no socket in it, or nobody behind it any more.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    stream.set_read_timeout(Some(PATIENCE + work))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = Vec::new();
    BufReader::new(stream).take(MAX_ANSWER_BYTES).read_until(b'\n', &mut answer)?;
    match serde_json::from_slice(&answer).map_err(io::Error::from)? {
        Reply::Done(answer) => Ok(Some(answer)),
        Reply::Refused(reason) => Err(AskError::Refused(reason)),
    }
}
