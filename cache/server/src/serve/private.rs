//! Connections that a load balancer passes on: what it says of them goes before, and is counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kura_front::{BadHeader, Proxied};
use tokio::net::TcpStream;

/// The connections of the private listener that are open now, by the interface endpoint they came by.
#[derive(Default)]
pub struct PrivateConnections {
    open: Mutex<BTreeMap<String, u64>>,
    /// Whether the log has been told of a connection without a header; it is of all of them.
    told: AtomicBool,
}

/// A connection that counts as open until this is dropped.
pub struct Open<'a> {
    all: &'a PrivateConnections,
    endpoint: String,
}

impl PrivateConnections {
    /// Reads what goes before a connection and counts it.
    pub async fn enter(&self, stream: &mut TcpStream) -> io::Result<Open<'_>> {
        let read = Proxied::read(stream).await.inspect_err(|error| self.tell(error))?;
        if let Some(source) = read.source {
            tracing::debug!(
                "a connection from {source} by {}",
                read.endpoint.as_deref().unwrap_or("no endpoint")
            );
        }
        let endpoint = read.endpoint.unwrap_or_default();
        *self.open().entry(endpoint.clone()).or_default() += 1;
        Ok(Open { all: self, endpoint })
    }

    /// Appends the counts in Prometheus' text format.
    pub fn render(&self, text: &mut String) {
        const NAME: &str = "kura_private_connections";
        let _ = write!(
            text,
            "# HELP {NAME} Connections of the private listener open now, by interface endpoint; without one, \
             the load balancer's own.\n# TYPE {NAME} gauge\n"
        );
        for (endpoint, count) in self.open().iter() {
            let _ = writeln!(text, "{NAME}{{endpoint=\"{endpoint}\"}} {count}");
        }
    }

    fn tell(&self, error: &io::Error) {
        let bad = error.get_ref().is_some_and(|inner| inner.is::<BadHeader>());
        if bad && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!("--private-listen: {error}; further ones are not told");
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut open = self.all.open();
        if let Some(count) = open.get_mut(&self.endpoint) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.endpoint);
            }
        }
    }
}
