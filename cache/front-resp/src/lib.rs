//! Momento's cache over RESP, the protocol of Redis and Valkey, versions 2 and 3.
//!
//! A key here is a key there: strings are scalars, hashes are dictionaries; lists, sets and sorted
//! sets are what they are. The user's name is the cache, the password is the API key.
//!
//! One file per hop: [`serve`] (a connection) > `dialogue` (command by command) > [`Parser`] (where
//! a command ends, in place) > `caller` (authenticate, look the command up, the commands on the connection) > `table` (all
//! commands) > `commands` (one file per kind of item) > `reply` (encode).
//!
//! Answers come in the order of the commands. What has come is carried out as far as its answers
//! fill a buffer, then they are sent with one write; between two such turns other connections have
//! theirs. Work that takes long is done on the blocking pool, and the connection's next command
//! after it.
//!
//! A command on several keys is steps on one key each (`task`); what is not offered says why
//! (`left_out`). A channel is the topic of its name (`pubsub`); what comes to a connection's subscriptions
//! (`subscriptions`) is sent between its commands.
//!
//! This crate opens no socket, and TLS is its caller's: it is handed a byte stream.
//!
//! ```
//! use kura_front_resp::{Bounds, Parsed, Parser};
//!
//! let mut parser = Parser::default();
//! let held = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
//! assert_eq!(parser.parse(held, Bounds::STRANGER).unwrap(), Parsed::Command(held.len()));
//! assert!(parser.arguments(held).iter().eq([&b"GET"[..], b"k"]));
//! ```

mod call;
mod caller;
mod client;
mod commands;
mod connection;
mod described;
mod dialogue;
mod glob;
mod held;
mod left_out;
mod metrics;
mod numbers;
mod parse;
mod pubsub;
#[cfg(test)]
mod readme;
mod reply;
mod subscriptions;
mod table;
mod task;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use kura_commands::Commands;
use kura_front::Budget;
use tokio::sync::Semaphore;

pub use connection::serve;
pub use metrics::Metrics;
pub use parse::{Arguments, Bounds, Malformed, Parsed, Parser};

/// What all connections share.
pub struct Front {
    commands: Arc<Commands>,
    budget: Budget,
    metrics: Metrics,
    random: fn() -> Option<[u8; 8]>,
    /// Room for work on the blocking pool: as much at a time as there are processors.
    long: Semaphore,
    next_id: AtomicU64,
}

impl Front {
    /// A front end onto `commands`, whose large messages count in `budget`. `random` gives bytes
    /// that nobody can foresee, or none if there are none.
    #[must_use]
    pub fn new(commands: Arc<Commands>, budget: Budget, random: fn() -> Option<[u8; 8]>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            commands,
            budget,
            metrics: Metrics::default(),
            random,
            long: Semaphore::new(processors),
            next_id: AtomicU64::new(1),
        }
    }

    /// The commands counted so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
