//! What an item costs: resident growth per item beyond its payload.
//!
//! Stores a million items of a 16-byte key and a 64-byte value with an hour to live into an
//! engine that could hold ten times as many, and compares the process's resident memory before
//! and after. Also times the sets and then as many gets in a mixed order, on the thread's own clock, so
//! that a busy machine counts less.
//!
//! ```text
//! cargo run --release -p kura-engine --example memory [items] [memory MiB]
//! ```

use kura_base::Millis;
use kura_engine::{Config, Engine, Keyspace, Value};
use rustix::time::{ClockId, clock_gettime};

const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 64;

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let items = args.next().unwrap_or(1_000_000);
    let memory_mib = args.next().unwrap_or(1024);
    let (keyspace, now) = (Keyspace(1), Millis(1_700_000_000_000));
    let value = [7; VALUE_BYTES];

    let before = resident_bytes();
    let started = thread_nanos();
    let engine = Engine::new(&Config { memory_bytes: memory_mib << 20, hash_seed: 1 });
    let new_micros = (thread_nanos() - started) / 1000;

    let started = thread_nanos();
    for n in 0..items {
        let stored = engine.set(keyspace, &key(n), Value::Copied(&value), Millis(now.0 + 3_600_000), now);
        assert!(stored.is_ok(), "an item of 80 bytes fits");
    }
    let set_nanos = (thread_nanos() - started) / items;
    let grown = resident_bytes().saturating_sub(before);

    let started = thread_nanos();
    let mut hits = 0;
    for n in 0..items {
        let n = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % items;
        hits += u64::from(engine.get(keyspace, &key(n), now, |item| item.value.as_bytes()[0] == 7).is_some());
    }
    let get_nanos = (thread_nanos() - started) / items;

    let stats = engine.stats();
    let payload = (KEY_BYTES + VALUE_BYTES) as f64;
    println!(
        "items={} resident_overhead_bytes_per_item={:.1} accounted_overhead_bytes_per_item={:.1} \
         new_us={new_micros} set_ns={set_nanos} get_ns={get_nanos} get_hits={hits}",
        stats.items,
        grown as f64 / items as f64 - payload,
        stats.memory_bytes as f64 / items as f64 - payload,
    );
}

fn key(n: u64) -> [u8; KEY_BYTES] {
    let mut key = *b"key:000000000000";
    for (place, digit) in key[4..].iter_mut().rev().zip(digits(n)) {
        *place = digit;
    }
    key
}

fn digits(mut n: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let digit = b'0' + (n % 10) as u8;
        n /= 10;
        Some(digit)
    })
}

fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Resident memory of this process, from `/proc/self/statm`; 0 where there is none.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096
}
