//! Tests of the engine as a whole.

mod behaviour;
mod collections;
mod model;
mod pressure;

use crate::shard::{Shard, hash_at};
use crate::{Config, Engine, Keyspace, TooLarge, Value};
use kura_base::Millis;

impl Shard {
    /// Checks that index, log, books and bounds agree.
    pub(crate) fn audit(&self) {
        let live = self.log.audit(self.upkeep.segment_in_search());
        assert_eq!(live.len(), self.index.len());
        for record in live {
            let hash = hash_at(&self.log, self.hash_seed, record.place);
            let key = self.log.key(record.place, &record.header);
            let found = self.index.find(hash, |p| self.log.is_of(p, record.header.keyspace, key));
            assert_eq!(found, Some(record.place), "every live record is in the index");
        }
        assert_eq!(self.index.memory_bytes(), self.index.recount_memory_bytes());
        let memory = self.memory_bytes() + self.heap.bytes() / self.shards;
        assert!(memory <= self.bounds.limit, "{memory} bytes of {}", self.bounds.limit);
    }
}

const KS: Keyspace = Keyspace(1);
const NOW: Millis = Millis(1_700_000_000_000);
const HOUR: u64 = 3_600_000;

fn engine(memory_bytes: u64) -> Engine {
    Engine::new(&Config { memory_bytes, hash_seed: 42 })
}

fn later(millis: u64) -> Millis {
    Millis(NOW.0 + millis)
}

fn set(engine: &Engine, ks: Keyspace, key: &str, value: &[u8]) -> Result<(), TooLarge> {
    engine.set(ks, key.as_bytes(), Value::Copied(value), later(HOUR), NOW)
}

fn get_at(engine: &Engine, ks: Keyspace, key: &str, now: Millis) -> Option<Vec<u8>> {
    engine.get(ks, key.as_bytes(), now, |item| item.value.as_bytes().to_vec())
}

fn get(engine: &Engine, ks: Keyspace, key: &str) -> Option<Vec<u8>> {
    get_at(engine, ks, key, NOW)
}
