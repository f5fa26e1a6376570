//! Open loop over bare connections: requests leave on a constant schedule, one a write.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::{Answers, Connection, Pool};
use crate::keys::SplitMix;
use crate::open::{GRACE, check, wait_until};
use crate::report::Sample;
use crate::workload::Workload;

impl Pool {
    /// Sends `rate` requests a second for `duration`, over the connections in turn. A request's latency counts from
    /// the time it was due. Anything but a value or a miss ends the run.
    pub async fn run_open(
        &mut self,
        workload: &Arc<Workload>,
        rate: f64,
        duration: Duration,
        seed: u64,
    ) -> anyhow::Result<Sample> {
        check(rate)?;
        let total = (rate * duration.as_secs_f64()) as usize;
        let sample = Arc::new(Mutex::new(Sample::new()?));
        let count = self.connections.len();
        let (mut askers, mut dues, mut readers) = (Vec::new(), Vec::new(), JoinSet::new());
        for (index, connection) in self.connections.drain(..).enumerate() {
            let Connection { answers, requests } = connection;
            let due = Arc::<Mutex<VecDeque<Instant>>>::default();
            let share = total / count + usize::from(index < total % count);
            readers.spawn(read(answers, share, Arc::clone(&due), Arc::clone(&sample), index));
            askers.push(requests);
            dues.push(due);
        }
        let mut random = SplitMix::new(seed);
        let start = Instant::now();
        for number in 0..total {
            let due = start + Duration::from_secs_f64(number as f64 / rate);
            wait_until(due).await;
            let (Some(asker), Some(waiting)) = (askers.get_mut(number % count), dues.get(number % count))
            else {
                continue;
            };
            waiting.lock().push_back(due);
            let (rank, is_read) = workload.draw_operation(&mut random);
            asker.ask(workload, rank, is_read);
            asker.send().await?;
        }
        let mut answers: Vec<Option<Answers>> = askers.iter().map(|_| None).collect();
        let all = async {
            while let Some(ended) = readers.join_next().await {
                let (index, half) = ended.context("a task of the loader failed")??;
                if let Some(place) = answers.get_mut(index) {
                    *place = Some(half);
                }
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(GRACE, all).await.context("requests were not answered within 10 s")??;
        let halves = answers.into_iter().zip(askers);
        self.connections = halves
            .filter_map(|(answers, requests)| Some(Connection { answers: answers?, requests }))
            .collect();
        let mut sample = sample.lock().clone();
        sample.elapsed = start.elapsed();
        Ok(sample)
    }
}

/// Takes a connection's share of the answers, which come in the order of the requests.
async fn read(
    mut answers: Answers,
    share: usize,
    due: Arc<Mutex<VecDeque<Instant>>>,
    sample: Arc<Mutex<Sample>>,
    index: usize,
) -> anyhow::Result<(usize, Answers)> {
    let mut left = share;
    while left > 0 {
        let mut came = Vec::new();
        answers.receive(|reply| came.push(reply)).await?;
        let now = Instant::now();
        left = left.checked_sub(came.len()).context("more answers than requests")?;
        for reply in came {
            let due = due.lock().pop_front().context("an answer before its request")?;
            sample.lock().record(&Ok(reply), now.saturating_duration_since(due));
        }
    }
    Ok((index, answers))
}
