//! The registry's content in memory, which answers all reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kura_base::CacheName;

use super::file::Change;
use super::{KeyRecord, RoleRecord, SigningKeyRecord};

/// Everything that is registered, sorted by name or id.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) caches: BTreeSet<CacheName>,
    pub(super) keys: BTreeMap<String, Arc<KeyRecord>>,
    pub(super) roles: BTreeMap<String, Arc<RoleRecord>>,
    pub(super) signing_keys: BTreeMap<String, Arc<SigningKeyRecord>>,
}

impl Memory {
    /// Makes a change that has been stored.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::AddCache(name) => {
                self.caches.insert(name);
            }
            Change::RemoveCache(name) => {
                self.caches.remove(&name);
            }
            Change::AddKey { key, forgotten } => {
                for id in forgotten {
                    self.keys.remove(&id);
                }
                self.keys.insert(key.id.clone(), key);
            }
            Change::PutKey(key) => {
                self.keys.insert(key.id.clone(), key);
            }
            Change::PutRole(role) => {
                self.roles.insert(role.id.clone(), role);
            }
            Change::RemoveRole(id) => {
                self.roles.remove(&id);
            }
            Change::AddSigningKey { key, expired } => {
                self.signing_keys.retain(|id, _| !expired.contains(id));
                self.signing_keys.insert(key.key_id.clone(), key);
            }
            Change::RemoveSigningKey(key_id) => {
                self.signing_keys.remove(&key_id);
            }
        }
    }
}
