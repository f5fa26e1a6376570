//! How often a bounded cache has what is asked for.
//!
//! A look-aside cache under a Zipf(1.0) trace: 2,000,000 requests over 200,000 keys of 16 bytes
//! with values of 100 bytes and an hour to live, each a get and, on a miss, a set. One line a
//! seed, then the lowest. With `scan`, a key that is never asked for again comes between any
//! two requests; it is not counted.
//!
//! ```text
//! cargo run --release -p kura-engine --example hit_ratio [memory MiB] [seeds] [scan]
//! ```

use kura_base::Millis;
use kura_engine::{Config, Engine, Keyspace, Value};

const KEYS: usize = 200_000;
const REQUESTS: u64 = 2_000_000;
const TTL_MILLIS: u64 = 3_600_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut numbers = args.iter().filter_map(|arg| arg.parse::<u64>().ok());
    let memory_mib = numbers.next().unwrap_or(8);
    let seeds = numbers.next().unwrap_or(3);
    let scan = args.iter().any(|arg| arg == "scan");
    let zipf = Zipf::new(KEYS);

    let mut lowest = 1.0_f64;
    for seed in 1..=seeds {
        let before = resident_bytes();
        let engine = Engine::new(&Config { memory_bytes: memory_mib << 20, hash_seed: seed });
        let ratio = run(&engine, &zipf, seed, scan);
        let grown = resident_bytes().saturating_sub(before);
        let stats = engine.stats();
        lowest = lowest.min(ratio);
        println!(
            "seed={seed} scan={scan} hit_ratio={ratio:.4} items={} accounted_mib={:.2} resident_growth_mib={:.2}",
            stats.items,
            stats.memory_bytes as f64 / f64::from(1 << 20),
            grown as f64 / f64::from(1 << 20),
        );
    }
    println!("lowest hit_ratio={lowest:.4} memory_mib={memory_mib} seeds={seeds}");
}

/// The share of requests that hit.
fn run(engine: &Engine, zipf: &Zipf, seed: u64, scan: bool) -> f64 {
    let mut random = Random(seed);
    let mut hits = 0_u64;
    for request in 0..REQUESTS {
        let now = Millis(1_700_000_000_000 + request / 100);
        hits += u64::from(look_aside(engine, "key", zipf.draw(&mut random) as u64, now));
        if scan {
            look_aside(engine, "one", request, now);
        }
    }
    hits as f64 / REQUESTS as f64
}

/// Asks for a key and stores it if it is not there. True if it was.
fn look_aside(engine: &Engine, prefix: &str, number: u64, now: Millis) -> bool {
    let key = format!("{prefix}:{number:012}");
    let hit = engine.get(Keyspace(1), key.as_bytes(), now, |_| ()).is_some();
    if !hit {
        let expires = Millis(now.0 + TTL_MILLIS);
        let stored = engine.set(Keyspace(1), key.as_bytes(), Value::Copied(&[b'x'; 100]), expires, now);
        assert!(stored.is_ok(), "an item of 116 bytes fits");
    }
    hit
}

/// Ranks with probability proportional to 1 / rank.
struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    fn new(ranks: usize) -> Self {
        let mut sum = 0.0;
        let cumulative = (1..=ranks).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Self { cumulative: cumulative.collect() }
    }

    fn draw(&self, random: &mut Random) -> usize {
        let most = self.cumulative.last().copied().unwrap_or(1.0);
        let at = random.unit() * most;
        self.cumulative.partition_point(|&sum| sum < at).min(self.cumulative.len() - 1)
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Resident memory of this process, from `/proc/self/statm`; 0 where there is none.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096
}
