//! Lists: values in order, equal ones allowed.

use bytes::Bytes;

use super::CollectionTtl;
use crate::Elements;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where index 0 is.
    Front,
    /// Where index -1 is.
    Back,
}

/// A part of a list: from an index on, up to but without an index; negative ones count from the
/// end, and what lies outside of the list is clamped to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSpan {
    /// The first index; none is the list's start.
    pub start: Option<i64>,
    /// The index after the last; none is the list's end.
    pub end: Option<i64>,
}

/// A command on one list.
#[derive(Clone, Debug)]
pub enum ListCommand {
    /// Puts values before or behind the others; they keep their order.
    Push {
        /// Where.
        side: Side,
        /// The values, the first nearest to the front.
        values: Vec<Bytes>,
        /// Drops values from the other side until so many are left; 0 drops none.
        truncate_to: u32,
        /// How long the list lives.
        ttl: CollectionTtl,
    },
    /// Removes and returns one value.
    Pop(Side),
    /// Removes every value that equals this one.
    RemoveValue(Bytes),
    /// Removes parts: begin index and count, of the list as it was.
    Erase(Vec<(u64, u64)>),
    /// Removes the list.
    Delete,
    /// Part of the list.
    Fetch(ListSpan),
    /// Removes all but a part.
    Retain {
        /// What stays.
        span: ListSpan,
        /// How long the list lives.
        ttl: CollectionTtl,
    },
    /// How many values there are.
    Length,
}

/// What a [`ListCommand`] answers.
#[derive(Debug)]
pub enum ListReply {
    /// There is no such list; for `Fetch` also: the part is empty.
    Missing,
    /// Done; the list was there.
    Done,
    /// How many values there are now.
    Length(u32),
    /// The value removed, and how many are left.
    Popped(Bytes, u32),
    /// The values.
    Found(Elements),
}
