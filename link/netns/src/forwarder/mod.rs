//! The process that carries bytes where the kernel cannot: with a PROXY protocol header in front, or to a process
//! on the machine.
//!
//! It stays in the machine's namespace. Its listeners are made in one namespace and its connections in another, on
//! threads that are inside; the runtime's thread never moves. It outlives the daemon, takes a new configuration
//! without touching live connections, and ends when the anchor does.

mod carry;
mod client;
mod control;
mod dial;
mod flow;
mod proxy;
mod serve;

use std::path::Path;

pub(crate) use client::{configure, end};

use crate::{
    anchor::Anchor,
    error::{During as _, Error},
    program::raise_descriptor_limit,
};

/// In the state directory, mode 0600.
pub(crate) const SOCKET: &str = "forwarder.sock";

/// Forwards until told to end, or until the anchor ends. This is what `forwarder STATE_DIR` runs.
///
/// # Errors
/// When no anchor lives, or another forwarder serves the state directory.
pub fn forwarder_main(state_dir: &Path) -> Result<(), Error> {
    let _ = rustix::process::setsid();
    raise_descriptor_limit();
    let anchor = Anchor::connect(state_dir)?
        .ok_or_else(|| Error::Forwarder(format!("no anchor lives for {}", state_dir.display())))?;
    let (_lock, listener) = control::listen(state_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .during(|| "start the forwarder's runtime".into())?;
    let served = tokio::task::LocalSet::new().block_on(&runtime, serve::serve(listener, anchor));
    let _ = std::fs::remove_file(state_dir.join(SOCKET));
    served
}
