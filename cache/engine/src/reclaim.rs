//! Getting memory back: what goes first, what is kept, and how much at a time.
//!
//! A put that needs memory reclaims whole segments until it fits ([`Shard::make_room`]). First
//! come bytes nobody can read: segments that have expired as a whole, segments that may hold
//! retired or expired items, segments with much garbage, whose live records are moved together.
//! Only then live items are evicted, by S3-FIFO over segments: from the small queue while it
//! holds more than its share, else from the main one; items read since they were last considered
//! get another round in the main queue.
//!
//! [`Shard::maintain`] does the first part ahead of need, a slice at a time.

use crate::index::Place;
use crate::log::Body;
use crate::segment::{Queue, TtlClass};
use crate::shard::{End, Key, Shard, hash_at};
use kura_base::Millis;

/// The small queue's share of the live bytes is one in this many. S3-FIFO's authors take ten, but
/// ask for two accesses; with one, a smaller queue finds more on the traces of `kura-bench hit-ratio`.
const SMALL_SHARE: u64 = 33;
/// Accesses in the small queue that earn a place in the main one.
const PROMOTION: u8 = 1;
/// A put moves the records of a segment together when one byte in this many is garbage.
const COMPACT_UNDER_PRESSURE: usize = 4;
/// Maintenance does so when one in this many is.
const COMPACT_AHEAD: usize = 2;
/// Segments swept for one put without a byte gained until accesses no longer count.
const PATIENCE: u32 = 32;
/// Segments looked through for dead items, for one put, before live ones are evicted.
const SEARCHES: u32 = 4;
/// Nodes of collections given up that are freed between two looks at the memory.
const NODES_AT_ONCE: usize = 64;
/// What visiting an item kept apart costs, in items: freeing large values takes long.
const APART_COST: usize = 16;

/// Where maintenance stands.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    /// Nothing is to be done before this.
    due: Millis,
    /// A segment being looked through, if it is still the one it was.
    search: Option<Search>,
}

#[derive(Clone, Copy, Debug)]
struct Search {
    segment: u32,
    born: u64,
    offset: usize,
}

impl Upkeep {
    /// Something may be to do at `at`.
    pub(crate) fn wake_at(&mut self, at: Millis) {
        self.due = self.due.min(at);
    }

    #[cfg(test)]
    pub(crate) fn segment_in_search(&self) -> Option<u32> {
        self.search.map(|search| search.segment)
    }
}

/// A way to reclaim memory without ending a live item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// Find and end the expired and retired items of a segment.
    Search(u32),
    /// Move the live records of a segment elsewhere and free it.
    Compact(u32),
}

/// What happens to the live records of a swept segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sweep {
    /// All are moved within their queue.
    Compact,
    /// Those with accesses are moved to the main queue, the others evicted.
    Evict,
    /// All are evicted.
    Clear,
}

impl Shard {
    /// Reclaims until the record fits, with the growth of index and log that it causes.
    pub(crate) fn make_room(
        &mut self,
        key: Key<'_>,
        queue: Queue,
        class: TtlClass,
        body: &Body<'_>,
        now: Millis,
    ) {
        self.reclaim(now, |shard| {
            shard.log.growth_bytes(queue, class, key.bytes, body) + shard.index.growth_bytes(key.hash)
        });
        let (log, seed) = (&self.log, self.hash_seed);
        self.index.prepare(key.hash, |place| hash_at(log, seed, place));
    }

    /// Reclaims until the shard, with its share of the heap, is within its bounds.
    pub(crate) fn fit(&mut self, now: Millis) {
        self.reclaim(now, |_| 0);
    }

    fn reclaim(&mut self, now: Millis, growth: impl Fn(&Self) -> u64) {
        let (mut searches, mut fruitless) = (0, 0);
        loop {
            let growth = growth(self);
            let before = self.working_bytes();
            if before + growth <= self.bounds.working {
                break;
            }
            if self.heap.free(NODES_AT_ONCE) > 0 {
                continue;
            }
            match self.task(now, COMPACT_UNDER_PRESSURE, searches < SEARCHES) {
                Some(Task::Search(segment)) => {
                    let ended = self.search(segment, now, &mut usize::MAX.clone());
                    searches += u32::from(ended == 0);
                }
                Some(Task::Compact(segment)) => {
                    self.sweep(segment, Sweep::Compact, now, 0);
                }
                None => {
                    let how = if fruitless < PATIENCE { Sweep::Evict } else { Sweep::Clear };
                    if !self.evict(how, now, self.bounds.working.saturating_sub(growth)) {
                        break;
                    }
                    fruitless = if self.working_bytes() < before { 0 } else { fruitless + 1 };
                }
            }
        }
    }

    /// Does up to `max_items` items' worth of work that is due; moving a segment's records
    /// together is not divided, and done on its own. True if more is waiting.
    pub(crate) fn maintain(&mut self, now: Millis, max_items: &mut usize) -> bool {
        let mut fresh = true;
        while *max_items > 0 {
            if now < self.upkeep.due {
                return false;
            }
            match self.task(now, COMPACT_AHEAD, true) {
                Some(Task::Search(segment)) => {
                    self.search(segment, now, max_items);
                }
                Some(Task::Compact(segment)) if fresh => {
                    let visited = self.sweep(segment, Sweep::Compact, now, 0);
                    *max_items = max_items.saturating_sub(visited);
                    return true;
                }
                Some(Task::Compact(_)) => return true,
                None => return false,
            }
            fresh = false;
        }
        true
    }

    /// The best way to reclaim without loss, if any; `compact_from` as above. Having found
    /// none, sets when to look again.
    fn task(&mut self, now: Millis, compact_from: usize, may_search: bool) -> Option<Task> {
        if let Some(search) = self.upkeep.search {
            if self.log.segment(search.segment).born == search.born {
                return Some(Task::Search(search.segment));
            }
            self.upkeep.search = None;
        }
        let worth_compacting = self.log.segment_bytes().div_ceil(compact_from);
        let much_garbage = self.log.garbage_bytes() * 8 >= self.log.used_bytes();
        if now < self.upkeep.due && !much_garbage {
            return None;
        }
        let mut fullest: Option<(usize, u32)> = None;
        let mut due = Millis(u64::MAX);
        let mut clear = true;
        for (number, segment) in self.log.segments() {
            if segment.live == 0 {
                continue;
            }
            if now >= segment.look_at() || segment.may_hold(&self.retired) {
                if may_search {
                    return Some(Task::Search(number));
                }
                clear = false;
            }
            due = due.min(segment.look_at());
            let garbage = segment.garbage();
            if garbage >= worth_compacting && fullest.is_none_or(|(most, _)| garbage > most) {
                fullest = Some((garbage, number));
            }
        }
        if clear {
            // No segment may hold an item of a retired keyspace any more.
            self.retired.clear();
            if fullest.is_none() {
                self.upkeep.due = due;
            }
        }
        fullest.map(|(_, number)| Task::Compact(number))
    }

    // === searching: expired and retired items of one segment ===

    /// Looks through a segment, from where it was left, while `max_items` lasts; the number of
    /// items ended.
    fn search(&mut self, number: u32, now: Millis, max_items: &mut usize) -> usize {
        let born = self.log.segment(number).born;
        let mut offset = match self.upkeep.search.take() {
            Some(search) if search.segment == number && search.born == born => search.offset,
            _ => {
                self.log.segment_mut(number).begin_search(self.retired.round());
                0
            }
        };
        let mut ended = 0;
        while let Some(header) = self.log.segment(number).header(offset) {
            if *max_items == 0 {
                self.upkeep.search = Some(Search { segment: number, born, offset });
                return ended;
            }
            *max_items = max_items.saturating_sub(if header.apart { APART_COST } else { 1 });
            let place = self.log.place(number, offset);
            offset += usize::from(header.slot_bytes);
            if header.dead {
                continue;
            }
            if let Some(why) = self.over(place, now) {
                let hash = hash_at(&self.log, self.hash_seed, place);
                self.unlink(place, hash, why);
                ended += 1;
            } else {
                self.log.segment_mut(number).note(&header);
            }
        }
        if self.log.segment(number).live == 0 {
            self.log.release(number);
        }
        ended
    }

    /// Why a record that is not dead is of no use any more, if so.
    fn over(&self, place: Place, now: Millis) -> Option<End> {
        let header = self.log.header(place);
        if self.retired.contains(header.keyspace) {
            Some(End::Retired)
        } else if now >= header.expires {
            Some(End::Expired)
        } else {
            None
        }
    }

    /// Whether log, index and heap take `enough` bytes or less, once what was given up is freed.
    fn is_within(&self, enough: u64) -> bool {
        while self.working_bytes() > enough {
            if self.heap.free(NODES_AT_ONCE) == 0 {
                return false;
            }
        }
        true
    }

    // === sweeping: freeing one segment ===

    /// Sweeps the oldest segment of the queue whose turn it is; false if there is none.
    fn evict(&mut self, how: Sweep, now: Millis, enough: u64) -> bool {
        let small = self.log.held_bytes(Queue::Small);
        let all: u64 = Queue::ALL.into_iter().map(|queue| self.log.held_bytes(queue)).sum();
        let order = if small * SMALL_SHARE > all { Queue::ALL } else { [Queue::Main, Queue::Small] };
        let Some(segment) = order.into_iter().find_map(|queue| self.log.oldest(queue)) else {
            return false;
        };
        self.sweep(segment, how, now, enough);
        true
    }

    /// Frees a segment; the number of records visited. A segment may hold many large items by
    /// their numbers: the sweep stops early once evicting one of them left `enough` bytes or
    /// less in log and index.
    fn sweep(&mut self, number: u32, how: Sweep, now: Millis, enough: u64) -> usize {
        self.log.seal(number);
        let queue = self.log.segment(number).queue;
        let (mut offset, mut visited) = (self.log.segment(number).head, 0);
        while let Some(header) = self.log.segment(number).header(offset) {
            let place = self.log.place(number, offset);
            offset += usize::from(header.slot_bytes);
            visited += if header.apart { APART_COST } else { 1 };
            if header.dead {
                continue;
            }
            let hash = hash_at(&self.log, self.hash_seed, place);
            if let Some(why) = self.over(place, now) {
                self.unlink(place, hash, why);
                continue;
            }
            let next = match (how, queue) {
                (Sweep::Compact, _) => Some((queue, header.frequency)),
                (Sweep::Evict, Queue::Small) if header.frequency >= PROMOTION => Some((Queue::Main, 0)),
                (Sweep::Evict, Queue::Main) if header.frequency > 0 => {
                    Some((Queue::Main, header.frequency - 1))
                }
                (Sweep::Evict | Sweep::Clear, _) => None,
            };
            match next {
                Some((queue, frequency)) => {
                    let moved = self.log.relocate(place, queue, frequency);
                    self.index.move_to(hash, place, moved);
                }
                None => {
                    if queue == Queue::Small {
                        self.ghost.remember(hash);
                    }
                    self.unlink(place, hash, End::Evicted);
                    if header.apart && self.is_within(enough) {
                        self.log.segment_mut(number).head = offset;
                        break;
                    }
                }
            }
        }
        if self.log.segment(number).live == 0 {
            self.log.release(number);
        }
        visited
    }
}
