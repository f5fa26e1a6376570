//! gRPC callers that give up at their deadline, as SDKs do: a call that has not left by then never does, one that
//! has is reset.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use kura_load::client::{Pool, Reply};
use kura_load::keys::SplitMix;
use kura_load::workload::Workload;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout_at};

use super::schedule::{Schedule, Tally};

/// Calls that SDKs have open on a connection; others wait for one of them to end.
const STREAMS: usize = 100;
/// How often calls that have become due are made.
const TICK: Duration = Duration::from_millis(1);

/// Makes the schedule's calls over the connections in turn; a tally for each phase.
pub(crate) async fn offer(
    pool: &Pool,
    workload: &Arc<Workload>,
    schedule: &Schedule,
) -> anyhow::Result<Vec<Tally>> {
    let tallies = schedule.phases.iter().map(|_| Tally::new()).collect::<anyhow::Result<Vec<_>>>()?;
    let tallies = Arc::new(Mutex::new(tallies));
    let open: Arc<Vec<_>> = Arc::new(pool.connections().iter().map(|_| AtomicUsize::new(0)).collect());
    let mut calls = JoinSet::new();
    let mut random = SplitMix::new(1);
    let start = Instant::now();
    let mut number = 0;
    while let Some((due, phase)) = schedule.due(number) {
        if start.elapsed() < due {
            while calls.try_join_next().is_some() {}
            sleep(TICK).await;
            continue;
        }
        let at = number as usize % pool.connections().len();
        number += 1;
        {
            let tally = &mut tallies.lock()[phase];
            tally.offered += 1;
            if open[at].load(Ordering::Relaxed) >= schedule.most_waiting.saturating_add(STREAMS) {
                tally.unsent += 1;
                continue;
            }
        }
        open[at].fetch_add(1, Ordering::Relaxed);
        let mut connection = pool.connections()[at].clone();
        let (workload, tallies, open) = (Arc::clone(workload), Arc::clone(&tallies), Arc::clone(&open));
        let mut own = SplitMix::new(random.next_u64());
        let (due, deadline) = (start + due, schedule.deadline);
        calls.spawn(async move {
            let ended =
                timeout_at((due + deadline).into(), workload.operate(&mut connection, &mut own)).await;
            open[at].fetch_sub(1, Ordering::Relaxed);
            let mut tallies = tallies.lock();
            let tally = &mut tallies[phase];
            match ended {
                Ok(Ok(Reply::Answered(_))) if due.elapsed() <= deadline => tally.good(due.elapsed()),
                Ok(Ok(Reply::Answered(_))) | Err(_) => tally.late += 1,
                Ok(Ok(Reply::Refused(status))) => tally.refuse(&format!("grpc-status {status}")),
                Ok(Err(error)) => tally.refuse(&error.to_string()),
            }
        });
    }
    while let Some(ended) = calls.join_next().await {
        ended.context("a caller failed")?;
    }
    let tallies = tallies.lock().clone();
    Ok(tallies)
}
