//! The items of every cache, in this process's memory.

mod caches;
mod change;
mod collections;
mod dictionary;
mod leaderboard;
mod list;
mod set;
mod sorted_set;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kura_base::{CacheName, Millis};
use kura_engine::{Action, Config, Engine, Item, ItemType, Keyspace, Stats, Value, ValueRef};

use caches::Caches;
pub use change::Work;

use crate::command::{Command, DataError, Hash, Reply, TtlChange};

/// The caches and their items.
pub struct Data {
    engine: Engine,
    caches: Caches,
    next_keyspace: AtomicU32,
}

impl Data {
    /// No caches yet. `memory_bytes` bounds what the items, their index and all that goes with
    /// them take; `hash_seed` should be unpredictable to clients.
    #[must_use]
    pub fn new(memory_bytes: u64, hash_seed: u64) -> Self {
        Self {
            engine: Engine::new(&Config { memory_bytes, hash_seed }),
            caches: Caches::default(),
            next_keyspace: AtomicU32::new(1),
        }
    }

    /// Adds an empty cache; one of that name is emptied.
    pub fn add_cache(&self, name: CacheName) {
        let keyspace = Keyspace(self.next_keyspace.fetch_add(2, Ordering::Relaxed));
        let replaced = self.caches.insert(name, keyspace);
        if let Some(old) = replaced {
            self.retire(old);
        }
    }

    /// Removes a cache with its items, at once however many there are.
    pub fn remove_cache(&self, name: &CacheName) {
        let removed = self.caches.remove(name);
        if let Some(old) = removed {
            self.retire(old);
        }
    }

    /// A number that moves after every cache that comes, goes or is emptied. Whoever keeps what
    /// [`cache`](Self::cache) found reads it before, and uses it only while the number is the same.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.caches.changes()
    }

    fn retire(&self, cache: Keyspace) {
        self.engine.retire(cache);
        self.engine.retire(boards(cache));
    }

    /// Whether this still is a cache's, flushed by nobody: work that has waited asks before it stores, because
    /// the engine forgets in time which keyspaces are over.
    fn is_current(&self, keyspace: Keyspace) -> bool {
        self.caches.any(|cache| cache == keyspace || boards(cache) == keyspace)
    }

    fn check_current(&self, keyspace: Keyspace) -> Result<(), DataError> {
        if self.is_current(keyspace) { Ok(()) } else { Err(DataError::EmptiedMeanwhile) }
    }

    /// Finds a cache.
    ///
    /// # Errors
    /// [`DataError::CacheNotFound`].
    pub fn cache(&self, name: &str) -> Result<Keyspace, DataError> {
        self.caches.get(name).ok_or_else(|| DataError::CacheNotFound(name.to_owned()))
    }

    /// Fetches what commands on these keys will read, all at a time: see [`Engine::fetch_ahead`].
    pub fn fetch_ahead<'k>(&self, cache: Keyspace, keys: impl IntoIterator<Item = &'k [u8]>) {
        self.engine.fetch_ahead(cache, keys);
    }

    /// Carries out one command on a scalar. On a collection, `Set` replaces it, and what does not
    /// look at the value works too; all else is refused.
    /// A value read is handed to `sink` under the engine's lock: copy
    /// or share it there and do nothing slow.
    ///
    /// # Errors
    /// [`DataError`]; the item is then as it was.
    pub fn execute(
        &self,
        cache: Keyspace,
        key: &[u8],
        command: Command<'_>,
        now: Millis,
        sink: impl FnOnce(ValueRef<'_>),
    ) -> Result<Reply, DataError> {
        let engine = &self.engine;
        let reply = match command {
            Command::Get => {
                let found = engine.get(cache, key, now, |item| scalar(&item).map(sink));
                found.transpose()?.map_or(Reply::Missing, |()| Reply::Found)
            }
            Command::GetWithHash => {
                let hash = engine.get(cache, key, now, |item| {
                    scalar(&item).map(|value| {
                        let hash = Hash::of(value.as_bytes());
                        sink(value);
                        hash
                    })
                });
                hash.transpose()?.map_or(Reply::Missing, Reply::FoundWithHash)
            }
            Command::Exists => engine.peek(cache, key, now, |_| Reply::Found).unwrap_or(Reply::Missing),
            Command::ItemGetTtl => engine
                .peek(cache, key, now, |item| Reply::Remaining(remaining(&item, now)))
                .unwrap_or(Reply::Missing),
            Command::ItemGetType => {
                engine.peek(cache, key, now, |item| Reply::Type(item.item_type)).unwrap_or(Reply::Missing)
            }
            Command::Set { value, ttl } => {
                engine.set(cache, key, value, ttl.expires(now), now)?;
                Reply::Done
            }
            Command::SetIf { value, ttl, condition } => {
                let value = engine.ready(key, value);
                return engine.update(cache, key, now, |item| match bytes_of(item.as_ref()) {
                    Ok(current) => store_if(condition.holds(current), value, ttl.expires(now), None),
                    Err(error) => (Action::Keep, Err(error)),
                })?;
            }
            Command::SetIfHash { value, ttl, condition } => {
                let hash = Hash::of(value.as_bytes());
                let value = engine.ready(key, value);
                return engine.update(cache, key, now, |item| match bytes_of(item.as_ref()) {
                    Ok(current) => store_if(condition.holds(current), value, ttl.expires(now), Some(hash)),
                    Err(error) => (Action::Keep, Err(error)),
                })?;
            }
            Command::Increment { amount, ttl } => {
                return self.increment(cache, key, amount, ttl.expires(now), now);
            }
            Command::UpdateTtl(change) => {
                engine.update(cache, key, now, |item| update_ttl(change, item.as_ref(), now))?
            }
            Command::Delete => {
                engine.delete(cache, key, now);
                Reply::Done
            }
        };
        Ok(reply)
    }

    fn increment(
        &self,
        cache: Keyspace,
        key: &[u8],
        amount: i64,
        expires: Millis,
        now: Millis,
    ) -> Result<Reply, DataError> {
        // The new text is made while the lock is held and must outlive the decision: an i64 has
        // at most 20 characters.
        let mut text = [0_u8; 20];
        let text = &mut text;
        self.engine.update(cache, key, now, move |item| {
            match bytes_of(item.as_ref()).and_then(|current| add(current, amount)) {
                Ok(sum) => (
                    Action::Put { value: Value::Copied(write_integer(sum, text)), expires },
                    Ok(Reply::Integer(sum)),
                ),
                Err(error) => (Action::Keep, Err(error)),
            }
        })?
    }

    /// Reclaims a bounded amount of dead memory; true if there is more to do.
    pub fn maintain(&self, now: Millis, max_items: usize) -> bool {
        self.engine.maintain(now, max_items)
    }

    /// Leaves so many bytes of the memory free from now on.
    pub fn leave_free(&self, bytes: u64) {
        self.engine.leave_free(bytes);
    }

    /// What the engine holds and has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }
}

/// How long an item still lives, never rounded up: up to a millisecond of `now` has gone by
/// uncounted, and clients rely on a remainder below what they asked for.
fn remaining(item: &Item<'_>, now: Millis) -> Duration {
    item.expires.since(now).saturating_sub(Duration::from_millis(1))
}

/// The keyspace of a cache's leaderboards: they are no items.
fn boards(cache: Keyspace) -> Keyspace {
    Keyspace(cache.0 + 1)
}

/// The value of an item that is a scalar.
fn scalar<'a>(item: &Item<'a>) -> Result<ValueRef<'a>, DataError> {
    match item.item_type {
        ItemType::Scalar => Ok(item.value),
        found => Err(DataError::WrongType { found, wanted: ItemType::Scalar }),
    }
}

fn bytes_of<'a>(item: Option<&'a Item<'_>>) -> Result<Option<&'a [u8]>, DataError> {
    match item {
        Some(item) => scalar(item).map(|_| Some(item.value.as_bytes())),
        None => Ok(None),
    }
}

fn store_if<'v>(
    holds: bool,
    value: Value<'v>,
    expires: Millis,
    hash: Option<Hash>,
) -> (Action<'v>, Result<Reply, DataError>) {
    if holds {
        (Action::Put { value, expires }, Ok(Reply::Stored(hash)))
    } else {
        (Action::Keep, Ok(Reply::NotStored))
    }
}

fn update_ttl(change: TtlChange, item: Option<&Item<'_>>, now: Millis) -> (Action<'static>, Reply) {
    let Some(item) = item else { return (Action::Keep, Reply::Missing) };
    let (applies, ttl) = match change {
        TtlChange::IncreaseTo(ttl) => (ttl.expires(now) > item.expires, ttl),
        TtlChange::DecreaseTo(ttl) => (ttl.expires(now) < item.expires, ttl),
        TtlChange::OverwriteTo(ttl) => (true, ttl),
    };
    if applies { (Action::Expire(ttl.expires(now)), Reply::TtlSet) } else { (Action::Keep, Reply::TtlNotSet) }
}

/// The integer that a value spells, or 0 if there is none, plus an amount.
fn add(current: Option<&[u8]>, amount: i64) -> Result<i64, DataError> {
    let Some(value) = current else { return Ok(amount) };
    let current = parse_integer(value)?;
    current.checked_add(amount).ok_or(DataError::Overflow { current, amount })
}

/// Reads a base-10 integer as Momento's Increment does: an optional minus, digits, nothing else.
fn parse_integer(value: &[u8]) -> Result<i64, DataError> {
    std::str::from_utf8(value)
        .ok()
        .filter(|text| !text.starts_with('+'))
        .and_then(|text| text.parse().ok())
        .ok_or(DataError::NotAnInteger)
}

fn write_integer(number: i64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_and_read_back_at_both_ends() {
        for number in [0, 1, -1, 10, i64::MAX, i64::MIN] {
            let mut buffer = [0; 20];
            assert_eq!(write_integer(number, &mut buffer), number.to_string().as_bytes());
            assert_eq!(parse_integer(number.to_string().as_bytes()), Ok(number));
        }
        for text in ["", "+1", " 1", "1.0", "9223372036854775808", "x"] {
            assert_eq!(parse_integer(text.as_bytes()), Err(DataError::NotAnInteger), "{text:?}");
        }
    }
}
