//! What a command is given, and what it gives back.

use std::sync::Arc;

use bytes::Bytes;
use kura_base::Millis;
use kura_commands::{Cache, Change, Collection, Commands, Outcome, Value, Work};

use crate::numbers;
use crate::parse::Arguments;
use crate::reply::{Failure, Out, Reply};

/// Values below this are copied under the lock, which takes less than to ask how they will be kept.
const LARGE_BYTES: usize = 2048;

/// One call of a command on items.
pub(crate) struct Call<'a> {
    pub(crate) commands: &'a Arc<Commands>,
    pub(crate) cache: Cache,
    pub(crate) now: Millis,
    /// Without the command's name.
    pub(crate) arguments: Arguments<'a>,
    pub(crate) random: fn() -> Option<[u8; 8]>,
}

/// What became of a call.
pub(crate) enum Answer {
    /// It is written already.
    Written,
    Reply(Reply),
    /// It takes long: to be run where blocking is allowed.
    Later(Later),
}

/// Work to be run where blocking is allowed.
pub(crate) type Later = Box<dyn FnOnce() -> Result<Reply, Failure> + Send>;

/// What a command on items is carried out by.
pub(crate) type Run = fn(&Call<'_>, &mut Out) -> Result<Answer, Failure>;

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// The answer of a command that may take long.
pub(crate) fn answer<R: 'static>(
    outcome: Outcome<R>,
    reply: impl FnOnce(R) -> Result<Reply, Failure> + Send + 'static,
) -> Result<Answer, Failure> {
    match outcome {
        Outcome::Done(done) => Ok(reply(done)?.into()),
        Outcome::Long(long) => Ok(Answer::Later(Box::new(move || reply(long.run()?)))),
    }
}

impl<'a> Call<'a> {
    pub(crate) fn argument(&self, index: usize) -> &'a [u8] {
        self.arguments.get(index)
    }

    pub(crate) fn key(&self) -> &'a [u8] {
        self.argument(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.arguments.len()
    }

    pub(crate) fn owned(&self, index: usize) -> Bytes {
        Bytes::copy_from_slice(self.argument(index))
    }

    /// A value to be stored under the first key, copied before any lock is held if it is large.
    pub(crate) fn ready(&self, index: usize) -> Value<'a> {
        let value = self.argument(index);
        if value.len() < LARGE_BYTES {
            return Value::Copied(value);
        }
        self.commands.ready(self.key(), Value::Copied(value))
    }

    pub(crate) fn integer(&self, index: usize) -> Result<i64, Failure> {
        numbers::integer(self.argument(index)).ok_or_else(Failure::not_an_integer)
    }

    pub(crate) fn float(&self, index: usize) -> Result<f64, Failure> {
        numbers::float(self.argument(index)).ok_or_else(Failure::not_a_float)
    }

    /// A count that may not be negative.
    pub(crate) fn count(&self, index: usize) -> Result<u64, Failure> {
        let wrong = || Failure::said("ERR value is out of range, must be positive");
        let count = numbers::integer(self.argument(index)).ok_or_else(wrong)?;
        u64::try_from(count).map_err(|_| wrong())
    }

    /// When an item ends that is given no time to live.
    pub(crate) fn latest_end(&self) -> Millis {
        self.commands.latest_end(self.now)
    }

    /// A number that clients cannot foresee.
    pub(crate) fn seed(&self) -> Result<u64, Failure> {
        let seed = (self.random)().ok_or_else(|| Failure::said("ERR the system gives no random numbers"))?;
        Ok(u64::from_le_bytes(seed))
    }

    /// Reads the collection at the first key.
    pub(crate) fn read<C: Collection + Send + 'static>(
        &self,
        work: Work,
        read: impl FnOnce(Option<C>) -> Reply + Send + 'static,
    ) -> Result<Answer, Failure> {
        let outcome = self.commands.look_into(&self.cache, self.key(), work, self.now, read)?;
        answer(outcome, Ok)
    }

    /// Changes the collection at the first key, or makes it.
    pub(crate) fn edit<C: Collection>(
        &self,
        work: Work,
        change: impl Fn(&mut C) -> Result<Edit, Failure> + Send + 'static,
    ) -> Result<Answer, Failure> {
        let latest = self.latest_end();
        let outcome = self.commands.change_within(
            &self.cache,
            self.key(),
            work,
            self.now,
            move |found: &mut C, held| match change(found) {
                Ok(Edit { changed: true, reply }) => (Change::Store(held.unwrap_or(latest)), Ok(reply)),
                Ok(Edit { changed: false, reply }) => (Change::Keep, Ok(reply)),
                Err(failure) => (Change::Keep, Err(failure)),
            },
        )?;
        answer(outcome, |done| done)
    }
}

/// What a command has done to a collection, and what it answers.
pub(crate) struct Edit {
    changed: bool,
    reply: Reply,
}

impl Edit {
    pub(crate) fn new(changed: bool, reply: Reply) -> Self {
        Self { changed, reply }
    }

    /// The answer is the number of elements that were changed.
    pub(crate) fn counted(changed: usize) -> Self {
        Self::new(changed > 0, Reply::count(changed as u64))
    }

    pub(crate) fn none(reply: Reply) -> Self {
        Self::new(false, reply)
    }
}
