//! What a flush costs the others: retiring a keyspace of a million items.
//!
//! Fills two keyspaces, retires one, and reclaims it in slices of 256 items (what the engine
//! visits under one lock) while the other is read. Prints how long the retiring took, and the
//! median and longest slice. Slices and reads are timed on the thread's own clock, so that a busy
//! machine does not count.
//!
//! ```text
//! cargo run --release -p kura-engine --example retire [items]
//! ```

use kura_base::Millis;
use kura_engine::{Config, Engine, Keyspace, Value};
use rustix::time::{ClockId, clock_gettime};

const NOW: Millis = Millis(1_700_000_000_000);

fn main() {
    let items = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(1_000_000_u64);
    let engine = Engine::new(&Config { memory_bytes: 1 << 30, hash_seed: 1 });
    let (kept, flushed) = (Keyspace(1), Keyspace(2));
    for n in 0..items {
        for keyspace in [kept, flushed] {
            let expires = Millis(NOW.0 + 3_600_000);
            let stored = engine.set(keyspace, &n.to_le_bytes(), Value::Copied(&[7; 64]), expires, NOW);
            assert!(stored.is_ok(), "an item of 72 bytes fits");
        }
    }

    let retire_nanos = timed(|| engine.retire(flushed)).0;
    let (mut slices, mut reads) = (Vec::new(), Vec::new());
    let mut n = 0;
    loop {
        let (nanos, more) = timed(|| engine.maintain(NOW, 256));
        slices.push(nanos);
        n = (n + 7919) % items;
        let (nanos, hit) = timed(|| engine.get(kept, &u64::to_le_bytes(n), NOW, |_| ()).is_some());
        reads.push(nanos);
        assert!(hit, "the other keyspace is untouched");
        if !more {
            break;
        }
    }
    let stats = engine.stats();
    assert_eq!((stats.items, stats.retired_total), (items, items));
    println!(
        "items={items} retire_us={:.1} slices={} slice_us_median={:.1} slice_us_p999={:.1} slice_us_max={:.1} \
         read_us_max={:.1} memory_mib={}",
        micros(retire_nanos),
        slices.len(),
        quantile(&mut slices, 0.5),
        quantile(&mut slices, 0.999),
        quantile(&mut slices, 1.0),
        quantile(&mut reads, 1.0),
        stats.memory_bytes >> 20,
    );
}

fn timed<R>(what: impl FnOnce() -> R) -> (u64, R) {
    let started = thread_nanos();
    let result = what();
    (thread_nanos() - started, result)
}

fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn quantile(nanos: &mut [u64], q: f64) -> f64 {
    nanos.sort_unstable();
    micros(nanos[((nanos.len() - 1) as f64 * q) as usize])
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}
