//! One shard: the operations on items, each under the shard's lock.

mod collections;

pub use collections::Refusal;

use crate::buffer::Buffers;
use crate::busy::Busy;
use crate::collection::Heap;
use crate::ghost::Ghost;
use crate::hash;
use crate::header::{Header, MAX_FREQUENCY, MAX_INLINE_BYTES, MAX_KEY_BYTES, holdable};
use crate::index::{Index, Place};
use crate::log::{Body, Log, Record};
use crate::reclaim::Upkeep;
use crate::retired::Retired;
use crate::segment::{Queue, TtlClass};
use crate::{Action, Item, ItemType, Keyspace, Stats, TooLarge, Value};
use kura_base::Millis;
use std::sync::Arc;

/// A key with its hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) keyspace: Keyspace,
    pub(crate) bytes: &'a [u8],
    pub(crate) hash: u64,
}

/// How much a shard may hold, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Everything together.
    pub(crate) limit: u64,
    /// Log and index, while no segment is being swept.
    pub(crate) working: u64,
    /// One item.
    pub(crate) item: u64,
    /// Key and value of an item inside a segment.
    pub(crate) inline: usize,
    /// One collection.
    pub(crate) collection: u64,
    /// Of values kept apart.
    pub(crate) buffers: Buffers,
}

impl Bounds {
    /// Whether an item with so many bytes of key and value is inside a segment.
    pub(crate) fn is_inline(&self, bytes: usize) -> bool {
        bytes <= self.inline
    }
}

/// Why an item goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Evicted,
    Expired,
    Retired,
    /// Removed, or replaced by its next value.
    Removed,
}

/// One shard. Its parts are open to [`reclaim`](crate::reclaim), which makes room.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) hash_seed: u64,
    pub(crate) bounds: Bounds,
    pub(crate) index: Index,
    pub(crate) log: Log,
    pub(crate) ghost: Ghost,
    pub(crate) retired: Retired,
    pub(crate) upkeep: Upkeep,
    pub(crate) totals: Stats,
    /// Where large collections live, those of all shards.
    pub(crate) heap: Arc<Heap>,
    /// How many shards share the heap.
    pub(crate) shards: u64,
    /// Keys that long work is being done on.
    pub(crate) busy: Busy,
    /// Where the search for a collection to evict goes on.
    pub(crate) hand: u32,
}

impl Shard {
    /// One of some shards with a common heap, whose memory, with its share of the heap, stays
    /// within `limit` bytes. Allocates next to nothing.
    pub(crate) fn new(limit: u64, hash_seed: u64, heap: Arc<Heap>, shards: u64) -> Self {
        let segment_bytes = (limit / 128).next_power_of_two().clamp(8 << 10, 64 << 10);
        let parts = (limit >> 16).clamp(8, 256) as usize;
        let index = Index::new(parts);
        // Room for half as many fingerprints as there are items of about 130 bytes.
        let ghost = Ghost::new(limit / 128);
        let aside = size_of::<Self>() as u64 + SLACK + ghost.full_bytes() + segment_bytes;
        let working = limit.saturating_sub(aside);
        let bounds = Bounds {
            limit,
            working,
            item: working / 4 * 3,
            inline: MAX_INLINE_BYTES.min(segment_bytes as usize / 8),
            collection: limit * shards / 2,
            buffers: Buffers::of(limit * shards),
        };
        Self {
            hash_seed,
            bounds,
            index,
            log: Log::new(segment_bytes as usize, bounds.buffers),
            ghost,
            retired: Retired::default(),
            upkeep: Upkeep::default(),
            totals: Stats::default(),
            heap,
            shards,
            busy: Busy::default(),
            hand: 0,
        }
    }

    pub(crate) fn get<R>(
        &mut self,
        key: Key<'_>,
        now: Millis,
        count: bool,
        read: impl FnOnce(Item<'_>) -> R,
    ) -> Option<R> {
        let (place, header) = self.find_live(key, now)?;
        if count {
            self.count_access(place, &header);
        }
        Some(read(self.log.item(place, &header)))
    }

    pub(crate) fn update<'v, R>(
        &mut self,
        key: Key<'_>,
        now: Millis,
        decide: impl FnOnce(Option<Item<'_>>) -> (Action<'v>, R),
    ) -> Result<R, TooLarge> {
        let found = self.find_live(key, now);
        let (action, answer) = decide(found.as_ref().map(|(place, header)| self.log.item(*place, header)));
        if let Some((place, header)) = &found {
            self.count_access(*place, header);
        }
        match (action, found) {
            (Action::Put { value, expires }, _) => self.put(key, value, expires, now)?,
            (Action::Expire(expires), Some((place, _))) if expires <= now => self.remove(key, place),
            (Action::Expire(expires), Some((place, _))) => self.set_expires(place, expires),
            (Action::Remove, Some((place, _))) => self.remove(key, place),
            (Action::Keep, _) | (Action::Expire(_) | Action::Remove, None) => {}
        }
        Ok(answer)
    }

    pub(crate) fn put(
        &mut self,
        key: Key<'_>,
        value: Value<'_>,
        expires: Millis,
        now: Millis,
    ) -> Result<(), TooLarge> {
        if self.bounds.is_inline(key.bytes.len() + value.as_bytes().len()) {
            return self.put_inline(key, value.as_bytes(), expires, now);
        }
        self.check_size(key.bytes.len(), value.as_bytes().len())?;
        self.busy.supersede(key.keyspace, key.bytes);
        let found = self.find_live(key, now);
        let body = Body::Apart(value.into_compact(self.bounds.buffers));
        self.write(key, found, ItemType::Scalar, body, expires, now);
        Ok(())
    }

    /// Stores a value that is [inline](Bounds::is_inline) with its key.
    pub(crate) fn put_inline(
        &mut self,
        key: Key<'_>,
        value: &[u8],
        expires: Millis,
        now: Millis,
    ) -> Result<(), TooLarge> {
        self.check_size(key.bytes.len(), value.len())?;
        self.busy.supersede(key.keyspace, key.bytes);
        let found = self.find_live(key, now);
        self.write(key, found, ItemType::Scalar, Body::Inline(value), expires, now);
        Ok(())
    }

    /// Stores an item in place of the one found, unless there is no time left for it to live.
    fn write(
        &mut self,
        key: Key<'_>,
        found: Option<(Place, Header)>,
        item_type: ItemType,
        body: Body<'_>,
        expires: Millis,
        now: Millis,
    ) {
        if expires <= now || self.retired.contains(key.keyspace) {
            if let Some((place, _)) = found {
                self.end(place, key.hash, End::Removed);
            }
            return;
        }
        let expires = holdable(expires);
        self.upkeep.wake_at(expires);
        if let Some((place, _)) = found
            && let Body::Inline(value) = body
            && self.log.overwrite(place, item_type, value, expires)
        {
            self.count_access(place, &self.log.header(place));
            return;
        }
        self.replace(key, found, item_type, body, expires, now);
    }

    fn set_expires(&mut self, place: Place, expires: Millis) {
        let expires = holdable(expires);
        self.log.set_expires(place, expires);
        self.upkeep.wake_at(expires);
    }

    /// Removes an item because somebody asked for it.
    fn remove(&mut self, key: Key<'_>, place: Place) {
        self.busy.supersede(key.keyspace, key.bytes);
        self.end(place, key.hash, End::Removed);
    }

    pub(crate) fn delete(&mut self, key: Key<'_>, now: Millis) -> bool {
        let found = self.find_live(key, now);
        if let Some((place, _)) = found {
            self.remove(key, place);
        }
        found.is_some()
    }

    pub(crate) fn retire(&mut self, keyspace: Keyspace) {
        self.retired.insert(keyspace);
        self.busy.supersede_all(keyspace);
        self.upkeep.wake_at(Millis(0));
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            items: self.index.len() as u64,
            payload_bytes: self.log.payload_bytes(),
            memory_bytes: self.memory_bytes(),
            memory_limit_bytes: self.bounds.limit,
            garbage_bytes: self.log.garbage_bytes(),
            ..self.totals
        }
    }

    /// Ends an item: takes it out of index and log, and counts why. A segment left without
    /// items is given back.
    pub(crate) fn end(&mut self, place: Place, hash: u64, why: End) {
        self.unlink(place, hash, why);
        let number = self.log.locate(place).0 as u32;
        let segment = self.log.segment(number);
        if segment.live == 0 {
            self.log.release(number);
        } else if segment.garbage() * 2 >= self.log.segment_bytes() {
            self.upkeep.wake_at(Millis(0));
        }
    }

    /// Ends an item without giving its segment back.
    pub(crate) fn unlink(&mut self, place: Place, hash: u64, why: End) {
        let (log, seed) = (&self.log, self.hash_seed);
        self.index.remove(hash, place, |place| hash_at(log, seed, place));
        self.log.kill(place);
        match why {
            End::Evicted => self.totals.evicted_total += 1,
            End::Expired => self.totals.expired_total += 1,
            End::Retired => self.totals.retired_total += 1,
            End::Removed => {}
        }
    }

    /// Bytes allocated by this shard, its share of the heap aside.
    pub(crate) fn memory_bytes(&self) -> u64 {
        size_of::<Self>() as u64
            + self.index.memory_bytes()
            + self.log.memory_bytes()
            + self.log.spare_bytes()
            + self.ghost.memory_bytes()
            + self.retired.memory_bytes()
    }

    /// Bytes allocated by log and index, the spare segment aside, and the share of the heap and of
    /// what is left free.
    pub(crate) fn working_bytes(&self) -> u64 {
        self.index.memory_bytes() + self.log.memory_bytes() + self.heap.withheld() / self.shards
    }

    fn check_size(&self, key_len: usize, value_len: usize) -> Result<(), TooLarge> {
        if key_len > MAX_KEY_BYTES {
            return Err(TooLarge { bytes: key_len as u64, limit: MAX_KEY_BYTES as u64 });
        }
        let bytes = (key_len + value_len) as u64;
        let limit = self.bounds.item;
        if bytes > limit { Err(TooLarge { bytes, limit }) } else { Ok(()) }
    }

    /// The record of a live item. One found expired ends here.
    fn find_live(&mut self, key: Key<'_>, now: Millis) -> Option<(Place, Header)> {
        let place = self.find(key)?;
        let header = self.log.header(place);
        if now >= header.expires {
            self.end(place, key.hash, End::Expired);
            return None;
        }
        if self.retired.contains(key.keyspace) {
            return None;
        }
        Some((place, header))
    }

    fn find(&self, key: Key<'_>) -> Option<Place> {
        self.index.find(key.hash, |place| self.log.is_of(place, key.keyspace, key.bytes))
    }

    fn count_access(&mut self, place: Place, header: &Header) {
        if header.frequency < MAX_FREQUENCY {
            self.log.set_frequency(place, header.frequency + 1);
        }
    }

    /// Appends an item and ends the one it replaces, if any.
    fn replace(
        &mut self,
        key: Key<'_>,
        found: Option<(Place, Header)>,
        item_type: ItemType,
        body: Body<'_>,
        expires: Millis,
        now: Millis,
    ) {
        let (queue, frequency) = match found {
            Some((place, header)) => (self.log.queue_of(place), (header.frequency + 1).min(MAX_FREQUENCY)),
            None if self.ghost.take(key.hash, self.index.len() / GHOST_SHARE) => (Queue::Main, 0),
            None => (Queue::Small, 0),
        };
        let class = TtlClass::of(expires, now);
        self.make_room(key, queue, class, &body, now);
        // Making room may have moved or evicted the old record.
        if found.is_some()
            && let Some(place) = self.find(key)
        {
            self.end(place, key.hash, End::Removed);
        }
        let record = Record { keyspace: key.keyspace, key: key.bytes, expires, item_type, frequency, body };
        let place = self.log.append(queue, class, record);
        let (log, seed) = (&self.log, self.hash_seed);
        self.index.insert(key.hash, place, |place| hash_at(log, seed, place));
    }
}

/// Evicted keys count as remembered while they are among the last of one for this many items held.
/// With more of them, what is asked for every now and then crowds out what is asked for often.
const GHOST_SHARE: usize = 2;
/// Bytes kept free for what grows outside of any put: the list of retired keyspaces.
const SLACK: u64 = 4096;

/// The hash of the key of the record at a place.
pub(crate) fn hash_at(log: &Log, seed: u64, place: Place) -> u64 {
    let header = log.header(place);
    hash::hash(seed, header.keyspace, log.key(place, &header))
}
