//! Commands on sets.

use bytes::Bytes;
use kura_commands::{Collection, Set, SetCommand, SetReply, Work};

use super::chance::MOST_REPEATED;
use crate::call::{Answer, Call, Edit, answer};
use crate::reply::{Failure, Out, Reply};

pub(crate) fn sadd(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let elements = call.arguments.from(1);
    let work = Work::writing(elements.iter().map(<[u8]>::len));
    let elements = elements.to_owned();
    call.edit(work, move |set: &mut Set| {
        Ok(Edit::counted(elements.iter().filter(|element| set.add(element)).count()))
    })
}

pub(crate) fn srem(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let elements = call.arguments.from(1).to_owned();
    call.edit(Work::on(elements.len()), move |set: &mut Set| {
        Ok(Edit::counted(elements.iter().filter(|element| set.remove(element)).count()))
    })
}

pub(crate) fn smembers(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    call.read(Work::on(0), |set: Option<Set>| set.map_or(Reply::NoElements, |set| Reply::Set(set.elements())))
}

pub(crate) fn scard(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    call.read(Work::on(0), |set: Option<Set>| Reply::count(set.map_or(0, |set| set.len())))
}

pub(crate) fn sismember(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let element = call.owned(1);
    call.read(Work::on(1), move |set: Option<Set>| {
        Reply::truth(set.is_some_and(|set| set.contains(&element)))
    })
}

pub(crate) fn smismember(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let elements = call.arguments.from(1).to_owned();
    call.read(Work::on(elements.len()), move |set: Option<Set>| {
        let holds = |element| Reply::truth(set.as_ref().is_some_and(|set| set.contains(element)));
        Reply::Array(elements.iter().map(|element| holds(element)).collect())
    })
}

/// How elements chosen at random are answered.
#[derive(Clone, Copy)]
enum Form {
    /// The one there is.
    One,
    Set,
    List,
}

fn chosen(call: &Call<'_>, command: SetCommand, form: Form) -> Result<Answer, Failure> {
    let outcome = call.commands.set(call.cache.clone(), call.key(), command, call.now)?;
    answer(outcome, move |reply| {
        let found = if let SetReply::Found(found) = reply { Some(found) } else { None };
        Ok(match (found, form) {
            (Some(found), Form::One) => Reply::bytes(found.iter_from(0).next().map(Bytes::copy_from_slice)),
            (Some(found), Form::Set) => Reply::Set(found),
            (Some(found), Form::List) => Reply::List(found),
            (None, Form::One) => Reply::Null,
            (None, Form::Set) => Reply::NoElements,
            (None, Form::List) => Reply::empty(),
        })
    })
}

pub(crate) fn spop(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let counted = counted(call)?;
    let count = if counted { call.count(1)? } else { 1 };
    if count == 0 {
        return call.read(Work::on(0), |_: Option<Set>| Reply::NoElements);
    }
    let form = if counted { Form::Set } else { Form::One };
    chosen(call, SetCommand::Pop { count, seed: call.seed()? }, form)
}

pub(crate) fn srandmember(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let counted = counted(call)?;
    let count = if counted { call.integer(1)? } else { 1 };
    let seed = call.seed()?;
    if count == 0 {
        return call.read(Work::on(0), |_: Option<Set>| Reply::empty());
    }
    if let Ok(limit) = u64::try_from(count) {
        // A list, as elements may stand more than once where the count is negative.
        let form = if counted { Form::List } else { Form::One };
        return chosen(call, SetCommand::Sample { limit, seed }, form);
    }
    let count = count.unsigned_abs();
    if count > MOST_REPEATED {
        return Err(Failure::said(format!("ERR value is out of range, at least -{MOST_REPEATED}")));
    }
    call.read(Work::on(count as usize), move |set: Option<Set>| {
        let Some(set) = set else { return Reply::empty() };
        let mut random = fastrand::Rng::with_seed(seed);
        Reply::List(set.pick((0..count).map(|_| random.u64(0..set.len()))))
    })
}

fn counted(call: &Call<'_>) -> Result<bool, Failure> {
    match call.len() {
        1 => Ok(false),
        2 => Ok(true),
        _ => Err(Failure::syntax()),
    }
}
