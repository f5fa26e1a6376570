//! What a check found, as text and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Each target by its name.
    pub targets: BTreeMap<String, TargetReport>,
    /// With two targets: the second's writes over the first's, by their totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_writes: Option<f64>,
    /// With two targets: the second's reads over the first's, by their totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_reads: Option<f64>,
    #[serde(skip)]
    order: Vec<String>,
}

/// What one target showed. All times in milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct TargetReport {
    /// All writes together.
    pub writes_ms: f64,
    /// All reads together.
    pub reads_ms: f64,
    /// The writes one by one.
    pub write: Share,
    /// The reads one by one.
    pub read: Share,
}

/// Times per item, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Share {
    /// How many there were.
    pub items: usize,
    /// The mean.
    pub mean_ms: f64,
    /// Half of them took at most this long.
    pub p50_ms: f64,
    /// All but one in a hundred took at most this long.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl Share {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let ms = |duration: &Duration| duration.as_secs_f64() * 1000.0;
        let rank = |percent: usize| {
            let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times.get(at).map(ms).unwrap_or_default()
        };
        let total: f64 = times.iter().map(ms).sum();
        Self {
            items: times.len(),
            mean_ms: if times.is_empty() { 0.0 } else { total / times.len() as f64 },
            p50_ms: rank(50),
            p99_ms: rank(99),
            max_ms: rank(100),
        }
    }

    fn total_ms(&self) -> f64 {
        self.mean_ms * self.items as f64
    }
}

impl Report {
    pub(crate) fn new(shares: impl Iterator<Item = (String, (Vec<Duration>, Vec<Duration>))>) -> Self {
        let mut targets = BTreeMap::new();
        let mut order = Vec::new();
        for (name, (writes, reads)) in shares {
            let (write, read) = (Share::of(writes), Share::of(reads));
            let report = TargetReport { writes_ms: write.total_ms(), reads_ms: read.total_ms(), write, read };
            order.push(name.clone());
            targets.insert(name, report);
        }
        let ratio = |of: fn(&TargetReport) -> f64| match order.as_slice() {
            [first, second] => {
                let (first, second) = (of(targets.get(first)?), of(targets.get(second)?));
                (first > 0.0).then(|| second / first)
            }
            _ => None,
        };
        let (ratio_writes, ratio_reads) = (ratio(|target| target.writes_ms), ratio(|target| target.reads_ms));
        Self { targets, ratio_writes, ratio_reads, order }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<16} {:>6} {:>10} {:>9} {:>9} {:>9} {:>9}",
            "target", "items", "total ms", "mean", "p50", "p99", "max"
        )?;
        for name in &self.order {
            let Some(target) = self.targets.get(name) else { continue };
            for (what, total, share) in
                [("writes", target.writes_ms, target.write), ("reads", target.reads_ms, target.read)]
            {
                let label = format!("{name} {what}");
                let Share { items, mean_ms, p50_ms, p99_ms, max_ms } = share;
                writeln!(
                    f,
                    "{label:<16} {items:>6} {total:>10.2} {mean_ms:>9.3} {p50_ms:>9.3} {p99_ms:>9.3} {max_ms:>9.3}"
                )?;
            }
        }
        if let (Some(writes), Some(reads)) = (self.ratio_writes, self.ratio_reads) {
            writeln!(f, "ratio of the second to the first: writes {writes:.2}, reads {reads:.2}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_means_and_ranks_agree() {
        let times: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        let twice: Vec<Duration> = times.iter().map(|time| *time * 2).collect();
        let shares = [("a".to_owned(), (times.clone(), times)), ("b".to_owned(), (twice, Vec::new()))];
        let report = Report::new(shares.into_iter());
        let a = &report.targets["a"];
        assert!((a.writes_ms - 5050.0).abs() < 1e-6);
        assert!((a.write.p50_ms - 50.0).abs() < 1e-6);
        assert!((a.write.p99_ms - 99.0).abs() < 1e-6);
        assert!((a.write.max_ms - 100.0).abs() < 1e-6);
        assert!((report.ratio_writes.unwrap() - 2.0).abs() < 1e-9);
        assert!((report.targets["b"].reads_ms).abs() < 1e-9);
    }
}
