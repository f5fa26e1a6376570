//! Commands on several sets: each as it is at one moment, though not all at the same.

use bytes::Bytes;
use kura_commands::{Change, Collection, Set, Work};

use crate::call::{Answer, Call};
use crate::reply::{Failure, Out, Reply};
use crate::task::{Step, Task, Weight, counted_keys, or_undo, weight};

/// What is made of sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

fn read(task: &Task, key: &[u8]) -> Result<Option<Set>, Failure> {
    Ok(task.snapshot::<Set>(key)?.map(|(set, _)| set))
}

fn weight_of(set: &Option<Set>) -> Weight {
    set.as_ref().map_or((0, 0), weight)
}

/// What is common to all sets, as places in the smallest, and that one; at most so many.
fn intersection(sets: &[Option<Set>], most: u64) -> Option<(&Set, Vec<u64>)> {
    let sets: Option<Vec<&Set>> = sets.iter().map(Option::as_ref).collect();
    let sets = sets?;
    let smallest = *sets.iter().min_by_key(|set| set.len())?;
    let elements = smallest.elements();
    let common = (0..).zip(elements.iter_from(0));
    let common = common.filter(|(_, element)| sets.iter().all(|set| set.contains(element)));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let places = common.take(most).map(|(place, _)| place).collect();
    Some((smallest, places))
}

/// What only the first set has, as places in it, and that one.
fn difference(sets: &[Option<Set>]) -> Option<(&Set, Vec<u64>)> {
    let (first, others) = sets.split_first()?;
    let first = first.as_ref()?;
    let elements = first.elements();
    let own = (0..).zip(elements.iter_from(0));
    let own = own.filter(|(_, element)| !others.iter().flatten().any(|set| set.contains(element)));
    let places = own.map(|(place, _)| place).collect();
    Some((first, places))
}

fn union(task: &Task, sets: &[Option<Set>]) -> Result<Set, Failure> {
    let growth = sets.iter().flatten().map(Collection::bytes).sum();
    let mut union: Set = task.commands.new_collection(growth)?;
    for set in sets.iter().flatten() {
        for element in set.elements().iter_from(0) {
            union.add(element);
        }
    }
    Ok(union)
}

fn combine(call: &Call<'_>, operation: Operation) -> Result<Answer, Failure> {
    let keys = call.arguments.to_owned();
    call.authorize(keys.iter().map(|key| &key[..]))?;
    call.with_all(keys, read, weight_of, move |task, sets| {
        let part = match operation {
            Operation::Union => return Ok(Reply::Set(union(task, &sets)?.elements())),
            Operation::Intersection => intersection(&sets, u64::MAX),
            Operation::Difference => difference(&sets),
        };
        Ok(part.map_or(Reply::NoElements, |(set, places)| Reply::Set(set.pick(places))))
    })
}

fn combine_and_store(call: &Call<'_>, operation: Operation) -> Result<Answer, Failure> {
    let keys = call.arguments.to_owned();
    call.authorize(keys.iter().map(|key| &key[..]))?;
    let target = call.owned(0);
    call.with_all(keys.into_iter().skip(1).collect(), read, weight_of, move |task, sets| {
        let part = match operation {
            Operation::Union => None,
            Operation::Intersection => intersection(&sets, u64::MAX),
            Operation::Difference => difference(&sets),
        };
        let result = match (operation, part) {
            (Operation::Union, _) => union(task, &sets)?,
            (_, None) => task.commands.new_collection(0)?,
            (_, Some((set, places))) => {
                let mut result: Set = task.commands.new_collection(set.bytes())?;
                for element in set.pick(places).iter_from(0) {
                    result.add(element);
                }
                result
            }
        };
        let length = result.len();
        task.put(&target, result)?;
        Ok(Reply::count(length))
    })
}

pub(crate) fn sunion(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine(call, Operation::Union)
}

pub(crate) fn sinter(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine(call, Operation::Intersection)
}

pub(crate) fn sdiff(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine(call, Operation::Difference)
}

pub(crate) fn sunionstore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine_and_store(call, Operation::Union)
}

pub(crate) fn sinterstore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine_and_store(call, Operation::Intersection)
}

pub(crate) fn sdiffstore(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    combine_and_store(call, Operation::Difference)
}

/// The `LIMIT` at the end of SINTERCARD and ZINTERCARD; all if there is none, or if it is zero.
pub(crate) fn limit(call: &Call<'_>, mut at: usize) -> Result<u64, Failure> {
    let mut limit = u64::MAX;
    while at < call.len() {
        if !call.argument(at).eq_ignore_ascii_case(b"LIMIT") || at + 1 >= call.len() {
            return Err(Failure::syntax());
        }
        let wrong = || Failure::said("ERR LIMIT can't be negative");
        limit = match u64::try_from(call.integer(at + 1).map_err(|_| wrong())?).map_err(|_| wrong())? {
            0 => u64::MAX,
            limit => limit,
        };
        at += 2;
    }
    Ok(limit)
}

pub(crate) fn sintercard(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (keys, end) = counted_keys(call, 0, "ERR numkeys should be greater than 0")?;
    let limit = limit(call, end)?;
    call.with_all(keys, read, weight_of, move |_, sets| {
        Ok(Reply::count(intersection(&sets, limit).map_or(0, |(_, places)| places.len() as u64)))
    })
}

/// Takes the element from one set, then adds it to the other; for a moment it is in neither. One
/// that cannot be added is put back.
pub(crate) fn smove(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (from, to, element) = (call.owned(0), call.owned(1), call.owned(2));
    call.authorize([&from[..], &to[..]])?;
    let source = call.snapshot::<Set>(&from)?;
    if source.is_none() {
        return Ok(Reply::Integer(0).into());
    }
    call.snapshot::<Set>(&to)?;
    if from == to {
        let holds = source.is_some_and(|(set, _)| set.contains(&element));
        return Ok(Reply::truth(holds).into());
    }
    let task = call.task();
    let latest = call.latest_end();
    let taken = remove(&task, &from, element.clone())?;
    let moved = taken.then(move |held| {
        let Some(held) = held else { return Ok(Step::Done(Reply::Integer(0))) };
        let added = add(&task, &to, element.clone(), latest);
        or_undo(added, move || add(&task, &from, element, held))?.then(|()| Ok(Step::Done(Reply::Integer(1))))
    })?;
    Ok(moved.into())
}

/// Removes an element; when its set ends, if it was there.
fn remove(task: &Task, key: &[u8], element: Bytes) -> Result<Step<Option<kura_base::Millis>>, Failure> {
    task.edit(key, Work::on(1), move |set: &mut Set, held| match held {
        Some(end) if set.remove(&element) => (Change::Store(end), Some(end)),
        _ => (Change::Keep, None),
    })
}

/// Adds an element to a set that, if it is not there yet, ends at `end`.
fn add(task: &Task, key: &[u8], element: Bytes, end: kura_base::Millis) -> Result<Step<()>, Failure> {
    let work = Work::writing([element.len()].into_iter());
    task.edit(key, work, move |set: &mut Set, held| {
        set.add(&element);
        (Change::Store(held.unwrap_or(end)), ())
    })
}
