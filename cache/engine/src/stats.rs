//! What an engine holds and has dropped, as numbers.

use std::ops::AddAssign;

/// A reading of an engine. Totals only ever rise; the rest goes up and down.
///
/// Shards are read one after another, so a reading under load is not of one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Items held, those included that have expired or been retired but not been found yet.
    pub items: u64,
    /// Bytes of the keys and values of these items; of large collections, of the keys.
    pub payload_bytes: u64,
    /// Bytes of large collections, those included that wait to be freed or are still read.
    pub collection_bytes: u64,
    /// Bytes the engine has allocated: items, index, ghosts and segments, dead bytes included.
    pub memory_bytes: u64,
    /// Bytes it may allocate at most.
    pub memory_limit_bytes: u64,
    /// Bytes in segments that belong to no item any more and await compaction.
    pub garbage_bytes: u64,
    /// Items dropped while alive, to make room.
    pub evicted_total: u64,
    /// Items dropped because their time had come.
    pub expired_total: u64,
    /// Items dropped because their keyspace was retired.
    pub retired_total: u64,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.items += other.items;
        self.payload_bytes += other.payload_bytes;
        self.collection_bytes += other.collection_bytes;
        self.memory_bytes += other.memory_bytes;
        self.memory_limit_bytes += other.memory_limit_bytes;
        self.garbage_bytes += other.garbage_bytes;
        self.evicted_total += other.evicted_total;
        self.expired_total += other.expired_total;
        self.retired_total += other.retired_total;
    }
}
