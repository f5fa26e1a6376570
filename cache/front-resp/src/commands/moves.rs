//! Commands that take something from one key and put it to another. Each key for itself: for a
//! moment what is moved is at neither. What cannot be put is put back.

use bytes::Bytes;
use kura_base::Millis;
use kura_commands::{
    Action, Change, Collection, Dictionary, Item, ItemType, List, Set, SortedSet, Value, Work,
};

use crate::call::{Answer, Call};
use crate::reply::{Failure, Out, Reply};
use crate::task::{Step, Task, is_wrong_type, or_undo};

/// An item of any type, on its way.
#[derive(Clone)]
struct Moved {
    what: What,
    expires: Millis,
}

#[derive(Clone)]
enum What {
    Scalar(Bytes),
    Dictionary(Dictionary),
    Set(Set),
    List(List),
    SortedSet(SortedSet),
}

/// How often an item is looked at that others replace by one of another type all the time.
const ATTEMPTS: usize = 8;

fn scalar(item: &Item<'_>) -> Option<Moved> {
    let moved = || Moved { what: What::Scalar(item.value.to_bytes()), expires: item.expires };
    (item.item_type == ItemType::Scalar).then(moved)
}

/// What is at a key, as it is now.
fn read(task: &Task, key: &[u8]) -> Result<Option<Moved>, Failure> {
    fn whole<C: Collection>(task: &Task, key: &[u8], what: fn(C) -> What) -> Result<Option<Moved>, Failure> {
        let found = task.snapshot::<C>(key)?;
        Ok(found.map(|(collection, expires)| Moved { what: what(collection), expires }))
    }
    for _ in 0..ATTEMPTS {
        let found = task.look(key, |item| scalar(&item).ok_or(item.item_type))?;
        let read = match found {
            None => return Ok(None),
            Some(Ok(scalar)) => return Ok(Some(scalar)),
            Some(Err(ItemType::Dictionary)) => whole(task, key, What::Dictionary),
            Some(Err(ItemType::Set)) => whole(task, key, What::Set),
            Some(Err(ItemType::List)) => whole(task, key, What::List),
            Some(Err(ItemType::SortedSet | ItemType::Scalar)) => whole(task, key, What::SortedSet),
        };
        match read {
            Err(failure) if is_wrong_type(&failure) => {}
            read => return read,
        }
    }
    Err(changes())
}

fn changes() -> Failure {
    Failure::said("ERR the key changes its type all the time; try again")
}

/// Takes what is at a key away.
fn take(task: &Task, key: &[u8]) -> Result<Step<Option<Moved>>, Failure> {
    fn whole<C: Collection + Clone + Send + 'static>(
        task: &Task,
        key: &[u8],
        what: fn(C) -> What,
    ) -> Result<Step<Option<Moved>>, Failure> {
        task.edit(key, Work::on(1), move |collection: &mut C, held| match held {
            Some(expires) => (Change::Remove, Some(Moved { what: what(collection.clone()), expires })),
            None => (Change::Keep, None),
        })
    }
    for _ in 0..ATTEMPTS {
        let found = task.look(key, |item| item.item_type)?;
        let taken = match found {
            None => return Ok(Step::Done(None)),
            Some(ItemType::Scalar) => {
                let taken = task.change(key, |item| match item.as_ref().map(scalar) {
                    Some(Some(moved)) => (Action::Remove, Some(moved)),
                    _ => (Action::Keep, None),
                })?;
                match taken {
                    Some(taken) => return Ok(Step::Done(Some(taken))),
                    None => continue,
                }
            }
            Some(ItemType::Dictionary) => whole(task, key, What::Dictionary),
            Some(ItemType::Set) => whole(task, key, What::Set),
            Some(ItemType::List) => whole(task, key, What::List),
            Some(ItemType::SortedSet) => whole(task, key, What::SortedSet),
        };
        match taken {
            Err(failure) if is_wrong_type(&failure) => {}
            taken => return taken,
        }
    }
    Err(changes())
}

/// Puts an item in place of whatever is there.
fn put(task: &Task, key: &[u8], Moved { what, expires }: Moved) -> Result<(), Failure> {
    let (commands, cache, now) = (&task.commands, &task.cache, task.now);
    let put = match what {
        What::Scalar(value) => {
            let value = commands.ready(key, Value::Shared(value));
            return task.change(key, |_| (Action::Put { value, expires }, ()));
        }
        What::Dictionary(it) => commands.put_collection(cache, key, it, expires, now),
        What::Set(it) => commands.put_collection(cache, key, it, expires, now),
        What::List(it) => commands.put_collection(cache, key, it, expires, now),
        What::SortedSet(it) => commands.put_collection(cache, key, it, expires, now),
    };
    Ok(put?)
}

/// Puts an item where none is; whether it was put.
fn put_if_absent(task: &Task, key: &[u8], Moved { what, expires }: Moved) -> Result<Step<bool>, Failure> {
    fn whole<C: Collection + Clone + Send + 'static>(
        task: &Task,
        key: &[u8],
        it: C,
        expires: Millis,
    ) -> Result<Step<bool>, Failure> {
        let put = task.edit(key, Work::on(1), move |collection: &mut C, held| match held {
            Some(_) => (Change::Keep, false),
            None => {
                *collection = it.clone();
                (Change::Store(expires), true)
            }
        });
        match put {
            // Another type is there.
            Err(failure) if is_wrong_type(&failure) => Ok(Step::Done(false)),
            put => put,
        }
    }
    match what {
        What::Scalar(value) => {
            let value = task.commands.ready(key, Value::Shared(value));
            let put = task.change(key, |item| match item {
                Some(_) => (Action::Keep, false),
                None => (Action::Put { value, expires }, true),
            });
            Ok(Step::Done(put?))
        }
        What::Dictionary(it) => whole(task, key, it, expires),
        What::Set(it) => whole(task, key, it, expires),
        What::List(it) => whole(task, key, it, expires),
        What::SortedSet(it) => whole(task, key, it, expires),
    }
}

fn rename_to(call: &Call<'_>, replace: bool) -> Result<Answer, Failure> {
    let (from, to) = (call.owned(0), call.owned(1));
    call.authorize([&from[..], &to[..]])?;
    let task = call.task();
    let there = |key: &[u8]| Ok::<_, Failure>(task.look(key, |_| ())?.is_some());
    let missing = || Failure::said("ERR no such key");
    if !there(&from)? {
        return Err(missing());
    }
    let done = move |put: bool| if replace { Reply::OK } else { Reply::truth(put) };
    if from == to || !replace && there(&to)? {
        return Ok(done(false).into());
    }
    let taken = take(&task, &from)?;
    let moved = taken.then(move |moved| {
        let moved = moved.ok_or_else(missing)?;
        let (back, home) = (moved.clone(), task.clone());
        let put = match replace {
            true => put(&task, &to, moved).map(|()| Step::Done(true)),
            false => put_if_absent(&task, &to, moved),
        };
        let undone = move || put_if_absent(&home, &from, back)?.then(|_| Ok(Step::Done(())));
        let again = undone.clone();
        or_undo(put, undone)?.then(move |put| match put {
            true => Ok(Step::Done(done(true))),
            // Somebody else was faster.
            false => again()?.then(move |()| Ok(Step::Done(done(false)))),
        })
    })?;
    Ok(moved.into())
}

pub(crate) fn rename(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    rename_to(call, true)
}

pub(crate) fn renamenx(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    rename_to(call, false)
}

pub(crate) fn copy(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let mut replace = false;
    let mut at = 2;
    while at < call.len() {
        match call.argument(at).to_ascii_uppercase().as_slice() {
            b"REPLACE" => replace = true,
            b"DB" if at + 1 < call.len() => {
                at += 1;
                if call.integer(at)? != 0 {
                    return Err(Failure::said("ERR DB index is out of range: a cache has database 0 only"));
                }
            }
            _ => return Err(Failure::syntax()),
        }
        at += 1;
    }
    let (from, to) = (call.key(), call.argument(1));
    call.authorize([from, to])?;
    if from == to {
        return Err(Failure::said("ERR source and destination objects are the same"));
    }
    let task = call.task();
    let Some(found) = read(&task, from)? else { return Ok(Reply::Integer(0).into()) };
    if replace {
        put(&task, to, found)?;
        return Ok(Reply::Integer(1).into());
    }
    let put = put_if_absent(&task, to, found)?;
    Ok(put.then(|put| Ok(Step::Done(Reply::truth(put))))?.into())
}

/// Which end of a list is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Left,
    Right,
}

impl End {
    pub(crate) fn of(text: &[u8]) -> Result<Self, Failure> {
        match text.to_ascii_uppercase().as_slice() {
            b"LEFT" => Ok(Self::Left),
            b"RIGHT" => Ok(Self::Right),
            _ => Err(Failure::syntax()),
        }
    }

    /// Takes an element from this end.
    fn take(self, list: &mut List) -> Option<Bytes> {
        let at = if self == Self::Left { 0 } else { list.len().checked_sub(1)? };
        let element = list.get(at).map(Bytes::copy_from_slice)?;
        list.remove(at..at + 1);
        Some(element)
    }

    fn put(self, list: &mut List, element: &[u8]) {
        list.insert(if self == Self::Left { 0 } else { u64::MAX }, element);
    }
}

fn move_element(call: &Call<'_>, take: End, put: End) -> Result<Answer, Failure> {
    let (from, to) = (call.owned(0), call.owned(1));
    call.authorize([&from[..], &to[..]])?;
    if call.snapshot::<List>(&from)?.is_none() {
        return Ok(Reply::Null.into());
    }
    let (task, latest) = (call.task(), call.latest_end());
    if from == to {
        let turned = task.edit(&from, Work::on(1), move |list: &mut List, held| {
            let Some(element) = take.take(list) else { return (Change::Keep, Reply::Null) };
            put.put(list, &element);
            (Change::Store(held.unwrap_or(latest)), Reply::Bytes(element))
        })?;
        return Ok(turned.into());
    }
    call.snapshot::<List>(&to)?;
    let taken = task.edit(&from, Work::on(1), move |list: &mut List, held| match take.take(list) {
        Some(element) => (Change::Store(held.unwrap_or(latest)), Some((element, held.unwrap_or(latest)))),
        None => (Change::Keep, None),
    })?;
    let moved = taken.then(move |taken| {
        let Some((element, end)) = taken else { return Ok(Step::Done(Reply::Null)) };
        let (back, home, reply) = (element.clone(), task.clone(), element.clone());
        let added = insert(&task, &to, element, put, latest);
        or_undo(added, move || insert(&home, &from, back, take, end))?
            .then(move |()| Ok(Step::Done(Reply::Bytes(reply))))
    })?;
    Ok(moved.into())
}

/// Puts an element to an end of a list that, if it is not there yet, ends at `expires`.
fn insert(task: &Task, key: &[u8], element: Bytes, end: End, expires: Millis) -> Result<Step<()>, Failure> {
    let work = Work::writing([element.len()].into_iter());
    task.edit(key, work, move |list: &mut List, held| {
        end.put(list, &element);
        (Change::Store(held.unwrap_or(expires)), ())
    })
}

pub(crate) fn lmove(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    move_element(call, End::of(call.argument(2))?, End::of(call.argument(3))?)
}

pub(crate) fn rpoplpush(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    move_element(call, End::Right, End::Left)
}
