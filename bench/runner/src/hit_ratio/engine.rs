//! A trace played against Kura's store, in this process.

use anyhow::Context;
use kura_base::{CacheName, Millis, Ttl};
use kura_load::keys::write_key;
use kura_store::{Command, Data, Reply, Value};

use super::traces::Trace;
use crate::server::CACHE;

/// Bytes of a key.
pub(super) const KEY_BYTES: u64 = 16;

/// What the store found, and what it held at the end.
pub(super) struct Played {
    pub(super) hit_ratio: f64,
    pub(super) items: u64,
    /// Keys and values.
    pub(super) payload_bytes: u64,
}

/// Reads each key in turn and writes back what is missing.
pub(super) fn play(trace: &Trace, memory_bytes: u64) -> anyhow::Result<Played> {
    let data = Data::new(memory_bytes, 7);
    data.add_cache(CacheName::parse(CACHE)?);
    let cache = data.cache(CACHE)?;
    let now = Millis(1_700_000_000_000);
    let ttl = Ttl::from_millis(3_600_000, std::time::Duration::MAX)?;
    let value = [7; 1 << 12];
    let (mut hits, mut key) = (0, Vec::new());
    for &number in &trace.requests {
        key.clear();
        write_key(number, KEY_BYTES as usize, &mut key);
        if let Reply::Found = data.execute(cache, &key, Command::Get, now, |_| ())? {
            hits += 1;
            continue;
        }
        let bytes = usize::from(trace.value_bytes[number as usize]);
        let value = Value::Copied(value.get(..bytes).context("a value of the trace is too long")?);
        data.execute(cache, &key, Command::Set { value, ttl }, now, |_| ())?;
    }
    let stats = data.stats();
    let hit_ratio = f64::from(hits) / trace.requests.len().max(1) as f64;
    Ok(Played { hit_ratio, items: stats.items, payload_bytes: stats.payload_bytes })
}
