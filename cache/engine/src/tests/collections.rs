//! Collections next to scalars: against plain maps, under pressure, and while long work is on.

use super::*;
use crate::collection::Collection;
use crate::{Action, Change, Dictionary, Refusal, SortedSet};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Debug)]
enum Op {
    Scalar {
        key: u8,
        len: usize,
    },
    /// Adds so many elements of a length, or removes them again.
    Dictionary {
        key: u8,
        from: u16,
        count: u16,
        len: usize,
        remove: bool,
        aside: bool,
    },
    SortedSet {
        key: u8,
        from: u16,
        count: u16,
        len: usize,
        remove: bool,
        aside: bool,
    },
    Clear {
        key: u8,
    },
    Delete {
        key: u8,
    },
    Read {
        key: u8,
        keep: bool,
    },
    Flush,
    Wait {
        millis: u64,
    },
    Maintain {
        max_items: usize,
    },
}

fn op(keys: u8) -> impl Strategy<Value = Op> {
    let len = || prop_oneof![8 => 0_usize..30, 1 => 300_usize..3000];
    let count = || prop_oneof![4 => 0_u16..10, 2 => 60_u16..200, 1 => 0_u16..800];
    let edit = move || (0..keys, 0_u16..600, count(), len(), prop::bool::weighted(0.4), any::<bool>());
    prop_oneof![
        4 => (0..keys, len()).prop_map(|(key, len)| Op::Scalar { key, len }),
        12 => edit().prop_map(|(key, from, count, len, remove, aside)| Op::Dictionary {
            key, from, count, len, remove, aside
        }),
        12 => edit().prop_map(|(key, from, count, len, remove, aside)| Op::SortedSet {
            key, from, count, len, remove, aside
        }),
        2 => (0..keys).prop_map(|key| Op::Clear { key }),
        2 => (0..keys).prop_map(|key| Op::Delete { key }),
        8 => (0..keys, any::<bool>()).prop_map(|(key, keep)| Op::Read { key, keep }),
        1 => Just(Op::Flush),
        2 => prop_oneof![0_u64..5, 0_u64..10_000].prop_map(|millis| Op::Wait { millis }),
        3 => (0_usize..100).prop_map(|max_items| Op::Maintain { max_items }),
    ]
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug, PartialEq)]
enum Model {
    Scalar(Vec<u8>),
    Dictionary(Map),
    SortedSet(BTreeMap<Vec<u8>, f64>),
}

impl Model {
    fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(_) => false,
            Self::Dictionary(map) => map.is_empty(),
            Self::SortedSet(map) => map.is_empty(),
        }
    }
}

struct Pair {
    engine: Engine,
    ks: Keyspace,
    map: HashMap<u8, (Model, Millis)>,
    /// Windows with what they must show.
    kept: Vec<(crate::Fields, Map)>,
    now: Millis,
    roomy: bool,
}

fn element(number: u16, len: usize) -> Vec<u8> {
    let mut element = vec![b'e'; len];
    element.extend_from_slice(&number.to_be_bytes());
    element
}

impl Pair {
    fn name(key: u8) -> Vec<u8> {
        vec![key; if key == 3 { 1500 } else { usize::from(key) + 1 }]
    }

    fn expected(&self, key: u8) -> Option<Model> {
        self.map.get(&key).filter(|(_, expires)| self.now < *expires).map(|(model, _)| model.clone())
    }

    /// One edit of one kind, on the engine and on the model.
    fn edit<C: Collection>(
        &mut self,
        (key, aside, growth): (u8, bool, u64),
        change: impl Fn(&mut C),
        read: impl Fn(&C) -> Model,
        expect: impl Fn(Option<Model>) -> Option<Model>,
    ) {
        let (name, now, ks) = (Self::name(key), self.now, self.ks);
        let work = |collection: &mut C, held: Option<Millis>| {
            let before = held.map(|_| read(collection));
            change(collection);
            assert_eq!(collection.len() == 0, read(collection).is_empty());
            (Change::Store(held.unwrap_or(Millis(now.0 + 5000))), (before, read(collection)))
        };
        let engine = &self.engine;
        let done = if aside {
            engine.edit_aside(ks, &name, growth, now, work)
        } else {
            engine.edit(ks, &name, growth, now, work)
        };
        let current = self.expected(key);
        match done {
            Err(Refusal::WrongType(_)) => assert!(current.is_some()),
            Err(Refusal::TooLarge(_) | Refusal::NoRoom { .. }) if !self.roomy => {}
            Err(refusal) => panic!("{refusal:?}"),
            Ok((before, after)) => {
                let evicted = before.is_none() && !self.roomy;
                if !evicted {
                    assert_eq!(before, current);
                }
                assert_eq!(Some(&after), expect(before.clone()).as_ref());
                let expires = self.map.get(&key).filter(|_| before.is_some()).map(|(_, expires)| *expires);
                self.map.insert(key, (after, expires.unwrap_or(Millis(now.0 + 5000))));
                if self.map[&key].0.is_empty() {
                    self.map.remove(&key);
                }
            }
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Scalar { key, len } => {
                let expires = Millis(self.now.0 + 5000);
                let value = vec![key; len];
                let name = Self::name(key);
                self.engine.set(self.ks, &name, Value::Copied(&value), expires, self.now).unwrap();
                self.map.insert(key, (Model::Scalar(value), expires));
            }
            Op::Dictionary { key, from, count, len, remove, aside } => {
                let fields: Vec<_> = (from..from + count).map(|n| element(n, len)).collect();
                self.edit(
                    (key, aside, if remove { 0 } else { 3 * u64::from(count) * (len as u64 + 32) }),
                    |dictionary: &mut Dictionary| {
                        for field in &fields {
                            if remove {
                                dictionary.remove(field);
                            } else {
                                dictionary.set(field, &field[..field.len() / 2]);
                            }
                        }
                    },
                    dictionary_of,
                    |before| {
                        let Some(Model::Dictionary(mut map)) =
                            before.or(Some(Model::Dictionary(BTreeMap::new())))
                        else {
                            return None;
                        };
                        for field in &fields {
                            if remove {
                                map.remove(field);
                            } else {
                                map.insert(field.clone(), field[..field.len() / 2].to_vec());
                            }
                        }
                        Some(Model::Dictionary(map))
                    },
                );
            }
            Op::SortedSet { key, from, count, len, remove, aside } => {
                let values: Vec<_> = (from..from + count).map(|n| element(n, len)).collect();
                let score = f64::from(from % 7) - 3.0;
                self.edit(
                    (key, aside, if remove { 0 } else { 3 * u64::from(count) * (len as u64 + 32) }),
                    |set: &mut SortedSet| {
                        for value in &values {
                            if remove {
                                set.remove(value);
                            } else {
                                set.set(value, score);
                            }
                        }
                    },
                    sorted_set_of,
                    |before| {
                        let Some(Model::SortedSet(mut map)) =
                            before.or(Some(Model::SortedSet(BTreeMap::new())))
                        else {
                            return None;
                        };
                        for value in &values {
                            if remove {
                                map.remove(value);
                            } else {
                                map.insert(value.clone(), score);
                            }
                        }
                        Some(Model::SortedSet(map))
                    },
                );
            }
            Op::Clear { key } => {
                let (name, now) = (Self::name(key), self.now);
                let removed =
                    self.engine.edit(self.ks, &name, 0, now, |_: &mut Dictionary, _| (Change::Remove, ()));
                if removed.is_ok() {
                    self.map.remove(&key);
                }
            }
            Op::Delete { key } => {
                self.engine.delete(self.ks, &Self::name(key), self.now);
                self.map.remove(&key);
            }
            Op::Read { key, keep } => self.read(key, keep),
            Op::Flush => {
                self.engine.retire(self.ks);
                self.ks.0 += 1;
                self.map.clear();
            }
            Op::Wait { millis } => self.now.0 += millis,
            Op::Maintain { max_items } => {
                self.engine.maintain(self.now, max_items);
            }
        }
    }

    fn read(&mut self, key: u8, keep: bool) {
        let (name, now, expected) = (Self::name(key), self.now, self.expected(key));
        let found = match expected {
            Some(Model::SortedSet(_)) => {
                let found = self.engine.collection::<SortedSet>(self.ks, &name, now).unwrap();
                found.map(|(set, _)| sorted_set_of(&set))
            }
            Some(Model::Scalar(_)) => {
                let read = |item: crate::Item<'_>| Model::Scalar(item.value.as_bytes().to_vec());
                self.engine.get(self.ks, &name, now, read)
            }
            _ => {
                let found = self.engine.collection::<Dictionary>(self.ks, &name, now).unwrap();
                if let Some((dictionary, _)) = found.as_ref().filter(|_| keep)
                    && let Model::Dictionary(map) = dictionary_of(dictionary)
                {
                    self.kept.truncate(2);
                    self.kept.push((dictionary.fields(), map));
                }
                found.map(|(dictionary, _)| dictionary_of(&dictionary))
            }
        };
        if found.is_none() && !self.roomy {
            self.map.remove(&key);
        } else {
            assert_eq!(found, expected);
        }
    }
}

fn dictionary_of(dictionary: &Dictionary) -> Model {
    let map: BTreeMap<_, _> =
        dictionary.fields().iter_from(0).map(|(f, v)| (f.to_vec(), v.to_vec())).collect();
    for (field, value) in map.iter().step_by(17) {
        assert_eq!(dictionary.get(field), Some(&value[..]));
    }
    Model::Dictionary(map)
}

fn sorted_set_of(set: &SortedSet) -> Model {
    let all: Vec<_> = set.iter().map(|(value, score)| (score, value.to_vec())).collect();
    assert!(all.is_sorted_by(|a, b| a.0 < b.0 || (a.0 == b.0 && a.1 < b.1)), "in order");
    for (rank, (score, value)) in all.iter().enumerate().step_by(17) {
        assert_eq!((set.score(value), set.rank(value)), (Some(*score), Some(rank as u64)));
    }
    Model::SortedSet(all.into_iter().map(|(score, value)| (value, score)).collect())
}

fn run(memory_bytes: u64, roomy: bool, ops: Vec<Op>) {
    let mut pair =
        Pair { engine: engine(memory_bytes), ks: KS, map: HashMap::new(), kept: Vec::new(), now: NOW, roomy };
    for op in ops {
        pair.apply(op);
        if !roomy {
            let stats = pair.engine.stats();
            assert!(stats.memory_bytes <= memory_bytes, "{stats:?}");
        }
    }
    pair.engine.audit();
    for key in pair.map.keys().copied().collect::<Vec<_>>() {
        pair.read(key, false);
    }
    for (fields, map) in pair.kept.drain(..) {
        assert!(fields.iter_from(0).eq(map.iter().map(|(f, v)| (&**f, &**v))), "kept as it was");
    }
    if roomy {
        assert_eq!(pair.engine.stats().evicted_total, 0);
    }
    // All goes, and all memory of collections comes back.
    pair.engine.retire(pair.ks);
    while pair.engine.maintain(pair.now, 100) {}
    pair.engine.audit();
    assert_eq!(pair.engine.stats().collection_bytes, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn with_room_they_are_maps(ops in prop::collection::vec(op(5), 1..100)) {
        run(64 << 20, true, ops);
    }

    #[test]
    fn under_pressure_they_are_forgotten_whole(ops in prop::collection::vec(op(40), 1..150)) {
        run(1 << 20, false, ops);
    }
}

fn fill(engine: &Engine, key: &str, fields: u32) -> Result<(), Refusal> {
    for n in 0..fields {
        add(engine, key, n)?;
    }
    Ok(())
}

fn add(engine: &Engine, key: &str, n: u32) -> Result<(), Refusal> {
    engine.edit(KS, key.as_bytes(), 100, NOW, |dictionary: &mut Dictionary, _| {
        dictionary.set(&n.to_be_bytes(), &[7; 50]);
        (Change::Store(later(HOUR)), ())
    })
}

fn len(engine: &Engine, key: &str) -> Option<u64> {
    engine.collection::<Dictionary>(KS, key.as_bytes(), NOW).unwrap().map(|(found, _)| found.len())
}

#[test]
fn a_growing_collection_evicts_others_within_the_bound() {
    let engine = engine(64 << 20);
    for n in 0..600_000 {
        set(&engine, KS, &format!("scalar-{n}"), &[1; 100]).unwrap();
    }
    assert!(engine.stats().evicted_total > 0, "the memory is full");
    fill(&engine, "large", 300_000).unwrap();
    let stats = engine.stats();
    assert!(stats.collection_bytes > 15 << 20, "{stats:?}");
    assert!(stats.memory_bytes <= 64 << 20, "{stats:?}");
    assert_eq!(len(&engine, "large"), Some(300_000), "what is written to stays");
    engine.audit();
}

#[test]
fn large_collections_that_nobody_asks_for_go_first() {
    let engine = engine(32 << 20);
    for round in 0..20 {
        fill(&engine, &format!("d-{round}"), 40_000).unwrap();
        assert_eq!(len(&engine, &format!("d-{round}")), Some(40_000));
        let stats = engine.stats();
        assert!(stats.memory_bytes <= 32 << 20, "{stats:?}");
    }
    assert!(len(&engine, "d-0").is_none());
    engine.audit();
}

#[test]
fn a_collection_has_a_largest_size() {
    let engine = engine(8 << 20);
    let refused = (0..1_000_000).find_map(|n| add(&engine, "d", n).err());
    assert!(matches!(refused, Some(Refusal::TooLarge(_))), "{refused:?}");
    let held = len(&engine, "d").unwrap();
    assert!(held > 30_000, "{held}");
    engine.audit();
}

#[test]
fn what_is_still_read_counts_and_cannot_grow_without_end() {
    let engine = engine(8 << 20);
    let mut windows = Vec::new();
    let refused = (0..50).find_map(|_| {
        let filled = fill(&engine, "d", 10_000).err();
        windows.extend(engine.collection::<Dictionary>(KS, b"d", NOW).unwrap());
        engine.delete(KS, b"d", NOW);
        filled
    });
    assert!(matches!(refused, Some(Refusal::NoRoom { .. })), "{refused:?}");
    assert!(engine.stats().memory_bytes <= 8 << 20);
    drop(windows);
    fill(&engine, "d", 10_000).unwrap();
    engine.audit();
}

#[test]
fn long_work_lets_others_read_and_nobody_else_write() {
    let engine = Arc::new(engine(32 << 20));
    fill(&engine, "d", 1000).unwrap();
    let (started, go_on) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            engine.edit_aside(KS, b"d", 0, NOW, |dictionary: &mut Dictionary, held| {
                started.store(true, Ordering::SeqCst);
                while !go_on.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                dictionary.set(b"more", b"");
                (Change::Store(held.unwrap()), ())
            })
        });
        while !started.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        assert_eq!(len(&engine, "d"), Some(1000));
        assert_eq!(add(&engine, "d", 5000), Err(Refusal::Busy));
        add(&engine, "other", 1).unwrap();
        let expire = |_: Option<crate::Item<'_>>| (Action::Expire(later(2 * HOUR)), ());
        engine.update(KS, b"d", NOW, expire).unwrap();
        go_on.store(true, Ordering::SeqCst);
        work.join().unwrap().unwrap();
    });
    let (found, expires) = engine.collection::<Dictionary>(KS, b"d", NOW).unwrap().unwrap();
    assert_eq!((found.len(), expires), (1001, later(2 * HOUR)), "both changes hold");
    add(&engine, "d", 5000).unwrap();
    drop(found);
    engine.audit();
}

#[test]
fn what_replaces_a_collection_comes_after_long_work_on_it() {
    let engine = engine(32 << 20);
    fill(&engine, "d", 1000).unwrap();
    let replace = |dictionary: &mut Dictionary, held: Option<Millis>| {
        set(&engine, KS, "d", b"scalar").unwrap();
        dictionary.set(b"more", b"");
        (Change::Store(held.unwrap()), ())
    };
    engine.edit_aside(KS, b"d", 0, NOW, replace).unwrap();
    assert_eq!(get(&engine, KS, "d").as_deref(), Some(&b"scalar"[..]));
    // Work that panics leaves the collection as it was, and open to others.
    fill(&engine, "e", 300).unwrap();
    let panics = |_: &mut Dictionary, _: Option<Millis>| -> (Change, ()) { panic!("as it should") };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        engine.edit_aside(KS, b"e", 0, NOW, panics)
    }));
    assert!(caught.is_err());
    add(&engine, "e", 300).unwrap();
    assert_eq!(len(&engine, "e"), Some(301));
}
