//! Keyspaces that were retired and may still have items in the log.

use crate::Keyspace;

/// The retired keyspaces of a shard that its log has not been cleared of yet.
#[derive(Debug, Default)]
pub(crate) struct Retired {
    /// Sorted; almost always appended to, because numbers rise.
    keyspaces: Vec<u32>,
    mask: u64,
    round: u64,
}

/// The bit that stands for a keyspace in a 64-bit set that may say yes too often.
pub(crate) fn bit(keyspace: Keyspace) -> u64 {
    1 << (keyspace.0 % 64)
}

impl Retired {
    pub(crate) fn insert(&mut self, keyspace: Keyspace) {
        if let Err(at) = self.keyspaces.binary_search(&keyspace.0) {
            self.keyspaces.insert(at, keyspace.0);
            self.mask |= bit(keyspace);
            self.round += 1;
        }
    }

    pub(crate) fn contains(&self, keyspace: Keyspace) -> bool {
        !self.keyspaces.is_empty() && self.keyspaces.binary_search(&keyspace.0).is_ok()
    }

    /// The [`bit`]s of all of them.
    pub(crate) fn mask(&self) -> u64 {
        self.mask
    }

    /// A number that rises with every keyspace retired: a segment cleared in this round holds
    /// no item of any of them.
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// Forgets them all: the log is clear of them.
    pub(crate) fn clear(&mut self) {
        self.keyspaces = Vec::new();
        self.mask = 0;
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        (self.keyspaces.capacity() * size_of::<u32>()) as u64
    }
}
