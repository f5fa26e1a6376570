//! The engine alone.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::ensure;
use kura_base::Millis;
use kura_engine::{Config, Engine, Keyspace, Value};

use super::{Ready, VALUE, key};
use crate::world::NOW;

pub(crate) const OPERATIONS: u64 = 20_000;

const KEYSPACE: Keyspace = Keyspace(1);
/// Keys that are there.
const KEYS: u64 = 20_000;
/// A step that visits them all in a mixed order.
const STEP: u64 = 7919;
const ENDS: Millis = Millis(NOW.0 + 3_600_000);

fn filled(memory_bytes: u64, keys: u64) -> anyhow::Result<Arc<Engine>> {
    let engine = Engine::new(&Config { memory_bytes, hash_seed: 1 });
    for number in 0..keys {
        engine.set(KEYSPACE, &key(number), Value::Copied(&VALUE), ENDS, NOW)?;
    }
    Ok(Arc::new(engine))
}

fn order() -> Arc<Vec<[u8; 16]>> {
    Arc::new((0..OPERATIONS).map(|number| key(number * STEP % KEYS)).collect())
}

pub(super) fn get() -> anyhow::Result<Ready> {
    let (engine, order) = (filled(256 << 20, KEYS)?, order());
    Ok(Box::new(move || {
        let (engine, order) = (engine.clone(), order.clone());
        Ok(Box::new(move || {
            for key in order.iter() {
                let found = engine.get(KEYSPACE, key, NOW, |item| black_box(item.value.as_bytes()).len());
                ensure!(found == Some(VALUE.len()), "a key that was set is not there");
            }
            Ok(())
        }))
    }))
}

pub(super) fn set() -> anyhow::Result<Ready> {
    let (engine, order) = (filled(256 << 20, KEYS)?, order());
    Ok(Box::new(move || {
        let (engine, order) = (engine.clone(), order.clone());
        Ok(Box::new(move || {
            for key in order.iter() {
                engine.set(KEYSPACE, key, Value::Copied(&VALUE), ENDS, NOW)?;
            }
            Ok(())
        }))
    }))
}

/// New keys in a full engine.
pub(super) fn set_evicting() -> anyhow::Result<Ready> {
    let engine = filled(4 << 20, 100_000)?;
    let mut next = 100_000;
    Ok(Box::new(move || {
        let fresh: Vec<_> = (next..next + OPERATIONS).map(key).collect();
        next += OPERATIONS;
        let engine = engine.clone();
        Ok(Box::new(move || {
            for key in &fresh {
                engine.set(KEYSPACE, key, Value::Copied(&VALUE), ENDS, NOW)?;
            }
            Ok(())
        }))
    }))
}
