//! Commands on several keys: steps, one after the other, each on one key and atomic for it.
//!
//! A step is done at once unless it takes long or has to wait for long work on its key; then it and
//! all that follow are done where blocking is allowed.

use std::sync::Arc;

use bytes::Bytes;
use kura_base::Millis;
use kura_commands::{Action, Cache, Change, Collection, Commands, Error, Item, Outcome, Work};

use crate::call::{Answer, Call, Later, Run};
use crate::reply::{Failure, Out, Reply};
use crate::table::Entry;

/// Most elements that are gone through at once; each takes up to a microsecond.
const ELEMENTS_AT_ONCE: u64 = 128;
/// Most bytes that are gone through at once.
const BYTES_AT_ONCE: u64 = 512 << 10;

/// Who does something, where and when: what a step needs, on any thread.
#[derive(Clone)]
pub(crate) struct Task {
    pub(crate) commands: Arc<Commands>,
    pub(crate) cache: Cache,
    pub(crate) now: Millis,
}

/// What a step has come to.
pub(crate) enum Step<R> {
    Done(R),
    /// To be run where blocking is allowed. Nothing of it has been done.
    Later(Box<dyn FnOnce() -> Result<R, Failure> + Send>),
}

impl Call<'_> {
    pub(crate) fn task(&self) -> Task {
        Task { commands: self.commands.clone(), cache: self.cache.clone(), now: self.now }
    }

    /// The collection at a key as it is now, and when it ends.
    pub(crate) fn snapshot<C: Collection>(&self, key: &[u8]) -> Result<Option<(C, Millis)>, Failure> {
        Ok(self.commands.snapshot(&self.cache, key, self.now)?)
    }

    /// Checks that all keys may be used, so that a command is refused as a whole.
    pub(crate) fn authorize<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) -> Result<(), Failure> {
        Ok(keys.into_iter().try_for_each(|key| self.cache.authorize_key(key))?)
    }
}

impl Task {
    pub(crate) fn look<R>(&self, key: &[u8], read: impl FnOnce(Item<'_>) -> R) -> Result<Option<R>, Failure> {
        Ok(self.commands.look(&self.cache, key, self.now, read)?)
    }

    pub(crate) fn snapshot<C: Collection>(&self, key: &[u8]) -> Result<Option<(C, Millis)>, Failure> {
        Ok(self.commands.snapshot(&self.cache, key, self.now)?)
    }

    /// Looks at an item and changes it.
    pub(crate) fn change<'v, R>(
        &self,
        key: &[u8],
        decide: impl FnOnce(Option<Item<'_>>) -> (Action<'v>, R),
    ) -> Result<R, Failure> {
        Ok(self.commands.change(&self.cache, key, self.now, decide)?)
    }

    /// Changes a collection, or makes one.
    pub(crate) fn edit<C: Collection, R: Send + 'static>(
        &self,
        key: &[u8],
        work: Work,
        change: impl Fn(&mut C, Option<Millis>) -> (Change, R) + Send + 'static,
    ) -> Result<Step<R>, Failure> {
        Ok(self.commands.change_within(&self.cache, key, work, self.now, change)?.into())
    }

    /// Stores a collection in place of whatever is there, to stay as long as any may.
    pub(crate) fn put<C: Collection>(&self, key: &[u8], collection: C) -> Result<(), Failure> {
        let latest = self.commands.latest_end(self.now);
        Ok(self.commands.put_collection(&self.cache, key, collection, latest, self.now)?)
    }
}

impl<R: 'static> From<Outcome<R>> for Step<R> {
    fn from(outcome: Outcome<R>) -> Self {
        match outcome {
            Outcome::Done(done) => Self::Done(done),
            Outcome::Long(long) => Self::Later(Box::new(move || Ok(long.run()?))),
        }
    }
}

impl<R: Send + 'static> Step<R> {
    /// Goes on with what this step has come to.
    pub(crate) fn then<S: Send + 'static>(
        self,
        next: impl FnOnce(R) -> Result<Step<S>, Failure> + Send + 'static,
    ) -> Result<Step<S>, Failure> {
        match self {
            Self::Done(done) => next(done),
            Self::Later(later) => Ok(Step::Later(Box::new(move || next(later()?)?.wait()))),
        }
    }

    /// Does it, where blocking is allowed.
    fn wait(self) -> Result<R, Failure> {
        match self {
            Self::Done(done) => Ok(done),
            Self::Later(later) => later(),
        }
    }
}

/// A step that must be undone if it fails: `undo` does so and the failure stays.
pub(crate) fn or_undo<R: Send + 'static>(
    step: Result<Step<R>, Failure>,
    undo: impl FnOnce() -> Result<Step<()>, Failure> + Send + 'static,
) -> Result<Step<R>, Failure> {
    match step {
        Ok(Step::Done(done)) => Ok(Step::Done(done)),
        Ok(Step::Later(later)) => Ok(Step::Later(Box::new(move || match later() {
            Ok(done) => Ok(done),
            Err(failure) => {
                undo()?.wait()?;
                Err(failure)
            }
        }))),
        Err(failure) => undo()?.then(move |()| Err(failure)),
    }
}

impl From<Step<Reply>> for Answer {
    fn from(step: Step<Reply>) -> Self {
        match step {
            Step::Done(reply) => Self::Reply(reply),
            Step::Later(later) => Self::Later(later),
        }
    }
}

/// Most arguments of a command on any number of keys that is carried out at once.
const ARGUMENTS_AT_ONCE: usize = 1024;

/// Carries out a command on items. One with too many keys is carried out where blocking is allowed:
/// it would hold up all other connections of the thread.
pub(crate) fn run(entry: &Entry, run: Run, call: &Call<'_>, out: &mut Out) -> Result<Answer, Failure> {
    let any_number = entry.keys.1 < 0 || entry.counted > 0;
    if !any_number || call.len() <= ARGUMENTS_AT_ONCE {
        return run(call, out);
    }
    let (task, copied, random) = (call.task(), call.arguments.copied(), call.random);
    Ok(Answer::Later(Box::new(move || {
        let Task { commands, cache, now } = task;
        let call = Call { commands: &commands, cache, now, arguments: copied.arguments(), random };
        match run(&call, &mut Out::default())? {
            Answer::Reply(reply) => Ok(reply),
            Answer::Later(later) => later(),
            // Only commands on one key write their answers themselves.
            Answer::Written => Err(Failure::said("ERR the server failed at this command")),
        }
    })))
}

/// Elements and bytes that are gone through.
pub(crate) type Weight = (u64, u64);

/// What a collection weighs.
pub(crate) fn weight<C: Collection>(collection: &C) -> Weight {
    (collection.len(), collection.bytes())
}

/// Does work that goes through so much: at once if it is little, else where blocking is allowed.
pub(crate) fn weighed(
    (elements, bytes): Weight,
    work: impl FnOnce() -> Result<Reply, Failure> + Send + 'static,
) -> Result<Answer, Failure> {
    if elements > ELEMENTS_AT_ONCE || bytes > BYTES_AT_ONCE {
        return Ok(Answer::Later(Box::new(work) as Later));
    }
    Ok(work()?.into())
}

impl Call<'_> {
    /// Reads what is at each key, one after the other, and does something with it that goes through
    /// all of it.
    pub(crate) fn with_all<S: Send + 'static>(
        &self,
        keys: Vec<Bytes>,
        read: fn(&Task, &[u8]) -> Result<S, Failure>,
        weight: fn(&S) -> Weight,
        work: impl FnOnce(&Task, Vec<S>) -> Result<Reply, Failure> + Send + 'static,
    ) -> Result<Answer, Failure> {
        let task = self.task();
        if keys.len() as u64 > ELEMENTS_AT_ONCE {
            return Ok(Answer::Later(Box::new(move || {
                let found = keys.iter().map(|key| read(&task, key)).collect::<Result<_, _>>()?;
                work(&task, found)
            })));
        }
        let found = keys.iter().map(|key| read(&task, key)).collect::<Result<Vec<_>, _>>()?;
        let all = found.iter().map(weight).fold((0, 0), |sum: Weight, one| (sum.0 + one.0, sum.1 + one.1));
        weighed(all, move || work(&task, found))
    }
}

/// The keys behind their number, which is the argument at `at`, and where they end. `none` is said
/// of a number below one.
pub(crate) fn counted_keys(call: &Call<'_>, at: usize, none: &str) -> Result<(Vec<Bytes>, usize), Failure> {
    let count = call.integer(at).map_err(|_| Failure::said(none))?;
    let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| Failure::said(none))?;
    let from = at + 1;
    let end = from.checked_add(count).filter(|end| *end <= call.len()).ok_or_else(Failure::syntax)?;
    let keys: Vec<_> = (from..end).map(|at| call.owned(at)).collect();
    call.authorize(keys.iter().map(|key| &key[..]))?;
    Ok((keys, end))
}

/// Whether a step was refused because the item is of another type.
pub(crate) fn is_wrong_type(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(Error::WrongType(_)))
}
