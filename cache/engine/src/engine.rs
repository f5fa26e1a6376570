//! The engine: shards behind locks, and the operations that find their shard.

mod ahead;
mod collections;
mod walk;

pub use collections::Change;

use crate::collection::Heap;
use crate::hash::{self, MAX_SHARDS};
use crate::shard::{Bounds, Key, Shard};
use crate::{Action, Item, Keyspace, Stats, TooLarge, Value};
use kura_base::Millis;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// Memory a shard has at least, unless there is only one: enough for the largest value.
const SHARD_BYTES: u64 = 32 << 20;
/// Items visited under one lock during maintenance, unless a whole segment is moved: at most
/// about 0.1 ms either way.
const ITEMS_PER_LOCK: usize = 256;

/// How an engine is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bounds everything the engine keeps, in bytes: items, index, ghosts, segments. Values
    /// below 1 MiB count as 1 MiB, those above 1 TiB as 1 TiB.
    pub memory_bytes: u64,
    /// Seeds the hash; random in a server, so that nobody can choose keys that collide.
    pub hash_seed: u64,
}

/// Items by keyspace and key, bounded by memory.
///
/// Shared by all threads; every operation on a key locks the one shard the key belongs to.
/// Closures run under that lock: they should be short, and must not call the engine.
#[derive(Debug)]
pub struct Engine {
    shards: Box<[Place]>,
    heap: Arc<Heap>,
    /// Of every shard.
    bounds: Bounds,
    memory_bytes: u64,
    hash_seed: u64,
    /// The shard that is next asked to fit, or to evict a collection.
    turn: AtomicUsize,
    /// The shard that maintenance goes on with.
    maintained: Mutex<usize>,
}

/// Where a shard is.
#[derive(Debug)]
struct Place {
    shard: Mutex<Shard>,
    /// Told whenever long work on one of the shard's collections has ended.
    quiet: Condvar,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.heap.close();
    }
}

impl Engine {
    /// An empty engine. Memory is taken as items come.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let memory_bytes = config.memory_bytes.clamp(1 << 20, 1 << 40);
        let most = (memory_bytes / SHARD_BYTES).clamp(1, MAX_SHARDS as u64);
        let count = 1 << most.ilog2();
        let heap = Arc::<Heap>::default();
        let shard = || Shard::new(memory_bytes / count, config.hash_seed, heap.clone(), count);
        let bounds = shard().bounds;
        let place = |_| Place { shard: Mutex::new(shard()), quiet: Condvar::new() };
        let shards = (0..count).map(place).collect();
        let turn = AtomicUsize::new(0);
        let hash_seed = config.hash_seed;
        Self { shards, heap, bounds, memory_bytes, hash_seed, turn, maintained: Mutex::new(0) }
    }

    /// Reads an item, under the lock of its shard, and counts the access for eviction.
    /// `None` if there is no such item or it has expired.
    pub fn get<R>(
        &self,
        ks: Keyspace,
        key: &[u8],
        now: Millis,
        read: impl FnOnce(Item<'_>) -> R,
    ) -> Option<R> {
        let key = self.key(ks, key);
        self.shard(key).get(key, now, true, read)
    }

    /// Reads an item as [`get`](Self::get) does, but without counting the access.
    pub fn peek<R>(
        &self,
        ks: Keyspace,
        key: &[u8],
        now: Millis,
        read: impl FnOnce(Item<'_>) -> R,
    ) -> Option<R> {
        let key = self.key(ks, key);
        self.shard(key).get(key, now, false, read)
    }

    /// Stores an item that is gone from `expires` on; if that is not after `now`, only removes
    /// what was there. May evict others. In a retired keyspace nothing is stored.
    ///
    /// # Errors
    /// [`TooLarge`]; what was stored before is then still there.
    pub fn set(
        &self,
        ks: Keyspace,
        key: &[u8],
        value: Value<'_>,
        expires: Millis,
        now: Millis,
    ) -> Result<(), TooLarge> {
        let key = self.key(ks, key);
        if self.bounds.is_inline(key.bytes.len() + value.as_bytes().len()) {
            return self.shard(key).put_inline(key, value.as_bytes(), expires, now);
        }
        let value = self.ready(key.bytes, value);
        self.shard(key).put(key, value, expires, now)
    }

    /// A value for a key in the form in which it will be kept: a large one is copied now, and not while
    /// others wait for the shard. [`set`](Self::set) does so itself; it is for what
    /// [`update`](Self::update) will put if it is known before.
    #[must_use]
    pub fn ready<'v>(&self, key: &[u8], value: Value<'v>) -> Value<'v> {
        let bytes = key.len() + value.as_bytes().len();
        // One that is too large will be refused.
        if self.bounds.is_inline(bytes) || bytes as u64 > self.bounds.item {
            return value;
        }
        Value::ready(value.into_compact(self.bounds.buffers))
    }

    /// Removes an item. True if a live one was there.
    pub fn delete(&self, ks: Keyspace, key: &[u8], now: Millis) -> bool {
        let key = self.key(ks, key);
        self.shard(key).delete(key, now)
    }

    /// Looks at an item and changes it, atomically for its key: `decide` sees the live item or
    /// `None` and says what happens to it. Counts the access for eviction.
    ///
    /// # Errors
    /// [`TooLarge`] if `decide` put an item that does not fit; what was stored before is then
    /// still there.
    pub fn update<'v, R>(
        &self,
        ks: Keyspace,
        key: &[u8],
        now: Millis,
        decide: impl FnOnce(Option<Item<'_>>) -> (Action<'v>, R),
    ) -> Result<R, TooLarge> {
        let key = self.key(ks, key);
        self.shard(key).update(key, now, decide)
    }

    /// Gives up a keyspace: its items are never read again, and their memory is reclaimed later,
    /// by [`maintain`](Self::maintain) or when a put needs it. Takes microseconds however many
    /// items there are.
    pub fn retire(&self, ks: Keyspace) {
        for place in &self.shards {
            place.shard.lock().retire(ks);
        }
    }

    /// Leaves so many bytes of the memory free from now on, for what the process takes beyond what is
    /// counted here. Shards that are over it then evict at their next put.
    pub fn leave_free(&self, bytes: u64) {
        self.heap.leave_free(bytes);
    }

    /// Reclaims expired and retired items and the gaps that removed ones left, visiting about
    /// `max_items` items. True if more is waiting: then call again soon, else in a second or so.
    ///
    /// One shard is locked at a time, for a few hundred items. Values kept apart count as
    /// several.
    pub fn maintain(&self, now: Millis, max_items: usize) -> bool {
        let mut budget = max_items - self.heap.free(max_items).min(max_items);
        let mut next = self.maintained.lock();
        for _ in 0..self.shards.len() {
            while budget > 0 {
                let mut slice = budget.min(ITEMS_PER_LOCK);
                budget -= slice;
                let more = self.shards[*next].shard.lock().maintain(now, &mut slice);
                budget += slice;
                // Those of large values that went.
                kura_pages::trim();
                if !more {
                    break;
                }
            }
            if budget == 0 {
                return true;
            }
            *next = (*next + 1) % self.shards.len();
        }
        self.heap.has_discarded()
    }

    /// What the engine holds and has dropped.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for place in &self.shards {
            sum += place.shard.lock().stats();
        }
        sum.collection_bytes = self.heap.bytes();
        sum.memory_bytes += sum.collection_bytes;
        sum
    }

    #[cfg(test)]
    pub(crate) fn audit(&self) {
        for place in &self.shards {
            place.shard.lock().audit();
        }
    }

    fn key<'a>(&self, keyspace: Keyspace, bytes: &'a [u8]) -> Key<'a> {
        Key { keyspace, bytes, hash: hash::hash(self.hash_seed, keyspace, bytes) }
    }

    fn shard(&self, key: Key<'_>) -> MutexGuard<'_, Shard> {
        self.place(key).shard.lock()
    }

    fn place(&self, key: Key<'_>) -> &Place {
        &self.shards[hash::shard(key.hash, self.shards.len())]
    }
}
