//! Sorted sets: distinct values with a score each, in order of score, then of the value's bytes.

use bytes::Bytes;

use super::CollectionTtl;
use crate::Scored;

/// Which end counts as the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The lowest score first.
    Ascending,
    /// The highest score first.
    Descending,
}

/// A limit of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreBound {
    /// This score and those beyond.
    Inclusive(f64),
    /// The scores beyond this one.
    Exclusive(f64),
    /// No limit.
    Unbounded,
}

/// Which elements a fetch is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SortedSetFetch {
    /// From an index on, up to but without an index, counted in the order asked for; negative
    /// ones count from the end.
    ByIndex {
        /// The first index; none is 0.
        start: Option<i64>,
        /// The index after the last; none is the number of elements.
        end: Option<i64>,
    },
    /// By score.
    ByScore {
        /// The lowest.
        min: ScoreBound,
        /// The highest.
        max: ScoreBound,
        /// Leaves out so many of them, in the order asked for.
        offset: u64,
        /// At most so many of the others; none is all.
        count: Option<u64>,
    },
}

/// A sorted set that goes into a union.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: Bytes,
    /// What its scores are multiplied by.
    pub weight: f64,
}

/// What becomes of the scores of a value that is in several sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// The lowest.
    Min,
    /// The highest.
    Max,
}

/// A command on one sorted set.
#[derive(Clone, Debug)]
pub enum SortedSetCommand {
    /// Writes elements; of a value named twice the last score stays.
    Put {
        /// Values and scores.
        elements: Vec<(Bytes, f64)>,
        /// How long the set lives.
        ttl: CollectionTtl,
    },
    /// Elements in order.
    Fetch {
        /// Which.
        which: SortedSetFetch,
        /// In which order.
        order: Order,
    },
    /// The scores of these values, in this order.
    GetScore(Vec<Bytes>),
    /// The position of a value.
    GetRank {
        /// The value.
        value: Bytes,
        /// From which end.
        order: Order,
    },
    /// Adds to the score of a value, or writes it.
    Increment {
        /// The value.
        value: Bytes,
        /// What to add.
        amount: f64,
        /// How long the set lives.
        ttl: CollectionTtl,
    },
    /// Removes these values.
    Remove(Vec<Bytes>),
    /// Removes the set.
    Delete,
    /// How many elements there are.
    Length,
    /// How many elements have such scores.
    LengthByScore {
        /// The lowest.
        min: ScoreBound,
        /// The highest.
        max: ScoreBound,
    },
    /// Writes the union of other sets in place of whatever was there.
    UnionStore {
        /// The sets, at least one; the same may stand more than once.
        sources: Vec<Source>,
        /// What becomes of the scores of one value.
        aggregate: Aggregate,
        /// How long the result lives.
        ttl: kura_base::Ttl,
    },
}

/// What a [`SortedSetCommand`] answers.
#[derive(Debug)]
pub enum SortedSetReply {
    /// There is no such set.
    Missing,
    /// Done, whatever was there.
    Done,
    /// Elements in the order asked for, possibly none.
    Found(Scored),
    /// For each value asked for, its score if it is in the set.
    Scores(Vec<Option<f64>>),
    /// The position of the value, from 0, if it is in the set.
    Rank(Option<u64>),
    /// The new score.
    Score(f64),
    /// The number of elements.
    Length(u64),
}
