//! Commands on the items of one cache.

use std::sync::Arc;

use kura_base::{Millis, Ttl};
use kura_engine::Keyspace;
use kura_store::{Command, Reply, ValueRef};
use kura_tokens::Need;

use crate::session::Scoped;
use crate::{Commands, Error, Session};

/// A cache that this session may use in this way, at this time, and what is still to be checked:
/// whether its keys are within the session's reach.
#[derive(Clone, Debug)]
pub struct Cache {
    pub(crate) keyspace: Keyspace,
    /// None if all keys are.
    scoped: Option<Arc<Scoped>>,
}

impl Cache {
    /// Checks that the session may do what this handle is for to the item of this key. A
    /// collection's and a leaderboard's key is its name. Every command calls it for every key that
    /// it touches; one comparison unless the session is limited to some keys.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn authorize_key(&self, key: &[u8]) -> Result<(), Error> {
        match &self.scoped {
            None => Ok(()),
            Some(scoped) => scoped.authorize(key),
        }
    }
}

/// What a command does to items, and so what its session must be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// Reads only.
    Read,
    /// Writes without telling what was there.
    Write,
    /// Writes and tells, or depends on, what was there.
    ReadWrite,
}

impl Commands {
    /// Checks permission and finds the cache, in this order. A session that is limited to some of
    /// the cache's keys passes here; [`Cache::authorize_key`] decides.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::CacheNotFound`].
    pub fn cache(&self, session: &Session, name: &str, items: Items) -> Result<Cache, Error> {
        let need = match items {
            Items::Read => Need::Read,
            Items::Write => Need::Write,
            Items::ReadWrite => Need::ReadWrite,
        };
        let scoped = session.authorize_items(need, name)?;
        Ok(Cache { keyspace: self.data.cache(name)?, scoped })
    }

    /// A time to live as the wire carries it.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for zero.
    pub fn ttl(&self, millis: u64) -> Result<Ttl, Error> {
        Ok(Ttl::from_millis(millis, self.limits.max_ttl)?)
    }

    /// Carries out one command on one key. A value read is handed to `sink`: copy or share it
    /// there and do nothing slow, the key's shard is locked meanwhile.
    ///
    /// # Errors
    /// [`Error`]; the item is then as it was.
    pub fn execute(
        &self,
        cache: Cache,
        key: &[u8],
        command: Command<'_>,
        now: Millis,
        sink: impl FnOnce(ValueRef<'_>),
    ) -> Result<Reply, Error> {
        self.check_key(&cache, key)?;
        let bytes = key.len() + command.value_bytes();
        if bytes > self.limits.max_item_bytes {
            return Err(Error::ItemTooLarge {
                bytes: bytes as u64,
                limit: self.limits.max_item_bytes as u64,
            });
        }
        Ok(self.data.execute(cache.keyspace, key, command, now, sink)?)
    }

    /// Whether the session may use this key, and whether it is one.
    pub(crate) fn check_key(&self, cache: &Cache, key: &[u8]) -> Result<(), Error> {
        cache.authorize_key(key)?;
        if key.is_empty() {
            return Err(Error::InvalidArgument(
                "Invalid key: it is empty; give it at least one byte".to_owned(),
            ));
        }
        if key.len() > self.limits.max_key_bytes {
            return Err(Error::InvalidArgument(format!(
                "Invalid key: it has {} bytes; at most {} are allowed",
                key.len(),
                self.limits.max_key_bytes
            )));
        }
        Ok(())
    }

    /// Reclaims a bounded amount of dead memory; true if there is more to do.
    pub fn maintain(&self, max_items: usize) -> bool {
        self.data.maintain(self.now(), max_items)
    }

    /// Has items leave so many bytes of their memory free from now on, for what the process takes
    /// beyond what is counted.
    pub fn leave_free(&self, bytes: u64) {
        self.data.leave_free(bytes);
    }

    /// What the engine holds and has done.
    #[must_use]
    pub fn stats(&self) -> kura_store::Stats {
        self.data.stats()
    }
}
