//! Reading and changing items in ways that the caller spells out, with the same checks as every
//! command: for RESP, whose commands are many and each answer something of their own.

use kura_base::Millis;
use kura_store::{Action, Change, Collection, Item, Value, ValueRef, Work};

use crate::{Cache, Commands, Error, Outcome};

impl Commands {
    /// When an item ends that is written at `now` and is to stay as long as any may.
    #[must_use]
    pub fn latest_end(&self, now: Millis) -> Millis {
        now.plus(self.limits.max_ttl)
    }

    /// Looks at an item of any type, counting the access; `None` if there is none. `read` runs
    /// under a lock: it should copy or share and do nothing slow.
    ///
    /// # Errors
    /// [`Error`] for a key that may not be read, or is none.
    pub fn look<R>(
        &self,
        cache: &Cache,
        key: &[u8],
        now: Millis,
        read: impl FnOnce(Item<'_>) -> R,
    ) -> Result<Option<R>, Error> {
        self.check_key(cache, key)?;
        Ok(self.data.look(cache.keyspace, key, now, read))
    }

    /// Looks at a scalar as [`look`](Self::look) does.
    ///
    /// # Errors
    /// As there, and [`Error::WrongType`].
    pub fn look_at_scalar<R>(
        &self,
        cache: &Cache,
        key: &[u8],
        now: Millis,
        read: impl FnOnce(ValueRef<'_>) -> R,
    ) -> Result<Option<R>, Error> {
        self.check_key(cache, key)?;
        Ok(self.data.look_at_scalar(cache.keyspace, key, now, read)?)
    }

    /// A value for a key, made ready so that [`change`](Self::change) stores it without copying a
    /// large one under the lock.
    #[must_use]
    pub fn ready<'v>(&self, key: &[u8], value: Value<'v>) -> Value<'v> {
        self.data.ready(key, value)
    }

    /// Looks at an item of any type and changes it, atomically for its key. `decide` runs under a
    /// lock.
    ///
    /// # Errors
    /// [`Error`]; the item is then as it was, also if `decide` put a value that is too large.
    pub fn change<'v, R>(
        &self,
        cache: &Cache,
        key: &[u8],
        now: Millis,
        decide: impl FnOnce(Option<Item<'_>>) -> (Action<'v>, R),
    ) -> Result<R, Error> {
        self.check_key(cache, key)?;
        let limit = self.limits.max_item_bytes;
        self.data.change(cache.keyspace, key, now, |item| match decide(item) {
            (Action::Put { value, .. }, _) if key.len() + value.as_bytes().len() > limit => {
                let bytes = (key.len() + value.as_bytes().len()) as u64;
                (Action::Keep, Err(Error::ItemTooLarge { bytes, limit: limit as u64 }))
            }
            (action, answer) => (action, Ok(answer)),
        })?
    }

    /// Reads a collection as it is at one moment, however long the reading takes.
    ///
    /// # Errors
    /// [`Error`].
    pub fn look_into<C: Collection + Send + 'static, R>(
        &self,
        cache: &Cache,
        name: &[u8],
        work: Work,
        now: Millis,
        read: impl FnOnce(Option<C>) -> R + Send + 'static,
    ) -> Result<Outcome<R>, Error> {
        self.check_key(cache, name)?;
        Ok(self.data.look_into(cache.keyspace, name, work, now, read)?.into())
    }

    /// A collection as it is now and when it ends, at once however large it is.
    ///
    /// # Errors
    /// [`Error`].
    pub fn snapshot<C: Collection>(
        &self,
        cache: &Cache,
        name: &[u8],
        now: Millis,
    ) -> Result<Option<(C, Millis)>, Error> {
        self.check_key(cache, name)?;
        Ok(self.data.snapshot_of(cache.keyspace, name, now)?)
    }

    /// An empty collection that nobody else sees, to be filled with about `growth` bytes: they count
    /// in `--memory` as those of stored collections do.
    ///
    /// # Errors
    /// [`Error::Storage`] if there is no room.
    pub fn new_collection<C: Collection>(&self, growth: u64) -> Result<C, Error> {
        Ok(self.data.new_collection(growth)?)
    }

    /// Stores a collection in place of whatever is there; an empty one only removes that.
    ///
    /// # Errors
    /// [`Error`]; the item is then as it was.
    pub fn put_collection<C: Collection>(
        &self,
        cache: &Cache,
        name: &[u8],
        collection: C,
        expires: Millis,
        now: Millis,
    ) -> Result<(), Error> {
        self.check_key(cache, name)?;
        Ok(self.data.put_collection(cache.keyspace, name, collection, expires, now)?)
    }

    /// Visits the items that the session may use, from a place on (at first 0), until about `count`
    /// items of any cache have been looked at; where to go on, or nothing at the end. An item that
    /// stays from the first call to the last is visited once. `visit` runs under a lock.
    pub fn walk(
        &self,
        cache: &Cache,
        from: u64,
        count: usize,
        now: Millis,
        mut visit: impl FnMut(&[u8], Item<'_>),
    ) -> Option<u64> {
        self.data.walk(cache.keyspace, from, count, now, |key, item| {
            if cache.authorize_key(key).is_ok() {
                visit(key, item);
            }
        })
    }

    /// The place behind the last of a [`walk`](Self::walk), which may begin at any below.
    #[must_use]
    pub fn walk_end(&self) -> u64 {
        self.data.walk_end()
    }

    /// Changes a collection, or makes one, atomically for its key. `change` is called once; it
    /// sees an empty collection and no time if there is none.
    ///
    /// # Errors
    /// [`Error`]; the collection is then as it was.
    pub fn change_within<C: Collection, R>(
        &self,
        cache: &Cache,
        name: &[u8],
        work: Work,
        now: Millis,
        change: impl Fn(&mut C, Option<Millis>) -> (Change, R) + Send + 'static,
    ) -> Result<Outcome<R>, Error> {
        self.check_key(cache, name)?;
        let limit = self.limits.max_element_bytes;
        if work.largest() > limit {
            return Err(Error::ElementTooLarge { bytes: work.largest(), limit });
        }
        Ok(self.data.change_within(cache.keyspace, name, work, now, change)?.into())
    }
}
