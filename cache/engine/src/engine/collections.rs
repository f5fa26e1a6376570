//! The operations on collections.

use super::{Engine, Key};
use crate::Keyspace;
use crate::collection::{Collection, Trees};
use crate::shard::Refusal;
use kura_base::Millis;
use std::sync::atomic::Ordering::Relaxed;

/// What a command on a collection has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// Changed it; it is gone from then on. An empty one is removed.
    Store(Millis),
    /// Removes it.
    Remove,
}

impl Engine {
    /// A collection as it is now, and when it ends. Takes next to no time, however large it is;
    /// what is written later does not show in it. Counts the access for eviction.
    ///
    /// # Errors
    /// [`Refusal::WrongType`].
    pub fn collection<C: Collection>(
        &self,
        ks: Keyspace,
        key: &[u8],
        now: Millis,
    ) -> Result<Option<(C, Millis)>, Refusal> {
        let key = self.key(ks, key);
        let found = self.shard(key).collection(key, C::TYPE, now)?;
        Ok(found.map(|(trees, expires)| (C::of(trees), expires)))
    }

    /// Changes a collection, or makes one, atomically for its key. `change` sees what is there
    /// (if nothing, an empty one) and when that ends, under the lock of the shard: it should
    /// take microseconds. `growth` says how many bytes come in. May evict others.
    ///
    /// # Errors
    /// [`Refusal`]; then `change` was not called.
    pub fn edit<C: Collection, R>(
        &self,
        ks: Keyspace,
        key: &[u8],
        growth: u64,
        now: Millis,
        change: impl FnOnce(&mut C, Option<Millis>) -> (Change, R),
    ) -> Result<R, Refusal> {
        self.make_heap_room(growth)?;
        let key = self.key(ks, key);
        let change = |trees, expires| {
            let mut collection = C::of(trees);
            let (change, answer) = change(&mut collection, expires);
            (collection.into_trees(), change, answer)
        };
        let answer = self.shard(key).edit(key, C::TYPE, growth, now, change);
        // Each shard has a share of what collections take: now and then each has to look.
        let next = self.turn.fetch_add(1, Relaxed) % self.shards.len();
        if let Some(mut shard) = self.shards[next].shard.try_lock() {
            shard.fit(now);
        }
        answer
    }

    /// As [`edit`](Self::edit), but `change` may take long: it works on a version of its own
    /// while others read what there was. Waits for other such work on the same collection;
    /// until it is done, `edit` answers [`Refusal::Busy`]. Must not be called where blocking is
    /// not allowed.
    ///
    /// # Errors
    /// [`Refusal`], but not `Busy`; then `change` was not called.
    pub fn edit_aside<C: Collection, R>(
        &self,
        ks: Keyspace,
        key: &[u8],
        growth: u64,
        now: Millis,
        change: impl FnOnce(&mut C, Option<Millis>) -> (Change, R),
    ) -> Result<R, Refusal> {
        self.make_heap_room(growth)?;
        let key = self.key(ks, key);
        let place = self.place(key);
        let (trees, expires) = {
            let mut shard = place.shard.lock();
            while shard.busy.contains(ks, key.bytes) {
                place.quiet.wait(&mut shard);
            }
            shard.begin(key, C::TYPE, growth, now)?
        };
        let work = Work { engine: self, key, finished: false };
        let mut collection = C::of(trees);
        let (change, answer) = change(&mut collection, expires);
        work.finish::<C>(collection.into_trees(), expires, change, now);
        self.fit_all(now);
        Ok(answer)
    }

    /// An empty collection, to be filled with about `growth` bytes and
    /// [put](Self::put_collection).
    ///
    /// # Errors
    /// [`Refusal::NoRoom`].
    pub fn new_collection<C: Collection>(&self, growth: u64) -> Result<C, Refusal> {
        self.make_heap_room(growth)?;
        Ok(C::of(Trees::new(&self.heap, C::TYPE)))
    }

    /// Stores a collection in place of whatever was there; an empty one only removes that.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`], [`Refusal::NoRoom`].
    pub fn put_collection<C: Collection>(
        &self,
        ks: Keyspace,
        key: &[u8],
        collection: C,
        expires: Millis,
        now: Millis,
    ) -> Result<(), Refusal> {
        self.make_heap_room(0)?;
        let key = self.key(ks, key);
        let trees = collection.into_trees();
        let stored = self.shard(key).put_collection(key, C::TYPE, trees, expires, now);
        self.fit_all(now);
        stored
    }

    /// Makes all shards go back into their bounds.
    fn fit_all(&self, now: Millis) {
        for place in &self.shards {
            place.shard.lock().fit(now);
        }
    }

    /// Evicts large collections until together they take no more than three quarters of the
    /// memory, with `growth` bytes more.
    fn make_heap_room(&self, growth: u64) -> Result<(), Refusal> {
        let limit = self.memory_bytes / 4 * 3;
        let mut without = 0;
        while self.heap.bytes() + growth > limit {
            if self.heap.free(NODES_AT_ONCE) > 0 {
                continue;
            }
            if without > self.shards.len() {
                return Err(Refusal::NoRoom { bytes: growth });
            }
            let next = self.turn.fetch_add(1, Relaxed) % self.shards.len();
            without = if self.shards[next].shard.lock().evict_collection() { 0 } else { without + 1 };
        }
        Ok(())
    }
}

/// Nodes of collections given up that are freed between two looks at the memory.
const NODES_AT_ONCE: usize = 64;

/// Long work in progress; ends with it even if it panics.
struct Work<'a> {
    engine: &'a Engine,
    key: Key<'a>,
    finished: bool,
}

impl Work<'_> {
    fn finish<C: Collection>(mut self, trees: Trees, began: Option<Millis>, change: Change, now: Millis) {
        let place = self.engine.place(self.key);
        place.shard.lock().finish(self.key, C::TYPE, (trees, began), change, now);
        self.finished = true;
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let place = self.engine.place(self.key);
        if !self.finished {
            place.shard.lock().busy.end(self.key.keyspace, self.key.bytes);
        }
        place.quiet.notify_all();
    }
}
