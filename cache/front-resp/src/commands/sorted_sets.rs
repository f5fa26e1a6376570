//! Commands on sorted sets.

use std::ops::Range;

use bytes::Bytes;
use kura_commands::{Change, Collection, SortedSet, Work};

use super::chance::Chance;
use super::lists::span;
use crate::call::{Answer, Call, Edit};
use crate::numbers;
use crate::reply::{Failure, Out, Reply, Scores};
use crate::task::{Step, Task, counted_keys, weighed, weight};

/// The options of ZADD.
#[derive(Clone, Copy, Default)]
struct AddOptions {
    absent: bool,
    present: bool,
    greater: bool,
    less: bool,
    changed: bool,
    increment: bool,
}

impl AddOptions {
    /// The options, and where the scores begin.
    fn of(call: &Call<'_>) -> Result<(Self, usize), Failure> {
        let mut options = Self::default();
        let mut at = 1;
        while at < call.len() {
            match call.argument(at).to_ascii_uppercase().as_slice() {
                b"NX" => options.absent = true,
                b"XX" => options.present = true,
                b"GT" => options.greater = true,
                b"LT" => options.less = true,
                b"CH" => options.changed = true,
                b"INCR" => options.increment = true,
                _ => break,
            }
            at += 1;
        }
        let pairs = call.len() - at;
        if pairs == 0 || !pairs.is_multiple_of(2) {
            return Err(Failure::syntax());
        }
        if options.absent && options.present {
            return Err(Failure::said("ERR XX and NX options at the same time are not compatible"));
        }
        if options.greater && options.less || options.absent && (options.greater || options.less) {
            let text = "ERR GT, LT, and/or NX options at the same time are not compatible";
            return Err(Failure::said(text));
        }
        if options.increment && pairs > 2 {
            return Err(Failure::said("ERR INCR option supports a single increment-element pair"));
        }
        Ok((options, at))
    }

    /// Whether a value that has the old score gets the new one.
    fn allow(self, old: Option<f64>, new: f64) -> bool {
        match old {
            None => !self.present,
            Some(old) => !(self.absent || self.greater && new <= old || self.less && new >= old),
        }
    }
}

/// The work of writing these members.
fn writing(members: &[(Bytes, f64)]) -> Work {
    // Each is stored twice, both times with its score.
    let sizes: Vec<_> = members.iter().map(|(member, _)| member.len()).collect();
    Work::writing(sizes.into_iter()).twice()
}

pub(crate) fn zadd(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (options, from) = AddOptions::of(call)?;
    let members = call.arguments.from(from).to_owned();
    let members = (from..call.len()).step_by(2).zip(members.chunks_exact(2));
    let members = members.map(|(at, pair)| Ok((pair[1].clone(), call.float(at)?)));
    let members = members.collect::<Result<Vec<_>, Failure>>()?;
    call.edit(writing(&members), move |set: &mut SortedSet| {
        if options.increment {
            return increment(set, &members, options);
        }
        let (mut added, mut updated) = (0, 0);
        for (member, score) in &members {
            let old = set.score(member);
            if !options.allow(old, *score) {
                continue;
            }
            match old {
                None => added += 1,
                Some(old) if old != *score => updated += 1,
                Some(_) => continue,
            }
            set.set(member, *score);
        }
        let told = if options.changed { added + updated } else { added };
        Ok(Edit::new(added + updated > 0, Reply::Integer(told)))
    })
}

fn increment(set: &mut SortedSet, members: &[(Bytes, f64)], options: AddOptions) -> Result<Edit, Failure> {
    let Some((member, amount)) = members.first() else { return Err(Failure::syntax()) };
    let old = set.score(member);
    let sum = old.unwrap_or(0.0) + amount;
    if sum.is_nan() {
        return Err(Failure::said("ERR resulting score is not a number (NaN)"));
    }
    if !options.allow(old, sum) {
        return Ok(Edit::none(Reply::Null));
    }
    set.set(member, sum);
    Ok(Edit::new(true, Reply::Score(sum)))
}

pub(crate) fn zincrby(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let members = vec![(call.owned(2), call.float(1)?)];
    call.edit(writing(&members), move |set: &mut SortedSet| increment(set, &members, AddOptions::default()))
}

fn score(set: Option<&SortedSet>, member: &[u8]) -> Reply {
    set.and_then(|set| set.score(member)).map_or(Reply::Null, Reply::Score)
}

pub(crate) fn zscore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let member = call.owned(1);
    call.read(Work::on(1), move |set: Option<SortedSet>| score(set.as_ref(), &member))
}

pub(crate) fn zmscore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let members = call.arguments.from(1).to_owned();
    call.read(Work::on(members.len()), move |set: Option<SortedSet>| {
        Reply::Array(members.iter().map(|member| score(set.as_ref(), member)).collect())
    })
}

fn rank(call: &Call<'_>, back: bool) -> Result<Answer, Failure> {
    let member = call.owned(1);
    let scores = match call.len() {
        2 => false,
        3 if call.argument(2).eq_ignore_ascii_case(b"WITHSCORE") => true,
        _ => return Err(Failure::syntax()),
    };
    call.read(Work::on(1), move |set: Option<SortedSet>| {
        let ranked = set.and_then(|set| {
            let rank = set.rank(&member)?;
            Some((if back { set.len() - 1 - rank } else { rank }, set.score(&member)?))
        });
        match ranked {
            Some((rank, score)) if scores => Reply::Array(vec![Reply::count(rank), Reply::Score(score)]),
            Some((rank, _)) => Reply::count(rank),
            None if scores => Reply::NullArray,
            None => Reply::Null,
        }
    })
}

pub(crate) fn zrank(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    rank(call, false)
}

pub(crate) fn zrevrank(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    rank(call, true)
}

pub(crate) fn zcard(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    call.read(Work::on(0), |set: Option<SortedSet>| Reply::count(set.map_or(0, |set| set.len())))
}

pub(crate) fn zrem(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let members = call.arguments.from(1).to_owned();
    call.edit(Work::on(members.len()), move |set: &mut SortedSet| {
        Ok(Edit::counted(members.iter().filter(|member| set.remove(member)).count()))
    })
}

/// Which members are meant.
#[derive(Clone, Debug)]
enum Which {
    /// By position, both ends included; negative ones count from the end.
    Index(i64, i64),
    /// By score.
    Score(Limit<f64>, Limit<f64>),
    /// By the member's bytes, where all scores are equal.
    Member(Limit<Bytes>, Limit<Bytes>),
}

/// An end of a range.
#[derive(Clone, Debug, PartialEq)]
enum Limit<T> {
    Inclusive(T),
    Exclusive(T),
    /// Before all members.
    Lowest,
    /// Behind all members.
    Highest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Index,
    Score,
    Member,
}

impl Which {
    /// The members from the one limit to the other, as the arguments have it.
    fn of(call: &Call<'_>, by: By, low: usize, high: usize) -> Result<Self, Failure> {
        Ok(match by {
            By::Index => Self::Index(call.integer(low)?, call.integer(high)?),
            By::Score => Self::Score(score_limit(call.argument(low))?, score_limit(call.argument(high))?),
            By::Member => Self::Member(member_limit(call.argument(low))?, member_limit(call.argument(high))?),
        })
    }

    /// The positions, from the lowest score on.
    fn positions(&self, set: &SortedSet, back: bool) -> Range<u64> {
        let len = set.len();
        let (start, end) = match self {
            Self::Index(start, end) => match (span(*start, *end, len), back) {
                (span, false) => span,
                ((start, end), true) => (len - end, len - start),
            },
            Self::Score(min, max) => (
                place(min, len, |min| set.count_below(*min), |min| set.count_to(*min)),
                place(max, len, |max| set.count_to(*max), |max| set.count_below(*max)),
            ),
            Self::Member(min, max) => (
                place(
                    min,
                    len,
                    |min| count(set, |other| other < &min[..]),
                    |min| count(set, |other| other <= &min[..]),
                ),
                place(
                    max,
                    len,
                    |max| count(set, |other| other <= &max[..]),
                    |max| count(set, |other| other < &max[..]),
                ),
            ),
        };
        start..end.max(start)
    }
}

/// The position that a limit stands for.
fn place<T>(
    limit: &Limit<T>,
    len: u64,
    inclusive: impl FnOnce(&T) -> u64,
    exclusive: impl FnOnce(&T) -> u64,
) -> u64 {
    match limit {
        Limit::Inclusive(limit) => inclusive(limit),
        Limit::Exclusive(limit) => exclusive(limit),
        Limit::Lowest => 0,
        Limit::Highest => len,
    }
}

/// How many members stand in front of the first that is not before something.
fn count(set: &SortedSet, is_before: impl Fn(&[u8]) -> bool) -> u64 {
    let (mut low, mut high) = (0, set.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match set.at(middle) {
            Some((member, _)) if is_before(member) => low = middle + 1,
            _ => high = middle,
        }
    }
    low
}

fn score_limit(text: &[u8]) -> Result<Limit<f64>, Failure> {
    let wrong = || Failure::said("ERR min or max is not a float");
    match text {
        [b'(', text @ ..] => Ok(Limit::Exclusive(numbers::float(text).ok_or_else(wrong)?)),
        text => Ok(Limit::Inclusive(numbers::float(text).ok_or_else(wrong)?)),
    }
}

fn member_limit(text: &[u8]) -> Result<Limit<Bytes>, Failure> {
    match text {
        b"-" => Ok(Limit::Lowest),
        b"+" => Ok(Limit::Highest),
        [b'[', member @ ..] => Ok(Limit::Inclusive(Bytes::copy_from_slice(member))),
        [b'(', member @ ..] => Ok(Limit::Exclusive(Bytes::copy_from_slice(member))),
        _ => Err(Failure::said("ERR min or max not valid string range item")),
    }
}

/// What ZRANGE and its elder siblings ask for, beside the range.
struct RangeOptions {
    by: By,
    back: bool,
    /// None where they cannot be asked for.
    scores: Option<Scores>,
    /// Leave out so many, then take so many; a negative number is all.
    limit: Option<(i64, i64)>,
}

impl RangeOptions {
    /// Reads the options from the argument at `at` on; `chooses` which they are.
    fn read(&mut self, call: &Call<'_>, mut at: usize, chooses: bool) -> Result<(), Failure> {
        while at < call.len() {
            match call.argument(at).to_ascii_uppercase().as_slice() {
                b"BYSCORE" if chooses => self.by = By::Score,
                b"BYLEX" if chooses => self.by = By::Member,
                b"REV" if chooses => self.back = true,
                b"WITHSCORES" if self.scores.is_some() => self.scores = Some(Scores::With),
                b"LIMIT" if at + 2 < call.len() => {
                    self.limit = Some((call.integer(at + 1)?, call.integer(at + 2)?));
                    at += 2;
                }
                _ => return Err(Failure::syntax()),
            }
            at += 1;
        }
        if self.limit.is_some() && self.by == By::Index {
            return Err(Failure::said(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if self.scores == Some(Scores::With) && self.by == By::Member {
            return Err(Failure::said(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        Ok(())
    }
}

impl RangeOptions {
    /// The members meant, whose first limit is the argument at `at`.
    fn which(&self, call: &Call<'_>, at: usize) -> Result<Which, Failure> {
        // Backwards the higher limit comes first; positions count from that end instead.
        let turned = self.back && self.by != By::Index;
        let (low, high) = if turned { (at + 1, at) } else { (at, at + 1) };
        Which::of(call, self.by, low, high)
    }

    fn positions(&self, which: &Which, set: &SortedSet) -> Range<u64> {
        limited(which.positions(set, self.back), self.back, self.limit)
    }
}

fn range(call: &Call<'_>, by: By, back: bool, chooses: bool) -> Result<Answer, Failure> {
    let mut options = RangeOptions { by, back, scores: Some(Scores::Without), limit: None };
    options.read(call, 3, chooses)?;
    let which = options.which(call, 1)?;
    call.read(Work::on(0), move |set: Option<SortedSet>| {
        let Some(set) = set else { return Reply::empty() };
        let scores = options.scores.unwrap_or(Scores::Without);
        Reply::Scored(set.scored(options.positions(&which, &set), options.back), scores)
    })
}

/// Stores a range under another key.
pub(crate) fn zrangestore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let mut options = RangeOptions { by: By::Index, back: false, scores: None, limit: None };
    options.read(call, 4, true)?;
    let which = options.which(call, 2)?;
    let (target, source) = (call.owned(0), call.argument(1));
    call.authorize([&target[..], source])?;
    let (task, found) = (call.task(), call.snapshot::<SortedSet>(source)?);
    let heavy = found.as_ref().map_or((0, 0), |(set, _)| weight(set));
    weighed(heavy, move || {
        let found = found.map(|(set, _)| set.scored(options.positions(&which, &set), options.back));
        let mut result: SortedSet = task.commands.new_collection(heavy.1)?;
        for (member, score) in found.iter().flat_map(|found| found.iter_from(0)) {
            result.set(member, score);
        }
        let length = result.len();
        task.put(&target, result)?;
        Ok(Reply::count(length))
    })
}

fn limited(positions: Range<u64>, back: bool, limit: Option<(i64, i64)>) -> Range<u64> {
    let Range { start, end } = positions;
    let Some((offset, count)) = limit else { return start..end };
    let Ok(offset) = u64::try_from(offset) else { return start..start };
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    if back {
        let end = end.saturating_sub(offset).max(start);
        end.saturating_sub(count).max(start)..end
    } else {
        let start = start.saturating_add(offset).min(end);
        start..start.saturating_add(count).min(end)
    }
}

pub(crate) fn zrange(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    range(call, By::Index, false, true)
}

pub(crate) fn zrevrange(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    range(call, By::Index, true, false)
}

pub(crate) fn zrangebyscore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    range(call, By::Score, false, false)
}

pub(crate) fn zrevrangebyscore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    range(call, By::Score, true, false)
}

pub(crate) fn zrangebylex(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    range(call, By::Member, false, false)
}

pub(crate) fn zrevrangebylex(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    range(call, By::Member, true, false)
}

fn length(call: &Call<'_>, by: By) -> Result<Answer, Failure> {
    let which = Which::of(call, by, 1, 2)?;
    call.read(Work::on(0), move |set: Option<SortedSet>| {
        let positions = set.map_or(0..0, |set| which.positions(&set, false));
        Reply::count(positions.end - positions.start)
    })
}

pub(crate) fn zcount(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    length(call, By::Score)
}

pub(crate) fn zlexcount(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    length(call, By::Member)
}

/// Removes the members of these positions and tells them, from the first or from the last on.
fn take(set: &mut SortedSet, positions: Range<u64>, back: bool) -> Vec<(Bytes, f64)> {
    let scored = set.scored(positions, back);
    let taken: Vec<_> =
        scored.iter_from(0).map(|(member, score)| (Bytes::copy_from_slice(member), score)).collect();
    drop(scored);
    for (member, _) in &taken {
        set.remove(member);
    }
    taken
}

fn remove(call: &Call<'_>, by: By) -> Result<Answer, Failure> {
    let which = Which::of(call, by, 1, 2)?;
    call.edit(Work::on_all(), move |set: &mut SortedSet| {
        let positions = which.positions(set, false);
        Ok(Edit::counted(take(set, positions, false).len()))
    })
}

pub(crate) fn zremrangebyrank(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    remove(call, By::Index)
}

pub(crate) fn zremrangebyscore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    remove(call, By::Score)
}

pub(crate) fn zremrangebylex(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    remove(call, By::Member)
}

fn pop(call: &Call<'_>, back: bool) -> Result<Answer, Failure> {
    let count = match call.len() {
        1 => None,
        2 => Some(call.count(1)?),
        _ => return Err(Failure::syntax()),
    };
    let work = if count.is_some() { Work::on_all() } else { Work::on(1) };
    call.edit(work, move |set: &mut SortedSet| {
        let (len, most) = (set.len(), count.unwrap_or(1));
        let positions = if back { len.saturating_sub(most)..len } else { 0..most.min(len) };
        let taken = take(set, positions, back);
        let changed = !taken.is_empty();
        let pairs = taken.into_iter().map(|(member, score)| [Reply::Bytes(member), Reply::Score(score)]);
        let reply = if count.is_some() {
            Reply::Pairs(pairs.collect())
        } else {
            Reply::Array(pairs.flatten().collect())
        };
        Ok(Edit::new(changed, reply))
    })
}

pub(crate) fn zpopmin(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    pop(call, false)
}

pub(crate) fn zpopmax(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    pop(call, true)
}

/// Pops from the first of several sorted sets that has members.
pub(crate) fn zmpop(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (keys, end) = counted_keys(call, 0, "ERR numkeys should be greater than 0")?;
    let back = match call.argument(end).to_ascii_uppercase().as_slice() {
        b"MIN" => false,
        b"MAX" => true,
        _ => return Err(Failure::syntax()),
    };
    let count = super::lists::count_option(call, end + 1)?;
    Ok(pop_first(call.task(), keys.into_iter(), back, count)?.into())
}

fn pop_first(
    task: Task,
    mut keys: std::vec::IntoIter<Bytes>,
    back: bool,
    count: u64,
) -> Result<Step<Reply>, Failure> {
    while let Some(key) = keys.next() {
        if task.snapshot::<SortedSet>(&key)?.is_none() {
            continue;
        }
        let work = if count > 1 { Work::on_all() } else { Work::on(1) };
        let popped = task.edit(&key, work, move |set: &mut SortedSet, held| {
            let Some(end) = held else { return (Change::Keep, Vec::new()) };
            let len = set.len();
            let positions = if back { len.saturating_sub(count)..len } else { 0..count.min(len) };
            (Change::Store(end), take(set, positions, back))
        })?;
        return popped.then(move |popped| {
            if popped.is_empty() {
                return pop_first(task, keys, back, count);
            }
            let pairs = popped.into_iter();
            let pairs =
                pairs.map(|(member, score)| Reply::Array(vec![Reply::Bytes(member), Reply::Score(score)]));
            Ok(Step::Done(Reply::Array(vec![Reply::Bytes(key), Reply::Array(pairs.collect())])))
        });
    }
    Ok(Step::Done(Reply::NullArray))
}

pub(crate) fn zrandmember(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let Some(chance) = Chance::of(call, b"WITHSCORES")? else {
        let seed = call.seed()?;
        return call.read(Work::on(1), move |set: Option<SortedSet>| {
            let picked = set.as_ref().and_then(|set| {
                let at = fastrand::Rng::with_seed(seed).u64(0..set.len());
                set.at(at).map(|(member, _)| Bytes::copy_from_slice(member))
            });
            Reply::bytes(picked)
        });
    };
    call.read(chance.work(), move |set: Option<SortedSet>| {
        let Some(set) = set else { return Reply::empty() };
        let scores = if chance.both { Scores::With } else { Scores::Without };
        Reply::Scored(set.pick(chance.places(set.len())), scores)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_taken_from_the_end_that_comes_first() {
        assert_eq!(limited(2..9, false, Some((1, 3))), 3..6);
        assert_eq!(limited(2..9, true, Some((1, 3))), 5..8);
        assert_eq!(limited(2..9, false, Some((0, -1))), 2..9);
        assert_eq!(limited(2..9, true, Some((100, 1))), 2..2);
        assert_eq!(limited(2..9, false, Some((-1, 1))), 2..2);
    }

    #[test]
    fn limits_are_read_as_redis_reads_them() {
        assert_eq!(score_limit(b"(1.5").unwrap(), Limit::Exclusive(1.5));
        assert_eq!(score_limit(b"-inf").unwrap(), Limit::Inclusive(f64::NEG_INFINITY));
        assert!(score_limit(b"[1").is_err());
        assert_eq!(member_limit(b"[a").unwrap(), Limit::Inclusive(Bytes::from_static(b"a")));
        assert!(member_limit(b"a").is_err());
    }
}
