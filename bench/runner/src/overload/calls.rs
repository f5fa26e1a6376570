//! gRPC callers that give up at their deadline, as SDKs do: a call that waits for one of its connection's streams until
//! then is never sent, one that was is reset.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kura_load::client::{Connection, Pool, Reply};
use kura_load::keys::SplitMix;
use kura_load::workload::Workload;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout_at};

use super::schedule::{Schedule, Tally};

/// How often calls that have become due are made.
const TICK: Duration = Duration::from_millis(1);

/// A connection, and the calls that wait for it, first come, first served.
struct Channel {
    /// Whoever has it begins the next call.
    connection: tokio::sync::Mutex<Connection>,
    /// As many as may be open.
    free: Semaphore,
    /// Calls that wait for either.
    waiting: AtomicUsize,
}

/// Makes the schedule's calls over the connections in turn; a tally for each phase.
pub(crate) async fn offer(
    pool: &Pool,
    workload: &Arc<Workload>,
    schedule: &Schedule,
) -> anyhow::Result<Vec<Tally>> {
    let tallies = schedule.phases.iter().map(|_| Tally::new()).collect::<anyhow::Result<Vec<_>>>()?;
    let tallies = Arc::new(Mutex::new(tallies));
    let mut random = SplitMix::new(1);
    let mut channels = Vec::new();
    for connection in pool.connections() {
        // With its answer a connection knows how many streams the server allows.
        let reply = workload.operate(&mut connection.clone(), &mut random).await?;
        ensure!(matches!(reply, Reply::Answered(_)), "a first call was answered with {reply:?}");
        channels.push(Arc::new(Channel {
            connection: connection.clone().into(),
            free: Semaphore::new(schedule.most_open),
            waiting: AtomicUsize::new(0),
        }));
    }
    let mut calls = JoinSet::new();
    let start = Instant::now();
    let mut number = 0;
    while let Some((due, phase)) = schedule.due(number) {
        if start.elapsed() < due {
            while calls.try_join_next().is_some() {}
            sleep(TICK).await;
            continue;
        }
        let channel = Arc::clone(&channels[number as usize % channels.len()]);
        number += 1;
        {
            let tally = &mut tallies.lock()[phase];
            tally.offered += 1;
            if channel.waiting.load(Ordering::Relaxed) >= schedule.most_waiting {
                tally.unsent += 1;
                continue;
            }
        }
        let (workload, tallies) = (Arc::clone(workload), Arc::clone(&tallies));
        let mut own = SplitMix::new(random.next_u64());
        let (due, deadline) = (start + due, schedule.deadline);
        channel.waiting.fetch_add(1, Ordering::Relaxed);
        calls.spawn(async move {
            let until = (due + deadline).into();
            let begun = async {
                let open = channel.free.acquire().await?;
                let begun = workload.begin(&mut *channel.connection.lock().await, &mut own).await?;
                anyhow::Ok((begun, open))
            };
            let begun = timeout_at(until, begun).await;
            channel.waiting.fetch_sub(1, Ordering::Relaxed);
            let Ok(begun) = begun else {
                tallies.lock()[phase].unsent += 1;
                return;
            };
            let ended = timeout_at(until, async {
                let (begun, _open) = begun?;
                begun.reply().await
            })
            .await;
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
