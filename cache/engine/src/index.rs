//! Where a key's record is: a hash table from hash to place in the log, five bytes a slot.
//!
//! The table is cut into parts that double one after another (see [`hash::part`]), so growth
//! costs little memory at a time and never stops the shard for long. Growth, and sweeping up
//! the marks that removals leave, happen only in [`Index::prepare`], where the caller has made
//! room for them; hashbrown itself never grows a part here.

use crate::hash;
use hashbrown::HashTable;

/// A record's place: its offset in the log in units of
/// [`UNIT_BYTES`](crate::header::UNIT_BYTES).
pub(crate) type Place = u32;

/// What an allocation costs beside its bytes.
const ALLOCATION_BYTES: u64 = 16;

/// Capacity of the smallest part.
const SMALLEST: usize = 7;

/// The index of one shard.
#[derive(Debug)]
pub(crate) struct Index {
    parts: Box<[HashTable<Place>]>,
    len: usize,
    memory_bytes: u64,
}

impl Index {
    pub(crate) fn new(parts: usize) -> Self {
        let parts: Box<[_]> = (0..parts).map(|_| HashTable::new()).collect();
        let memory_bytes = size_of_val(&*parts) as u64;
        Self { parts, len: 0, memory_bytes }
    }

    /// Number of records.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    #[cfg(test)]
    pub(crate) fn recount_memory_bytes(&self) -> u64 {
        size_of_val(&*self.parts) as u64 + self.parts.iter().map(allocated).sum::<u64>()
    }

    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(Place) -> bool) -> Option<Place> {
        self.parts[self.part(hash)].find(hash, |&place| is_it(place)).copied()
    }

    /// A record that may be the key's, whichever it is: most often it is, if the key has one.
    pub(crate) fn candidate(&self, hash: u64) -> Option<Place> {
        self.find(hash, |_| true)
    }

    /// Bytes that [`prepare`](Self::prepare) would allocate for one more key with this hash.
    pub(crate) fn growth_bytes(&self, hash: u64) -> u64 {
        let part = &self.parts[self.part(hash)];
        if part.len() < part.capacity() {
            return 0;
        }
        // A slot of four bytes and its tag; then the tags that are read past the end.
        (buckets_for(grown(part)) * 5 + 32) as u64 + ALLOCATION_BYTES
    }

    /// Makes sure that one more key with this hash can be inserted.
    pub(crate) fn prepare(&mut self, hash: u64, rehash: impl Fn(Place) -> u64) {
        let part = self.part(hash);
        if self.parts[part].len() == self.parts[part].capacity() {
            let capacity = grown(&self.parts[part]);
            self.rebuild(part, capacity, rehash);
        }
    }

    /// Adds a record of a key that is not in the index; [`prepare`](Self::prepare) comes first.
    pub(crate) fn insert(&mut self, hash: u64, place: Place, rehash: impl Fn(Place) -> u64) {
        let part = self.part(hash);
        self.parts[part].insert_unique(hash, place, |&place| rehash(place));
        self.len += 1;
    }

    /// Follows a record that was moved.
    pub(crate) fn move_to(&mut self, hash: u64, from: Place, to: Place) {
        let part = self.part(hash);
        if let Some(place) = self.parts[part].find_mut(hash, |&place| place == from) {
            *place = to;
        }
    }

    pub(crate) fn remove(&mut self, hash: u64, place: Place, rehash: impl Fn(Place) -> u64) {
        let part = self.part(hash);
        if let Ok(entry) = self.parts[part].find_entry(hash, |&p| p == place) {
            entry.remove();
            self.len -= 1;
        }
        let table = &self.parts[part];
        if table.len() * 8 < table.num_buckets() && table.num_buckets() > 16 {
            let capacity = (table.len() * 2).max(SMALLEST);
            self.rebuild(part, capacity, rehash);
        }
    }

    /// How many parts there are: as many from the beginning on.
    pub(crate) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The records of one part. A key is always in the same.
    pub(crate) fn places(&self, part: usize) -> impl Iterator<Item = Place> {
        self.parts.get(part).into_iter().flatten().copied()
    }

    fn part(&self, hash: u64) -> usize {
        hash::part(hash, self.parts.len())
    }

    fn rebuild(&mut self, part: usize, capacity: usize, rehash: impl Fn(Place) -> u64) {
        let mut table = HashTable::with_capacity(capacity);
        for &place in &self.parts[part] {
            table.insert_unique(rehash(place), place, |&place| rehash(place));
        }
        self.memory_bytes += allocated(&table);
        self.memory_bytes -= allocated(&self.parts[part]);
        self.parts[part] = table;
    }
}

/// The capacity a full part is rebuilt with: twice as much, or the same if a tenth or more of
/// its slots only hold the marks of removed records.
fn grown(part: &HashTable<Place>) -> usize {
    let full = part.num_buckets() / 8 * 7;
    if part.len() < full / 10 * 9 { full } else { (full + 1).max(SMALLEST) }
}

fn buckets_for(capacity: usize) -> usize {
    if capacity <= SMALLEST { 8 } else { (capacity * 8 / 7).next_power_of_two() }
}

fn allocated(table: &HashTable<Place>) -> u64 {
    let bytes = table.allocation_size() as u64;
    if bytes == 0 { 0 } else { bytes + ALLOCATION_BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(place: Place) -> u64 {
        hash::hash(0, crate::Keyspace(0), &place.to_le_bytes())
    }

    fn insert(index: &mut Index, place: Place) {
        let hash = spread(place);
        let before = index.memory_bytes();
        let growth = index.growth_bytes(hash);
        index.prepare(hash, spread);
        assert!(index.memory_bytes() <= before + growth, "growth was announced");
        index.insert(hash, place, spread);
    }

    #[test]
    fn grows_smoothly_and_shrinks_again() {
        let mut index = Index::new(64);
        let empty = index.memory_bytes();
        for place in 0..100_000 {
            insert(&mut index, place);
            let held = index.memory_bytes() - empty;
            let items = u64::from(place) + 1;
            assert!(items < 10_000 || (50..110).contains(&(held * 10 / items)), "{held} for {items}");
        }
        assert_eq!(index.len(), 100_000);
        for place in 0..100_000 {
            assert_eq!(index.find(spread(place), |p| p == place), Some(place));
            index.remove(spread(place), place, spread);
        }
        assert_eq!(index.len(), 0);
        assert!(index.memory_bytes() - empty < 64 * 200);
    }

    #[test]
    fn churn_does_not_grow_it() {
        let mut index = Index::new(64);
        for place in 0..50_000 {
            insert(&mut index, place);
        }
        let held = index.memory_bytes();
        for place in 50_000..2_000_000 {
            index.remove(spread(place - 50_000), place - 50_000, spread);
            insert(&mut index, place);
        }
        assert!(index.memory_bytes() <= held * 13 / 10, "{} > {held}", index.memory_bytes());
    }
}
