//! Random operations against a plain map.

use super::*;
use crate::Action;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::HashMap;

#[derive(Clone, Debug)]
enum Op {
    Set { key: u8, cache: u8, len: usize, ttl: u64, shared: bool },
    Get { key: u8, cache: u8, count: bool },
    Delete { key: u8, cache: u8 },
    Update { key: u8, cache: u8, change: Change },
    Flush { cache: u8 },
    Wait { millis: u64 },
    Maintain { max_items: usize },
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Keep,
    Append { len: usize },
    Expire { ttl: u64 },
    Remove,
}

fn value_len() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0_usize..200, 2 => 3_900_usize..4_200, 1 => 0_usize..100_000]
}

fn ttl() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..3, 0_u64..5_000, 0_u64..100_000_000]
}

fn op(keys: u8) -> impl Strategy<Value = Op> {
    let (key, cache) = (0..keys, 0_u8..3);
    let change = prop_oneof![
        Just(Change::Keep),
        Just(Change::Remove),
        value_len().prop_map(|len| Change::Append { len }),
        ttl().prop_map(|ttl| Change::Expire { ttl }),
    ];
    let at = (key, cache);
    prop_oneof![
        8 => (at.clone(), value_len(), ttl(), any::<bool>())
            .prop_map(|((key, cache), len, ttl, shared)| Op::Set { key, cache, len, ttl, shared }),
        8 => (at.clone(), any::<bool>()).prop_map(|((key, cache), count)| Op::Get { key, cache, count }),
        2 => at.clone().prop_map(|(key, cache)| Op::Delete { key, cache }),
        3 => (at, change).prop_map(|((key, cache), change)| Op::Update { key, cache, change }),
        1 => (0_u8..3).prop_map(|cache| Op::Flush { cache }),
        2 => prop_oneof![0_u64..5, 0_u64..10_000, 0_u64..10_000_000].prop_map(|millis| Op::Wait { millis }),
        2 => (0_usize..20).prop_map(|max_items| Op::Maintain { max_items }),
    ]
}

/// An engine next to a map that says what it may hold.
struct Pair {
    engine: Engine,
    map: HashMap<(Keyspace, Vec<u8>), (Bytes, Millis)>,
    caches: [Keyspace; 3],
    next_keyspace: u32,
    now: Millis,
    written: u64,
    /// Nothing is evicted: what the map has, the engine has.
    roomy: bool,
}

impl Pair {
    fn new(memory_bytes: u64, roomy: bool) -> Self {
        Self {
            engine: engine(memory_bytes),
            map: HashMap::new(),
            caches: [Keyspace(0), Keyspace(1), Keyspace(2)],
            next_keyspace: 3,
            now: NOW,
            written: 0,
            roomy,
        }
    }

    fn at(&self, key: u8, cache: u8) -> (Keyspace, Vec<u8>) {
        // Keys of many lengths, one of them too long for a segment.
        let len = if key == 7 { 9_000 } else { usize::from(key) * 3 };
        (self.caches[usize::from(cache)], vec![key; len.max(1)])
    }

    /// A value unlike any other.
    fn value(&mut self, len: usize) -> Bytes {
        self.written += 1;
        self.written.to_le_bytes().into_iter().cycle().take(len).collect()
    }

    fn expected(&self, at: &(Keyspace, Vec<u8>)) -> Option<&(Bytes, Millis)> {
        self.map.get(at).filter(|(_, expires)| self.now < *expires)
    }

    /// Compares what was read with the map; returns what was read.
    fn check(&mut self, at: &(Keyspace, Vec<u8>), read: Option<(Bytes, Millis)>) -> Option<(Bytes, Millis)> {
        match &read {
            None if !self.roomy => {
                self.map.remove(at);
            }
            _ => assert_eq!(read.as_ref(), self.expected(at)),
        }
        read
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Set { key, cache, len, ttl, shared } => {
                let (at, value) = (self.at(key, cache), self.value(len));
                let expires = Millis(self.now.0 + ttl);
                let given = if shared { Value::Shared(value.clone()) } else { Value::Copied(&value) };
                self.engine.set(at.0, &at.1, given, expires, self.now).unwrap();
                self.map.insert(at, (value, expires));
            }
            Op::Get { key, cache, count } => {
                let at = self.at(key, cache);
                let read = |item: crate::Item<'_>| (item.value.to_bytes(), item.expires);
                let read = if count {
                    self.engine.get(at.0, &at.1, self.now, read)
                } else {
                    self.engine.peek(at.0, &at.1, self.now, read)
                };
                self.check(&at, read);
            }
            Op::Delete { key, cache } => {
                let at = self.at(key, cache);
                let was = self.engine.delete(at.0, &at.1, self.now);
                assert!(!was || self.expected(&at).is_some());
                assert!(was || !self.roomy || self.expected(&at).is_none());
                self.map.remove(&at);
            }
            Op::Update { key, cache, change } => self.update(key, cache, change),
            Op::Flush { cache } => {
                let keyspace = &mut self.caches[usize::from(cache)];
                self.engine.retire(*keyspace);
                self.map.retain(|at, _| at.0 != *keyspace);
                assert_eq!(self.engine.peek(*keyspace, &[1; 3], self.now, |_| ()), None);
                *keyspace = Keyspace(self.next_keyspace);
                self.next_keyspace += 1;
            }
            Op::Wait { millis } => self.now.0 += millis,
            Op::Maintain { max_items } => {
                self.engine.maintain(self.now, max_items);
            }
        }
    }

    fn update(&mut self, key: u8, cache: u8, change: Change) {
        let (at, now) = (self.at(key, cache), self.now);
        let tail = if let Change::Append { len } = change { self.value(len) } else { Bytes::new() };
        let read = self.engine.update(at.0, &at.1, now, |item| {
            let read = item.map(|item| (item.value.to_bytes(), item.expires));
            let action = match change {
                Change::Keep => Action::Keep,
                Change::Remove => Action::Remove,
                Change::Expire { ttl } => Action::Expire(Millis(now.0 + ttl)),
                Change::Append { .. } => {
                    let value = Value::Shared(appended(read.as_ref(), &tail));
                    Action::Put { value, expires: Millis(now.0 + 1000) }
                }
            };
            (action, read)
        });
        let read = self.check(&at, read.unwrap());
        match change {
            Change::Keep => {}
            Change::Remove => {
                self.map.remove(&at);
            }
            Change::Append { .. } => {
                self.map.insert(at, (appended(read.as_ref(), &tail), Millis(now.0 + 1000)));
            }
            Change::Expire { ttl } => {
                if let Some((value, _)) = read {
                    self.map.insert(at, (value, Millis(now.0 + ttl)));
                }
            }
        }
    }
}

/// The value that was read, at most its first 50,000 bytes, with more behind it.
fn appended(read: Option<&(Bytes, Millis)>, tail: &Bytes) -> Bytes {
    let head = read.map(|(value, _)| &value[..value.len().min(50_000)]).unwrap_or_default();
    [head, tail].concat().into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn with_room_it_is_a_map(ops in prop::collection::vec(op(8), 1..200)) {
        let mut pair = Pair::new(64 << 20, true);
        for op in ops {
            pair.apply(op);
        }
        pair.engine.audit();
        prop_assert_eq!(pair.engine.stats().evicted_total, 0);
        // Once all is found that has ended, the two hold the same.
        while pair.engine.maintain(pair.now, 7) {}
        pair.engine.audit();
        for at in pair.map.keys().cloned().collect::<Vec<_>>() {
            let now = pair.now;
            let read = pair.engine.get(at.0, &at.1, now, |i| (i.value.to_bytes(), i.expires));
            pair.check(&at, read);
        }
    }

    #[test]
    fn under_pressure_it_forgets_but_never_errs(ops in prop::collection::vec(op(200), 1..600)) {
        let mut pair = Pair::new(1 << 20, false);
        let mut last = pair.engine.stats();
        for op in ops {
            pair.apply(op);
            let stats = pair.engine.stats();
            prop_assert!(stats.memory_bytes <= 1 << 20, "{stats:?}");
            prop_assert!(stats.evicted_total >= last.evicted_total);
            prop_assert!(stats.expired_total >= last.expired_total);
            prop_assert!(stats.retired_total >= last.retired_total);
            last = stats;
        }
        pair.engine.audit();
    }
}
