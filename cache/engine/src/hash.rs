//! One hash a request, and which of its bits mean what.
//!
//! | bits | use |
//! |---|---|
//! | 57..64 | the index's tag byte (hashbrown) and, with those below, the ghost's bucket |
//! | 48..54 | the shard |
//! | 32..48 | the part of the shard's index |
//! | 0..32 | the place within that part; the lowest 16 are the ghost's fingerprint |

use crate::Keyspace;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Most shards that [`shard`] can tell apart.
pub(crate) const MAX_SHARDS: usize = 64;

/// The hash of a key in a keyspace.
pub(crate) fn hash(seed: u64, keyspace: Keyspace, key: &[u8]) -> u64 {
    let spread = u64::from(keyspace.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (xxh3_64_with_seed(key, seed) ^ spread).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    mixed ^ (mixed >> 32)
}

/// The shard among `count`, a power of two of at most [`MAX_SHARDS`].
pub(crate) fn shard(hash: u64, count: usize) -> usize {
    (hash >> 48) as usize & (count - 1)
}

/// The index part among `count`.
///
/// Parts get unequal shares of the hashes, the last twice the first's, so that they fill up and
/// double one after another: the index grows smoothly, and no growth moves many entries.
pub(crate) fn part(hash: u64, count: usize) -> usize {
    let x = (hash >> 32) & 0xFFFF;
    // x (4 - x) / 3 for x in 0..1, in 16-bit fixed point: its slope falls from 4/3 to 2/3.
    let curved = x * ((4 << 16) - x) / 3;
    ((curved * count as u64) >> 32) as usize
}

/// The ghost bucket among `count`.
pub(crate) fn ghost_bucket(hash: u64, count: usize) -> usize {
    (((hash >> 32) * count as u64) >> 32) as usize
}

/// The ghost fingerprint; never 0, which marks an empty place.
pub(crate) fn fingerprint(hash: u64) -> u16 {
    (hash as u16).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_their_range_with_shares_from_one_to_two() {
        let mut shares = [0_u32; 16];
        for x in 0..=0xFFFF_u64 {
            shares[part(x << 32, 16)] += 1;
        }
        assert!(shares.is_sorted());
        let ratio = f64::from(shares[15]) / f64::from(shares[0]);
        assert!((1.8..2.0).contains(&ratio), "{shares:?}");
    }

    #[test]
    fn keyspaces_do_not_share_hashes() {
        assert_ne!(hash(1, Keyspace(1), b"k"), hash(1, Keyspace(2), b"k"));
        assert_ne!(hash(1, Keyspace(1), b"k"), hash(2, Keyspace(1), b"k"));
    }
}
