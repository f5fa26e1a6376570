//! Open loop: requests leave on a constant schedule, whatever the server does.
//!
//! A request's latency counts from the time it was due, not from when it could be sent. The schedule is kept by
//! polling, since tokio's timer rounds to a millisecond.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::client::Pool;
use crate::closed::finish;
use crate::keys::SplitMix;
use crate::report::Sample;
use crate::workload::Workload;

/// Requests waiting at once beyond which the loader gives up on one and counts it as `not sent`.
const MOST_WAITING: usize = 100_000;
/// How long after the schedule's end a run waits for what is under way.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// How long before a request is due the loader begins to poll the clock.
const POLLED: Duration = Duration::from_millis(3);

/// Sends `rate` requests a second for `duration`, over the connections in turn.
pub async fn run_for(
    pool: &Pool,
    workload: &Arc<Workload>,
    rate: f64,
    duration: Duration,
    seed: u64,
) -> anyhow::Result<Sample> {
    check(rate)?;
    let total = (rate * duration.as_secs_f64()) as u64;
    let sample = Arc::new(Mutex::new(Sample::new()?));
    let mut waiting = JoinSet::new();
    let mut random = SplitMix::new(seed);
    let start = Instant::now();
    for number in 0..total {
        let due = start + Duration::from_secs_f64(number as f64 / rate);
        wait_until(due).await;
        while waiting.try_join_next().is_some() {}
        if waiting.len() >= MOST_WAITING {
            sample.lock().count_error("not sent");
            continue;
        }
        let mut connection = pool.connections()[number as usize % pool.connections().len()].clone();
        let workload = Arc::clone(workload);
        let sample = Arc::clone(&sample);
        let mut own = SplitMix::new(random.next_u64());
        waiting.spawn(async move {
            let reply = workload.operate(&mut connection, &mut own).await;
            sample.lock().record(&reply, due.elapsed());
        });
    }
    let unanswered = Arc::clone(&sample);
    match tokio::time::timeout(GRACE, async {
        while !waiting.is_empty() {
            waiting.join_next().await;
        }
    })
    .await
    {
        Ok(()) => {}
        Err(_) => {
            for _ in 0..waiting.len() {
                unanswered.lock().count_error("unanswered");
            }
            waiting.abort_all();
        }
    }
    finish(JoinSet::new(), sample, start).await
}

/// Refuses a rate that makes no schedule.
pub(crate) fn check(rate: f64) -> anyhow::Result<()> {
    ensure!(rate.is_finite() && rate >= 1.0, "the rate is {rate}; it must be at least one request a second");
    Ok(())
}

/// Returns at `due`, having let other tasks run at least once.
///
/// The last stretch is spent polling: the loader has its core to itself, and tokio's timer rounds to a millisecond.
pub(crate) async fn wait_until(due: Instant) {
    if due.saturating_duration_since(Instant::now()) > POLLED {
        tokio::time::sleep_until((due - POLLED).into()).await;
    }
    loop {
        tokio::task::yield_now().await;
        if Instant::now() >= due {
            return;
        }
    }
}
