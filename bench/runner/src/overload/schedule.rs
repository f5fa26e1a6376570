//! When requests are due, and what became of them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;
use serde::Serialize;

/// A stretch of constant load.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Phase {
    /// Requests a second, over all connections.
    pub(crate) rate: f64,
    /// How long.
    pub(crate) length: Duration,
}

/// Phases one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// In order.
    pub(crate) phases: Vec<Phase>,
    /// How long a caller waits for its answer, from when the request was due.
    pub(crate) deadline: Duration,
    /// How many may wait at a connection before it takes one more; that one's caller gives up at once.
    pub(crate) most_waiting: usize,
    /// How many calls a gRPC client has open on a connection, if the server allows as many.
    pub(crate) most_open: usize,
}

impl Schedule {
    /// When the request of this number is due, and in which phase; none after the last.
    pub(crate) fn due(&self, number: u64) -> Option<(Duration, usize)> {
        let (mut left, mut began) = (number as f64, Duration::ZERO);
        for (index, phase) in self.phases.iter().enumerate() {
            let requests = phase.rate * phase.length.as_secs_f64();
            if left < requests {
                return Some((began + Duration::from_secs_f64(left / phase.rate), index));
            }
            left -= requests;
            began += phase.length;
        }
        None
    }
}

/// What became of the requests that were due in one phase.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// All of them.
    pub(crate) offered: u64,
    /// Answered, and in time.
    pub(crate) good: u64,
    /// Answered after the caller had given up, or sent and not answered.
    pub(crate) late: u64,
    /// Given up before they were sent.
    pub(crate) unsent: u64,
    /// Answered with an error, by what it said.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Microseconds of the good ones, from when they were due.
    latencies: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let latencies = Histogram::new_with_bounds(1, 60_000_000, 3).context("a histogram")?;
        Ok(Self { offered: 0, good: 0, late: 0, unsent: 0, refused: BTreeMap::new(), latencies })
    }

    /// A good answer.
    pub(crate) fn good(&mut self, latency: Duration) {
        self.good += 1;
        self.latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// An error.
    pub(crate) fn refuse(&mut self, why: &str) {
        *self.refused.entry(why.to_owned()).or_default() += 1;
    }

    /// The time that this share of the good ones took at most.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.latencies.value_at_quantile(share))
    }

    /// For the raw runs.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "offered": self.offered, "good": self.good, "late": self.late, "unsent": self.unsent,
            "refused": self.refused, "p50_us": self.quantile(0.5).as_micros() as u64,
            "p99_us": self.quantile(0.99).as_micros() as u64, "max_us": self.latencies.max(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_their_phases_rate() {
        let phase = |rate, seconds| Phase { rate, length: Duration::from_secs(seconds) };
        let schedule = Schedule {
            phases: vec![phase(10.0, 1), phase(100.0, 1)],
            deadline: Duration::from_secs(1),
            most_waiting: 1,
            most_open: 1,
        };
        assert_eq!(schedule.due(0), Some((Duration::ZERO, 0)));
        assert_eq!(schedule.due(9), Some((Duration::from_millis(900), 0)));
        assert_eq!(schedule.due(10), Some((Duration::from_secs(1), 1)));
        assert_eq!(schedule.due(60), Some((Duration::from_millis(1500), 1)));
        assert_eq!(schedule.due(110), None);
    }
}
