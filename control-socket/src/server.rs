//! The daemon's side.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::{PATIENCE, Reply, ShortPath};

/// Most connections at a time; more wait to be accepted.
pub const MAX_CONNECTIONS: usize = 16;
/// Longest request. The longest there is names as many caches as fit into a token.
const MAX_REQUEST_BYTES: u64 = 64 * 1024;
/// How long a shutdown waits for operations that are under way.
const GRACE: Duration = Duration::from_secs(1);

/// Makes the socket, in place of one that a killed daemon left behind.
///
/// The caller holds the directory's lock, so no other daemon uses the socket.
///
/// # Errors
/// What the operating system said, naming the socket.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    let made = || {
        remove(path)?;
        let short = ShortPath::of(path)?;
        let listener = UnixListener::bind(&short.socket)?;
        std::fs::set_permissions(&short.socket, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    made().map_err(|error: io::Error| {
        io::Error::new(error.kind(), format!("cannot make the socket {}: {error}", path.display()))
    })
}

/// Removes the socket at the end of a daemon, or before its beginning.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Serves `listener` until `shutdown` ends; then removes the socket, lets operations that are under way finish for a
/// second, and returns. `perform` may block; what it refuses goes to the asker as text.
pub async fn serve<Q, A, E, P>(
    listener: UnixListener,
    path: PathBuf,
    perform: Arc<P>,
    shutdown: impl Future<Output = ()>,
) where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    E: ToString + Send + 'static,
    P: Fn(Q) -> Result<A, E> + Send + Sync + 'static,
{
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
                    let perform = Arc::clone(&perform);
                    connections.spawn(async move {
                        let _slot = slot;
                        if let Err(error) = converse(stream, perform).await {
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
    if let Err(error) = remove(&path) {
        tracing::warn!(%error, "the control socket cannot be removed");
    }
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, rest).await;
}

/// Answers the requests of one connection until it ends.
async fn converse<Q, A, E, P>(stream: UnixStream, perform: Arc<P>) -> io::Result<()>
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    E: ToString + Send + 'static,
    P: Fn(Q) -> Result<A, E> + Send + Sync + 'static,
{
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
            Some(b'\n') => answer(&perform, &line).await?,
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

async fn answer<Q, A, E, P>(perform: &Arc<P>, line: &[u8]) -> io::Result<Reply<A>>
where
    Q: DeserializeOwned + Send + 'static,
    A: Send + 'static,
    E: ToString + Send + 'static,
    P: Fn(Q) -> Result<A, E> + Send + Sync + 'static,
{
    let request = match serde_json::from_slice(line) {
        Ok(request) => request,
        // Its text might repeat what was sent; requests hold no secrets.
        Err(error) => return Ok(Reply::Refused(format!("the server does not know this request: {error}"))),
    };
    let perform = Arc::clone(perform);
    let performed = tokio::task::spawn_blocking(move || perform(request)).await?;
    Ok(performed.map_or_else(|error| Reply::Refused(error.to_string()), Reply::Done))
}
