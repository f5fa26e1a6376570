//! Reading and changing items in ways that the caller spells out, with the same checks as every
//! command: for RESP, whose commands are many and each answer something of their own.

use kura_base::Millis;
use kura_store::{Action, Change, Collection, Item, ValueRef, Work};

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

    /// Reads several collections of one type, each as it is at one moment, though not all at the
    /// same.
    ///
    /// # Errors
    /// [`Error`].
    pub fn look_into_all<C: Collection + Send + 'static, R>(
        &self,
        cache: &Cache,
        names: &[&[u8]],
        now: Millis,
        read: impl FnOnce(Vec<Option<C>>) -> R + Send + 'static,
    ) -> Result<Outcome<R>, Error> {
        names.iter().try_for_each(|name| self.check_key(cache, name))?;
        Ok(self.data.look_into_all(cache.keyspace, names, now, read)?.into())
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
