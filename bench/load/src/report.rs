//! What a run saw: counts, errors and latencies.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::client::Reply;
use crate::wire::Outcome;

/// The longest latency told apart, in nanoseconds; a longer one counts as this.
const LONGEST_NANOS: u64 = 60_000_000_000;

/// Counts and latencies of one run.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Operations answered, refused ones included.
    pub ops: u64,
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Refusals by grpc-status; transport failures stand under `transport`.
    pub errors: BTreeMap<String, u64>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    latencies: Histogram<u64>,
}

impl Sample {
    /// An empty sample.
    pub fn new() -> anyhow::Result<Self> {
        let latencies = Histogram::new_with_bounds(100, LONGEST_NANOS, 3).context("latency histogram")?;
        Ok(Self { ops: 0, hits: 0, misses: 0, errors: BTreeMap::new(), elapsed: Duration::ZERO, latencies })
    }

    /// Counts one call that took `latency`.
    pub fn record(&mut self, reply: &anyhow::Result<Reply>, latency: Duration) {
        self.ops += 1;
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(LONGEST_NANOS);
        self.latencies.saturating_record(nanos.min(LONGEST_NANOS));
        match reply {
            Ok(Reply::Answered(Outcome::Hit)) => self.hits += 1,
            Ok(Reply::Answered(Outcome::Miss)) => self.misses += 1,
            Ok(Reply::Answered(Outcome::Stored)) => {}
            Ok(Reply::Answered(Outcome::Other)) => self.count_error("unexpected answer"),
            Ok(Reply::Refused(status)) => self.count_error(&format!("grpc-status {status}")),
            Err(_) => self.count_error("transport"),
        }
    }

    /// Counts something that went wrong.
    pub fn count_error(&mut self, kind: &str) {
        *self.errors.entry(kind.to_owned()).or_default() += 1;
    }

    /// All errors, of whatever kind.
    #[must_use]
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Operations a second.
    #[must_use]
    pub fn ops_per_second(&self) -> f64 {
        self.ops as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The figures for people and scripts.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let micros = |nanos: u64| nanos as f64 / 1000.0;
        let at = |quantile| micros(self.latencies.value_at_quantile(quantile));
        Summary {
            ops: self.ops,
            seconds: self.elapsed.as_secs_f64(),
            ops_per_second: self.ops_per_second(),
            hits: self.hits,
            misses: self.misses,
            errors: self.errors.clone(),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: micros(self.latencies.max()),
        }
    }
}

/// A sample in figures; latencies in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Operations answered.
    pub ops: u64,
    /// Length of the run, seconds.
    pub seconds: f64,
    /// Operations a second.
    pub ops_per_second: f64,
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Errors by kind.
    pub errors: BTreeMap<String, u64>,
    /// Half of the operations took at most this.
    pub p50_us: f64,
    /// 99 % took at most this.
    pub p99_us: f64,
    /// 99.9 % took at most this.
    pub p999_us: f64,
    /// None took more.
    pub max_us: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_was_answered() -> anyhow::Result<()> {
        let mut sample = Sample::new()?;
        sample.record(&Ok(Reply::Answered(Outcome::Hit)), Duration::from_micros(100));
        sample.record(&Ok(Reply::Answered(Outcome::Miss)), Duration::from_micros(200));
        sample.record(&Ok(Reply::Refused(16)), Duration::from_micros(300));
        sample.record(&Err(anyhow::anyhow!("gone")), Duration::from_secs(1000));
        assert_eq!((sample.ops, sample.hits, sample.misses, sample.error_count()), (4, 1, 1, 2));
        assert_eq!(sample.errors["grpc-status 16"], 1);
        let summary = sample.summary();
        assert!((summary.p50_us / 200.0 - 1.0).abs() < 0.01, "{summary:?}");
        assert!((summary.max_us / 60e6 - 1.0).abs() < 0.01, "{summary:?}");
        Ok(())
    }
}
