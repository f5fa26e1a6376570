//! Keys whose collection long work is being done on, outside of the shard's lock.

use crate::Keyspace;

/// The keys of a shard that long work is being done on: none, or a few.
#[derive(Debug, Default)]
pub(crate) struct Busy(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    keyspace: Keyspace,
    key: Box<[u8]>,
    /// The item was removed or replaced meanwhile, which so came after the work.
    superseded: bool,
}

impl Busy {
    pub(crate) fn contains(&self, keyspace: Keyspace, key: &[u8]) -> bool {
        self.position(keyspace, key).is_some()
    }

    pub(crate) fn begin(&mut self, keyspace: Keyspace, key: &[u8]) {
        self.0.push(Entry { keyspace, key: key.into(), superseded: false });
    }

    /// Ends the work; whether its result is still wanted.
    pub(crate) fn end(&mut self, keyspace: Keyspace, key: &[u8]) -> bool {
        let Some(at) = self.position(keyspace, key) else { return false };
        !self.0.swap_remove(at).superseded
    }

    /// The item of this key was removed or replaced.
    pub(crate) fn supersede(&mut self, keyspace: Keyspace, key: &[u8]) {
        if let Some(at) = self.position(keyspace, key) {
            self.0[at].superseded = true;
        }
    }

    /// All items of this keyspace were given up.
    pub(crate) fn supersede_all(&mut self, keyspace: Keyspace) {
        for entry in self.0.iter_mut().filter(|entry| entry.keyspace == keyspace) {
            entry.superseded = true;
        }
    }

    fn position(&self, keyspace: Keyspace, key: &[u8]) -> Option<usize> {
        self.0.iter().position(|entry| entry.keyspace == keyspace && *entry.key == *key)
    }
}
