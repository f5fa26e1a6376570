//! What scalars are by a plain model that knows the time only as well as a client can.
//!
//! A call is carried out at some moment between its sending and its answer, so an item's end is known as a
//! range. Where both are possible, that the item is there and that it is gone, the answer decides.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a panic is a failure")]

pub mod callers;

use std::collections::HashMap;

use kura_base::{Clock, Limits, SystemClock};
use kura_wire::Code;

/// Something in the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The scalar's value; none for a collection, which no call on scalars may look into.
    pub value: Option<Vec<u8>>,
    /// The earliest and the latest millisecond at which it may end.
    ends: (u64, u64),
}

/// What a call says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Done,
    Value(Option<Vec<u8>>),
    Stored(bool),
    Sum(i64),
    TtlSet,
    TtlNotSet,
    Missing,
    Exists(bool),
    Kind(Option<i32>),
    Remaining(u64),
    Refused(Code),
}

/// When a call was carried out, at the earliest and at the latest, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct When(pub u64, pub u64);

impl When {
    pub fn now() -> u64 {
        SystemClock.now().0
    }

    /// An item that is written now, to live for so many milliseconds.
    pub fn item(self, value: Option<Vec<u8>>, ttl: u64) -> Item {
        Item { value, ends: self.ends(ttl) }
    }

    fn ends(self, ttl: u64) -> (u64, u64) {
        let longest = u64::try_from(Limits::default().max_ttl.as_millis()).unwrap();
        (self.0 + ttl.min(longest), self.1 + ttl.min(longest))
    }
}

/// How an item's time is changed.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Increase,
    Decrease,
    Overwrite,
}

impl Item {
    /// What may come of changing its time.
    pub fn change(&self, change: Change, ttl: u64, when: When) -> Vec<(Said, Option<Item>)> {
        let (new, old) = (when.ends(ttl), self.ends);
        let put = |said, ends: (u64, u64)| (said, Some(Item { value: self.value.clone(), ends }));
        let mut outcomes = Vec::new();
        match change {
            Change::Overwrite => outcomes.push(put(Said::TtlSet, new)),
            Change::Increase => {
                if new.1 > old.0 {
                    outcomes.push(put(Said::TtlSet, (new.0.max(old.0), new.1)));
                }
                if new.0 <= old.1 {
                    outcomes.push(put(Said::TtlNotSet, (old.0.max(new.0), old.1)));
                }
            }
            Change::Decrease => {
                if new.0 < old.1 {
                    outcomes.push(put(Said::TtlSet, (new.0, new.1.min(old.1))));
                }
                if old.0 <= new.1 {
                    outcomes.push(put(Said::TtlNotSet, (old.0, old.1.min(new.1))));
                }
            }
        }
        outcomes
    }

    /// The same if so many milliseconds may be left of it, of which the last one is not counted.
    pub fn with_left(&self, left: u64, when: When) -> Option<Item> {
        let (first, last) = (self.ends.0.max(when.0 + left + 1), self.ends.1.min(when.1 + left + 1));
        (first <= last).then(|| Item { value: self.value.clone(), ends: (first, last) })
    }
}

/// All items.
#[derive(Default)]
pub struct Model {
    items: HashMap<Vec<u8>, Item>,
    /// The hashes that were told, and of what.
    pub hashes: HashMap<Vec<u8>, Vec<u8>>,
}

impl Model {
    /// What is there, or was there when last heard of.
    pub fn last_known(&self, key: &[u8]) -> Option<&Item> {
        self.items.get(key)
    }

    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Learns what a call on this key said: `outcomes` has what it may say of an item that is there, or of
    /// none, and what is there then. Panics if it may not say that.
    pub fn heard(
        &mut self,
        what: &str,
        key: &[u8],
        when: When,
        said: &Said,
        outcomes: impl Fn(Option<&Item>) -> Vec<(Said, Option<Item>)>,
    ) {
        let before = self.items.get(key).cloned();
        let mut possible = Vec::new();
        if let Some(item) = before.clone().filter(|item| item.ends.1 > when.0) {
            let there = Item { ends: (item.ends.0.max(when.0 + 1), item.ends.1), ..item };
            possible.extend(outcomes(Some(&there)));
        }
        if before.as_ref().is_none_or(|item| item.ends.0 <= when.1) {
            possible.extend(outcomes(None));
        }
        let mut after =
            possible.iter().filter(|(expected, _)| expected == said).map(|(_, item)| item.clone());
        let first = after.next().unwrap_or_else(|| {
            // Values may be long.
            let short = |text: String| text.chars().take(400).collect::<String>();
            panic!(
                "{what} of {:?} at {when:?} says {}, of {}; possible: {}",
                key.escape_ascii().to_string(),
                short(format!("{said:?}")),
                short(format!("{before:?}")),
                short(format!("{possible:?}")),
            )
        });
        // Where the answer does not decide, what is there may end as early, or as late, as either.
        let item = after.fold(first, |one, other| match (one, other) {
            (Some(one), Some(other)) => {
                assert_eq!(one.value, other.value, "{what}: the model cannot tell what is there");
                let ends = (one.ends.0.min(other.ends.0), one.ends.1.max(other.ends.1));
                Some(Item { value: one.value, ends })
            }
            (one, other) => one.or(other).map(|item| Item { ends: (0, item.ends.1), ..item }),
        });
        match item {
            Some(item) => self.items.insert(key.to_vec(), item),
            None => self.items.remove(key),
        };
    }

    /// Learns a hash: each value has one, and no other value has it.
    pub fn learn(&mut self, value: &[u8], hash: &[u8]) {
        assert_eq!(hash.len(), 32);
        let before = self.hashes.insert(hash.to_vec(), value.to_vec());
        assert!(before.is_none_or(|before| before == value), "two values have one hash");
        assert_eq!(
            self.hashes.values().filter(|known| *known == value).count(),
            1,
            "one value has two hashes"
        );
    }
}
