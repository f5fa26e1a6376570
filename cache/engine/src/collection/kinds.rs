//! The four kinds of collections.

use std::ops::Range;

use super::page::Shape;
use super::{Collection, Elements, Fields, OfTrees, Scored, Trees};
use crate::ItemType;

/// Values by field.
#[derive(Clone, Debug)]
pub struct Dictionary(Trees);

/// Distinct elements.
#[derive(Clone, Debug)]
pub struct Set(Trees);

/// Elements in the order they were put, equal ones allowed.
#[derive(Clone, Debug)]
pub struct List(Trees);

/// Distinct values with a score each, in order of score, then of the value's bytes.
#[derive(Clone, Debug)]
pub struct SortedSet(Trees);

macro_rules! kinds {
    ($($kind:ident)*) => {$(
        impl OfTrees for $kind {
            fn of(trees: Trees) -> Self {
                Self(trees)
            }

            fn into_trees(self) -> Trees {
                self.0
            }
        }

        impl Collection for $kind {
            const TYPE: ItemType = ItemType::$kind;

            fn len(&self) -> u64 {
                self.0.main.len()
            }

            fn bytes(&self) -> u64 {
                self.0.bytes()
            }
        }
    )*};
}

kinds! { Dictionary Set List SortedSet }

impl Dictionary {
    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.0.main.get(field).map(|entry| entry.value)
    }

    /// Writes the value of a field.
    pub fn set(&mut self, field: &[u8], value: &[u8]) {
        self.0.main.insert(field, value);
    }

    /// Removes a field; whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.0.main.remove(field)
    }

    /// All fields, in no order that means anything.
    #[must_use]
    pub fn fields(&self) -> Fields {
        Fields::new(self.0.main.clone())
    }

    /// The fields at these indices of [`fields`](Self::fields), in this order.
    #[must_use]
    pub fn pick(&self, indices: impl IntoIterator<Item = u64>) -> Fields {
        Fields::picked(self.0.main.clone(), indices)
    }
}

impl Set {
    /// Whether an element is in the set.
    #[must_use]
    pub fn contains(&self, element: &[u8]) -> bool {
        self.0.main.get(element).is_some()
    }

    /// Adds an element; whether it was not there.
    pub fn add(&mut self, element: &[u8]) -> bool {
        self.0.main.insert(element, &[])
    }

    /// Removes an element; whether it was there.
    pub fn remove(&mut self, element: &[u8]) -> bool {
        self.0.main.remove(element)
    }

    /// Removes all elements.
    pub fn clear(&mut self) {
        self.0.main.remove_range(0..u64::MAX);
    }

    /// Removes the elements at these indices of [`elements`](Self::elements), which rise.
    pub fn remove_at(&mut self, indices: impl DoubleEndedIterator<Item = u64>) {
        for index in indices.rev() {
            self.0.main.remove_range(index..index + 1);
        }
    }

    /// All elements, in no order that means anything.
    #[must_use]
    pub fn elements(&self) -> Elements {
        Elements::new(self.0.main.clone(), 0..self.len())
    }

    /// The elements at these indices of [`elements`](Self::elements), in this order.
    #[must_use]
    pub fn pick(&self, indices: impl IntoIterator<Item = u64>) -> Elements {
        Elements::picked(self.0.main.clone(), indices)
    }
}

impl List {
    /// The element of an index.
    #[must_use]
    pub fn get(&self, index: u64) -> Option<&[u8]> {
        self.0.main.at(index).map(|entry| entry.key)
    }

    /// Puts an element before the one of an index, or at the end.
    pub fn insert(&mut self, index: u64, element: &[u8]) {
        self.0.main.insert_at(index, element);
    }

    /// Removes elements from one index up to but without another. Takes no longer for many than
    /// for few.
    pub fn remove(&mut self, range: Range<u64>) {
        self.0.main.remove_range(range);
    }

    /// All elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.main.iter().map(|entry| entry.key)
    }

    /// Elements from one index up to but without another.
    #[must_use]
    pub fn elements(&self, range: Range<u64>) -> Elements {
        Elements::new(self.0.main.clone(), range)
    }
}

impl SortedSet {
    /// The score of a value.
    #[must_use]
    pub fn score(&self, value: &[u8]) -> Option<f64> {
        match &self.0.by_value {
            Some(by_value) => by_value.get(value).map(|entry| score_of(entry.value)),
            None => self.0.main.iter().find(|entry| value_of(entry.key) == value).map(|e| score_of(e.key)),
        }
    }

    /// Writes the score of a value. Not a number is not a score: the caller sees to that.
    pub fn set(&mut self, value: &[u8], score: f64) {
        let score = score + 0.0; // -0 becomes 0
        if let Some(old) = self.score(value) {
            if old.to_bits() == score.to_bits() {
                return;
            }
            self.0.main.remove(&key_of(old, value));
        }
        self.0.main.insert(&key_of(score, value), &[]);
        if let Some(by_value) = &mut self.0.by_value {
            by_value.insert(value, &ordered(score));
        } else if self.0.main.only_page().is_none() {
            let mut by_value = self.0.main.empty_like(Shape::Pairs);
            for entry in self.0.main.iter() {
                by_value.insert(value_of(entry.key), &entry.key[..SCORE_BYTES]);
            }
            self.0.by_value = Some(by_value);
        }
    }

    /// Removes a value; whether it was there.
    pub fn remove(&mut self, value: &[u8]) -> bool {
        let Some(score) = self.score(value) else { return false };
        self.0.main.remove(&key_of(score, value));
        if self.0.main.is_empty() || self.0.main.only_page().is_some() {
            self.0.by_value = None;
        } else if let Some(by_value) = &mut self.0.by_value {
            by_value.remove(value);
        }
        true
    }

    /// The position of a value, from the lowest score on.
    #[must_use]
    pub fn rank(&self, value: &[u8]) -> Option<u64> {
        self.0.main.rank(&key_of(self.score(value)?, value)).ok()
    }

    /// How many elements have a lower score.
    #[must_use]
    pub fn count_below(&self, score: f64) -> u64 {
        either(self.0.main.rank(&ordered(score + 0.0)))
    }

    /// How many elements have this score or a lower one.
    #[must_use]
    pub fn count_to(&self, score: f64) -> u64 {
        let next = u64::from_be_bytes(ordered(score + 0.0)).saturating_add(1);
        either(self.0.main.rank(&next.to_be_bytes()))
    }

    /// The value and score of a position.
    #[must_use]
    pub fn at(&self, rank: u64) -> Option<(&[u8], f64)> {
        self.0.main.at(rank).map(|entry| (value_of(entry.key), score_of(entry.key)))
    }

    /// Elements from one position up to but without another, from the last to the first if
    /// `back`.
    #[must_use]
    pub fn scored(&self, range: Range<u64>, back: bool) -> Scored {
        Scored::new(self.0.main.clone(), range, back)
    }

    /// The elements of these positions, in this order.
    #[must_use]
    pub fn pick(&self, positions: impl IntoIterator<Item = u64>) -> Scored {
        Scored::picked(self.0.main.clone(), positions)
    }

    /// All elements in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], f64)> {
        self.0.main.iter().map(|entry| (value_of(entry.key), score_of(entry.key)))
    }

    /// The values in order of their bytes with their scores: what a union is made of. Takes as
    /// long as there are elements.
    #[must_use]
    pub fn by_value(&self) -> Vec<(&[u8], f64)> {
        match &self.0.by_value {
            Some(by_value) => by_value.iter().map(|entry| (entry.key, score_of(entry.value))).collect(),
            None => {
                let mut values: Vec<_> = self.iter().collect();
                values.sort_unstable_by_key(|(value, _)| *value);
                values
            }
        }
    }
}

/// Bytes of a score in a key.
const SCORE_BYTES: usize = 8;

/// A score as bytes that are in the order of the scores.
fn ordered(score: f64) -> [u8; SCORE_BYTES] {
    let bits = score.to_bits();
    let mask = if bits >> 63 == 1 { u64::MAX } else { 1 << 63 };
    (bits ^ mask).to_be_bytes()
}

pub(super) fn score_of(key: &[u8]) -> f64 {
    let mut bytes = [0; SCORE_BYTES];
    bytes.copy_from_slice(&key[..SCORE_BYTES]);
    let bits = u64::from_be_bytes(bytes);
    let mask = if bits >> 63 == 1 { 1 << 63 } else { u64::MAX };
    f64::from_bits(bits ^ mask)
}

pub(super) fn value_of(key: &[u8]) -> &[u8] {
    &key[SCORE_BYTES..]
}

fn key_of(score: f64, value: &[u8]) -> Vec<u8> {
    [&ordered(score), value].concat()
}

fn either(rank: Result<u64, u64>) -> u64 {
    rank.unwrap_or_else(|rank| rank)
}
