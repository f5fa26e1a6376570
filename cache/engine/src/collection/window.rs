//! Windows on collections as they were at one moment.
//!
//! Taking one costs next to nothing however many elements there are. It keeps what it shows,
//! and no more is copied than what is changed while it is there.

use std::ops::Range;

use super::kinds::{score_of, value_of};
use super::page::Entry;
use super::tree::Tree;

/// Fields of a dictionary with their values.
#[derive(Clone, Debug)]
pub struct Fields {
    tree: Tree,
    places: Places,
}

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
    places: Places,
    /// From the last to the first, where the places are a range.
    back: bool,
}

impl Places {
    fn range(tree: &Tree, range: Range<u64>) -> Self {
        let end = range.end.min(tree.len());
        Self::Range(range.start.min(end)..end)
    }

    fn picked(tree: &Tree, indices: impl IntoIterator<Item = u64>) -> Self {
        let len = tree.len();
        Self::Picked(indices.into_iter().filter(|index| *index < len).collect())
    }

    fn len(&self) -> u64 {
        match self {
            Self::Range(range) => range.end - range.start,
            Self::Picked(indices) => indices.len() as u64,
        }
    }

    /// The entries of these places, from an index among them on.
    fn entries<'a>(&'a self, tree: &'a Tree, index: u64, back: bool) -> impl Iterator<Item = Entry<'a>> {
        let (range, picked) = match self {
            Self::Range(Range { start, end }) if back => (*start..end.saturating_sub(index), &[][..]),
            Self::Range(Range { start, end }) => (start.saturating_add(index)..*end, &[][..]),
            Self::Picked(indices) => {
                let from = usize::try_from(index).unwrap_or(usize::MAX);
                (0..0, indices.get(from..).unwrap_or_default())
            }
        };
        tree.walk(range, back).chain(picked.iter().filter_map(|index| tree.at(*index)))
    }
}

impl Fields {
    pub(super) fn new(tree: Tree) -> Self {
        Self { places: Places::range(&tree, 0..u64::MAX), tree }
    }

    pub(super) fn picked(tree: Tree, indices: impl IntoIterator<Item = u64>) -> Self {
        Self { places: Places::picked(&tree, indices), tree }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fields and values from an index on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places.entries(&self.tree, index, false).map(|entry| (entry.key, entry.value))
    }
}

impl Elements {
    pub(super) fn new(tree: Tree, range: Range<u64>) -> Self {
        Self { places: Places::range(&tree, range), tree }
    }

    /// The elements of these indices, in this order. None of them is copied.
    pub(super) fn picked(tree: Tree, indices: impl IntoIterator<Item = u64>) -> Self {
        Self { places: Places::picked(&tree, indices), tree }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.places.len()
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
        self.places.entries(&self.tree, index, false).map(|entry| entry.key)
    }
}

impl Scored {
    pub(super) fn new(tree: Tree, range: Range<u64>, back: bool) -> Self {
        Self { places: Places::range(&tree, range), tree, back }
    }

    pub(super) fn picked(tree: Tree, indices: impl IntoIterator<Item = u64>) -> Self {
        Self { places: Places::picked(&tree, indices), tree, back: false }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements and scores from an index on, in the order asked for.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = (&[u8], f64)> {
        let entries = self.places.entries(&self.tree, index, self.back);
        entries.map(|entry| (value_of(entry.key), score_of(entry.key)))
    }
}
