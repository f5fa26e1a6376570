//! What well-known policies would have kept: each played against a trace, with nothing but its own bookkeeping.
//!
//! A cache here is a capacity and what its items weigh: 1 each where items are counted, their bytes where sizes
//! differ. A miss is stored, whatever it is, as a look-aside client does.

use std::collections::{BTreeSet, VecDeque};

use super::traces::Trace;

/// A policy to play a trace against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// The item that was asked for longest ago goes.
    Lru,
    /// The item asked for least often since the beginning goes, the older of equals first. The counts of what went
    /// are kept.
    Lfu,
    /// S3-FIFO as its authors publish it: a small queue of a tenth, a main one, and a ghost of the main one's size.
    S3Fifo,
}

impl Policy {
    pub(super) const ALL: [Self; 3] = [Self::Lru, Self::Lfu, Self::S3Fifo];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Lru => "LRU",
            Self::Lfu => "full-history LFU",
            Self::S3Fifo => "S3-FIFO",
        }
    }

    /// The share of a trace's requests that find their key. `weight` is what an item of a key takes of `capacity`.
    pub(super) fn hit_ratio(self, trace: &Trace, capacity: u64, weight: impl Fn(u32) -> u64) -> f64 {
        let keys = trace.keys();
        let hits = match self {
            Self::Lru => play(trace, capacity, weight, &mut Lru::new(keys)),
            Self::Lfu => play(trace, capacity, weight, &mut Lfu::new(keys)),
            Self::S3Fifo => play(trace, capacity, weight, &mut S3Fifo::new(keys, capacity)),
        };
        hits as f64 / trace.requests.len().max(1) as f64
    }
}

/// What a policy decides.
trait Keeps {
    /// Notes a request for a key; whether it is there.
    fn ask(&mut self, key: u32) -> bool;
    /// Stores a key that is not there.
    fn store(&mut self, key: u32, weight: u64);
    /// Gives up one key; none if there is none.
    fn evict(&mut self) -> Option<u32>;
}

fn play(trace: &Trace, capacity: u64, weight: impl Fn(u32) -> u64, cache: &mut impl Keeps) -> usize {
    let (mut hits, mut held) = (0, 0);
    for &key in &trace.requests {
        if cache.ask(key) {
            hits += 1;
            continue;
        }
        let needed = weight(key);
        while held + needed > capacity {
            let Some(gone) = cache.evict() else { break };
            held -= weight(gone);
        }
        if held + needed <= capacity {
            cache.store(key, needed);
            held += needed;
        }
    }
    hits
}

/// Least recently used: a queue in which each request leaves a mark, and only a key's last mark counts.
struct Lru {
    marks: VecDeque<(u32, u32)>,
    /// When each key was asked for last, if it is there; 0 if not.
    last: Vec<u32>,
    now: u32,
}

impl Lru {
    fn new(keys: usize) -> Self {
        Self { marks: VecDeque::new(), last: vec![0; keys], now: 0 }
    }

    fn mark(&mut self, key: u32) {
        self.now += 1;
        self.last[key as usize] = self.now;
        self.marks.push_back((key, self.now));
    }
}

impl Keeps for Lru {
    fn ask(&mut self, key: u32) -> bool {
        let there = self.last[key as usize] > 0;
        if there {
            self.mark(key);
        }
        there
    }

    fn store(&mut self, key: u32, _: u64) {
        self.mark(key);
    }

    fn evict(&mut self) -> Option<u32> {
        while let Some((key, at)) = self.marks.pop_front() {
            if self.last[key as usize] == at {
                self.last[key as usize] = 0;
                return Some(key);
            }
        }
        None
    }
}

/// Least frequently used, with the whole history.
struct Lfu {
    /// What is there: how often it was asked for, when last, which key.
    held: BTreeSet<(u32, u32, u32)>,
    /// How often each key was asked for, and when last.
    history: Vec<(u32, u32)>,
    now: u32,
}

impl Lfu {
    fn new(keys: usize) -> Self {
        Self { held: BTreeSet::new(), history: vec![(0, 0); keys], now: 0 }
    }

    fn entry(&self, key: u32) -> (u32, u32, u32) {
        let (count, last) = self.history[key as usize];
        (count, last, key)
    }
}

impl Keeps for Lfu {
    fn ask(&mut self, key: u32) -> bool {
        let there = self.held.remove(&self.entry(key));
        self.now += 1;
        let (count, last) = &mut self.history[key as usize];
        (*count, *last) = (*count + 1, self.now);
        if there {
            self.held.insert(self.entry(key));
        }
        there
    }

    fn store(&mut self, key: u32, _: u64) {
        self.held.insert(self.entry(key));
    }

    fn evict(&mut self) -> Option<u32> {
        self.held.pop_first().map(|(_, _, key)| key)
    }
}

/// Where a key is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Small,
    Main,
    /// Dropped from the small queue; the number says for the how manieth time of all.
    Ghost(u32),
}

/// S3-FIFO.
struct S3Fifo {
    small: VecDeque<(u32, u64)>,
    main: VecDeque<(u32, u64)>,
    ghost: VecDeque<(u32, u64, u32)>,
    places: Vec<Place>,
    /// Requests since a key was last looked at, at most three.
    frequency: Vec<u8>,
    small_held: u64,
    ghost_held: u64,
    small_capacity: u64,
    ghost_capacity: u64,
    dropped: u32,
}

impl S3Fifo {
    /// Requests in the small queue that earn a place in the main one.
    const PROMOTION: u8 = 2;

    fn new(keys: usize, capacity: u64) -> Self {
        Self {
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghost: VecDeque::new(),
            places: vec![Place::Nowhere; keys],
            frequency: vec![0; keys],
            small_held: 0,
            ghost_held: 0,
            small_capacity: capacity / 10,
            ghost_capacity: capacity - capacity / 10,
            dropped: 0,
        }
    }

    fn remember(&mut self, key: u32, weight: u64) {
        self.dropped += 1;
        self.places[key as usize] = Place::Ghost(self.dropped);
        self.ghost.push_back((key, weight, self.dropped));
        self.ghost_held += weight;
        while self.ghost_held > self.ghost_capacity {
            let Some((key, weight, at)) = self.ghost.pop_front() else { return };
            self.ghost_held -= weight;
            if self.places[key as usize] == Place::Ghost(at) {
                self.places[key as usize] = Place::Nowhere;
            }
        }
    }

    fn evict_from_small(&mut self) -> Option<u32> {
        while let Some((key, weight)) = self.small.pop_front() {
            self.small_held -= weight;
            if self.frequency[key as usize] < Self::PROMOTION {
                self.remember(key, weight);
                return Some(key);
            }
            self.frequency[key as usize] = 0;
            self.places[key as usize] = Place::Main;
            self.main.push_back((key, weight));
        }
        None
    }

    fn evict_from_main(&mut self) -> Option<u32> {
        while let Some((key, weight)) = self.main.pop_front() {
            let frequency = &mut self.frequency[key as usize];
            if *frequency == 0 {
                self.places[key as usize] = Place::Nowhere;
                return Some(key);
            }
            *frequency -= 1;
            self.main.push_back((key, weight));
        }
        None
    }
}

impl Keeps for S3Fifo {
    fn ask(&mut self, key: u32) -> bool {
        let there = matches!(self.places[key as usize], Place::Small | Place::Main);
        if there {
            let frequency = &mut self.frequency[key as usize];
            *frequency = (*frequency + 1).min(3);
        }
        there
    }

    fn store(&mut self, key: u32, weight: u64) {
        self.frequency[key as usize] = 0;
        if matches!(self.places[key as usize], Place::Ghost(_)) {
            self.places[key as usize] = Place::Main;
            self.main.push_back((key, weight));
        } else {
            self.places[key as usize] = Place::Small;
            self.small.push_back((key, weight));
            self.small_held += weight;
        }
    }

    fn evict(&mut self) -> Option<u32> {
        if self.small_held > self.small_capacity || self.main.is_empty() {
            self.evict_from_small().or_else(|| self.evict_from_main())
        } else {
            self.evict_from_main().or_else(|| self.evict_from_small())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(policy: Policy, requests: &[u32], capacity: u64) -> f64 {
        let keys = requests.iter().max().map_or(0, |&key| key as usize + 1);
        let trace = Trace { name: "by hand", requests: requests.to_vec(), value_bytes: vec![1; keys] };
        (policy.hit_ratio(&trace, capacity, |_| 1) * requests.len() as f64).round()
    }

    #[test]
    fn what_fits_is_kept_by_all() {
        for policy in Policy::ALL {
            assert_eq!(hits(policy, &[0, 1, 2, 0, 1, 2, 2, 1, 0], 10), 6.0, "{policy:?}");
        }
    }

    #[test]
    fn lru_gives_up_what_was_asked_for_longest_ago() {
        // 0 is asked for again, so 2 takes the place of 1.
        assert_eq!(hits(Policy::Lru, &[0, 1, 0, 2, 0], 2), 2.0);
        assert_eq!(hits(Policy::Lru, &[0, 1, 0, 2, 1], 2), 1.0);
        // A loop longer than the cache finds nothing.
        assert_eq!(hits(Policy::Lru, &[0, 1, 2, 0, 1, 2], 2), 0.0);
    }

    #[test]
    fn lfu_remembers_what_it_gave_up() {
        // 0 twice, 1 and 2 once each: 1 goes for 2.
        assert_eq!(hits(Policy::Lfu, &[0, 0, 1, 2, 0], 2), 2.0);
        // 1 comes back with its count of two; 2, asked for once, goes for it, and 1 then stays over 3.
        assert_eq!(hits(Policy::Lfu, &[0, 0, 1, 2, 1, 3, 1, 0], 2), 2.0);
        assert_eq!(hits(Policy::Lfu, &[0, 0, 1, 2, 1, 1, 3, 0, 1], 2), 3.0);
    }

    #[test]
    fn s3_fifo_lets_a_scan_pass_by() {
        // Twenty keys asked for three times each, then a scan of a hundred, then the twenty again.
        let hot: Vec<u32> = (0..20).flat_map(|key| [key, key, key]).collect();
        let requests: Vec<u32> = hot.into_iter().chain(20..120).chain(0..20).collect();
        assert!(hits(Policy::S3Fifo, &requests, 25) >= 40.0 + 18.0);
        assert_eq!(hits(Policy::Lru, &requests, 25), 40.0);
    }

    #[test]
    fn s3_fifo_takes_back_what_it_dropped_lately_into_the_main_queue() {
        let mut cache = S3Fifo::new(100, 20);
        for key in 0..3 {
            cache.store(key, 1);
        }
        assert_eq!(cache.evict(), Some(0), "the small queue is over its tenth");
        assert!(!cache.ask(0));
        cache.store(0, 1);
        assert!(cache.places[0] == Place::Main);
    }

    #[test]
    fn sizes_count_where_they_are_asked_for() {
        let trace = Trace { name: "by hand", requests: vec![0, 1, 0, 1], value_bytes: vec![60, 60] };
        let by_bytes =
            |capacity| Policy::Lru.hit_ratio(&trace, capacity, |key| trace.value_bytes[key as usize].into());
        assert_eq!((by_bytes(120), by_bytes(119)), (0.5, 0.0));
    }
}
