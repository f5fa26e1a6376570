//! Commands on hashes: Momento's dictionaries.

use bytes::Bytes;
use kura_commands::{Collection, Dictionary, Work};

use super::chance::Chance;
use crate::call::{Answer, Call, Edit};
use crate::numbers;
use crate::reply::{Failure, Out, Part, Reply};

/// The work of writing the arguments from the second on.
fn writing(call: &Call<'_>) -> Work {
    Work::writing(call.arguments.from(1).iter().map(<[u8]>::len))
}

fn pairs(call: &Call<'_>, command: &str) -> Result<Vec<Bytes>, Failure> {
    let items = call.arguments.from(1).to_owned();
    if !items.len().is_multiple_of(2) {
        return Err(Failure::said(format!("ERR wrong number of arguments for '{command}' command")));
    }
    Ok(items)
}

/// Writes pairs; how many fields are new.
fn write(hash: &mut Dictionary, items: &[Bytes]) -> u64 {
    let before = hash.len();
    for pair in items.chunks_exact(2) {
        hash.set(&pair[0], &pair[1]);
    }
    hash.len() - before
}

pub(crate) fn hset(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let items = pairs(call, "hset")?;
    call.edit(writing(call), move |hash: &mut Dictionary| {
        Ok(Edit::new(true, Reply::count(write(hash, &items))))
    })
}

pub(crate) fn hmset(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let items = pairs(call, "hmset")?;
    call.edit(writing(call), move |hash: &mut Dictionary| {
        write(hash, &items);
        Ok(Edit::new(true, Reply::OK))
    })
}

pub(crate) fn hsetnx(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (field, value) = (call.owned(1), call.owned(2));
    call.edit(writing(call), move |hash: &mut Dictionary| {
        let absent = hash.get(&field).is_none();
        if absent {
            hash.set(&field, &value);
        }
        Ok(Edit::new(absent, Reply::truth(absent)))
    })
}

fn value(hash: Option<&Dictionary>, field: &[u8]) -> Reply {
    Reply::bytes(hash.and_then(|hash| hash.get(field)).map(Bytes::copy_from_slice))
}

pub(crate) fn hget(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let field = call.owned(1);
    call.read(Work::on(1), move |hash: Option<Dictionary>| value(hash.as_ref(), &field))
}

pub(crate) fn hmget(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let fields = call.arguments.from(1).to_owned();
    call.read(Work::on(fields.len()), move |hash: Option<Dictionary>| {
        Reply::Array(fields.iter().map(|field| value(hash.as_ref(), field)).collect())
    })
}

fn part(call: &Call<'_>, part: Part) -> Result<Answer, Failure> {
    call.read(Work::on(0), move |hash: Option<Dictionary>| match hash {
        Some(hash) => Reply::Fields(hash.fields(), part),
        None if part == Part::Both => Reply::Map(Vec::new()),
        None => Reply::empty(),
    })
}

pub(crate) fn hgetall(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    part(call, Part::Both)
}

pub(crate) fn hkeys(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    part(call, Part::Fields)
}

pub(crate) fn hvals(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    part(call, Part::Values)
}

pub(crate) fn hdel(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let fields = call.arguments.from(1).to_owned();
    call.edit(Work::on(fields.len()), move |hash: &mut Dictionary| {
        Ok(Edit::counted(fields.iter().filter(|field| hash.remove(field)).count()))
    })
}

pub(crate) fn hlen(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    call.read(Work::on(0), |hash: Option<Dictionary>| Reply::count(hash.map_or(0, |hash| hash.len())))
}

pub(crate) fn hexists(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let field = call.owned(1);
    call.read(Work::on(1), move |hash: Option<Dictionary>| {
        Reply::truth(hash.is_some_and(|hash| hash.get(&field).is_some()))
    })
}

pub(crate) fn hstrlen(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let field = call.owned(1);
    call.read(Work::on(1), move |hash: Option<Dictionary>| {
        Reply::count(hash.as_ref().and_then(|hash| hash.get(&field)).map_or(0, <[u8]>::len) as u64)
    })
}

pub(crate) fn hincrby(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (field, amount) = (call.owned(1), call.integer(2)?);
    call.edit(writing(call), move |hash: &mut Dictionary| {
        let current = match hash.get(&field) {
            None => 0,
            Some(value) => {
                numbers::integer(value).ok_or_else(|| Failure::said("ERR hash value is not an integer"))?
            }
        };
        let overflow = || Failure::said("ERR increment or decrement would overflow");
        let sum = current.checked_add(amount).ok_or_else(overflow)?;
        hash.set(&field, sum.to_string().as_bytes());
        Ok(Edit::new(true, Reply::Integer(sum)))
    })
}

pub(crate) fn hincrbyfloat(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (field, amount) = (call.owned(1), call.float(2)?);
    call.edit(writing(call), move |hash: &mut Dictionary| {
        let current = match hash.get(&field) {
            None => 0.0,
            Some(value) => {
                numbers::float(value).ok_or_else(|| Failure::said("ERR hash value is not a float"))?
            }
        };
        let sum = current + amount;
        if !sum.is_finite() {
            return Err(Failure::said("ERR increment would produce NaN or Infinity"));
        }
        let sum = numbers::plain(sum);
        hash.set(&field, sum.as_bytes());
        Ok(Edit::new(true, Reply::text(sum)))
    })
}

pub(crate) fn hrandfield(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let Some(chance) = Chance::of(call, b"WITHVALUES")? else {
        let seed = call.seed()?;
        return call.read(Work::on(1), move |hash: Option<Dictionary>| {
            let picked = hash.and_then(|hash| {
                let at = fastrand::Rng::with_seed(seed).u64(0..hash.len());
                let picked = hash.pick([at]);
                picked.iter_from(0).next().map(|(field, _)| Bytes::copy_from_slice(field))
            });
            Reply::bytes(picked)
        });
    };
    call.read(chance.work(), move |hash: Option<Dictionary>| {
        let Some(hash) = hash else { return Reply::empty() };
        let part = if chance.both { Part::Pairs } else { Part::Fields };
        Reply::Fields(hash.pick(chance.places(hash.len())), part)
    })
}

/// Tells the values of fields and removes them (Redis 8, Valkey 9).
pub(crate) fn hgetdel(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    if !call.argument(1).eq_ignore_ascii_case(b"FIELDS") {
        return Err(Failure::said("ERR Mandatory argument FIELDS is missing or not at the right position"));
    }
    let wrong = || Failure::said("ERR Number of fields must be a positive integer");
    let count = call.integer(2).ok().filter(|count| *count > 0).ok_or_else(wrong)?;
    if usize::try_from(count).ok() != Some(call.len() - 3) {
        return Err(Failure::said("ERR The `numfields` parameter must match the number of arguments"));
    }
    let fields = call.arguments.from(3).to_owned();
    call.edit(Work::on(fields.len()), move |hash: &mut Dictionary| {
        let values: Vec<_> = fields
            .iter()
            .map(|field| {
                let value = value(Some(hash), field);
                hash.remove(field);
                value
            })
            .collect();
        let changed = values.iter().any(|value| !matches!(value, Reply::Null));
        Ok(Edit::new(changed, Reply::Array(values)))
    })
}
