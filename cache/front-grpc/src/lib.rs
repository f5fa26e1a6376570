//! Momento's gRPC services over HTTP/2, framed here rather than by generated servers.
//!
//! Why not tonic's generated servers: their codec copies each value twice and reads a whole body
//! before anything is checked. Here the credentials are checked from the headers before a byte
//! of the body is read, hot calls are decoded in place and answered within the connection's own
//! task, and only calls that must wait get a task of their own.
//!
//! One file per hop: [`serve`] (a connection) > `route` (which call) > `call` (deadline,
//! credentials, body) > `scalar`, `batch`, `token`, `control` (decode, execute, encode) > `respond`.
//! This crate opens no socket: it is handed a byte stream that already speaks HTTP/2.

mod batch;
mod body;
mod budget;
mod call;
mod connection;
mod control;
mod deadline;
mod error;
pub mod fields;
mod latency;
pub mod metadata;
mod metrics;
mod pace;
mod permissions;
mod respond;
mod route;
mod scalar;
mod token;
mod valve;

use std::sync::Arc;

use kura_commands::Commands;

pub use budget::Budget;
pub use connection::{Drain, DrainSignal, Options, drain, serve};
pub use metrics::Metrics;
pub use permissions::decode_permissions;
pub use route::Method;
pub use scalar::decode as decode_scalar;

/// What all connections share.
pub struct Front {
    pub(crate) commands: Arc<Commands>,
    pub(crate) budget: Budget,
    pub(crate) metrics: Metrics,
    pub(crate) options: Options,
}

impl Front {
    /// A front end onto `commands`.
    #[must_use]
    pub fn new(commands: Arc<Commands>, options: Options) -> Self {
        Self { commands, budget: Budget::new(options.max_inflight_bytes), metrics: Metrics::new(), options }
    }

    /// The calls counted so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
