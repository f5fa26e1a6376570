//! Commands on several sorted sets, among which sets may be, whose members have the score 1: each
//! as it is at one moment, though not all at the same.

use std::collections::HashMap;

use bytes::Bytes;
use kura_commands::{Collection, Set, SortedSet};

use super::set_algebra::limit;
use crate::call::{Answer, Call};
use crate::numbers;
use crate::reply::{Failure, Out, Reply, Scores};
use crate::task::{Task, Weight, counted_keys, is_wrong_type, weight};

/// What is made of sorted sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// How the scores of one member are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn join(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum => number(one + other),
            Self::Min => one.min(other),
            Self::Max => one.max(other),
        }
    }
}

/// What is no number (infinity times 0, infinity less infinity) counts as 0, as in Redis.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// One of the sets.
enum Source {
    None,
    Scored(SortedSet),
    Plain(Set),
}

impl Source {
    fn read(task: &Task, key: &[u8]) -> Result<Self, Failure> {
        match task.snapshot::<SortedSet>(key) {
            Ok(found) => Ok(found.map_or(Self::None, |(set, _)| Self::Scored(set))),
            Err(failure) if is_wrong_type(&failure) => {
                Ok(task.snapshot::<Set>(key)?.map_or(Self::None, |(set, _)| Self::Plain(set)))
            }
            Err(failure) => Err(failure),
        }
    }

    fn weight(&self) -> Weight {
        match self {
            Self::None => (0, 0),
            Self::Scored(set) => weight(set),
            Self::Plain(set) => weight(set),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Self::None => None,
            Self::Scored(set) => set.score(member),
            Self::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    fn for_each(&self, mut each: impl FnMut(&[u8], f64)) {
        match self {
            Self::None => {}
            Self::Scored(set) => set.iter().for_each(|(member, score)| each(member, score)),
            Self::Plain(set) => set.elements().iter_from(0).for_each(|member| each(member, 1.0)),
        }
    }
}

/// What is asked for beside the sets.
struct Options {
    operation: Operation,
    weights: Vec<f64>,
    aggregate: Aggregate,
    scores: Scores,
}

impl Options {
    fn of(
        call: &Call<'_>,
        operation: Operation,
        sets: usize,
        mut at: usize,
        stores: bool,
    ) -> Result<Self, Failure> {
        let mut options =
            Self { operation, weights: vec![1.0; sets], aggregate: Aggregate::Sum, scores: Scores::Without };
        let joins = operation != Operation::Difference;
        while at < call.len() {
            match call.argument(at).to_ascii_uppercase().as_slice() {
                b"WEIGHTS" if joins && at + sets < call.len() => {
                    let wrong = || Failure::said("ERR weight value is not a float");
                    for weight in &mut options.weights {
                        at += 1;
                        *weight = numbers::float(call.argument(at)).ok_or_else(wrong)?;
                    }
                }
                b"AGGREGATE" if joins && at + 1 < call.len() => {
                    at += 1;
                    options.aggregate = match call.argument(at).to_ascii_uppercase().as_slice() {
                        b"SUM" => Aggregate::Sum,
                        b"MIN" => Aggregate::Min,
                        b"MAX" => Aggregate::Max,
                        _ => return Err(Failure::syntax()),
                    };
                }
                b"WITHSCORES" if !stores => options.scores = Scores::With,
                _ => return Err(Failure::syntax()),
            }
            at += 1;
        }
        Ok(options)
    }

    /// The result, as a sorted set that nobody else sees.
    fn combine(&self, task: &Task, sources: &[Source]) -> Result<SortedSet, Failure> {
        let mut scores: HashMap<Vec<u8>, f64> = HashMap::new();
        let mut ordered: Vec<_> = sources.iter().zip(&self.weights).collect();
        match self.operation {
            Operation::Union => {
                ordered.sort_by_key(|(source, _)| source.weight().0);
                for (source, weight) in ordered {
                    source.for_each(|member, score| {
                        let weighted = number(score * weight);
                        match scores.get_mut(member) {
                            Some(score) => *score = self.aggregate.join(*score, weighted),
                            None => drop(scores.insert(member.to_vec(), weighted)),
                        }
                    });
                }
            }
            Operation::Intersection => {
                ordered.sort_by_key(|(source, _)| source.weight().0);
                if let Some(((smallest, weight), others)) = ordered.split_first() {
                    smallest.for_each(|member, score| {
                        let mut joined = Some(number(score * *weight));
                        for (other, weight) in others {
                            let weighted = other.score(member).map(|score| score * *weight);
                            joined = joined.zip(weighted).map(|(one, other)| self.aggregate.join(one, other));
                        }
                        if let Some(joined) = joined {
                            scores.insert(member.to_vec(), joined);
                        }
                    });
                }
            }
            Operation::Difference => {
                if let Some((first, others)) = sources.split_first() {
                    first.for_each(|member, score| {
                        if !others.iter().any(|other| other.score(member).is_some()) {
                            scores.insert(member.to_vec(), score);
                        }
                    });
                }
            }
        }
        // Each member is stored twice, both times with its score.
        let growth = scores.keys().map(|member| 2 * (member.len() as u64 + 16)).sum();
        let mut result: SortedSet = task.commands.new_collection(growth)?;
        for (member, score) in scores {
            result.set(&member, score);
        }
        Ok(result)
    }
}

/// The keys and what is asked for beside them. An item of another type is told before a wrong option,
/// as in Redis.
fn parse<T>(
    call: &Call<'_>,
    at: usize,
    command: &str,
    options: impl FnOnce(usize, usize) -> Result<T, Failure>,
) -> Result<(Vec<Bytes>, T), Failure> {
    let (keys, end) = counted_keys(call, at, &no_keys(command))?;
    match options(keys.len(), end) {
        Ok(options) => Ok((keys, options)),
        Err(failure) => {
            let task = call.task();
            keys.iter().try_for_each(|key| Source::read(&task, key).map(drop))?;
            Err(failure)
        }
    }
}

fn no_keys(command: &str) -> String {
    format!("ERR at least 1 input key is needed for '{command}' command")
}

fn combine(call: &Call<'_>, operation: Operation, command: &str) -> Result<Answer, Failure> {
    let (keys, options) =
        parse(call, 0, command, |sets, end| Options::of(call, operation, sets, end, false))?;
    call.with_all(keys, Source::read, Source::weight, move |task, sources| {
        let result = options.combine(task, &sources)?;
        Ok(Reply::Scored(result.scored(0..result.len(), false), options.scores))
    })
}

fn combine_and_store(call: &Call<'_>, operation: Operation, command: &str) -> Result<Answer, Failure> {
    call.cache.authorize_key(call.key())?;
    let (keys, options) = parse(call, 1, command, |sets, end| Options::of(call, operation, sets, end, true))?;
    let target = call.owned(0);
    call.with_all(keys, Source::read, Source::weight, move |task, sources| {
        let result = options.combine(task, &sources)?;
        let length = result.len();
        task.put(&target, result)?;
        Ok(Reply::count(length))
    })
}

pub(crate) fn zunion(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine(call, Operation::Union, "zunion")
}

pub(crate) fn zinter(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine(call, Operation::Intersection, "zinter")
}

pub(crate) fn zdiff(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine(call, Operation::Difference, "zdiff")
}

pub(crate) fn zunionstore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine_and_store(call, Operation::Union, "zunionstore")
}

pub(crate) fn zinterstore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine_and_store(call, Operation::Intersection, "zinterstore")
}

pub(crate) fn zdiffstore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine_and_store(call, Operation::Difference, "zdiffstore")
}

pub(crate) fn zintercard(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (keys, limit) = parse(call, 0, "zintercard", |_, end| limit(call, end))?;
    call.with_all(keys, Source::read, Source::weight, move |_, sources| {
        let (mut common, smallest) = (0, sources.iter().min_by_key(|source| source.weight().0));
        if let Some(smallest) = smallest {
            smallest.for_each(|member, _| {
                if common < limit && sources.iter().all(|source| source.score(member).is_some()) {
                    common += 1;
                }
            });
        }
        Ok(Reply::count(common))
    })
}
