//! Look-aside reads of a fixed trace: get, and on a miss set; the hit ratio is the result.
//!
//! All slots take their next request from one shared trace, so its order holds but for the requests in flight at
//! the same time, a few of two million.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::client::{Pool, Reply};
use crate::closed::finish;
use crate::keys::SplitMix;
use crate::report::Sample;
use crate::wire::Outcome;
use crate::workload::Workload;

/// Draws the ranks of `requests` reads; equal seeds draw the same trace.
#[must_use]
pub fn draw(workload: &Workload, requests: usize, seed: u64) -> Vec<u32> {
    let mut random = SplitMix::new(seed);
    (0..requests).map(|_| workload.draw(&mut random)).collect()
}

/// Plays the trace; the sample's operations include the writes, its hits and misses only the reads.
pub async fn look_aside(
    pool: &Pool,
    workload: &Arc<Workload>,
    trace: Vec<u32>,
    inflight: usize,
) -> anyhow::Result<Sample> {
    let sample = Arc::new(Mutex::new(Sample::new()?));
    let trace = Arc::new(trace);
    let next = Arc::new(AtomicUsize::new(0));
    let mut slots = JoinSet::new();
    let start = Instant::now();
    for _ in 0..inflight {
        for connection in pool.connections() {
            let mut connection = connection.clone();
            let (workload, sample) = (Arc::clone(workload), Arc::clone(&sample));
            let (trace, next) = (Arc::clone(&trace), Arc::clone(&next));
            slots.spawn(async move {
                while let Some(&rank) = trace.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let sent = Instant::now();
                    let reply = workload.read(&mut connection, rank).await;
                    sample.lock().record(&reply, sent.elapsed());
                    match reply {
                        Ok(Reply::Answered(Outcome::Miss)) => {
                            let sent = Instant::now();
                            let reply = workload.write(&mut connection, rank).await;
                            sample.lock().record(&reply, sent.elapsed());
                        }
                        Ok(_) => {}
                        Err(_) => return,
                    }
                }
            });
        }
    }
    finish(slots, sample, start).await
}
