//! The control socket of a running server: how `kura key` and `kura cache` reach it.

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kura_control_socket::AskError;
use tokio::net::UnixListener;

use crate::admin::{Admin, Answer, Request};

/// The socket's file in the data directory.
const FILE: &str = "kura.sock";
/// What a server does before it answers takes no time worth waiting for.
const WORK: Duration = Duration::ZERO;

/// Makes the socket; the caller holds the registry's lock.
///
/// # Errors
/// As [`kura_control_socket::bind`].
pub(crate) fn bind(data_dir: &Path) -> io::Result<UnixListener> {
    kura_control_socket::bind(&data_dir.join(FILE))
}

/// Serves `listener` until `shutdown` ends.
pub(crate) async fn serve(
    listener: UnixListener,
    data_dir: PathBuf,
    admin: Arc<Admin>,
    shutdown: impl Future<Output = ()>,
) {
    let perform = Arc::new(move |request: Request| admin.perform(request));
    kura_control_socket::serve(listener, data_dir.join(FILE), perform, shutdown).await;
}

/// Asks the server that runs on a data directory; `None` if none does.
///
/// # Errors
/// As [`kura_control_socket::ask`].
pub(crate) fn ask(data_dir: &Path, request: &Request) -> Result<Option<Answer>, AskError> {
    kura_control_socket::ask(&data_dir.join(FILE), request, WORK)
}
