//! Several keys at once: waiting for memory once instead of once for each.

use super::Engine;
use crate::Keyspace;
use crate::hash::{self, MAX_SHARDS};
use crate::shard::{Key, Shard};
use parking_lot::MutexGuard;

/// Keys fetched together. More of them would hold more shards for longer and be no faster.
const AT_ONCE: usize = 8;

impl Engine {
    /// Brings what operations on these keys will read into the processor's caches. Changes nothing and promises
    /// nothing; worth its while from two keys on.
    ///
    /// An operation on one key reads a few places in memory, each found in the one before, and its lock keeps the
    /// processor from beginning with the next operation meanwhile. Here the locks come first, eight at most, then
    /// the same place for all keys, and the next, so that the waits for eight keys pass as one. A shard that
    /// somebody else holds is left out.
    pub fn fetch_ahead<'k>(&self, ks: Keyspace, keys: impl IntoIterator<Item = &'k [u8]>) {
        let mut keys = keys.into_iter();
        let mut some = [Key { keyspace: ks, bytes: &[], hash: 0 }; AT_ONCE];
        loop {
            let mut count = 0;
            for (place, bytes) in some.iter_mut().zip(&mut keys) {
                *place = self.key(ks, bytes);
                count += 1;
            }
            match some.get(..count) {
                Some(some) if count > 1 => self.fetch(some),
                _ => return,
            }
        }
    }

    /// As [`fetch_ahead`](Self::fetch_ahead), of [`AT_ONCE`] keys at most.
    fn fetch(&self, keys: &[Key<'_>]) {
        let mut held: [Option<MutexGuard<'_, Shard>>; AT_ONCE] = [const { None }; AT_ONCE];
        // By shard: one more than the place of its guard; 0 before it has been asked for.
        let mut guards = [0_usize; MAX_SHARDS];
        let number = |key: &Key<'_>| hash::shard(key.hash, self.shards.len());
        for (at, key) in keys.iter().enumerate() {
            let shard = number(key);
            if guards[shard] == 0 {
                held[at] = self.shards[shard].shard.try_lock();
                guards[shard] = at + 1;
            }
        }
        let shard = |key| held[guards[number(key)] - 1].as_ref();
        let mut places = [None; AT_ONCE];
        for (place, key) in places.iter_mut().zip(keys) {
            *place = shard(key).and_then(|shard| shard.index.candidate(key.hash));
        }
        for (place, key) in places.into_iter().zip(keys) {
            if let (Some(shard), Some(place)) = (shard(key), place) {
                shard.log.touch(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Config, Engine, Keyspace, Value};
    use kura_base::Millis;

    /// Whatever is asked for, held by others or not there: nothing changes, and nothing stays locked.
    #[test]
    fn fetching_ahead_changes_nothing() {
        for memory_bytes in [1 << 20, 1 << 30, 1 << 40] {
            let engine = Engine::new(&Config { memory_bytes, hash_seed: 1 });
            let (ks, now) = (Keyspace(1), Millis(1));
            let key = |number: u64| number.to_le_bytes();
            let value = |number: u64| vec![number as u8; [0, 1, 40, 60_000][number as usize % 4]];
            for number in 0..20 {
                engine.set(ks, &key(number), Value::Copied(&value(number)), Millis(100), now).unwrap();
            }
            let before = engine.stats();
            let held = engine.shard(engine.key(ks, &key(0)));
            let keys: Vec<_> = (0..40).map(key).collect();
            // The shard that is held here cannot be waited for.
            for count in 0..keys.len() {
                engine.fetch_ahead(ks, keys[..count].iter().map(|key| &key[..]));
                engine.fetch_ahead(Keyspace(2), keys[..count].iter().map(|key| &key[..]));
            }
            engine.fetch_ahead(ks, [&key(1)[..]; 20]);
            drop(held);
            assert_eq!(engine.stats(), before);
            for number in 0..40 {
                let found = engine.get(ks, &key(number), now, |item| item.value.as_bytes().to_vec());
                assert_eq!(found, (number < 20).then(|| value(number)));
            }
        }
    }
}
