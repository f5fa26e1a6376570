//! Going through all keys, a piece at a time.

use super::Engine;
use crate::{Item, Keyspace};
use kura_base::Millis;

/// Pieces looked at under one walk, most of which may be empty.
const PIECES_AT_ONCE: usize = 4096;

impl Engine {
    /// The place behind the last: a walk may begin at any below.
    #[must_use]
    pub fn walk_end(&self) -> u64 {
        let parts = self.shards.first().map_or(0, |place| place.shard.lock().index.parts());
        (self.shards.len() * parts) as u64
    }

    /// Visits items of a keyspace, from a place on (at first 0), until about `count` items of any
    /// keyspace have been looked at; where to go on, or nothing at the end.
    ///
    /// A key that is there from the first call to the last is visited exactly once, one that comes
    /// or goes meanwhile at most once. `visit` runs under the lock of a shard, which is given back
    /// after each of the pieces the index is cut into: some hundred items. Accesses are not counted.
    pub fn walk(
        &self,
        ks: Keyspace,
        from: u64,
        count: usize,
        now: Millis,
        mut visit: impl FnMut(&[u8], Item<'_>),
    ) -> Option<u64> {
        let parts = self.shards.first()?.shard.lock().index.parts();
        let end = self.shards.len() * parts;
        let mut from = usize::try_from(from).ok()?;
        let mut looked_at = 0;
        for _ in 0..PIECES_AT_ONCE {
            if from >= end || looked_at >= count {
                break;
            }
            let shard = self.shards[from / parts].shard.lock();
            if shard.index.len() == 0 {
                from = (from / parts + 1) * parts;
                continue;
            }
            let gone = shard.retired.contains(ks);
            for place in shard.index.places(from % parts) {
                looked_at += 1;
                let header = shard.log.header(place);
                if header.keyspace == ks && header.expires > now && !gone {
                    visit(shard.log.key(place, &header), shard.log.item(place, &header));
                }
            }
            from += 1;
        }
        (from < end).then_some(from as u64)
    }
}
