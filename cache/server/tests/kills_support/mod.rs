//! Those who change things while the server is killed, and what they remember.

mod caches;
mod keys;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use caches::Caches;
pub use keys::{Keys, list_keys};

/// What is known of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Acknowledged to be there.
    There,
    /// Acknowledged to be gone, or never asked for.
    Gone,
    /// A change of it was under way when the server died: either is right.
    Open,
}

/// Changes acknowledged in a round so far.
pub type Progress = Arc<AtomicU64>;

/// Numbers that follow from a seed: SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end` - 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A place in a list of `len`.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }
}
