//! Sets: distinct elements.

use bytes::Bytes;

use super::CollectionTtl;
use crate::Elements;

/// A command on one set.
#[derive(Clone, Debug)]
pub enum SetCommand {
    /// Adds elements (Momento's SetUnion).
    Add {
        /// The elements.
        elements: Vec<Bytes>,
        /// How long the set lives.
        ttl: CollectionTtl,
    },
    /// Removes these elements (SetDifference with a subtrahend).
    Remove(Vec<Bytes>),
    /// Removes the set (SetDifference with the set itself as subtrahend).
    Delete,
    /// Keeps what these elements have and the set has not (SetDifference with a minuend).
    SubtractFrom(Vec<Bytes>),
    /// All elements.
    Fetch,
    /// Which of these elements are in the set.
    Contains(Vec<Bytes>),
    /// How many elements there are.
    Length,
    /// Removes and returns up to so many elements, chosen at random.
    Pop {
        /// At most so many.
        count: u64,
        /// Unpredictable to clients.
        seed: u64,
    },
    /// Returns up to so many distinct elements, chosen at random.
    Sample {
        /// At most so many.
        limit: u64,
        /// Unpredictable to clients.
        seed: u64,
    },
}

/// What a [`SetCommand`] answers.
#[derive(Debug)]
pub enum SetReply {
    /// There is no such set.
    Missing,
    /// Done; for removals, the set was there.
    Done,
    /// Elements.
    Found(Elements),
    /// For each element asked for, whether it is in the set.
    Contains(Vec<bool>),
    /// The number of elements.
    Length(u64),
}
