//! Commands on strings: Momento's scalars.

use bytes::Bytes;
use kura_base::Millis;
use kura_commands::{Action, Command, Error, Item, ItemType, Value, ValueRef};

use super::expiry::Unit;
use crate::call::{Answer, Call};
use crate::numbers;
use crate::reply::{Failure, Out, Reply};

/// Values over this are shared with the store until they are sent; others are copied at once.
const SHARED_BYTES: usize = 16 * 1024;

pub(crate) fn get(call: &Call<'_>, out: &mut Out) -> Result<Answer, Failure> {
    let found = call.commands.look_at_scalar(&call.cache, call.key(), call.now, |value| match value {
        ValueRef::Shared(value) if value.len() > SHARED_BYTES => Answer::Reply(Reply::Bytes(value.clone())),
        small => {
            out.bulk(small.as_bytes());
            Answer::Written
        }
    })?;
    Ok(found.unwrap_or(Answer::Reply(Reply::Null)))
}

pub(crate) fn mget(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let mut values = Vec::with_capacity(call.len());
    for key in call.arguments.iter() {
        // An item of another type is none here, as in Redis.
        let found = call.commands.look(&call.cache, key, call.now, |item| value_of(&item))?;
        values.push(Reply::bytes(found.flatten()));
    }
    Ok(Reply::Array(values).into())
}

fn value_of(item: &Item<'_>) -> Option<Bytes> {
    (item.item_type == ItemType::Scalar).then(|| item.value.to_bytes())
}

/// The value of an item that must be a string, if there is one.
fn string<'a>(item: Option<&Item<'a>>) -> Result<Option<ValueRef<'a>>, Failure> {
    match item {
        None => Ok(None),
        Some(item) if item.item_type == ItemType::Scalar => Ok(Some(item.value)),
        Some(_) => Err(Failure::Refused(Error::WrongType(String::new()))),
    }
}

/// What stays as it is with an error.
fn refuse<R>(failure: Failure) -> (Action<'static>, Result<R, Failure>) {
    (Action::Keep, Err(failure))
}

impl Call<'_> {
    /// Changes a string, atomically: `decide` sees its value and when it ends, or nothing, and
    /// says what it is from now on and when that ends, or nothing if it stays.
    pub(crate) fn change_string<R>(
        &self,
        decide: impl FnOnce(Option<(ValueRef<'_>, Millis)>) -> Result<(Option<(Vec<u8>, Millis)>, R), Failure>,
    ) -> Result<R, Failure> {
        self.commands.change(&self.cache, self.key(), self.now, |item| {
            let held = match string(item.as_ref()) {
                Ok(value) => value.zip(item.map(|item| item.expires)),
                Err(failure) => return refuse(failure),
            };
            match decide(held) {
                Ok((Some((value, expires)), answer)) => {
                    (Action::Put { value: Value::Shared(value.into()), expires }, Ok(answer))
                }
                Ok((None, answer)) => (Action::Keep, Ok(answer)),
                Err(failure) => refuse(failure),
            }
        })?
    }
}

/// The options of SET.
#[derive(Default)]
struct SetOptions {
    absent: bool,
    present: bool,
    get: bool,
    keep: bool,
    /// Only if this is the value.
    equal: Option<usize>,
    end: Option<Millis>,
}

impl SetOptions {
    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut at = 2;
        while at < call.len() {
            let option = call.argument(at);
            match option.to_ascii_uppercase().as_slice() {
                b"NX" if !options.present && options.equal.is_none() => options.absent = true,
                b"XX" if !options.absent && options.equal.is_none() => options.present = true,
                b"IFEQ" if !options.present && !options.absent && at + 1 < call.len() => {
                    at += 1;
                    options.equal = Some(at);
                }
                b"GET" => options.get = true,
                b"KEEPTTL" if options.end.is_none() => options.keep = true,
                _ => match Unit::of_option(option) {
                    Some(unit) if options.end.is_none() && !options.keep && at + 1 < call.len() => {
                        at += 1;
                        options.end = Some(call.end_of_value(at, unit, "set")?);
                    }
                    _ => return Err(Failure::syntax()),
                },
            }
            at += 1;
        }
        Ok(options)
    }
}

pub(crate) fn set(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    if call.len() == 2 {
        return overwrite(call, call.key(), call.argument(1), call.latest_end());
    }
    let options = SetOptions::of(call)?;
    let (value, latest) = (call.ready(1), call.latest_end());
    call.commands.change(&call.cache, call.key(), call.now, |item| {
        let looks = options.get || options.equal.is_some();
        let old = match if looks { string(item.as_ref()) } else { Ok(None) } {
            Ok(old) => old,
            Err(failure) => return refuse(failure),
        };
        let equal = options.equal.is_none_or(|at| old.is_some_and(|old| old.as_bytes() == call.argument(at)));
        let old = Reply::bytes(old.map(|old| old.to_bytes()));
        if !equal || options.absent && item.is_some() || options.present && item.is_none() {
            return (Action::Keep, Ok(if options.get { old } else { Reply::Null }.into()));
        }
        let held = item.filter(|_| options.keep).map(|item| item.expires);
        let expires = options.end.or(held).unwrap_or(latest);
        let reply = if options.get { old } else { Reply::OK };
        (Action::Put { value, expires }, Ok(reply.into()))
    })?
}

/// Writes a value in place of whatever is there.
fn overwrite(call: &Call<'_>, key: &[u8], value: &[u8], end: Millis) -> Result<Answer, Failure> {
    let left = u64::try_from(end.since(call.now).as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        // It would be gone already.
        call.commands.execute(call.cache.clone(), key, Command::Delete, call.now, |_| {})?;
        return Ok(Reply::OK.into());
    }
    let command = Command::Set { value: Value::Copied(value), ttl: call.commands.ttl(left)? };
    call.commands.execute(call.cache.clone(), key, command, call.now, |_| {})?;
    Ok(Reply::OK.into())
}

pub(crate) fn setex(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let end = call.end_of_value(1, Unit::SECONDS, "setex")?;
    overwrite(call, call.key(), call.argument(2), end)
}

pub(crate) fn psetex(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let end = call.end_of_value(1, Unit::MILLIS, "psetex")?;
    overwrite(call, call.key(), call.argument(2), end)
}

pub(crate) fn mset(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    if !call.len().is_multiple_of(2) {
        return Err(Failure::said("ERR wrong number of arguments for 'mset' command"));
    }
    // What can be refused is refused before anything is written.
    let most = call.commands.limits().max_item_bytes;
    for at in (0..call.len()).step_by(2) {
        call.commands.look(&call.cache, call.argument(at), call.now, |_| ()).map(drop)?;
        let bytes = call.argument(at).len() + call.argument(at + 1).len();
        if bytes > most {
            return Err(Error::ItemTooLarge { bytes: bytes as u64, limit: most as u64 }.into());
        }
    }
    for at in (0..call.len()).step_by(2) {
        overwrite(call, call.argument(at), call.argument(at + 1), call.latest_end())?;
    }
    Ok(Reply::OK.into())
}

pub(crate) fn setnx(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (value, expires) = (call.ready(1), call.latest_end());
    let stored = call.commands.change(&call.cache, call.key(), call.now, |item| match item {
        Some(_) => (Action::Keep, false),
        None => (Action::Put { value, expires }, true),
    })?;
    Ok(Reply::truth(stored).into())
}

/// Tells the value, and does something to it.
fn get_and<'v>(
    call: &Call<'_>,
    action: impl FnOnce(Option<Millis>) -> Action<'v>,
) -> Result<Answer, Failure> {
    call.commands.change(&call.cache, call.key(), call.now, |item| match string(item.as_ref()) {
        Ok(value) => {
            let reply = Reply::bytes(value.map(|value| value.to_bytes()));
            (action(item.map(|item| item.expires)), Ok(reply.into()))
        }
        Err(failure) => refuse(failure),
    })?
}

pub(crate) fn getset(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (value, expires) = (call.ready(1), call.latest_end());
    get_and(call, |_| Action::Put { value, expires })
}

pub(crate) fn getdel(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    get_and(call, |_| Action::Remove)
}

/// Deletes a key if it has this value.
pub(crate) fn delifeq(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    call.commands.change(&call.cache, call.key(), call.now, |item| match string(item.as_ref()) {
        Ok(Some(value)) if value.as_bytes() == call.argument(1) => {
            (Action::Remove, Ok(Reply::Integer(1).into()))
        }
        Ok(_) => (Action::Keep, Ok(Reply::Integer(0).into())),
        Err(failure) => refuse(failure),
    })?
}

pub(crate) fn getex(call: &Call<'_>, out: &mut Out) -> Result<Answer, Failure> {
    let option = call.argument(1);
    let end = match (call.len(), Unit::of_option(option)) {
        (1, _) => return get(call, out),
        (2, _) if option.eq_ignore_ascii_case(b"PERSIST") => call.latest_end(),
        (3, Some(unit)) => call.end_of_value(2, unit, "getex")?,
        _ => return Err(Failure::syntax()),
    };
    get_and(call, |_| Action::Expire(end))
}

pub(crate) fn append(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (tail, latest) = (call.argument(1), call.latest_end());
    let length = call.change_string(|held| {
        let (old, end) = held.as_ref().map_or((&[][..], latest), |(value, end)| (value.as_bytes(), *end));
        let value = [old, tail].concat();
        let length = value.len();
        Ok((Some((value, end)), length))
    })?;
    Ok(Reply::count(length as u64).into())
}

pub(crate) fn strlen(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let length =
        call.commands.look_at_scalar(&call.cache, call.key(), call.now, |value| value.as_bytes().len())?;
    Ok(Reply::count(length.unwrap_or(0) as u64).into())
}

pub(crate) fn getrange(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (start, end) = (call.integer(1)?, call.integer(2)?);
    let part = call.commands.look_at_scalar(&call.cache, call.key(), call.now, |value| {
        let value = value.as_bytes();
        let (from, to) = substring(start, end, value.len() as u64);
        Bytes::copy_from_slice(value.get(from as usize..to as usize).unwrap_or_default())
    })?;
    Ok(Reply::Bytes(part.unwrap_or_default()).into())
}

/// As a range of a list, but that an end before the first byte is the first byte, as in Redis.
fn substring(start: i64, end: i64, len: u64) -> (u64, u64) {
    let before = |index: i64| index < 0 && index.unsigned_abs() > len;
    if start < 0 && end < 0 && start > end {
        return (0, 0);
    }
    super::lists::span(start, if before(end) { 0 } else { end }, len)
}

pub(crate) fn setrange(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (patch, latest) = (call.argument(2), call.latest_end());
    let start = usize::try_from(call.integer(1)?).map_err(|_| Failure::said("ERR offset is out of range"))?;
    let limit = call.commands.limits().max_item_bytes;
    let end = start.saturating_add(patch.len());
    if end > limit && !patch.is_empty() {
        return Err(Error::ItemTooLarge { bytes: end as u64, limit: limit as u64 }.into());
    }
    let length = call.change_string(|held| {
        let (old, expires) = held.as_ref().map_or((&[][..], latest), |(value, end)| (value.as_bytes(), *end));
        if patch.is_empty() {
            return Ok((None, old.len()));
        }
        let mut value = old.to_vec();
        value.resize(old.len().max(end), 0);
        if let Some(place) = value.get_mut(start..end) {
            place.copy_from_slice(patch);
        }
        let length = value.len();
        Ok((Some((value, expires)), length))
    })?;
    Ok(Reply::count(length as u64).into())
}

fn add(call: &Call<'_>, amount: i64) -> Result<Answer, Failure> {
    let latest = call.latest_end();
    let sum = call.change_string(|held| {
        let (current, end) = match &held {
            None => (0, latest),
            Some((value, end)) => {
                (numbers::integer(value.as_bytes()).ok_or_else(Failure::not_an_integer)?, *end)
            }
        };
        let overflow = || Failure::said("ERR increment or decrement would overflow");
        let sum = current.checked_add(amount).ok_or_else(overflow)?;
        Ok((Some((sum.to_string().into_bytes(), end)), sum))
    })?;
    Ok(Reply::Integer(sum).into())
}

pub(crate) fn incr(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    add(call, 1)
}

pub(crate) fn decr(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    add(call, -1)
}

pub(crate) fn incrby(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    add(call, call.integer(1)?)
}

pub(crate) fn decrby(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let amount = call.integer(1)?.checked_neg();
    add(call, amount.ok_or_else(|| Failure::said("ERR decrement would overflow"))?)
}

pub(crate) fn incrbyfloat(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (amount, latest) = (call.float(1)?, call.latest_end());
    let sum = call.change_string(|held| {
        let (current, end) = match &held {
            None => (0.0, latest),
            Some((value, end)) => (numbers::float(value.as_bytes()).ok_or_else(Failure::not_a_float)?, *end),
        };
        let sum = current + amount;
        if !sum.is_finite() {
            return Err(Failure::said("ERR increment would produce NaN or Infinity"));
        }
        let sum = numbers::plain(sum);
        Ok((Some((sum.clone().into_bytes(), end)), sum))
    })?;
    Ok(Reply::text(sum).into())
}
