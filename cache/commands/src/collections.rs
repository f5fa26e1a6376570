//! Commands on collections and leaderboards: what they must keep to before they are carried out.

use bytes::Bytes;
use kura_base::Millis;
use kura_store::{
    DictionaryCommand, DictionaryReply, LeaderboardCommand, LeaderboardReply, ListCommand, ListReply,
    ScoreBound, SetCommand, SetReply, SortedSetCommand, SortedSetFetch, SortedSetReply,
};

use crate::{Cache, Commands, Error};

/// Most elements, ids or ranks of one leaderboard command (Momento's documentation).
const MAX_BOARD_ELEMENTS: usize = 8192;
/// Most sources of a union. Momento documents no limit; ours keeps one call from working through
/// the same large set without end.
const MAX_UNION_SOURCES: usize = 128;

/// What became of a command.
#[derive(Debug)]
pub enum Outcome<R> {
    /// It is done.
    Done(R),
    /// It would hold an event loop for more than about 100 µs.
    Long(Long<R>),
}

/// Work to be run where blocking is allowed.
#[derive(Debug)]
#[must_use = "nothing happens until it is run"]
pub struct Long<R>(kura_store::Long<R>);

impl<R> Long<R> {
    /// Does the work. Waits for other work on the same collection.
    ///
    /// # Errors
    /// [`Error`]; the collection is then as it was.
    pub fn run(self) -> Result<R, Error> {
        Ok(self.0.run()?)
    }
}

impl<R> From<kura_store::Outcome<R>> for Outcome<R> {
    fn from(outcome: kura_store::Outcome<R>) -> Self {
        match outcome {
            kura_store::Outcome::Done(reply) => Self::Done(reply),
            kura_store::Outcome::Long(long) => Self::Long(Long(long)),
        }
    }
}

impl Commands {
    /// Carries out one command on one dictionary.
    ///
    /// # Errors
    /// [`Error`]; the dictionary is then as it was.
    pub fn dictionary(
        &self,
        cache: Cache,
        name: &[u8],
        command: DictionaryCommand,
        now: Millis,
    ) -> Result<Outcome<DictionaryReply>, Error> {
        self.check_key(&cache, name)?;
        match &command {
            DictionaryCommand::Set { items, .. } => {
                self.check_elements(items.iter().flat_map(|(field, value)| [field, value]))?;
            }
            DictionaryCommand::Increment { field, .. } => self.check_elements([field])?,
            DictionaryCommand::Get(_)
            | DictionaryCommand::Fetch
            | DictionaryCommand::Length
            | DictionaryCommand::Remove(_)
            | DictionaryCommand::Delete => {}
        }
        Ok(self.data.dictionary(cache.keyspace, name, command, now)?.into())
    }

    /// Carries out one command on one set.
    ///
    /// # Errors
    /// [`Error`]; the set is then as it was.
    pub fn set(
        &self,
        cache: Cache,
        name: &[u8],
        command: SetCommand,
        now: Millis,
    ) -> Result<Outcome<SetReply>, Error> {
        self.check_key(&cache, name)?;
        if let SetCommand::Add { elements, .. } | SetCommand::SubtractFrom(elements) = &command {
            self.check_elements(elements)?;
        }
        Ok(self.data.set(cache.keyspace, name, command, now)?.into())
    }

    /// Carries out one command on one list.
    ///
    /// # Errors
    /// [`Error`]; the list is then as it was.
    pub fn list(
        &self,
        cache: Cache,
        name: &[u8],
        command: ListCommand,
        now: Millis,
    ) -> Result<Outcome<ListReply>, Error> {
        self.check_key(&cache, name)?;
        if let ListCommand::Push { values, .. } = &command {
            self.check_elements(values)?;
        }
        Ok(self.data.list(cache.keyspace, name, command, now)?.into())
    }

    /// Carries out one command on one sorted set.
    ///
    /// # Errors
    /// [`Error`]; the set is then as it was.
    pub fn sorted_set(
        &self,
        cache: Cache,
        name: &[u8],
        command: SortedSetCommand,
        now: Millis,
    ) -> Result<Outcome<SortedSetReply>, Error> {
        self.check_key(&cache, name)?;
        match &command {
            SortedSetCommand::Put { elements, .. } => {
                self.check_elements(elements.iter().map(|(value, _)| value))?;
                elements.iter().try_for_each(|(_, score)| check_number("score", *score))?;
            }
            SortedSetCommand::Increment { value, amount, .. } => {
                self.check_elements([value])?;
                check_number("amount", *amount)?;
            }
            SortedSetCommand::Fetch { which: SortedSetFetch::ByScore { min, max, .. }, .. }
            | SortedSetCommand::LengthByScore { min, max } => {
                check_bound("min score", *min)?;
                check_bound("max score", *max)?;
            }
            SortedSetCommand::UnionStore { sources, .. } => {
                check_count("union", "source", sources.len(), MAX_UNION_SOURCES)?;
                for source in sources {
                    self.check_key(&cache, &source.name)?;
                    if !source.weight.is_finite() {
                        return Err(Error::InvalidArgument(format!(
                            "Invalid weight: {}; it must be a finite number",
                            source.weight
                        )));
                    }
                }
            }
            SortedSetCommand::Fetch { .. }
            | SortedSetCommand::GetScore(_)
            | SortedSetCommand::GetRank { .. }
            | SortedSetCommand::Remove(_)
            | SortedSetCommand::Delete
            | SortedSetCommand::Length => {}
        }
        Ok(self.data.sorted_set(cache.keyspace, name, command, now)?.into())
    }

    /// Carries out one command on one leaderboard.
    ///
    /// # Errors
    /// [`Error`]; the board is then as it was.
    pub fn leaderboard(
        &self,
        cache: Cache,
        name: &[u8],
        command: LeaderboardCommand,
        now: Millis,
    ) -> Result<Outcome<LeaderboardReply>, Error> {
        self.check_key(&cache, name)?;
        match &command {
            LeaderboardCommand::Upsert(elements) => {
                check_count("leaderboard upsert", "element", elements.len(), MAX_BOARD_ELEMENTS)?;
                elements.iter().try_for_each(|element| check_number("score", element.score))?;
            }
            LeaderboardCommand::Remove(ids) => {
                check_count("leaderboard removal", "id", ids.len(), MAX_BOARD_ELEMENTS)?;
            }
            LeaderboardCommand::Rank { ids, .. } => {
                check_count("leaderboard rank query", "id", ids.len(), MAX_BOARD_ELEMENTS)?;
            }
            LeaderboardCommand::ByRank { start, end, .. } => {
                if start >= end || (end - start) as usize > MAX_BOARD_ELEMENTS {
                    return Err(Error::InvalidArgument(format!(
                        "Invalid rank range: {start} to {end}; the end must be above the start, by at most {MAX_BOARD_ELEMENTS}"
                    )));
                }
            }
            LeaderboardCommand::ByScore { range, limit, .. } => {
                range.min.iter().chain(&range.max).try_for_each(|score| check_number("score", *score))?;
                if *limit as usize > MAX_BOARD_ELEMENTS {
                    return Err(Error::InvalidArgument(format!(
                        "Invalid limit: {limit} elements; at most {MAX_BOARD_ELEMENTS} are allowed"
                    )));
                }
            }
            LeaderboardCommand::Delete | LeaderboardCommand::Length => {}
        }
        Ok(self.data.leaderboard(cache.keyspace, name, command, now)?.into())
    }

    fn check_elements<'a>(&self, elements: impl IntoIterator<Item = &'a Bytes>) -> Result<(), Error> {
        let limit = self.limits.max_element_bytes;
        match elements.into_iter().map(Bytes::len).find(|bytes| *bytes > limit) {
            Some(bytes) => Err(Error::ElementTooLarge { bytes, limit }),
            None => Ok(()),
        }
    }
}

fn check_number(what: &str, number: f64) -> Result<(), Error> {
    if number.is_nan() {
        return Err(Error::InvalidArgument(format!("Invalid {what}: NaN; it must be a number")));
    }
    Ok(())
}

fn check_bound(what: &str, bound: ScoreBound) -> Result<(), Error> {
    match bound {
        ScoreBound::Inclusive(score) | ScoreBound::Exclusive(score) => check_number(what, score),
        ScoreBound::Unbounded => Ok(()),
    }
}

fn check_count(call: &str, what: &str, count: usize, limit: usize) -> Result<(), Error> {
    if count == 0 || count > limit {
        return Err(Error::InvalidArgument(format!(
            "Invalid {call}: it has {count} {what}s; give it 1 to {limit}"
        )));
    }
    Ok(())
}
