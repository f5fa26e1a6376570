//! Commands on sorted sets.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use kura_base::Millis;
use kura_engine::{Change, Collection, Keyspace, SortedSet};

use super::Data;
use super::collections::{At, ELEMENTS_AT_ONCE, Load, kept, refused};
use super::list::index;
use crate::DataError;
use crate::collections::{
    Aggregate, Long, Order, Outcome, ScoreBound, SortedSetCommand, SortedSetFetch, SortedSetReply, Source,
};

impl Data {
    /// Carries out one command on one sorted set. Scores, amounts and bounds must be numbers.
    ///
    /// # Errors
    /// [`DataError`]; the set is then as it was.
    pub fn sorted_set(
        self: &Arc<Self>,
        cache: Keyspace,
        name: &[u8],
        command: SortedSetCommand,
        now: Millis,
    ) -> Result<Outcome<SortedSetReply>, DataError> {
        use SortedSetReply::{Done, Found, Length, Missing, Rank, Score, Scores};
        let at = At { cache, name, now };
        match command {
            SortedSetCommand::Put { elements, ttl } => {
                let load = Load::of_bytes(elements.iter().map(|(value, _)| stored(value.len())));
                self.edit(at, load, move |set: &mut SortedSet, held| {
                    for (value, score) in &elements {
                        set.set(value, *score);
                    }
                    (Change::Store(ttl.expires(held, now)), Ok(Done))
                })
            }
            SortedSetCommand::Fetch { which, order } => self.read(at, 0, move |found: Option<SortedSet>| {
                let Some(set) = found else { return Missing };
                Found(set.scored(range(&set, which, order), order == Order::Descending))
            }),
            SortedSetCommand::GetScore(values) => {
                self.read(at, values.len(), move |found: Option<SortedSet>| {
                    let Some(set) = found else { return Missing };
                    Scores(values.iter().map(|value| set.score(value)).collect())
                })
            }
            SortedSetCommand::GetRank { value, order } => {
                self.read(at, 1, move |found: Option<SortedSet>| {
                    let Some(set) = found else { return Missing };
                    Rank(set.rank(&value).map(|rank| match order {
                        Order::Ascending => rank,
                        Order::Descending => set.len() - 1 - rank,
                    }))
                })
            }
            SortedSetCommand::Increment { value, amount, ttl } => {
                let load = Load::of_bytes([stored(value.len())].into_iter());
                self.edit(at, load, move |set: &mut SortedSet, held| {
                    let current = set.score(&value).unwrap_or(0.0);
                    let sum = current + amount + 0.0;
                    if sum.is_nan() {
                        return (Change::Keep, Err(DataError::NotANumber { current, amount }));
                    }
                    set.set(&value, sum);
                    (Change::Store(ttl.expires(held, now)), Ok(Score(sum)))
                })
            }
            SortedSetCommand::Remove(values) => {
                let load = Load::of_elements(values.len());
                self.edit(at, load, move |set: &mut SortedSet, held| {
                    let removed = values.iter().filter(|value| set.remove(value)).count();
                    (if removed > 0 { kept(held) } else { Change::Keep }, Ok(Done))
                })
            }
            SortedSetCommand::Delete => {
                self.edit(at, Load::default(), |_: &mut SortedSet, _| (Change::Remove, Ok(Done)))
            }
            SortedSetCommand::Length => {
                self.read(at, 0, |found: Option<SortedSet>| found.map_or(Missing, |set| Length(set.len())))
            }
            SortedSetCommand::LengthByScore { min, max } => {
                self.read(at, 0, move |found: Option<SortedSet>| {
                    let Some(set) = found else { return Missing };
                    let range = by_score(&set, min, max);
                    Length(range.end - range.start)
                })
            }
            SortedSetCommand::UnionStore { sources, aggregate, ttl } => {
                self.union_store(at, &sources, aggregate, ttl.expires(now))
            }
        }
    }

    /// Each source as it is at one moment, though not all at the same.
    fn union_store(
        self: &Arc<Self>,
        at: At<'_>,
        sources: &[Source],
        aggregate: Aggregate,
        expires: Millis,
    ) -> Result<Outcome<SortedSetReply>, DataError> {
        let mut sets = Vec::with_capacity(sources.len());
        for source in sources {
            if let Some(set) = self.snapshot::<SortedSet>(At { name: &source.name, ..at })? {
                sets.push((set, source.weight));
            }
        }
        let elements: u64 = sets.iter().map(|(set, _)| set.len()).sum();
        let (data, cache, now) = (self.clone(), at.cache, at.now);
        let name = bytes::Bytes::copy_from_slice(at.name);
        let store = move || {
            let union = data.union(&sets, aggregate)?;
            let length = union.len();
            data.check_current(cache)?;
            let stored = data.engine.put_collection(cache, &name, union, expires, now);
            stored.map_err(refused::<SortedSet>)?;
            Ok(SortedSetReply::Length(length))
        };
        if elements > ELEMENTS_AT_ONCE as u64 {
            Ok(Outcome::Long(Long::new(store)))
        } else {
            store().map(Outcome::Done)
        }
    }

    fn union(&self, sets: &[(SortedSet, f64)], aggregate: Aggregate) -> Result<SortedSet, DataError> {
        let mut scores: HashMap<&[u8], f64> = HashMap::new();
        for (set, weight) in sets {
            for (value, score) in set.iter() {
                let weighted = number(score * weight);
                let join = |score: &mut f64| {
                    *score = match aggregate {
                        Aggregate::Sum => number(*score + weighted),
                        Aggregate::Min => score.min(weighted),
                        Aggregate::Max => score.max(weighted),
                    };
                };
                scores.entry(value).and_modify(join).or_insert(weighted);
            }
        }
        let growth = scores.keys().map(|value| stored(value.len()) as u64).sum();
        let mut union: SortedSet = self.engine.new_collection(growth).map_err(refused::<SortedSet>)?;
        let mut elements: Vec<_> = scores.into_iter().collect();
        elements.sort_unstable_by(|(_, a), (_, b)| a.total_cmp(b));
        for (value, score) in elements {
            union.set(value, score);
        }
        Ok(union)
    }
}

/// About what a value of so many bytes takes: it is stored twice, each time with its score.
pub(super) fn stored(value_bytes: usize) -> usize {
    2 * (value_bytes + 16)
}

/// What is no number (infinity times 0, infinity less infinity) counts as 0, as in Redis.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// The positions, from the lowest score on, that a fetch is about.
fn range(set: &SortedSet, which: SortedSetFetch, order: Order) -> Range<u64> {
    let len = set.len();
    match (which, order) {
        (SortedSetFetch::ByIndex { start, end }, order) => {
            let start = index(start.unwrap_or(0), len);
            let end = end.map_or(len, |end| index(end, len)).max(start);
            if order == Order::Ascending { start..end } else { len - end..len - start }
        }
        (SortedSetFetch::ByScore { min, max, offset, count }, Order::Ascending) => {
            let Range { start, end } = by_score(set, min, max);
            let start = start.saturating_add(offset).min(end);
            start..count.map_or(end, |count| start.saturating_add(count).min(end))
        }
        (SortedSetFetch::ByScore { min, max, offset, count }, Order::Descending) => {
            let Range { start, end } = by_score(set, min, max);
            let end = end.saturating_sub(offset).max(start);
            count.map_or(start, |count| end.saturating_sub(count).max(start))..end
        }
    }
}

/// The positions of the elements with such scores.
fn by_score(set: &SortedSet, min: ScoreBound, max: ScoreBound) -> Range<u64> {
    let start = match min {
        ScoreBound::Inclusive(score) => set.count_below(score),
        ScoreBound::Exclusive(score) => set.count_to(score),
        ScoreBound::Unbounded => 0,
    };
    let end = match max {
        ScoreBound::Inclusive(score) => set.count_to(score),
        ScoreBound::Exclusive(score) => set.count_below(score),
        ScoreBound::Unbounded => set.len(),
    };
    start..end.max(start)
}
