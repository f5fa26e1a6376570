//! The keys that were evicted lately, as fingerprints.
//!
//! S3-FIFO sends a key that comes back soon after it was dropped from the small queue straight
//! to the main one. Two bytes a key suffice: a wrong match (about once in 4,000 lookups) only
//! places an item better than it deserved.

use crate::hash;

const WAYS: usize = 16;

/// A bounded set of fingerprints; in each bucket the oldest goes first.
#[derive(Debug)]
pub(crate) struct Ghost {
    /// Empty until the first key is remembered.
    buckets: Vec<[u16; WAYS]>,
    count: usize,
}

impl Ghost {
    /// A set that takes at most `bytes` bytes, at least one bucket.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { buckets: Vec::new(), count: (bytes as usize / (WAYS * 2)).max(1) }
    }

    /// Bytes it takes once it is in use.
    pub(crate) fn full_bytes(&self) -> u64 {
        (self.count * WAYS * 2) as u64
    }

    /// Bytes it takes now.
    pub(crate) fn memory_bytes(&self) -> u64 {
        (self.buckets.len() * WAYS * 2) as u64
    }

    pub(crate) fn remember(&mut self, hash: u64) {
        if self.buckets.is_empty() {
            self.buckets = vec![[0; WAYS]; self.count];
        }
        let bucket = &mut self.buckets[hash::ghost_bucket(hash, self.count)];
        bucket.copy_within(..WAYS - 1, 1);
        bucket[0] = hash::fingerprint(hash);
    }

    /// Whether the key was remembered, and is among about the last `newest` that were; forgets it.
    pub(crate) fn take(&mut self, hash: u64, newest: usize) -> bool {
        let Some(bucket) = self.buckets.get_mut(hash::ghost_bucket(hash, self.count)) else {
            return false;
        };
        let fingerprint = hash::fingerprint(hash);
        let ways = newest.div_ceil(self.count).min(WAYS);
        let Some(at) = bucket[..ways].iter().position(|&f| f == fingerprint) else {
            return false;
        };
        bucket.copy_within(at + 1.., at);
        bucket[WAYS - 1] = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_once_and_forgets_the_oldest() {
        let mut ghost = Ghost::new(32);
        assert!(!ghost.take(9, 16), "nothing yet");
        for hash in 1..=17 {
            ghost.remember(hash);
        }
        assert!(!ghost.take(1, 16), "pushed out by sixteen others");
        assert!(ghost.take(2, 16));
        assert!(!ghost.take(2, 16), "taken already");
        assert!(ghost.take(17, 16) && ghost.take(3, 16));
        assert!(!ghost.take(4, 3), "there are newer ones");
        assert!(ghost.take(16, 3));
    }
}
