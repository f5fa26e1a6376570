//! The control socket of a running server: how `kura key` and `kura cache` reach it.
//!
//! A Unix socket (mode 0600) in the data directory. A request is a line of JSON, and so is its
//! answer; connections are few and short. Whoever may connect may do everything, so besides the
//! mode, the peer's user is checked: only the server's own and root.

mod client;
#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::admin::{Admin, Answer, Request};
pub(crate) use client::ask;

/// The socket's file in the data directory.
const FILE: &str = "kura.sock";
/// Most connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 16;
/// Longest request. The longest there is names as many caches as fit into a token.
const MAX_REQUEST_BYTES: u64 = 64 * 1024;
/// How long a client may take to send a request or to read an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a shutdown waits for operations that are under way.
const GRACE: Duration = Duration::from_secs(1);

/// An answer on the wire.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Done(Answer),
    Refused(String),
}

/// Makes the socket, in place of one that a killed server left behind.
///
/// The caller holds the registry's lock, so no other server uses the socket.
///
/// # Errors
/// What the operating system said, naming the socket.
pub(crate) fn bind(data_dir: &Path) -> io::Result<UnixListener> {
    let path = data_dir.join(FILE);
    let made = || {
        remove(data_dir)?;
        let short = ShortPath::of(data_dir)?;
        let listener = UnixListener::bind(&short.socket)?;
        std::fs::set_permissions(&short.socket, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    made().map_err(|error: io::Error| {
        io::Error::new(error.kind(), format!("cannot make the socket {}: {error}", path.display()))
    })
}

/// Removes the socket at the end of a server, or before its beginning.
fn remove(data_dir: &Path) -> io::Result<()> {
    match std::fs::remove_file(data_dir.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Serves `listener` until `shutdown` ends; then removes the socket, lets operations that are
/// under way finish for a second, and returns.
pub(crate) async fn serve(
    listener: UnixListener,
    data_dir: PathBuf,
    admin: Arc<Admin>,
    shutdown: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (listener.accept().await, slot)
        };
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            (accepted, slot) = accepted => match accepted {
                Ok((stream, _)) => {
                    let admin = Arc::clone(&admin);
                    connections.spawn(async move {
                        let _slot = slot;
                        if let Err(error) = converse(stream, admin).await {
                            tracing::debug!(%error, "a control connection ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket cannot accept a connection");
                    // Out of file descriptors, most likely: they come back, but not at once.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    if let Err(error) = remove(&data_dir) {
        tracing::warn!(%error, "the control socket cannot be removed");
    }
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, rest).await;
}

/// Answers the requests of one connection until it ends.
async fn converse(stream: UnixStream, admin: Arc<Admin>) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != 0 && peer != rustix::process::geteuid().as_raw() {
        tracing::warn!(user = peer, "a control connection of another user was refused");
        return Ok(());
    }
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut read).take(MAX_REQUEST_BYTES);
        tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await??;
        let reply = match line.last() {
            None => return Ok(()),
            Some(b'\n') => perform(&admin, &line).await?,
            Some(_) => Reply::Refused(format!("a request has {MAX_REQUEST_BYTES} bytes at most, and ends")),
        };
        let mut answer = serde_json::to_vec(&reply)?;
        answer.push(b'\n');
        tokio::time::timeout(PATIENCE, write.write_all(&answer)).await??;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
    }
}

async fn perform(admin: &Arc<Admin>, line: &[u8]) -> io::Result<Reply> {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        // Its text might repeat what was sent; requests hold no secrets.
        Err(error) => return Ok(Reply::Refused(format!("the server does not know this request: {error}"))),
    };
    let admin = Arc::clone(admin);
    let performed = tokio::task::spawn_blocking(move || admin.perform(request)).await?;
    Ok(performed.map_or_else(|error| Reply::Refused(error.to_string()), Reply::Done))
}

/// A way to the socket that fits into a socket address, which holds 107 bytes: where the data
/// directory's path is longer, through an open descriptor of it.
struct ShortPath {
    socket: PathBuf,
    _directory: Option<std::fs::File>,
}

impl ShortPath {
    fn of(data_dir: &Path) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let socket = data_dir.join(FILE);
        if socket.as_os_str().len() <= 107 {
            return Ok(Self { socket, _directory: None });
        }
        let directory = std::fs::File::open(data_dir)?;
        let socket = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(FILE);
        Ok(Self { socket, _directory: Some(directory) })
    }
}
