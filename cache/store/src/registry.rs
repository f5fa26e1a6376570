//! The registry: which caches, API keys, roles and signing keys there are.
//!
//! One small redb file. A change is synced to it before the call returns, so an acknowledged
//! change survives `kill -9` and power loss; a change that was not acknowledged has happened
//! entirely or not at all. Reads never touch the file: everything is also held in memory, which
//! a control plane of some thousand records affords.
//!
//! All calls block, changes for as long as a disk sync takes; async callers make them on a
//! blocking thread. Changes run one after the other. The file is locked for as long as it is
//! open, which is what tells whether a server runs on a data directory.
//!
//! Time is passed in, and tokens are not: the registry stores their fingerprints.

mod error;
mod file;
mod memory;
mod records;
mod roles;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kura_base::CacheName;
use kura_tokens::Permissions;
use parking_lot::{Mutex, RwLock};

pub use error::RegistryError;
use file::{Change, File};
use memory::Memory;
pub use records::{KEY_ID_PREFIX, KeyRecord, ROLE_ID_PREFIX, RoleRecord, SigningKeyRecord};

/// Caches, keys, roles and signing keys, durable and in memory.
pub struct Registry {
    /// Held for the whole of a change, so that file and memory change in the same order.
    file: Mutex<File>,
    memory: RwLock<Memory>,
    generation: AtomicU64,
}

impl Registry {
    /// Opens the registry at `path`, or creates it (mode 0600) in an existing directory.
    ///
    /// The whole file is checked. It is some thousand small records at most; that takes
    /// milliseconds and turns a damaged disk into an error here instead of surprises later.
    ///
    /// # Errors
    /// [`RegistryError::Locked`] if another process has it open, [`RegistryError::Corrupt`] if it
    /// is no registry or damaged, [`RegistryError::NewerVersion`] if a later Kura wrote it, else
    /// what the operating system said.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        Self::with(File::open(path)?)
    }

    /// A registry that ends with the process.
    ///
    /// # Errors
    /// None that is known; the storage library's signature has one.
    pub fn in_memory() -> Result<Self, RegistryError> {
        Self::with(File::in_memory()?)
    }

    fn with(file: File) -> Result<Self, RegistryError> {
        let memory = file.load()?;
        Ok(Self { file: Mutex::new(file), memory: RwLock::new(memory), generation: AtomicU64::new(0) })
    }

    /// Creates a cache unless there are `limit` already. False: a cache of this name exists.
    ///
    /// # Errors
    /// [`RegistryError::TooManyCaches`], or why the change could not be stored.
    pub fn create_cache(&self, name: &CacheName, limit: usize) -> Result<bool, RegistryError> {
        self.change(|memory| {
            if memory.caches.contains(name) {
                return Ok((None, false));
            }
            if memory.caches.len() >= limit {
                return Err(RegistryError::TooManyCaches { limit });
            }
            Ok((Some(Change::AddCache(name.clone())), true))
        })
    }

    /// Deletes a cache. False: there is none of this name.
    ///
    /// # Errors
    /// Why the change could not be stored.
    pub fn delete_cache(&self, name: &CacheName) -> Result<bool, RegistryError> {
        self.change(|memory| {
            let there = memory.caches.contains(name);
            Ok((there.then(|| Change::RemoveCache(name.clone())), there))
        })
    }

    /// The names of all caches, sorted.
    #[must_use]
    pub fn caches(&self) -> Vec<CacheName> {
        self.memory.read().caches.iter().cloned().collect()
    }

    /// Whether there is a cache of this name.
    #[must_use]
    pub fn contains_cache(&self, name: &str) -> bool {
        self.memory.read().caches.contains(name)
    }

    /// Adds a key unless `limit` keys are live at second `now` since the Unix epoch, and forgets
    /// keys that ended long before it: those that were revoked or have expired
    /// [`ENDED_KEYS_SECONDS`] ago, and all but the last [`MAX_ENDED_KEYS`].
    ///
    /// A forgotten key is refused as a revoked one is: a token is good only while its key is on
    /// record.
    ///
    /// # Errors
    /// [`RegistryError::TooManyKeys`], [`RegistryError::KeyExists`] if there is a key of this id,
    /// [`RegistryError::NoSuchRole`] if it is of a role that is not on record, or why the change could not be stored.
    pub fn add_key(&self, key: KeyRecord, limit: usize, now: u64) -> Result<(), RegistryError> {
        let forgets = self.change(|memory| {
            if let Permissions::Role(id) = &key.permissions
                && id.starts_with(ROLE_ID_PREFIX)
                && !memory.roles.contains_key(id)
            {
                return Err(RegistryError::NoSuchRole { id: id.clone() });
            }
            if memory.keys.contains_key(&key.id) {
                return Err(RegistryError::KeyExists { id: key.id });
            }
            let ended = ended_keys(memory, now);
            if memory.keys.len() - ended.len() >= limit {
                return Err(RegistryError::TooManyKeys { limit });
            }
            let forgotten = to_forget(ended, now);
            let forgets = !forgotten.is_empty();
            Ok((Some(Change::AddKey { key: Arc::new(key), forgotten }), forgets))
        })?;
        self.next_generation(forgets);
        Ok(())
    }

    /// Revokes a key at second `at` since the Unix epoch. It stays on record until
    /// [`add_key`](Self::add_key) forgets it. False: there is no
    /// such key, or it was revoked before.
    ///
    /// When this returns, [`generation`](Self::generation) has moved and the key is revoked for
    /// every later [`key`](Self::key).
    ///
    /// # Errors
    /// Why the change could not be stored.
    pub fn revoke_key(&self, id: &str, at: u64) -> Result<bool, RegistryError> {
        let revoked = self.change(|memory| {
            let live = memory.keys.get(id).filter(|key| key.revoked.is_none());
            let change = live.map(|key| {
                Change::PutKey(Arc::new(KeyRecord { revoked: Some(at), ..KeyRecord::clone(key) }))
            });
            let found = change.is_some();
            Ok((change, found))
        })?;
        self.next_generation(revoked);
        Ok(revoked)
    }

    /// The key of this id, revoked and expired ones included.
    #[must_use]
    pub fn key(&self, id: &str) -> Option<Arc<KeyRecord>> {
        self.memory.read().keys.get(id).cloned()
    }

    /// All keys on record, by id.
    #[must_use]
    pub fn keys(&self) -> Vec<Arc<KeyRecord>> {
        self.memory.read().keys.values().cloned().collect()
    }

    /// A number that moves after every revocation, of keys and of signing keys, after keys are
    /// forgotten, and after roles change.
    ///
    /// A cache of verified tokens reads it *before* it looks a key up, keeps it with the entry,
    /// and uses the entry only while the number is still the same.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Adds a signing key of the control plane, and forgets those that have expired by second
    /// `now` since the Unix epoch.
    ///
    /// # Errors
    /// [`RegistryError::KeyExists`] if there is one of this id, or why the change could not be
    /// stored.
    pub fn create_signing_key(&self, key: SigningKeyRecord, now: u64) -> Result<(), RegistryError> {
        self.change(|memory| {
            if memory.signing_keys.contains_key(&key.key_id) {
                return Err(RegistryError::KeyExists { id: key.key_id });
            }
            let expired = memory.signing_keys.values().filter(|key| key.expires <= now);
            let expired = expired.map(|key| key.key_id.clone()).collect();
            Ok((Some(Change::AddSigningKey { key: Arc::new(key), expired }), ()))
        })
    }

    /// All signing keys, expired ones that were not yet forgotten included, by id.
    #[must_use]
    pub fn signing_keys(&self) -> Vec<Arc<SigningKeyRecord>> {
        self.memory.read().signing_keys.values().cloned().collect()
    }

    /// Removes a signing key. False: there is none of this id.
    ///
    /// # Errors
    /// Why the change could not be stored.
    pub fn revoke_signing_key(&self, key_id: &str) -> Result<bool, RegistryError> {
        let revoked = self.change(|memory| {
            let there = memory.signing_keys.contains_key(key_id);
            Ok((there.then(|| Change::RemoveSigningKey(key_id.to_owned())), there))
        })?;
        self.next_generation(revoked);
        Ok(revoked)
    }

    /// Decides on a change from what is in memory, stores it, and then makes it in memory.
    fn change<T>(
        &self,
        decide: impl FnOnce(&Memory) -> Result<(Option<Change>, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        let mut file = self.file.lock();
        if let Some(found) = file.recover()? {
            *self.memory.write() = found;
            // A failed change may turn out to have been stored, and it may be a revocation.
            self.next_generation(true);
        }
        let (change, answer) = decide(&self.memory.read())?;
        if let Some(change) = change {
            file.store(&change)?;
            self.memory.write().apply(change);
        }
        Ok(answer)
    }

    fn next_generation(&self, revoked: bool) {
        if revoked {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }
}

/// How long a key that was revoked or has expired is kept on record: 30 days.
pub const ENDED_KEYS_SECONDS: u64 = 30 * 24 * 3600;

/// Most keys on record that were revoked or have expired; beyond, those that ended first go.
pub const MAX_ENDED_KEYS: usize = 10_000;

/// The keys that are good no longer at second `now`, as when they ended and their id.
fn ended_keys(memory: &Memory, now: u64) -> Vec<(u64, String)> {
    let ended = memory.keys.values().filter_map(|key| {
        let expired = key.expires.filter(|expires| *expires <= now);
        let at = match (key.revoked, expired) {
            (Some(revoked), Some(expired)) => revoked.min(expired),
            (revoked, expired) => revoked.or(expired)?,
        };
        Some((at, key.id.clone()))
    });
    ended.collect()
}

/// Which of the keys that have ended are not kept on record.
fn to_forget(mut ended: Vec<(u64, String)>, now: u64) -> Vec<String> {
    ended.sort();
    let too_many = ended.len().saturating_sub(MAX_ENDED_KEYS);
    let too_old = ended.partition_point(|(at, _)| at.saturating_add(ENDED_KEYS_SECONDS) <= now);
    ended.truncate(too_many.max(too_old));
    ended.into_iter().map(|(_, id)| id).collect()
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}
