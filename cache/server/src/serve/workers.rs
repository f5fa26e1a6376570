//! The threads that serve connections: one event loop each, connections dealt out in turn.
//!
//! SDKs open few connections, so which thread gets one matters: taking turns keeps any two
//! busy connections apart as long as there are threads to go round. The data is shared by all.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Handle};

/// The event loops.
pub struct Workers {
    loops: Vec<Handle>,
    next: AtomicUsize,
}

impl Workers {
    /// Starts `count` threads.
    pub fn start(count: usize) -> Result<Self> {
        let mut loops = Vec::with_capacity(count);
        for number in 0..count {
            let runtime =
                Builder::new_current_thread().enable_all().build().context("cannot start an event loop")?;
            loops.push(runtime.handle().clone());
            std::thread::Builder::new()
                .name(format!("kura-worker-{number}"))
                .spawn(move || runtime.block_on(std::future::pending::<()>()))
                .context("cannot start a thread")?;
        }
        Ok(Self { loops, next: AtomicUsize::new(0) })
    }

    /// Runs a connection on the next thread in turn.
    pub fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(handle) = self.loops.get(turn % self.loops.len()) {
            handle.spawn(connection);
        }
    }
}
