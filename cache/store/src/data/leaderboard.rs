//! Commands on leaderboards.
//!
//! A board is a sorted set of the ids in decimal, in a keyspace beside the cache's items: ids of
//! equal score so come in the order of their decimal text, as Momento documents it. They do in
//! both orders, which for the descending one means that a run of equal scores is read forwards.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use kura_base::Millis;
use kura_engine::{Change, Collection, Keyspace, SortedSet};

use super::collections::{At, Load, kept};
use super::sorted_set::stored;
use super::{Data, boards, write_integer};
use crate::DataError;
use crate::collections::{Element, LeaderboardCommand, LeaderboardReply, Order, Outcome, ScoreRange};

/// A board is gone this long after elements were last written to it (Momento's documentation).
const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

impl Data {
    /// Carries out one command on one leaderboard. Scores must be numbers.
    ///
    /// # Errors
    /// [`DataError`]; the board is then as it was.
    pub fn leaderboard(
        self: &Arc<Self>,
        cache: Keyspace,
        name: &[u8],
        command: LeaderboardCommand,
        now: Millis,
    ) -> Result<Outcome<LeaderboardReply>, DataError> {
        use LeaderboardReply::{Done, Elements, Length};
        let at = At { cache: boards(cache), name, now };
        match command {
            LeaderboardCommand::Upsert(elements) => {
                let load = Load::of_bytes(elements.iter().map(|_| stored(10)));
                self.edit(at, load, move |board: &mut SortedSet, _| {
                    for element in &elements {
                        board.set(text(element.id, &mut [0; 20]), element.score);
                    }
                    (Change::Store(now.plus(LIFE)), Ok(Done))
                })
            }
            LeaderboardCommand::Remove(ids) => {
                let load = Load::of_elements(ids.len());
                self.edit(at, load, move |board: &mut SortedSet, held| {
                    let gone = ids.iter().filter(|id| board.remove(text(**id, &mut [0; 20]))).count();
                    (if gone > 0 { kept(held) } else { Change::Keep }, Ok(Done))
                })
            }
            LeaderboardCommand::Delete => {
                self.edit(at, Load::default(), |_: &mut SortedSet, _| (Change::Remove, Ok(Done)))
            }
            LeaderboardCommand::Length => self
                .read(at, 0, |found: Option<SortedSet>| Length(found.map_or(0, |board| count(board.len())))),
            LeaderboardCommand::ByRank { start, end, order } => {
                let most = end.saturating_sub(start) as usize;
                self.read(at, most, move |found: Option<SortedSet>| {
                    Elements(found.map_or_else(Vec::new, |board| {
                        ranked(&board, u64::from(start)..u64::from(end), order)
                    }))
                })
            }
            LeaderboardCommand::ByScore { range, offset, limit, order } => {
                self.read(at, limit as usize, move |found: Option<SortedSet>| {
                    Elements(found.map_or_else(Vec::new, |board| {
                        let ranks = ranks_of(&board, range, order);
                        let start = ranks.start.saturating_add(offset.into());
                        let end = start.saturating_add(limit.into()).min(ranks.end);
                        ranked(&board, start..end, order)
                    }))
                })
            }
            LeaderboardCommand::Rank { ids, order, competition } => {
                self.read(at, ids.len(), move |found: Option<SortedSet>| {
                    Elements(found.map_or_else(Vec::new, |board| {
                        ids.iter().filter_map(|id| element(&board, *id, order, competition)).collect()
                    }))
                })
            }
        }
    }
}

/// An id with its rank, if it is on the board.
fn element(board: &SortedSet, id: u32, order: Order, competition: bool) -> Option<Element> {
    let mut buffer = [0; 20];
    let id_text = text(id, &mut buffer);
    let score = board.score(id_text)?;
    let ahead = match order {
        Order::Ascending => board.count_below(score),
        Order::Descending => board.len() - board.count_to(score),
    };
    let among_equals = if competition { 0 } else { board.rank(id_text)? - board.count_below(score) };
    Some(Element { id, score, rank: count(ahead + among_equals) })
}

/// The elements of these ranks, as far as there are such.
fn ranked(board: &SortedSet, ranks: Range<u64>, order: Order) -> Vec<Element> {
    let Range { mut start, end } = ranks;
    let len = board.len();
    let end = end.min(len);
    let mut elements = Vec::with_capacity(end.saturating_sub(start) as usize);
    while start < end {
        // The elements that follow each other on the board both ways: in descending order a run
        // of equal scores.
        let positions = match order {
            Order::Ascending => start..end,
            Order::Descending => {
                let Some((_, score)) = board.at(len - 1 - start) else { break };
                let (first, behind) = (board.count_below(score), board.count_to(score));
                let position = first + (start - (len - behind));
                position..behind.min(position + (end - start))
            }
        };
        let run = positions.end - positions.start;
        for (rank, (id, score)) in (start..).zip(board.scored(positions, false).iter_from(0)) {
            elements.push(Element { id: id_of(id), score, rank: count(rank) });
        }
        start += run;
    }
    elements
}

/// The ranks of the elements with such scores.
fn ranks_of(board: &SortedSet, range: ScoreRange, order: Order) -> Range<u64> {
    let start = range.min.map_or(0, |min| board.count_below(min));
    let end = range.max.map_or(board.len(), |max| board.count_below(max)).max(start);
    match order {
        Order::Ascending => start..end,
        Order::Descending => board.len() - end..board.len() - start,
    }
}

fn text(id: u32, buffer: &mut [u8; 20]) -> &[u8] {
    write_integer(id.into(), buffer)
}

fn id_of(text: &[u8]) -> u32 {
    text.iter().fold(0, |id: u32, digit| id.wrapping_mul(10).wrapping_add(u32::from(digit - b'0')))
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
