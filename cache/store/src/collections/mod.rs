//! What can be asked of collections, and what comes back. No protocol, no session.
//!
//! A fetch answers with a window on the collection as it was at that moment
//! ([`Fields`](crate::Fields), [`Elements`](crate::Elements), [`Scored`](crate::Scored)); taking it costs next to
//! nothing however many elements there are, and what is written afterwards does not show in it.

mod dictionary;
mod leaderboard;
mod list;
mod outcome;
mod set;
mod sorted_set;

use kura_base::Ttl;

pub use dictionary::{DictionaryCommand, DictionaryReply};
pub use leaderboard::{Element, LeaderboardCommand, LeaderboardReply, ScoreRange};
pub use list::{ListCommand, ListReply, ListSpan, Side};
pub use outcome::{Long, Outcome};
pub use set::{SetCommand, SetReply};
pub use sorted_set::{
    Aggregate, Order, ScoreBound, SortedSetCommand, SortedSetFetch, SortedSetReply, Source,
};

/// How long a collection lives that a command writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionTtl {
    /// The time to live of a collection that the command makes.
    pub ttl: Ttl,
    /// Whether one that is there already gets this time to live too; else it keeps its own.
    pub refresh: bool,
}
