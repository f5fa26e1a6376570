//! The cache itself: items by key, bounded by memory, with an exact time to live.
//!
//! An [`Engine`] is a set of shards behind a mutex each. A shard writes items into a log of
//! equally large segments and finds them through a hash index of five bytes a slot, so an item
//! costs its bytes plus about 26. When memory runs out the log is reclaimed segment by segment:
//! dead bytes first, then by S3-FIFO, which keeps what is read again and lets a scan pass by.
//!
//! The crate is pure: no runtime, no clock, no randomness, no environment. Every call takes the
//! time as a value, and long work ([`Engine::maintain`]) is cut into slices by its caller.
//!
//! It does not know caches by name, limits, permissions or protocols. A cache's contents between
//! two flushes are a [`Keyspace`]; flushing is giving the cache a new one and
//! [retiring](Engine::retire) the old.
//!
//! ```
//! use kura_base::Millis;
//! use kura_engine::{Config, Engine, Keyspace, Value};
//!
//! let engine = Engine::new(&Config { memory_bytes: 8 << 20, hash_seed: 7 });
//! let orders = Keyspace(1);
//! engine.set(orders, b"o-1", Value::Copied(b"paid"), Millis(2_000), Millis(1_000)).unwrap();
//!
//! let read = |now| engine.get(orders, b"o-1", now, |item| item.value.to_bytes());
//! assert_eq!(read(Millis(1_999)).as_deref(), Some(&b"paid"[..]));
//! assert_eq!(read(Millis(2_000)), None, "an item ends exactly when it says");
//! ```

#![forbid(unsafe_code)]

mod apart;
mod buffer;
mod busy;
mod collection;
mod engine;
mod ghost;
mod hash;
mod header;
mod index;
mod item;
mod log;
mod reclaim;
mod retired;
mod segment;
mod shard;
mod stats;
#[cfg(test)]
mod tests;

pub use collection::{Collection, Dictionary, Elements, Fields, List, Scored, Set, SortedSet};
pub use engine::{Change, Config, Engine};
pub use item::{Action, Item, ItemType, Keyspace, Ready, TooLarge, Value, ValueRef};
pub use shard::Refusal;
pub use stats::Stats;
