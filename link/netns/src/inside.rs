//! Work inside a namespace, on a thread that never comes out of it.
//!
//! A thread that changed its namespace is of no use to anyone else, so it is thrown away: no worker of a runtime
//! ever changes namespace. What the thread made there (sockets, child processes) stays in the namespace.

use std::{os::fd::BorrowedFd, thread};

use nix::sched::{CloneFlags, setns};

use crate::error::{During as _, Error};

/// Runs `work` on a new thread inside the network namespace behind `namespace`.
///
/// # Errors
/// When the namespace cannot be entered, and what `work` returns.
pub fn inside<T: Send>(
    namespace: BorrowedFd<'_>,
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("inside".into())
            .spawn_scoped(scope, || {
                enter(namespace)?;
                work()
            })
            .during(|| "start a thread".into())?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Moves the calling thread, for good.
pub(crate) fn enter(namespace: BorrowedFd<'_>) -> Result<(), Error> {
    setns(namespace, CloneFlags::CLONE_NEWNET).during(|| "enter a network namespace".into())
}
