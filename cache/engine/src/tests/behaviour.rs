//! What each operation promises, where memory is plenty.

use super::*;
use crate::shard::Key;
use crate::{Action, ItemType, ValueRef, hash};
use bytes::Bytes;

#[test]
fn an_item_ends_to_the_millisecond() {
    for large in [false, true] {
        let engine = engine(16 << 20);
        let value = vec![1; if large { 50_000 } else { 5 }];
        engine.set(KS, b"k", Value::Copied(&value), later(1000), NOW).unwrap();
        assert_eq!(get_at(&engine, KS, "k", later(999)), Some(value));
        assert_eq!(engine.peek(KS, b"k", later(1000), |_| ()), None);
        assert_eq!(engine.stats().expired_total, 1);
        assert_eq!(engine.stats().items, 0, "found expired, reclaimed at once");
        assert!(!engine.delete(KS, b"k", later(1000)));
        engine.audit();
    }
}

#[test]
fn an_item_stored_expired_only_removes() {
    let engine = engine(8 << 20);
    set(&engine, KS, "k", b"old").unwrap();
    engine.set(KS, b"k", Value::Copied(b"new"), NOW, NOW).unwrap();
    assert_eq!(get(&engine, KS, "k"), None);
    assert_eq!(engine.stats().items, 0);
}

#[test]
fn far_expiries_are_kept() {
    let engine = engine(8 << 20);
    engine.set(KS, b"k", Value::Copied(b"v"), Millis(u64::MAX), NOW).unwrap();
    let expires = engine.get(KS, b"k", NOW, |item| item.expires);
    assert_eq!(expires, Some(Millis((1 << 48) - 1)));
}

#[test]
fn large_values_are_copied_before_the_lock() {
    let engine = engine(64 << 20);
    for bytes in [6000, 1_000_000] {
        let given = vec![7; bytes];
        let value = engine.ready(b"key", Value::Copied(&given));
        let address = value.as_bytes().as_ptr();
        engine.update(KS, b"key", NOW, |_| (Action::Put { value, expires: later(HOUR) }, ())).unwrap();
        assert_eq!(engine.get(KS, b"key", NOW, |i| i.value.as_bytes().as_ptr()), Some(address));
    }
}

#[test]
fn small_values_are_inline_and_large_ones_shared() {
    let engine = engine(64 << 20);
    let large = Bytes::from(vec![3; 6000]);
    let address = large.as_ptr();
    set(&engine, KS, "small", b"v").unwrap();
    engine.set(KS, b"large", Value::Shared(large), later(HOUR), NOW).unwrap();
    assert!(engine.get(KS, b"small", NOW, |i| matches!(i.value, ValueRef::Inline(b"v"))).unwrap());
    let read = || engine.get(KS, b"large", NOW, |i| i.value.to_bytes()).unwrap();
    assert_eq!(read().as_ptr(), address, "neither stored nor read with a copy");
    set(&engine, KS, "large", &[4; 1_000_000]).unwrap();
    let held = read();
    assert_eq!(held.as_ptr(), read().as_ptr(), "read without a copy");
    set(&engine, KS, "large", b"replaced").unwrap();
    assert_eq!(held, vec![4; 1_000_000], "a reader keeps what it has");
    engine.audit();
}

#[test]
fn keys_of_every_length() {
    let engine = engine(64 << 20);
    let keys: Vec<String> = [0, 1, 15, 4000, 4096, 5000, 65_535].map(|len| "k".repeat(len)).into();
    for (n, key) in keys.iter().enumerate() {
        set(&engine, KS, key, &[n as u8]).unwrap();
    }
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(get(&engine, KS, key), Some(vec![n as u8]), "{} bytes", key.len());
    }
    let error = set(&engine, KS, &"k".repeat(65_536), b"v").unwrap_err();
    assert_eq!(error, TooLarge { bytes: 65_536, limit: 65_535 });
    engine.audit();
}

#[test]
fn a_refused_put_leaves_the_old_item() {
    let engine = engine(8 << 20);
    set(&engine, KS, "k", b"old").unwrap();
    let huge = vec![0; 8 << 20];
    let error = set(&engine, KS, "k", &huge).unwrap_err();
    assert_eq!(error.bytes, huge.len() as u64 + 1);
    assert!(error.limit > 5_300_000, "the largest request fits 8 MiB: {}", error.limit);
    let put = Action::Put { value: Value::Copied(&huge), expires: later(9) };
    assert_eq!(engine.update(KS, b"k", NOW, |_| (put, ())), Err(error));
    assert_eq!(get(&engine, KS, "k").as_deref(), Some(&b"old"[..]));
}

#[test]
fn the_largest_value_fits_the_smallest_usual_memory() {
    let engine = engine(8 << 20);
    for n in 0..20 {
        set(&engine, KS, &format!("k{n}"), &vec![n; 5_064_528]).unwrap();
        assert_eq!(get(&engine, KS, &format!("k{n}")), Some(vec![n; 5_064_528]));
        engine.audit();
    }
    assert_eq!(engine.stats().evicted_total, 19);
}

#[test]
fn update_sees_changes_and_answers() {
    let engine = engine(8 << 20);
    let append = |item: Option<crate::Item<'_>>| {
        let mut value = item.map(|i| i.value.as_bytes().to_vec()).unwrap_or_default();
        value.push(b'x');
        let len = value.len();
        (Action::Put { value: Value::Shared(value.into()), expires: later(HOUR) }, len)
    };
    for len in 1..=100 {
        assert_eq!(engine.update(KS, b"k", NOW, append), Ok(len));
    }
    let expires = |at| engine.update(KS, b"k", NOW, |_| (Action::Expire(at), ())).unwrap();
    expires(later(5));
    assert_eq!(get_at(&engine, KS, "k", later(4)), Some(vec![b'x'; 100]));
    expires(NOW);
    assert_eq!(get(&engine, KS, "k"), None, "an expiry in the past ends the item");
    set(&engine, KS, "k", b"v").unwrap();
    assert_eq!(engine.update(KS, b"k", NOW, |i| (Action::Remove, i.is_some())), Ok(true));
    assert_eq!(engine.update(KS, b"k", NOW, |i| (Action::Remove, i.is_some())), Ok(false));
    assert_eq!(engine.stats().items, 0);
    engine.audit();
}

#[test]
fn a_flush_touches_no_other_keyspace() {
    let engine = engine(64 << 20);
    // Two keyspaces that share a bit in the segments' sets, and one that does not.
    for ks in [1, 65, 2] {
        for n in 0..2000 {
            set(&engine, Keyspace(ks), &format!("k{n}"), &[ks as u8; 100]).unwrap();
        }
    }
    engine.retire(KS);
    assert_eq!(get(&engine, KS, "k7"), None, "at once");
    set(&engine, KS, "late", b"v").unwrap();
    assert_eq!(get(&engine, KS, "late"), None, "a straggler's write is not kept");
    let mut slices = 0;
    while engine.maintain(NOW, 100) {
        slices += 1;
    }
    assert!(slices > 10, "in slices");
    let stats = engine.stats();
    assert_eq!((stats.items, stats.retired_total, stats.evicted_total), (4000, 2000, 0));
    for ks in [65, 2] {
        for n in 0..2000 {
            assert_eq!(get(&engine, Keyspace(ks), &format!("k{n}")), Some(vec![ks as u8; 100]));
        }
    }
    engine.audit();
}

#[test]
fn a_retired_keyspace_is_forgotten_once_it_is_gone() {
    let mut shard = Shard::new(8 << 20, 0, std::sync::Arc::default(), 1);
    let key = Key { keyspace: KS, bytes: b"k", hash: hash::hash(0, KS, b"k") };
    shard.put(key, Value::Copied(b"v"), later(HOUR), NOW).unwrap();
    shard.retire(KS);
    assert_ne!(shard.retired.memory_bytes(), 0);
    while shard.maintain(NOW, &mut 1) {}
    assert_eq!(shard.retired.memory_bytes(), 0);
    assert_eq!(shard.stats().items, 0);
}

#[test]
fn maintenance_finds_the_expired_and_returns_their_memory() {
    let engine = engine(64 << 20);
    for n in 0..50_000_u32 {
        let expires = later(if n % 2 == 0 { 1000 + u64::from(n % 500) } else { HOUR });
        engine.set(KS, &n.to_le_bytes(), Value::Copied(&[7; 100]), expires, NOW).unwrap();
    }
    let full = engine.stats().memory_bytes;
    assert!(!engine.maintain(later(999), usize::MAX), "nothing is due");
    assert_eq!(engine.stats().items, 50_000);
    while engine.maintain(later(10_000), 1000) {}
    let stats = engine.stats();
    assert_eq!((stats.items, stats.expired_total), (25_000, 25_000));
    assert!(stats.memory_bytes < full * 7 / 10, "{} of {full}", stats.memory_bytes);
    while engine.maintain(later(HOUR), 1000) {}
    assert_eq!(engine.stats().items, 0);
    engine.audit();
}

#[test]
fn updates_from_many_threads_are_all_counted() {
    let engine = engine(64 << 20);
    let increment = |item: Option<crate::Item<'_>>| {
        let count = item.map_or(0, |item| item.value.as_bytes().len());
        let value = Value::Shared(vec![b'|'; count + 1].into());
        (Action::Put { value, expires: later(HOUR) }, ())
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..2000_u64 {
                    engine.update(KS, &[(n % 7) as u8], NOW, increment).unwrap();
                    engine.maintain(NOW, 3);
                }
            });
        }
    });
    let counts = (0..7_u8).map(|key| engine.get(KS, &[key], NOW, |i| i.value.as_bytes().len()));
    assert_eq!(counts.flatten().sum::<usize>(), 8000);
    engine.audit();
}

#[test]
fn a_walk_meets_every_key_that_stays_however_it_is_cut() {
    let engine = engine(64 << 20);
    for n in 0..20_000 {
        set(&engine, KS, &format!("stays{n}"), b"v").unwrap();
    }
    engine.set(Keyspace(KS.0 + 2), b"elsewhere", Value::Copied(b"v"), later(HOUR), NOW).unwrap();
    engine.set(KS, b"expired", Value::Copied(b"v"), later(1), NOW).unwrap();
    for count in [1, 100, 7_000, usize::MAX] {
        let (mut seen, mut from, mut calls) = (Vec::new(), Some(0), 0);
        while let Some(place) = from {
            from = engine.walk(KS, place, count, later(1), |key, item| {
                assert_eq!(item.item_type, ItemType::Scalar);
                seen.push(String::from_utf8(key.to_vec()).unwrap());
            });
            calls += 1;
            // Others come and go, and make the index grow.
            for n in 0..10 {
                set(&engine, KS, &format!("comes{calls}-{n}"), b"v").unwrap();
                engine.delete(KS, format!("comes{}-{n}", calls - 1).as_bytes(), NOW);
            }
        }
        seen.retain(|key| key.starts_with("stays") || key == "elsewhere" || key == "expired");
        seen.sort_unstable();
        let mut all: Vec<String> = (0..20_000).map(|n| format!("stays{n}")).collect();
        all.sort_unstable();
        assert!(seen == all, "{} of {} at {count} a call", seen.len(), all.len());
        assert!(calls < 20_000);
    }
    engine.retire(KS);
    assert_eq!(engine.walk(KS, 0, usize::MAX, NOW, |_, _| panic!("nothing is left")), None);
}
