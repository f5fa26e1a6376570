//! Changes that the caller spells out: for protocols whose commands answer more than [`Command`]
//! and the commands on collections tell, such as how many fields were new.
//!
//! [`Command`]: crate::Command

use std::sync::Arc;

use kura_base::Millis;
use kura_engine::{Action, Change, Collection, Item, Keyspace, Value, ValueRef};

use super::Data;
use super::collections::{At, Load, refused};
use crate::DataError;
use crate::collections::{Long, Outcome};

/// What a command brings along and goes through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    load: Load,
    /// The largest element that comes in, in bytes.
    largest: usize,
    /// Whether the whole collection may have to be looked through.
    whole: bool,
}

impl Work {
    /// The work of looking for so many elements.
    #[must_use]
    pub fn on(elements: usize) -> Self {
        Self { load: Load::of_elements(elements), ..Self::default() }
    }

    /// The work of looking through the whole collection.
    #[must_use]
    pub fn on_all() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// The work of writing elements of these sizes.
    #[must_use]
    pub fn writing(sizes: impl ExactSizeIterator<Item = usize> + Clone) -> Self {
        let largest = sizes.clone().max().unwrap_or(0);
        Self { load: Load::of_bytes(sizes), largest, whole: false }
    }

    /// The same where each element is stored twice, as in a sorted set.
    #[must_use]
    pub fn twice(mut self) -> Self {
        self.load.growth *= 2;
        self
    }

    /// The same where the whole collection may have to be looked through besides.
    #[must_use]
    pub fn and_all(self) -> Self {
        Self { whole: true, ..self }
    }

    /// The largest element that comes in, in bytes.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.largest
    }
}

impl Data {
    /// Looks at an item of any type, counting the access; `None` if there is none. `read` runs
    /// under the engine's lock: it should copy or share and do nothing slow.
    pub fn look<R>(
        &self,
        cache: Keyspace,
        key: &[u8],
        now: Millis,
        read: impl FnOnce(Item<'_>) -> R,
    ) -> Option<R> {
        self.engine.get(cache, key, now, read)
    }

    /// Looks at a scalar as [`look`](Self::look) does.
    ///
    /// # Errors
    /// [`DataError::WrongType`].
    pub fn look_at_scalar<R>(
        &self,
        cache: Keyspace,
        key: &[u8],
        now: Millis,
        read: impl FnOnce(ValueRef<'_>) -> R,
    ) -> Result<Option<R>, DataError> {
        self.engine.get(cache, key, now, |item| super::scalar(&item).map(read)).transpose()
    }

    /// A value for a key as the engine will keep it: a large one is copied now, not under the lock.
    #[must_use]
    pub fn ready<'v>(&self, key: &[u8], value: Value<'v>) -> Value<'v> {
        self.engine.ready(key, value)
    }

    /// Looks at an item of any type and changes it, atomically for its key. `decide` runs under
    /// the engine's lock.
    ///
    /// # Errors
    /// [`DataError::TooLarge`]; the item is then as it was.
    pub fn change<'v, R>(
        &self,
        cache: Keyspace,
        key: &[u8],
        now: Millis,
        decide: impl FnOnce(Option<Item<'_>>) -> (Action<'v>, R),
    ) -> Result<R, DataError> {
        Ok(self.engine.update(cache, key, now, decide)?)
    }

    /// Reads a collection as it is at one moment, however long the reading takes.
    ///
    /// # Errors
    /// [`DataError::WrongType`].
    pub fn look_into<C: Collection + Send + 'static, R>(
        &self,
        cache: Keyspace,
        name: &[u8],
        work: Work,
        now: Millis,
        read: impl FnOnce(Option<C>) -> R + Send + 'static,
    ) -> Result<Outcome<R>, DataError> {
        let found = self.snapshot::<C>(At { cache, name, now })?;
        let looked_at = found.as_ref().map_or(0, |found| {
            if work.whole { usize::try_from(found.len()).unwrap_or(usize::MAX) } else { work.load.elements }
        });
        if found.as_ref().is_some_and(|found| Load::of_part(found, looked_at).is_long()) {
            return Ok(Outcome::Long(Long::new(move || Ok(read(found)))));
        }
        Ok(Outcome::Done(read(found)))
    }

    /// Changes a collection, or makes one, atomically for its key. `change` is called once; it
    /// sees an empty collection and no time if there is none.
    ///
    /// # Errors
    /// [`DataError`]; the collection is then as it was.
    pub fn change_within<C: Collection, R>(
        self: &Arc<Self>,
        cache: Keyspace,
        name: &[u8],
        work: Work,
        now: Millis,
        change: impl Fn(&mut C, Option<Millis>) -> (Change, R) + Send + 'static,
    ) -> Result<Outcome<R>, DataError> {
        let at = At { cache, name, now };
        let mut load = work.load;
        if work.whole {
            load.scan = self.snapshot::<C>(at)?.map_or(0, |found| found.bytes());
        }
        self.edit(at, load, move |collection: &mut C, held| {
            let (change, answer) = change(collection, held);
            (change, Ok(answer))
        })
    }

    /// A collection as it is now and when it ends, however large it is.
    ///
    /// # Errors
    /// [`DataError::WrongType`].
    pub fn snapshot_of<C: Collection>(
        &self,
        cache: Keyspace,
        name: &[u8],
        now: Millis,
    ) -> Result<Option<(C, Millis)>, DataError> {
        self.engine.collection::<C>(cache, name, now).map_err(refused::<C>)
    }

    /// An empty collection that nobody else sees, to be filled with about `growth` bytes.
    ///
    /// # Errors
    /// [`DataError::NoRoom`].
    pub fn new_collection<C: Collection>(&self, growth: u64) -> Result<C, DataError> {
        self.engine.new_collection(growth).map_err(refused::<C>)
    }

    /// Stores a collection in place of whatever is there; an empty one only removes that.
    ///
    /// # Errors
    /// [`DataError`]; the item is then as it was.
    pub fn put_collection<C: Collection>(
        &self,
        cache: Keyspace,
        name: &[u8],
        collection: C,
        expires: Millis,
        now: Millis,
    ) -> Result<(), DataError> {
        self.check_current(cache)?;
        self.engine.put_collection(cache, name, collection, expires, now).map_err(refused::<C>)
    }

    /// The place behind the last of a [`walk`](Self::walk).
    #[must_use]
    pub fn walk_end(&self) -> u64 {
        self.engine.walk_end()
    }

    /// Visits a cache's items from a place on, see [`Engine::walk`](kura_engine::Engine::walk).
    pub fn walk(
        &self,
        cache: Keyspace,
        from: u64,
        count: usize,
        now: Millis,
        visit: impl FnMut(&[u8], Item<'_>),
    ) -> Option<u64> {
        self.engine.walk(cache, from, count, now, visit)
    }
}
