//! Momento's gRPC services over HTTP/2, framed here rather than by generated servers.
//!
//! Why not tonic's generated servers: their codec copies each value twice and reads a whole body
//! before anything is checked. Here the credentials are checked from the headers before a byte
//! of the body is read, hot calls are decoded in place and answered within the connection's own
//! task, and only calls that must wait get a task of their own.
//!
//! One file per hop: [`serve`] (a connection) > `route` (which call) > `call` (deadline,
//! credentials, body) > `scalar`, `batch`, `collection`, `leaderboard`, `topic`, `token`, `control`
//! (decode, execute, encode) > `respond`; what comes to subscriptions is sent by `subscriber`.
//! This crate opens no socket: it is handed a byte stream that already speaks HTTP/2.

mod answer;
mod batch;
mod body;
mod call;
mod collection;
mod connection;
mod control;
mod deadline;
mod error;
mod faults;
mod latency;
mod leaderboard;
mod message;
pub mod metadata;
mod metrics;
mod permissions;
mod respond;
mod route;
mod rows;
mod scalar;
mod subscriber;
mod token;
mod topic;

use std::num::NonZero;
use std::sync::Arc;

use kura_commands::Commands;
use kura_wire::fields;
use tokio::sync::Semaphore;

use faults::Faults;

pub use collection::{CollectionCommand, decode as decode_collection};
pub use connection::{NotGrpc, Options, serve, serve_beside};
pub use kura_front::{Budget, Drain, DrainSignal, drain};
pub use leaderboard::decode as decode_leaderboard;
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
    /// None unless callers may ask for faults.
    pub(crate) faults: Option<Faults>,
    /// For work that takes long: as many at a time as there are processors.
    pub(crate) turns: Arc<Semaphore>,
}

impl Front {
    /// A front end onto `commands`.
    #[must_use]
    pub fn new(commands: Arc<Commands>, options: Options) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            commands,
            budget: Budget::new(options.max_inflight_bytes),
            metrics: Metrics::new(),
            options,
            faults: None,
            turns: Arc::new(Semaphore::new(processors)),
        }
    }

    /// The same, where callers may ask for faults in their metadata, as with Momento Local.
    #[must_use]
    pub fn with_faults(mut self) -> Self {
        self.faults = Some(Faults::default());
        self
    }

    /// The bytes in flight, which other front ends count in too.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The calls counted so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
