//! Commands on lists.

use bytes::Bytes;
use kura_commands::{Change, Collection, List, Work};

use super::moves::End;
use crate::call::{Answer, Call, Edit};
use crate::reply::{Failure, Out, Reply};
use crate::task::{Step, Task, counted_keys};

/// From which to before which index an inclusive range reaches whose ends may count from the end.
pub(crate) fn span(start: i64, end: i64, len: u64) -> (u64, u64) {
    let from = index(start, len).unwrap_or(0).min(len);
    let to = index(end, len).map_or(0, |end| end.saturating_add(1)).min(len);
    (from, to.max(from))
}

/// An index that may count from the end; none if it lies before the start.
fn index(index: i64, len: u64) -> Option<u64> {
    match u64::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => len.checked_sub(index.unsigned_abs()),
    }
}

fn push(call: &Call<'_>, front: bool, make: bool) -> Result<Answer, Failure> {
    let values = call.arguments.from(1);
    let work = Work::writing(values.iter().map(<[u8]>::len));
    let values = values.to_owned();
    call.edit(work, move |list: &mut List| {
        if !make && list.is_empty() {
            return Ok(Edit::none(Reply::Integer(0)));
        }
        for value in &values {
            list.insert(if front { 0 } else { u64::MAX }, value);
        }
        Ok(Edit::new(true, Reply::count(list.len())))
    })
}

pub(crate) fn lpush(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    push(call, true, true)
}

pub(crate) fn rpush(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    push(call, false, true)
}

pub(crate) fn lpushx(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    push(call, true, false)
}

pub(crate) fn rpushx(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    push(call, false, false)
}

/// Takes elements from the front, or from the back, whose last is then the first.
fn take(list: &mut List, count: u64, front: bool) -> Vec<Reply> {
    let len = list.len();
    let count = count.min(len);
    let range = if front { 0..count } else { len - count..len };
    let found = list.elements(range.clone());
    let mut taken: Vec<_> =
        found.iter_from(0).map(|value| Reply::Bytes(Bytes::copy_from_slice(value))).collect();
    if !front {
        taken.reverse();
    }
    list.remove(range);
    taken
}

fn pop(call: &Call<'_>, front: bool) -> Result<Answer, Failure> {
    let count = match call.len() {
        1 => None,
        2 => Some(call.count(1)?),
        _ => return Err(Failure::syntax()),
    };
    let work = if count.is_some_and(|count| count > 1) { Work::on_all() } else { Work::on(1) };
    call.edit(work, move |list: &mut List| {
        if list.is_empty() {
            return Ok(Edit::none(if count.is_some() { Reply::NullArray } else { Reply::Null }));
        }
        let mut popped = take(list, count.unwrap_or(1), front);
        let changed = !popped.is_empty();
        let reply = match count {
            Some(_) => Reply::Array(popped),
            None => popped.pop().unwrap_or(Reply::Null),
        };
        Ok(Edit::new(changed, reply))
    })
}

/// The `COUNT` at the end of LMPOP and ZMPOP; 1 if there is none.
pub(crate) fn count_option(call: &Call<'_>, at: usize) -> Result<u64, Failure> {
    if at >= call.len() {
        return Ok(1);
    }
    if at + 2 != call.len() || !call.argument(at).eq_ignore_ascii_case(b"COUNT") {
        return Err(Failure::syntax());
    }
    let count = call.integer(at + 1).ok().and_then(|count| u64::try_from(count).ok());
    count.filter(|count| *count > 0).ok_or_else(|| Failure::said("ERR count should be greater than 0"))
}

/// Pops from the first of several lists that has elements.
pub(crate) fn lmpop(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (keys, end) = counted_keys(call, 0, "ERR numkeys should be greater than 0")?;
    let front = End::of(call.argument(end))? == End::Left;
    let count = count_option(call, end + 1)?;
    Ok(pop_first(call.task(), keys.into_iter(), front, count)?.into())
}

fn pop_first(
    task: Task,
    mut keys: std::vec::IntoIter<Bytes>,
    front: bool,
    count: u64,
) -> Result<Step<Reply>, Failure> {
    while let Some(key) = keys.next() {
        if task.snapshot::<List>(&key)?.is_none() {
            continue;
        }
        let work = if count > 1 { Work::on_all() } else { Work::on(1) };
        let popped = task.edit(&key, work, move |list: &mut List, held| match held {
            Some(end) => (Change::Store(end), take(list, count, front)),
            None => (Change::Keep, Vec::new()),
        })?;
        return popped.then(move |popped| {
            if popped.is_empty() {
                return pop_first(task, keys, front, count);
            }
            Ok(Step::Done(Reply::Array(vec![Reply::Bytes(key), Reply::Array(popped)])))
        });
    }
    Ok(Step::Done(Reply::NullArray))
}

/// Where equal elements stand.
pub(crate) fn lpos(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let element = call.owned(1);
    let (mut rank, mut count, mut most) = (1, None, u64::MAX);
    if !call.len().is_multiple_of(2) {
        return Err(Failure::syntax());
    }
    for at in (2..call.len()).step_by(2) {
        let number = call.integer(at + 1);
        match call.argument(at).to_ascii_uppercase().as_slice() {
            b"RANK" => {
                rank = number?;
                if rank == 0 || rank == i64::MIN {
                    return Err(Failure::said(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second \
                         ... or use negative to start from the end of the list",
                    ));
                }
            }
            b"COUNT" => {
                let wrong = || Failure::said("ERR COUNT can't be negative");
                count = Some(u64::try_from(number?).map_err(|_| wrong())?);
            }
            b"MAXLEN" => {
                let wrong = || Failure::said("ERR MAXLEN can't be negative");
                most = u64::try_from(number?).map_err(|_| wrong())?;
            }
            _ => return Err(Failure::syntax()),
        }
    }
    let most = if most == 0 { u64::MAX } else { most };
    let wanted = match count {
        None => 1,
        Some(0) => usize::MAX,
        Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
    };
    let skipped = usize::try_from(rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
    call.read(Work::on_all(), move |list: Option<List>| {
        let Some(list) = list else {
            return if count.is_some() { Reply::empty() } else { Reply::Null };
        };
        let len = list.len();
        let looked_at = if rank > 0 { 0..most.min(len) } else { len.saturating_sub(most)..len };
        let elements = list.elements(looked_at.clone());
        let equal = looked_at.zip(elements.iter_from(0)).filter(|(_, other)| *other == element);
        let equal = equal.map(|(at, _)| at);
        let found: Vec<u64> = if rank > 0 {
            equal.skip(skipped).take(wanted).collect()
        } else {
            let mut equal: Vec<_> = equal.collect();
            equal.reverse();
            equal.into_iter().skip(skipped).take(wanted).collect()
        };
        match count {
            Some(_) => Reply::Array(found.into_iter().map(Reply::count).collect()),
            None => found.first().map_or(Reply::Null, |at| Reply::count(*at)),
        }
    })
}

pub(crate) fn lpop(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    pop(call, true)
}

pub(crate) fn rpop(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    pop(call, false)
}

pub(crate) fn lrange(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (start, end) = (call.integer(1)?, call.integer(2)?);
    call.read(Work::on(0), move |list: Option<List>| {
        let Some(list) = list else { return Reply::empty() };
        let (from, to) = span(start, end, list.len());
        Reply::List(list.elements(from..to))
    })
}

pub(crate) fn llen(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    call.read(Work::on(0), |list: Option<List>| Reply::count(list.map_or(0, |list| list.len())))
}

pub(crate) fn lindex(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let wanted = call.integer(1)?;
    call.read(Work::on(1), move |list: Option<List>| {
        let list = list.as_ref();
        let found = list.and_then(|list| index(wanted, list.len()).and_then(|index| list.get(index)));
        Reply::bytes(found.map(Bytes::copy_from_slice))
    })
}

pub(crate) fn ltrim(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (start, end) = (call.integer(1)?, call.integer(2)?);
    call.edit(Work::on(1), move |list: &mut List| {
        let len = list.len();
        let (from, to) = span(start, end, len);
        list.remove(to..len);
        list.remove(0..from);
        Ok(Edit::new(list.len() < len, Reply::OK))
    })
}

pub(crate) fn lset(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (wanted, value) = (call.integer(1)?, call.owned(2));
    call.edit(Work::writing([value.len()].into_iter()), move |list: &mut List| {
        if list.is_empty() {
            return Err(Failure::said("ERR no such key"));
        }
        let Some(index) = index(wanted, list.len()).filter(|index| *index < list.len()) else {
            return Err(Failure::said("ERR index out of range"));
        };
        list.remove(index..index + 1);
        list.insert(index, &value);
        Ok(Edit::new(true, Reply::OK))
    })
}

pub(crate) fn linsert(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let behind = match call.argument(1).to_ascii_uppercase().as_slice() {
        b"BEFORE" => 0,
        b"AFTER" => 1,
        _ => return Err(Failure::syntax()),
    };
    let (pivot, value) = (call.owned(2), call.owned(3));
    call.edit(Work::writing([value.len()].into_iter()).and_all(), move |list: &mut List| {
        if list.is_empty() {
            return Ok(Edit::none(Reply::Integer(0)));
        }
        let Some(at) = list.iter().position(|other| other == pivot) else {
            return Ok(Edit::none(Reply::Integer(-1)));
        };
        list.insert(at as u64 + behind, &value);
        Ok(Edit::new(true, Reply::count(list.len())))
    })
}

pub(crate) fn lrem(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (count, value) = (call.integer(1)?, call.owned(2));
    call.edit(Work::on_all(), move |list: &mut List| {
        let mut equal: Vec<u64> =
            list.iter().zip(0..).filter(|(other, _)| *other == value).map(|(_, at)| at).collect();
        let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if count > 0 {
            equal.truncate(most);
        } else if count < 0 {
            equal.drain(..equal.len().saturating_sub(most));
        }
        for at in equal.iter().rev() {
            list.remove(*at..at + 1);
        }
        Ok(Edit::counted(equal.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_range_is_what_redis_takes_it_for() {
        for (start, end, len, expected) in [
            (0, -1, 3, (0, 3)),
            (-2, -1, 3, (1, 3)),
            (-100, 100, 3, (0, 3)),
            (2, 1, 3, (2, 2)),
            (5, 6, 3, (3, 3)),
            (0, -4, 3, (0, 0)),
            (i64::MIN, i64::MAX, 3, (0, 3)),
            (0, 0, 0, (0, 0)),
        ] {
            assert_eq!(span(start, end, len), expected, "{start} {end} of {len}");
        }
    }
}
