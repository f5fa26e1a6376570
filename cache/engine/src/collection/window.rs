//! Windows on collections as they were at one moment.

use std::sync::Arc;

/// Fields of a dictionary with their values.
#[derive(Clone, Debug, Default)]
pub struct Fields(Arc<Vec<(Box<[u8]>, Box<[u8]>)>>);

/// Elements of a set or list.
#[derive(Clone, Debug, Default)]
pub struct Elements(Arc<Vec<Box<[u8]>>>);

/// Elements of a sorted set with their scores.
#[derive(Clone, Debug, Default)]
pub struct Scored(Arc<Vec<(Box<[u8]>, f64)>>);

impl Fields {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fields and values from an index on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0
            .iter()
            .skip(usize::try_from(index).unwrap_or(usize::MAX))
            .map(|(field, value)| (&**field, &**value))
    }
}

impl Elements {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Elements from an index on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = &[u8]> {
        self.0.iter().skip(usize::try_from(index).unwrap_or(usize::MAX)).map(|element| &**element)
    }
}

impl Scored {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Elements and scores from an index on.
    pub fn iter_from(&self, index: u64) -> impl Iterator<Item = (&[u8], f64)> {
        self.0
            .iter()
            .skip(usize::try_from(index).unwrap_or(usize::MAX))
            .map(|(element, score)| (&**element, *score))
    }
}
