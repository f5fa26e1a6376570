//! Open loop: requests leave on a constant schedule, whatever the server does.
//!
//! A request's latency counts from the time it was due, not from when it could be sent. The schedule is kept by a
//! kernel timer of nanosecond grain, since tokio's own rounds to a millisecond.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use parking_lot::Mutex;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::unix::AsyncFd;
use tokio::task::JoinSet;

use crate::client::Pool;
use crate::closed::finish;
use crate::keys::SplitMix;
use crate::report::Sample;
use crate::workload::Workload;

/// Requests waiting at once beyond which the loader gives up on one and counts it as `not sent`.
const MOST_WAITING: usize = 100_000;
/// How long after the schedule's end a run waits for what is under way.
const GRACE: Duration = Duration::from_secs(10);

/// Sends `rate` requests a second for `duration`, over the connections in turn.
pub async fn run_for(
    pool: &Pool,
    workload: &Arc<Workload>,
    rate: f64,
    duration: Duration,
    seed: u64,
) -> anyhow::Result<Sample> {
    if !(rate.is_finite() && rate >= 1.0) {
        bail!("the rate must be at least one request a second");
    }
    let total = (rate * duration.as_secs_f64()) as u64;
    let sample = Arc::new(Mutex::new(Sample::new()?));
    let mut waiting = JoinSet::new();
    let mut random = SplitMix::new(seed);
    let timer = Timer::new()?;
    let start = Instant::now();
    for number in 0..total {
        let due = start + Duration::from_secs_f64(number as f64 / rate);
        timer.wait_until(due).await?;
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
        while waiting.len() > 0 {
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

/// A one-shot kernel timer the runtime can wait for.
struct Timer(AsyncFd<std::os::fd::OwnedFd>);

impl Timer {
    fn new() -> anyhow::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self(AsyncFd::register(timer)?))
    }

    /// Returns at `due`, at once if that has passed; then only every so often lets other tasks run.
    async fn wait_until(&self, due: Instant) -> anyhow::Result<()> {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            tokio::task::consume_budget().await;
            return Ok(());
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let once = Itimerspec { it_interval: zero, it_value: value };
        rustix::time::timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        let mut ready = self.0.readable().await?;
        let mut expirations = [0_u8; 8];
        // Setting the timer again empties it; the read only saves a spurious wake-up.
        rustix::io::read(self.0.get_ref(), &mut expirations).ok();
        ready.clear_ready();
        Ok(())
    }
}
