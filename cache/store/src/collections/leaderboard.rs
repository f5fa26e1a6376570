//! Leaderboards: ids with a score each, ranked over the whole board.

use super::sorted_set::Order;

/// An id with its score and, in answers, its rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Element {
    /// The id.
    pub id: u32,
    /// The score.
    pub score: f64,
    /// The position on the whole board in the order asked for, from 0. Not looked at in commands.
    pub rank: u32,
}

/// Scores from `min` on, up to but without `max`; none is without limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lowest.
    pub min: Option<f64>,
    /// The one above the highest.
    pub max: Option<f64>,
}

/// A command on one leaderboard.
#[derive(Clone, Debug)]
pub enum LeaderboardCommand {
    /// Writes elements, all or none.
    Upsert(Vec<Element>),
    /// Removes ids.
    Remove(Vec<u32>),
    /// Removes the board.
    Delete,
    /// How many elements there are.
    Length,
    /// Elements from a rank on, up to but without a rank.
    ByRank {
        /// The first rank.
        start: u32,
        /// The rank after the last.
        end: u32,
        /// From which end ranks count.
        order: Order,
    },
    /// Elements by score.
    ByScore {
        /// Which scores.
        range: ScoreRange,
        /// Leaves out so many of them, in the order asked for.
        offset: u32,
        /// At most so many of the others.
        limit: u32,
        /// From which end ranks count.
        order: Order,
    },
    /// The elements of these ids, in this order; unknown ones are left out.
    Rank {
        /// The ids.
        ids: Vec<u32>,
        /// From which end ranks count.
        order: Order,
        /// Whether equal scores share a rank, and the next one skips as many.
        competition: bool,
    },
}

/// What a [`LeaderboardCommand`] answers.
#[derive(Clone, Debug, PartialEq)]
pub enum LeaderboardReply {
    /// Done, whatever was there.
    Done,
    /// The number of elements; 0 of a board that does not exist.
    Length(u32),
    /// Elements; none of a board that does not exist.
    Elements(Vec<Element>),
}
