//! Trees against the collections of the standard library.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::heap::Heap;
use super::node::{Body, Node};
use super::page::{PAGE_BYTES, PAGE_ELEMENTS, Shape};
use super::tree::Tree;

impl Tree {
    /// Checks what every tree must keep to.
    fn audit(&self, ordered: bool) {
        if let Some(root) = self.root() {
            audit(root, ordered, None, None);
        }
    }
}

/// Checks a node whose keys lie between two bounds; its height.
fn audit(node: &Node, ordered: bool, least: Option<&[u8]>, below: Option<&[u8]>) -> u32 {
    match &node.body {
        Body::Leaf(page) => {
            assert!(page.count() > 0 && page.entries().count() == page.count());
            assert!(page.count() <= PAGE_ELEMENTS);
            assert!(page.bytes().len() <= 2 * PAGE_BYTES || page.count() == 1, "{} in a page", page.count());
            for entry in page.entries() {
                assert!(least.is_none_or(|least| least <= entry.key));
                assert!(below.is_none_or(|below| entry.key < below));
            }
            1
        }
        Body::Inner(children) => {
            assert!(!children.is_empty() && children.len() <= 66);
            let heights: Vec<_> = (0..children.len())
                .map(|at| {
                    let child = &children[at];
                    assert_eq!((child.count, child.bytes), (child.node.count(), child.node.total_bytes()));
                    let least = if at > 0 && ordered { Some(&*child.least) } else { least };
                    let next = children.get(at + 1).filter(|_| ordered).map(|next| &*next.least);
                    audit(&child.node, ordered, least, next.or(below))
                })
                .collect();
            assert!(heights.iter().all(|height| *height == heights[0]));
            heights[0] + 1
        }
    }
}

fn heap() -> Arc<Heap> {
    Arc::new(Heap::default())
}

#[derive(Clone, Debug)]
enum Op {
    Insert { key: u16, key_len: usize, value_len: usize },
    Remove { key: u16, key_len: usize },
    RemoveRange { start: u16, len: u16 },
    Keep,
}

fn len() -> impl Strategy<Value = usize> {
    prop_oneof![30 => 0_usize..20, 3 => 100_usize..1000, 1 => 1000_usize..9000]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        40 => (0_u16..2000, len(), len())
            .prop_map(|(key, key_len, value_len)| Op::Insert { key, key_len, value_len }),
        20 => (0_u16..2000, len()).prop_map(|(key, key_len)| Op::Remove { key, key_len }),
        1 => (any::<u16>(), 0_u16..800).prop_map(|(start, len)| Op::RemoveRange { start, len }),
        1 => Just(Op::Keep),
    ];
    prop::collection::vec(op, 1..1500)
}

/// Keys with long common beginnings, of several lengths.
fn key(number: u16, len: usize) -> Vec<u8> {
    let mut key = vec![b'k'; if len < 20 { 1 } else { len }];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn an_ordered_tree_is_a_map(ops in ops()) {
        let heap = heap();
        let mut tree = Tree::new(&heap, Shape::Pairs);
        let mut map = BTreeMap::new();
        let mut kept = Vec::new();
        for op in ops {
            match op {
                Op::Insert { key: number, key_len, value_len } => {
                    let (key, value) = (key(number, key_len), vec![number as u8; value_len]);
                    prop_assert_eq!(tree.insert(&key, &value), map.insert(key, value).is_none());
                }
                Op::Remove { key: number, key_len } => {
                    let key = key(number, key_len);
                    prop_assert_eq!(tree.remove(&key), map.remove(&key).is_some());
                    prop_assert!(tree.get(&key).is_none());
                }
                Op::RemoveRange { start, len } => {
                    let start = u64::from(start) % (tree.len() + 1);
                    tree.remove_range(start..start + u64::from(len));
                    let gone: Vec<_> = map.keys().skip(start as usize).take(len.into()).cloned().collect();
                    for key in gone {
                        map.remove(&key);
                    }
                }
                Op::Keep => {
                    kept.truncate(3);
                    kept.push((tree.clone(), map.clone()));
                }
            }
            prop_assert_eq!(tree.len(), map.len() as u64);
        }
        tree.audit(true);
        kept.push((tree, map));
        for (tree, map) in &kept {
            let read: Vec<_> = tree.iter().map(|e| (e.key.to_vec(), e.value.to_vec())).collect();
            let expected: Vec<_> = map.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            prop_assert!(read == expected, "a version kept is as it was");
            for (index, (key, value)) in map.iter().enumerate().step_by(7) {
                prop_assert_eq!(tree.rank(key), Ok(index as u64));
                prop_assert_eq!(tree.at(index as u64).map(|e| e.key), Some(&key[..]));
                prop_assert_eq!(tree.get(key).map(|e| e.value), Some(&value[..]));
            }
        }
        drop(kept);
        while heap.free(50) > 0 {}
        prop_assert_eq!(heap.bytes(), 0, "all is given back");
    }

    #[test]
    fn a_list_is_a_vector(ops in ops(), window in any::<(u16, u16)>()) {
        let heap = heap();
        let mut tree = Tree::new(&heap, Shape::List);
        let mut list = Vec::new();
        let mut kept = None;
        for op in ops {
            match op {
                Op::Insert { key: number, value_len, .. } => {
                    // Mostly at the ends, as lists are used.
                    let at = match number % 4 {
                        0 => 0,
                        1 | 2 => list.len(),
                        _ => usize::from(number) % (list.len() + 1),
                    };
                    let value = vec![number as u8; value_len];
                    tree.insert_at(at as u64, &value);
                    list.insert(at, value);
                }
                Op::Remove { key, .. } if !list.is_empty() => {
                    let at = usize::from(key) % list.len();
                    tree.remove_range(at as u64..at as u64 + 1);
                    list.remove(at);
                }
                Op::RemoveRange { start, len } => {
                    let start = usize::from(start) % (list.len() + 1);
                    let end = (start + usize::from(len)).min(list.len());
                    tree.remove_range(start as u64..end as u64);
                    list.drain(start..end);
                }
                Op::Keep => kept = Some((tree.clone(), list.clone())),
                Op::Remove { .. } => {}
            }
        }
        tree.audit(false);
        for (tree, list) in kept.iter().chain([&(tree.clone(), list.clone())]) {
            let read: Vec<_> = tree.iter().map(|e| e.key.to_vec()).collect();
            prop_assert!(&read == list);
            let (a, b) = (usize::from(window.0), usize::from(window.1));
            let range = a.min(b) % (list.len() + 1)..a.max(b).min(list.len());
            let range = range.start.min(range.end)..range.end;
            let back: Vec<_> = tree.walk(range.start as u64..range.end as u64, true).map(|e| e.key.to_vec()).collect();
            prop_assert!(back.iter().rev().eq(&list[range]));
        }
    }
}

#[test]
fn what_comes_in_order_fills_its_pages() {
    let heap = heap();
    let mut tree = Tree::new(&heap, Shape::Pairs);
    for n in 0_u32..100_000 {
        tree.insert(&n.to_be_bytes(), b"value");
    }
    tree.audit(true);
    let payload = 100_000 * (4 + 5 + 2);
    assert!(tree.bytes() < payload * 13 / 10, "{} bytes for {payload}", tree.bytes());
    assert_eq!(heap.bytes(), tree.bytes());
}

#[test]
fn keeping_a_version_costs_what_is_changed_meanwhile() {
    let heap = heap();
    let mut tree = Tree::new(&heap, Shape::Keys);
    for n in 0_u32..100_000 {
        tree.insert(&n.to_be_bytes(), &[]);
    }
    let before = heap.bytes();
    let kept = tree.clone();
    assert_eq!(heap.bytes(), before);
    tree.insert(b"one more", &[]);
    assert!(heap.bytes() - before < 20_000, "one path");
    drop(kept);
    while heap.free(100) > 0 {}
    assert_eq!(heap.bytes(), tree.bytes());
    // A tree given up is freed in slices, not at once.
    drop(tree);
    assert!(heap.bytes() > 0);
    assert!(heap.free(10) < 200);
    assert!(heap.bytes() > 0);
    while heap.free(100) > 0 {}
    assert_eq!(heap.bytes(), 0);
}

#[test]
fn a_small_value_in_the_place_of_a_large_one_gives_its_memory_back() {
    let heap = heap();
    let mut tree = Tree::new(&heap, Shape::Pairs);
    for key in 0..50_u8 {
        tree.insert(&[key], b"small");
    }
    let before = heap.bytes();
    for _ in 0..3 {
        tree.insert(&[7], &vec![7; 100_000]);
        assert!(heap.bytes() > before + 100_000);
        tree.insert(&[7], b"small");
        assert!(heap.bytes() <= before + PAGE_BYTES as u64, "{} after {before}", heap.bytes());
    }
}

#[test]
fn a_deep_tree_stays_a_map_while_it_grows_and_shrinks() {
    let heap = heap();
    let mut tree = Tree::new(&heap, Shape::Keys);
    let mut map = BTreeMap::new();
    let mut random = 7_u64;
    let mut below = |limit: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % limit
    };
    for round in 0..40 {
        // Large enough that a page holds a few: many pages, three levels.
        for _ in 0..1500 {
            let mut key = below(1 << 20).to_be_bytes().to_vec();
            key.resize(400, 0);
            assert_eq!(tree.insert(&key, &[]), map.insert(key, ()).is_none());
        }
        for _ in 0..8 {
            let start = below(tree.len());
            let end = (start + below(if round % 4 == 3 { 1200 } else { 90 })).min(tree.len());
            let gone: Vec<_> =
                map.keys().skip(start as usize).take((end - start) as usize).cloned().collect();
            tree.remove_range(start..end);
            for key in gone {
                map.remove(&key);
            }
        }
        tree.audit(true);
        assert!(tree.iter().map(|entry| entry.key).eq(map.keys().map(|key| &key[..])));
    }
    for key in map.keys() {
        assert!(tree.get(key).is_some());
    }
    assert!(tree.len() > 2000);
}
