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
    places: Places,
}

/// Which elements a window shows.
#[derive(Clone, Debug)]
enum Places {
    /// Those of these indices and between.
    Range(Range<u64>),
    /// Those of these indices, in this order.
    Picked(Box<[u64]>),
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
        Self { tree, places: Places::Range(range) }
    }

    /// The elements of these indices, in this order. None of them is copied.
    pub(super) fn picked(tree: Tree, indices: impl IntoIterator<Item = u64>) -> Self {
        let len = tree.len();
        let places = indices.into_iter().filter(|index| *index < len).collect();
        Self { tree, places: Places::Picked(places) }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.places {
            Places::Range(range) => range.end - range.start,
            Places::Picked(indices) => indices.len() as u64,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether each element has to be looked up, which takes O(log n).
    #[must_use]
    pub fn is_scattered(&self) -> bool {
        matches!(self.places, Places::Picked(_))
    }

    /// Elements from an index on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = &[u8]> {
        let (range, picked) = match &self.places {
            Places::Range(range) => (range.start.saturating_add(index)..range.end, &[][..]),
            Places::Picked(indices) => {
                let from = usize::try_from(index).unwrap_or(usize::MAX);
                (0..0, indices.get(from..).unwrap_or_default())
            }
        };
        let picked = picked.iter().filter_map(|index| self.tree.at(*index));
        self.tree.walk(range, false).chain(picked).map(|entry| entry.key)
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
