//! Commands on keys, whatever is stored there.

use kura_base::Millis;
use kura_commands::{Action, ItemType};

use super::expiry::Unit;
use crate::call::{Answer, Call};
use crate::reply::{Failure, Out, Reply};

pub(crate) fn del(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let mut deleted = 0;
    // All or none, as far as rights go.
    call.arguments.iter().try_for_each(|key| call.cache.authorize_key(key))?;
    for key in call.arguments.iter() {
        deleted += call
            .commands
            .change(&call.cache, key, call.now, |item| (Action::Remove, i64::from(item.is_some())))?;
    }
    Ok(Reply::Integer(deleted).into())
}

pub(crate) fn exists(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let mut there = 0;
    for key in call.arguments.iter() {
        there += i64::from(call.commands.look(&call.cache, key, call.now, |_| ())?.is_some());
    }
    Ok(Reply::Integer(there).into())
}

pub(crate) fn item_type(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let found = call.commands.look(&call.cache, call.key(), call.now, |item| item.item_type)?;
    Ok(Reply::Status(found.map_or("none", type_name)).into())
}

/// What Redis calls a type.
pub(crate) fn type_name(item_type: ItemType) -> &'static str {
    match item_type {
        ItemType::Scalar => "string",
        ItemType::Dictionary => "hash",
        ItemType::Set => "set",
        ItemType::List => "list",
        ItemType::SortedSet => "zset",
    }
}

/// When the item ends; -2 if there is none.
fn end(call: &Call<'_>, said: impl FnOnce(u64) -> u64) -> Result<Answer, Failure> {
    let end = call.commands.look(&call.cache, call.key(), call.now, |item| item.expires)?;
    Ok(end.map_or(Reply::Integer(-2), |end| Reply::count(said(end.0))).into())
}

pub(crate) fn ttl(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let now = call.now.0;
    end(call, |end| (end.saturating_sub(now) + 500) / 1000)
}

pub(crate) fn pttl(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let now = call.now.0;
    end(call, |end| end.saturating_sub(now))
}

pub(crate) fn expiretime(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    end(call, |end| end.saturating_add(500) / 1000)
}

pub(crate) fn pexpiretime(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    end(call, |end| end)
}

pub(crate) fn expire(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    change_end(call, Unit::SECONDS, "expire")
}

pub(crate) fn pexpire(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    change_end(call, Unit::MILLIS, "pexpire")
}

pub(crate) fn expireat(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    change_end(call, Unit::AT_SECONDS, "expireat")
}

pub(crate) fn pexpireat(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    change_end(call, Unit::AT_MILLIS, "pexpireat")
}

/// When a time to live is changed.
#[derive(Default)]
struct When {
    absent: bool,
    present: bool,
    later: bool,
    earlier: bool,
}

impl When {
    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let mut when = Self::default();
        for option in call.arguments.from(2).iter() {
            match option.to_ascii_uppercase().as_slice() {
                b"NX" => when.absent = true,
                b"XX" => when.present = true,
                b"GT" => when.later = true,
                b"LT" => when.earlier = true,
                _ => {
                    let option = String::from_utf8_lossy(option.get(..64).unwrap_or(option));
                    return Err(Failure::said(format!("ERR Unsupported option {option}")));
                }
            }
        }
        if when.absent && (when.present || when.later || when.earlier) {
            let text = "ERR NX and XX, GT or LT options at the same time are not compatible";
            return Err(Failure::said(text));
        }
        if when.later && when.earlier {
            return Err(Failure::said("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(when)
    }

    /// Every item has an end, so that `NX` never applies and `XX` always does.
    fn applies(&self, held: Millis, end: Millis) -> bool {
        !(self.absent || self.later && end <= held || self.earlier && end >= held)
    }
}

fn change_end(call: &Call<'_>, unit: Unit, command: &str) -> Result<Answer, Failure> {
    let when = When::of(call)?;
    let end = call.end(1, unit, command)?;
    set_end(call, |held| when.applies(held, end).then_some(end))
}

/// Gives the item the longest time to live there is.
pub(crate) fn persist(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let latest = call.latest_end();
    set_end(call, |_| Some(latest))
}

fn set_end(call: &Call<'_>, end: impl FnOnce(Millis) -> Option<Millis>) -> Result<Answer, Failure> {
    let changed = call.commands.change(&call.cache, call.key(), call.now, |item| {
        match item.and_then(|item| end(item.expires)) {
            Some(end) => (Action::Expire(end), true),
            None => (Action::Keep, false),
        }
    })?;
    Ok(Reply::truth(changed).into())
}
