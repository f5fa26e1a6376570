//! The caches by name.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use kura_base::{CacheName, Stripes};
use kura_engine::Keyspace;
use parking_lot::RwLock;

/// Which cache has which keyspace. Every call asks, of any thread, and caches rarely change: each
/// thread therefore remembers what it was told, until something changes.
#[derive(Default)]
pub(super) struct Caches {
    all: RwLock<HashMap<CacheName, Keyspace>>,
    /// Rises after every change of `all`, before whoever made it goes on.
    generation: AtomicU64,
    remembered: Stripes<RwLock<Remembered>>,
}

/// What a thread knows of the generation it is of.
#[derive(Default)]
struct Remembered {
    generation: u64,
    caches: HashMap<CacheName, Keyspace>,
}

impl Caches {
    pub(super) fn get(&self, name: &str) -> Option<Keyspace> {
        // Read before anything else: what changes from now on has a later one.
        let generation = self.changes();
        let remembered = self.remembered.mine();
        {
            let remembered = remembered.read();
            if remembered.generation == generation
                && let Some(found) = remembered.caches.get(name)
            {
                return Some(*found);
            }
        }
        let (name, found) =
            self.all.read().get_key_value(name).map(|(name, found)| (name.clone(), *found))?;
        let mut remembered = remembered.write();
        // Another thread of the stripe may know more by now.
        if remembered.generation <= generation {
            if remembered.generation < generation {
                *remembered = Remembered { generation, caches: HashMap::new() };
            }
            remembered.caches.insert(name, found);
        }
        Some(found)
    }

    /// Gives a cache a keyspace; the one it had.
    pub(super) fn insert(&self, name: CacheName, keyspace: Keyspace) -> Option<Keyspace> {
        let replaced = self.all.write().insert(name, keyspace);
        self.generation.fetch_add(1, Ordering::Release);
        replaced
    }

    /// Forgets a cache; the keyspace it had.
    pub(super) fn remove(&self, name: &CacheName) -> Option<Keyspace> {
        let removed = self.all.write().remove(name);
        self.generation.fetch_add(1, Ordering::Release);
        removed
    }

    /// How often they have changed.
    pub(super) fn changes(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether a cache has a keyspace that this is true of.
    pub(super) fn any(&self, is_it: impl Fn(Keyspace) -> bool) -> bool {
        self.all.read().values().any(|keyspace| is_it(*keyspace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used, reason = "a panic is a failure of the test")]
    fn a_change_is_seen_by_a_thread_that_remembers_the_cache_as_it_was() {
        let caches = Caches::default();
        let orders = CacheName::parse("orders").unwrap();
        assert_eq!(caches.get("orders"), None);
        assert_eq!(caches.insert(orders.clone(), Keyspace(1)), None);
        let elsewhere = |change: &(dyn Fn() + Sync)| {
            std::thread::scope(|scope| scope.spawn(change).join().unwrap());
        };
        assert_eq!(caches.get("orders"), Some(Keyspace(1)));
        elsewhere(&|| {
            assert_eq!(caches.get("orders"), Some(Keyspace(1)));
            assert_eq!(caches.insert(orders.clone(), Keyspace(3)), Some(Keyspace(1)));
        });
        assert_eq!(caches.get("orders"), Some(Keyspace(3)));
        elsewhere(&|| assert_eq!(caches.remove(&orders), Some(Keyspace(3))));
        assert_eq!(caches.get("orders"), None);
    }
}
