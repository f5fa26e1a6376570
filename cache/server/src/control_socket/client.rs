//! Asking a running server, from the command line.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::{PATIENCE, Reply, ShortPath};
use crate::admin::{Answer, Request};

/// Longest answer: a hundred thousand keys with a few hundred bytes each.
const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;

/// Why a running server did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The server said why not.
    #[error("{0}")]
    Refused(String),
    /// The server could not be talked to.
    #[error("the running server does not answer on its control socket: {0}")]
    Io(#[from] io::Error),
}

/// Asks the server that runs on a data directory; `None` if none does.
///
/// # Errors
/// [`AskError::Refused`] with the server's reason, or what went wrong on the way.
pub(crate) fn ask(data_dir: &Path, request: &Request) -> Result<Option<Answer>, AskError> {
    let connected = ShortPath::of(data_dir).and_then(|short| UnixStream::connect(&short.socket));
    let mut stream = match connected {
        Ok(stream) => stream,
        // No data directory, no socket in it, or nobody behind it any more.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    stream.set_read_timeout(Some(PATIENCE))?;
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
