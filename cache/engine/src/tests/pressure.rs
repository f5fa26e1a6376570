//! What goes and what stays when memory is short.

use super::*;

#[test]
fn overwriting_never_evicts_while_the_live_set_fits() {
    let engine = engine(8 << 20);
    // A few items that nobody touches again, so that an eviction would take them first.
    for n in 0..1000 {
        set(&engine, KS, &format!("cold-{n}"), &[7; 200]).unwrap();
    }
    // About 4 MB alive at any time, overwritten 100 times on average, in no order, with changing
    // sizes: dead bytes are everywhere, dead segments are not.
    let mut sizes = vec![None; 4000];
    let mut random = 1_u64;
    for _ in 0..400_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (n, len) = ((random >> 33) as usize % 4000, (random >> 45) as usize % 1800);
        set(&engine, KS, &format!("key-{n}"), &vec![len as u8; len]).unwrap();
        sizes[n] = Some(len);
    }
    engine.audit();
    let stats = engine.stats();
    assert_eq!((stats.items, stats.evicted_total), (5000, 0));
    for (n, len) in sizes.into_iter().enumerate() {
        let value = len.map(|len| vec![len as u8; len]);
        assert_eq!(get(&engine, KS, &format!("key-{n}")), value);
    }
}

#[test]
fn retired_items_go_before_live_ones() {
    let engine = engine(8 << 20);
    let (live, flushed, new) = (Keyspace(1), Keyspace(2), Keyspace(3));
    for ks in [live, flushed] {
        for n in 0..20_000 {
            set(&engine, ks, &format!("key-{n}"), &[1; 100]).unwrap();
        }
    }
    assert_eq!(engine.stats().evicted_total, 0);
    engine.retire(flushed);
    for n in 0..20_000 {
        set(&engine, new, &format!("key-{n}"), &[1; 100]).unwrap();
    }
    engine.audit();
    assert_eq!(engine.stats().evicted_total, 0);
    assert_eq!(get(&engine, live, "key-0"), Some(vec![1; 100]));
}

#[test]
fn retired_items_stay_unread_while_their_search_is_cut_short() {
    let engine = engine(8 << 20);
    // The numbers share a bit in the segments' sets: every segment has to be searched.
    let (live, flushed) = (Keyspace(65), Keyspace(1));
    for n in 0..20_000 {
        set(&engine, live, &format!("key-{n}"), &[1; 100]).unwrap();
    }
    set(&engine, flushed, "last", b"v").unwrap();
    engine.retire(flushed);
    for n in 0..50_000 {
        set(&engine, live, &format!("new-{n}"), &[1; 100]).unwrap();
        assert_eq!(get(&engine, flushed, "last"), None);
    }
    engine.audit();
}

#[test]
fn expired_items_go_before_live_ones() {
    let engine = engine(8 << 20);
    for n in 0..40_000 {
        let key = format!("key-{n}");
        let expires = later(if n % 2 == 0 { HOUR } else { 1000 });
        engine.set(KS, key.as_bytes(), Value::Copied(&[1; 100]), expires, NOW).unwrap();
    }
    for n in 0..25_000 {
        let key = format!("new-{n}");
        let expires = later(HOUR);
        engine.set(KS, key.as_bytes(), Value::Copied(&[1; 100]), expires, later(6000)).unwrap();
    }
    engine.audit();
    let stats = engine.stats();
    assert_eq!(stats.evicted_total, 0);
    assert!(stats.expired_total > 5_000);
}

#[test]
fn a_scan_leaves_what_is_read() {
    let engine = engine(8 << 20);
    for n in 0..10_000 {
        set(&engine, KS, &format!("hot-{n}"), &[1; 100]).unwrap();
    }
    for n in 0..10_000 {
        assert!(get(&engine, KS, &format!("hot-{n}")).is_some());
    }
    for n in 0..500_000 {
        set(&engine, KS, &format!("scan-{n}"), &[1; 100]).unwrap();
    }
    let kept = (0..10_000).filter(|n| get(&engine, KS, &format!("hot-{n}")).is_some()).count();
    assert!(kept > 9_900, "{kept} of 10,000");
    engine.audit();
}

#[test]
fn peeking_does_not_protect() {
    let engine = engine(8 << 20);
    for n in 0..10_000 {
        set(&engine, KS, &format!("hot-{n}"), &[1; 100]).unwrap();
        engine.peek(KS, format!("hot-{n}").as_bytes(), NOW, |_| ());
    }
    for n in 0..100_000 {
        set(&engine, KS, &format!("scan-{n}"), &[1; 100]).unwrap();
    }
    let kept = (0..10_000).filter(|n| get(&engine, KS, &format!("hot-{n}")).is_some()).count();
    assert_eq!(kept, 0);
}

#[test]
fn memory_moves_between_tiny_and_large_items() {
    let engine = engine(8 << 20);
    for round in 0..3 {
        for n in 0..400_000_u32 {
            engine.set(KS, &n.to_le_bytes(), Value::Copied(&[]), later(HOUR), NOW).unwrap();
        }
        engine.audit();
        for n in 0..10 {
            set(&engine, KS, &format!("large-{n}"), &vec![round; 4_000_000]).unwrap();
            engine.audit();
        }
        assert_eq!(get(&engine, KS, "large-9"), Some(vec![round; 4_000_000]));
    }
}

#[test]
fn large_items_go_one_by_one() {
    let engine = engine(32 << 20);
    for n in 0..2000 {
        set(&engine, KS, &format!("key-{n}"), &vec![n as u8; 50_000 + n * 31 % 70_000]).unwrap();
        let stats = engine.stats();
        assert!(n < 700 || stats.payload_bytes > 30 << 20, "{stats:?}");
    }
    engine.audit();
    for n in 1800..2000 {
        assert!(get(&engine, KS, &format!("key-{n}")).is_some(), "the newest stay");
    }
}

#[test]
fn a_store_where_everything_is_hot_still_takes_writes() {
    let engine = engine(1 << 20);
    for n in 0..100_000 {
        let key = format!("key-{n}");
        set(&engine, KS, &key, &[1; 50]).unwrap();
        for back in 0..4 {
            get(&engine, KS, &format!("key-{}", n / 2 + back));
            get(&engine, KS, &key);
        }
        assert!(get(&engine, KS, &key).is_some());
    }
    engine.audit();
}
