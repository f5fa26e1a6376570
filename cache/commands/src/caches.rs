//! Creating, deleting, listing and flushing caches. These calls write to disk: keep them off an
//! event loop.

use kura_base::CacheName;
use kura_tokens::{Managed, Need};

use crate::{Commands, Error, Session};

impl Commands {
    /// Creates a cache; when this returns, it survives a crash.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::InvalidArgument`] for the name,
    /// [`Error::CacheExists`], [`Error::TooMany`], [`Error::Storage`].
    pub fn create_cache(&self, session: &Session, name: &str) -> Result<(), Error> {
        session.authorize_managing(Need::Write, Managed::Caches)?;
        self.add_cache(&CacheName::parse(name)?)
    }

    /// Deletes a cache with its items and topics, whose subscriptions end; when this returns, it stays deleted after a crash.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::CacheNotFound`], [`Error::Storage`].
    pub fn delete_cache(&self, session: &Session, name: &str) -> Result<(), Error> {
        session.authorize_managing(Need::Write, Managed::Caches)?;
        match CacheName::parse(name) {
            Ok(name) => self.remove_cache(&name),
            Err(_) => Err(Error::CacheNotFound(name.to_owned())),
        }
    }

    /// Empties a cache, at once however much is in it. Its topics stay as they are.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::CacheNotFound`].
    pub fn flush_cache(&self, session: &Session, name: &str) -> Result<(), Error> {
        session.authorize_managing(Need::Write, Managed::Caches)?;
        match CacheName::parse(name) {
            Ok(name) if self.empty(&name) => Ok(()),
            _ => Err(Error::CacheNotFound(name.to_owned())),
        }
    }

    /// The caches after `after` in order of name, at most `limit`, and whether there are more.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn list_caches(
        &self,
        session: &Session,
        after: &str,
        limit: usize,
    ) -> Result<(Vec<CacheName>, bool), Error> {
        session.authorize_managing(Need::Read, Managed::Caches)?;
        let mut caches = self.registry.caches();
        caches.retain(|name| name.as_str() > after);
        let more = caches.len() > limit;
        caches.truncate(limit);
        Ok((caches, more))
    }

    /// Brings the items in line with the registry, which somebody else has changed for `name`.
    pub fn cache_changed(&self, name: &CacheName) {
        let _changing = self.cache_changes.lock();
        match (self.registry.contains_cache(name.as_str()), self.data.cache(name.as_str()).is_ok()) {
            (true, false) => self.appear(name),
            (false, true) => self.vanish(name),
            _ => {}
        }
    }

    /// Empties a cache because an administrator says so; one that is gone by now stays so.
    pub fn cache_flushed(&self, name: &CacheName) {
        self.empty(name);
    }

    /// False: there is no such cache.
    fn empty(&self, name: &CacheName) -> bool {
        let _changing = self.cache_changes.lock();
        let there = self.data.cache(name.as_str()).is_ok();
        if there {
            self.data.add_cache(name.clone());
        }
        there
    }

    fn add_cache(&self, name: &CacheName) -> Result<(), Error> {
        let _changing = self.cache_changes.lock();
        if !self.registry.create_cache(name, self.limits.max_caches)? {
            return Err(Error::CacheExists(name.to_string()));
        }
        self.appear(name);
        Ok(())
    }

    fn remove_cache(&self, name: &CacheName) -> Result<(), Error> {
        let _changing = self.cache_changes.lock();
        if !self.registry.delete_cache(name)? {
            return Err(Error::CacheNotFound(name.to_string()));
        }
        self.vanish(name);
        // Created again through the control socket meanwhile: then it is there, and empty.
        if self.registry.contains_cache(name.as_str()) {
            self.appear(name);
        }
        Ok(())
    }

    fn appear(&self, name: &CacheName) {
        self.topics.add_cache(name.clone());
        self.data.add_cache(name.clone());
    }

    fn vanish(&self, name: &CacheName) {
        self.data.remove_cache(name);
        self.topics.remove_cache(name);
    }
}
