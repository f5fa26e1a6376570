//! The process that holds the namespaces.
//!
//! A namespace lives as long as something refers to it. A name under `/run/netns` would be a mount that outlives
//! a crash; here one process holds a descriptor for each, so that the end of that process is the end of all of them. It also
//! holds sockets whose readers may die: what comes to them meanwhile waits for the next one.

mod client;
mod protocol;
mod server;

pub use client::{Anchor, wait_for_hangup};
pub use server::anchor_main;

/// In the state directory, mode 0600.
pub(crate) const SOCKET: &str = "anchor.sock";
/// Locked by the anchor that lives.
const LOCK: &str = "anchor.lock";
