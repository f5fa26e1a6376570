//! Closed loop: a fixed number of requests in flight on each connection.
//!
//! Each slot is a task of its own that sends its next request a random moment after its last is answered, so slots
//! drift apart and the connection carries a stream of requests, not rounds of them. A run ends with nothing in flight:
//! the operations it counted are exactly those the server worked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::client::Pool;
use crate::keys::SplitMix;
use crate::report::Sample;
use crate::workload::Workload;

/// A slot lets the runtime turn fewer times than this, by chance, before its next request.
pub(crate) const PAUSES: u32 = 8;

/// Runs `inflight` slots on each connection for `duration`, then waits for what is still under way.
pub async fn run_for(
    pool: &Pool,
    workload: &Arc<Workload>,
    inflight: usize,
    duration: Duration,
    seed: u64,
) -> anyhow::Result<Sample> {
    let sample = Arc::new(Mutex::new(Sample::new()?));
    let mut slots = JoinSet::new();
    let start = Instant::now();
    let end = start + duration;
    for slot in 0..inflight {
        for (index, connection) in pool.connections().iter().enumerate() {
            let mut connection = connection.clone();
            let workload = Arc::clone(workload);
            let sample = Arc::clone(&sample);
            let mut random =
                SplitMix::new(seed ^ ((slot as u64) << 32 | index as u64).wrapping_mul(0x9e37_79b9));
            slots.spawn(async move {
                let mut sent = Instant::now();
                while sent < end {
                    let reply = workload.operate(&mut connection, &mut random).await;
                    let answered = Instant::now();
                    sample.lock().record(&reply, answered - sent);
                    if reply.is_err() {
                        return;
                    }
                    // Answers that came in one segment wake their slots together; without this their next requests
                    // would leave together too, and the connection would work in rounds.
                    for _ in 0..random.below(PAUSES) {
                        tokio::task::yield_now().await;
                    }
                    sent = Instant::now();
                }
            });
        }
    }
    finish(slots, sample, start).await
}

/// Writes every key once, `inflight` slots on each connection.
pub async fn preload(pool: &Pool, workload: &Arc<Workload>, inflight: usize) -> anyhow::Result<Sample> {
    let sample = Arc::new(Mutex::new(Sample::new()?));
    let mut slots = JoinSet::new();
    let start = Instant::now();
    let stride = pool.connections().len() * inflight;
    for slot in 0..stride {
        let mut connection = pool.connections()[slot % pool.connections().len()].clone();
        let workload = Arc::clone(workload);
        let sample = Arc::clone(&sample);
        slots.spawn(async move {
            for rank in (slot as u32..workload.spec().keys).step_by(stride) {
                let sent = Instant::now();
                let reply = workload.write(&mut connection, rank).await;
                sample.lock().record(&reply, sent.elapsed());
                if reply.is_err() {
                    return;
                }
            }
        });
    }
    finish(slots, sample, start).await
}

/// Waits for every slot and takes what they counted.
pub(crate) async fn finish(
    mut slots: JoinSet<()>,
    sample: Arc<Mutex<Sample>>,
    start: Instant,
) -> anyhow::Result<Sample> {
    while let Some(ended) = slots.join_next().await {
        ended.context("a slot of the loader failed")?;
    }
    let mut sample = sample.lock().clone();
    sample.elapsed = start.elapsed();
    Ok(sample)
}
