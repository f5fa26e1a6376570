//! Counts of connections.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// The connections of one protocol: those open now, and all since the start.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicU64,
    accepted: AtomicU64,
}

/// A connection that counts as open until this is dropped.
#[derive(Debug)]
pub struct Open<'a>(&'a Connections);

impl Connections {
    /// Counts one more.
    pub fn enter(&self) -> Open<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Open(self)
    }

    /// Those open now.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Appends both counts in Prometheus' text format, as those of `protocol`, whose connections are
    /// called `what`.
    pub fn render(&self, protocol: &str, what: &str, text: &mut String) {
        let (open, accepted) = (self.open(), self.accepted.load(Ordering::Relaxed));
        let _ = write!(
            text,
            "# HELP kura_{protocol}_connections {what} connections open now.\n\
             # TYPE kura_{protocol}_connections gauge\n\
             kura_{protocol}_connections {open}\n\
             # HELP kura_{protocol}_connections_accepted_total {what} connections since the start.\n\
             # TYPE kura_{protocol}_connections_accepted_total counter\n\
             kura_{protocol}_connections_accepted_total {accepted}\n",
        );
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
