//! Momento's cache over protosocket: protobuf messages behind their lengths, on a bare byte stream.
//!
//! Why not the `protosocket-rpc` server: its codec decodes each message into owned strings and
//! vectors and makes a future of every call. The three commands that there are need neither: here
//! they are decoded where they were read, carried out at once, and their answers encoded straight
//! from the stored bytes. What came with one read is answered with one write.
//!
//! One file per hop: [`serve`] (a connection) > `inbox` (bytes become batches) > `batch` (what came
//! together) > `frame` (where a message ends) > `command` (decode) > `caller` (authenticate, execute) >
//! `reply` (encode).
//!
//! Answers come in the order of their commands. The protocol would allow any order; nothing here
//! waits, so there is nothing to overtake. For the same reason a cancellation finds nothing to
//! cancel: its command is answered by the time it is read.
//!
//! This crate opens no socket, and TLS is its caller's: it is handed a byte stream.
//!
//! ```
//! let request = kura_front_protosocket::decode(b"\x10\x07\x52\x08\x12\x06\x0a\x01c\x12\x01k").unwrap();
//! assert_eq!(request.message_id, 7);
//! assert_eq!(request.command.unwrap().name(), "get");
//! ```

mod batch;
mod caller;
mod command;
mod connection;
mod error;
mod frame;
mod inbox;
mod metrics;
mod reply;

use std::sync::Arc;

use kura_commands::Commands;
use kura_front::Budget;

pub use command::{Command, Malformed, Request, Why, decode};
pub use connection::serve;
pub use frame::{Head, MAX_PREFIX_BYTES, head};
pub use metrics::Metrics;

/// What all connections share.
pub struct Front {
    commands: Arc<Commands>,
    budget: Budget,
    metrics: Metrics,
}

impl Front {
    /// A front end onto `commands`, whose large messages count in `budget`.
    #[must_use]
    pub fn new(commands: Arc<Commands>, budget: Budget) -> Self {
        Self { commands, budget, metrics: Metrics::default() }
    }

    /// The commands counted so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
