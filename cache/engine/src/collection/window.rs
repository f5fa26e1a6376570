//! Windows on collections as they were at one moment.
//!
//! Taking one costs next to nothing however many elements there are. It keeps what it shows,
//! and no more is copied than what is changed while it is there.

use std::ops::Range;

use super::kinds::{score_of, value_of};
use super::tree::Tree;

/// Fields of a dictionary with their values.
#[derive(Clone, Debug)]
pub struct Fields(Tree);

/// Elements of a set or list.
#[derive(Clone, Debug)]
pub struct Elements {
    tree: Tree,
    range: Range<u64>,
}

/// Elements of a sorted set with their scores.
#[derive(Clone, Debug)]
pub struct Scored {
    tree: Tree,
    range: Range<u64>,
    back: bool,
}

impl Fields {
    pub(super) fn new(tree: Tree) -> Self {
        Self(tree)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fields and values from an index on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.walk(index..u64::MAX, false).map(|entry| (entry.key, entry.value))
    }
}

impl Elements {
    pub(super) fn new(tree: Tree, range: Range<u64>) -> Self {
        let range = within(&tree, range);
        Self { tree, range }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Elements from an index on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = &[u8]> {
        let start = self.range.start.saturating_add(index);
        self.tree.walk(start..self.range.end, false).map(|entry| entry.key)
    }
}

impl Scored {
    pub(super) fn new(tree: Tree, range: Range<u64>, back: bool) -> Self {
        let range = within(&tree, range);
        Self { tree, range, back }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Elements and scores from an index on, in the order asked for.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = (&[u8], f64)> {
        let Range { start, end } = self.range;
        let range =
            if self.back { start..end.saturating_sub(index) } else { start.saturating_add(index)..end };
        self.tree.walk(range, self.back).map(|entry| (value_of(entry.key), score_of(entry.key)))
    }
}

fn within(tree: &Tree, range: Range<u64>) -> Range<u64> {
    let end = range.end.min(tree.len());
    range.start.min(end)..end
}
