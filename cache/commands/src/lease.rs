//! What one session may do to one cache, remembered from command to command.

use std::sync::Arc;

use kura_base::Millis;

use crate::{Cache, Commands, Error, Items, Session};

/// A session and the cache it last used. A connection whose commands all name the same cache looks it up, with the
/// rights to it, once; then each use is a look at the clock and at three numbers, which tell of every revocation,
/// every change of a role and every cache that comes, goes or is flushed.
#[derive(Debug)]
pub struct Lease {
    session: Arc<Session>,
    name: String,
    /// What had changed by the time of the look-ups below.
    seen: (u64, u64),
    /// What was found, by [`Items`].
    found: [Option<Cache>; 3],
}

impl Lease {
    /// Nothing is looked up yet.
    #[must_use]
    pub fn new(session: Arc<Session>) -> Self {
        Self { session, name: String::new(), seen: (0, 0), found: [None, None, None] }
    }

    /// Whose it is.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

impl Commands {
    /// Fetches what commands on these keys will read from memory, all at a time, so that they need not wait for it one
    /// after the other: for whoever has several commands in hand, before the first is carried out. Each key comes with
    /// its cache's name. Only keys of the cache that the lease last used are fetched, and nothing else comes of it.
    pub fn fetch_ahead<'k>(&self, lease: &Lease, keys: impl IntoIterator<Item = (&'k str, &'k [u8])>) {
        let Some(cache) = lease.found.iter().flatten().next() else { return };
        let keys = keys.into_iter().filter(|(name, _)| lease.name == *name);
        self.data.fetch_ahead(cache.keyspace, keys.map(|(_, key)| key));
    }

    /// Checks that the session still stands, may do `items` to this cache, and finds it: what
    /// [`check`](Self::check) and [`cache`](Self::cache) do, with their errors.
    ///
    /// # Errors
    /// As these.
    pub fn leased<'a>(
        &self,
        lease: &'a mut Lease,
        name: &str,
        items: Items,
        now: Millis,
    ) -> Result<&'a Cache, Error> {
        // Read before anything is looked up: what changes in between is then seen at the next use.
        let seen = (self.registry.generation(), self.data.changes());
        self.sessions.check(&lease.session, now)?;
        if lease.seen != seen || lease.name != name {
            lease.found = [None, None, None];
            lease.seen = seen;
            name.clone_into(&mut lease.name);
        }
        let Lease { session, found, .. } = lease;
        let place = match items {
            Items::Read => &mut found[0],
            Items::Write => &mut found[1],
            Items::ReadWrite => &mut found[2],
        };
        match place {
            Some(cache) => Ok(cache),
            None => Ok(place.insert(self.cache(session, name, items)?)),
        }
    }
}
