//! A storm of writes of any size and kind, and what memory the process takes meanwhile.
//!
//! Half a minute, `KURA_STORM_SECONDS` for longer. The seed is printed; `KURA_STORM_SEED` repeats it as far as the
//! order of calls from several connections can be repeated.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;
mod storm_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::Server;
use fastrand::Rng;
use storm_support::{CACHE, grpc, resp};
use tokio::task::JoinSet;

const MIB: usize = 1024 * 1024;
/// `--memory`, as every server of these tests has it.
const MEMORY: usize = 64 * MIB;
/// What the process may grow by beyond an idle one, its program's own pages aside: the memory with 8 %, 16 MiB, and
/// 64 KiB for each connection.
const BOUND: usize = MEMORY / 100 * 108 + 16 * MIB + (CONNECTIONS[0] + CONNECTIONS[1] + 1) * 64 * 1024;
/// Connections that write over gRPC, and over RESP.
const CONNECTIONS: [usize; 2] = [8, 4];
/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(5);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_within_its_bound_whatever_is_written() {
    let length = Duration::from_secs(number("KURA_STORM_SECONDS").unwrap_or(30));
    let seed = number("KURA_STORM_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("KURA_STORM_SEED={seed}");
    let server = Arc::new(Server::local_with_resp(&[]));
    let idle = server.memory();
    let client = server.client("");
    client.create_cache(CACHE).await.unwrap();

    let (over, peak, calls) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicU64::new(0));
    let shared = Arc::new((over, peak, calls));
    let mut storm = JoinSet::new();
    for n in 0..CONNECTIONS[0] {
        let (server, shared, rng) = (server.clone(), shared.clone(), Rng::with_seed(seed + n as u64));
        storm.spawn(async move {
            let mut writer = grpc::Writer::new(server.connect().await, rng);
            while !shared.0.load(Ordering::Relaxed) {
                writer.write().await;
                shared.2.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for n in 0..CONNECTIONS[1] {
        let (server, shared, rng) = (server.clone(), shared.clone(), Rng::with_seed(!seed - n as u64));
        storm.spawn(async move {
            let mut writer = resp::Writer::new(server.resp_as(CACHE, "").await, rng);
            while !shared.0.load(Ordering::Relaxed) {
                shared.2.fetch_add(writer.write().await, Ordering::Relaxed);
            }
        });
    }
    let began = Instant::now();
    let mut flushes = 0;
    while began.elapsed() < length {
        shared.1.fetch_max(server.memory(), Ordering::Relaxed);
        // Flushed four times in all, so that the memory is full most of the time.
        if began.elapsed() > length / 5 * (flushes + 1) {
            flushes += 1;
            client.flush_cache(CACHE).await.unwrap();
        }
        tokio::time::sleep(LOOK).await;
        while let Some(ended) = storm.try_join_next() {
            ended.unwrap();
        }
    }
    shared.0.store(true, Ordering::Relaxed);
    while let Some(ended) = storm.join_next().await {
        ended.unwrap();
    }
    let grown = shared.1.load(Ordering::Relaxed).saturating_sub(idle);
    let calls = shared.2.load(Ordering::Relaxed);
    println!(
        "storm: {calls} commands in {} s, {flushes} flushes, grew by {:.1} of {:.1} MiB allowed, --memory {} MiB",
        began.elapsed().as_secs(),
        grown as f64 / MIB as f64,
        BOUND as f64 / MIB as f64,
        MEMORY / MIB,
    );
    assert!(grown <= BOUND, "grew by {grown} bytes, at most {BOUND} are allowed");
    // It was a storm: the memory was full.
    assert!(grown >= MEMORY / 4 * 3, "only {grown} bytes were ever held");
    client.set(CACHE, b"after", b"v", Duration::from_secs(60)).await.unwrap();
    assert_eq!(client.get(CACHE, b"after").await.unwrap().as_deref(), Some(&b"v"[..]));
}
