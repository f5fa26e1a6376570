//! What a check found: as a table for people, as JSON for programs.

use std::fmt;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The times of one kind of call, in milliseconds. Zeros if none was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phase {
    /// All calls together.
    pub total_ms: f64,
    /// The mean of a call.
    pub mean_ms: f64,
    /// Half the calls took at most this.
    pub p50_ms: f64,
    /// Of a hundred calls, ninety-nine took at most this.
    pub p99_ms: f64,
    /// The longest call.
    pub max_ms: f64,
}

impl Phase {
    /// Sums up calls that took `times`.
    #[must_use]
    pub fn of(times: &[Duration]) -> Self {
        let mut sorted: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
        sorted.sort_by(f64::total_cmp);
        let total_ms: f64 = sorted.iter().sum();
        // The nearest rank: a time that a call really took.
        let rank = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        #[expect(clippy::cast_precision_loss, reason = "no check makes 2^52 calls")]
        let mean_ms = if sorted.is_empty() { 0.0 } else { total_ms / sorted.len() as f64 };
        Self { total_ms, mean_ms, p50_ms: rank(50), p99_ms: rank(99), max_ms: rank(100) }
    }
}

/// What was found of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetReport {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// The address that the data connection really had.
    pub address: String,
    /// Its writes.
    pub writes: Phase,
    /// Its reads.
    pub reads: Phase,
}

/// How the second of two targets compares with the first: 2 is twice the time.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Ratios {
    /// `second/first`, by name.
    pub of: String,
    /// Of all writes together.
    pub writes: f64,
    /// Of all reads together.
    pub reads: f64,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Writes made on each target.
    pub writes: usize,
    /// Reads made on each target.
    pub reads: usize,
    /// The targets, in the order in which they were given.
    pub targets: Vec<TargetReport>,
    /// With two targets, how they compare; none if a time is zero.
    pub ratios: Option<Ratios>,
}

impl Report {
    pub(crate) fn new(writes: usize, reads: usize, targets: Vec<TargetReport>) -> Self {
        let ratios = match targets.as_slice() {
            [first, second] => {
                let ratio = |second: f64, first: f64| if first > 0.0 { second / first } else { 0.0 };
                Some(Ratios {
                    of: format!("{}/{}", second.name, first.name),
                    writes: ratio(second.writes.total_ms, first.writes.total_ms),
                    reads: ratio(second.reads.total_ms, first.reads.total_ms),
                })
            }
            _ => None,
        };
        Self { writes, reads, targets, ratios }
    }

    /// The report as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Numbers, strings and maps with string keys always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("writes", &self.writes)?;
        map.serialize_entry("reads", &self.reads)?;
        map.serialize_entry("targets", &Targets(&self.targets))?;
        if let Some(ratios) = &self.ratios {
            map.serialize_entry("ratios", ratios)?;
        }
        map.end()
    }
}

/// Targets by name, in their order.
struct Targets<'a>(&'a [TargetReport]);

impl Serialize for Targets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|target| (&target.name, target)))
    }
}

impl Serialize for TargetReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("url", &self.url)?;
        map.serialize_entry("address", &self.address)?;
        map.serialize_entry("writes_ms", &self.writes.total_ms)?;
        map.serialize_entry("reads_ms", &self.reads.total_ms)?;
        for (kind, phase) in [("write", &self.writes), ("read", &self.reads)] {
            map.serialize_entry(&format!("{kind}_ms_per_item"), &phase.mean_ms)?;
            map.serialize_entry(&format!("{kind}_p50_ms"), &phase.p50_ms)?;
            map.serialize_entry(&format!("{kind}_p99_ms"), &phase.p99_ms)?;
            map.serialize_entry(&format!("{kind}_max_ms"), &phase.max_ms)?;
        }
        map.end()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.targets.iter().map(|target| target.name.chars().count()).max();
        let width = longest.unwrap_or_default().max("target".len());
        writeln!(
            f,
            "{:width$}  {:>11}  {:>10}  {:>8}  {:>8}  {:>8}  {:>8}",
            "target", "calls", "total ms", "ms each", "p50", "p99", "max"
        )?;
        for (kind, calls) in [("writes", self.writes), ("reads", self.reads)] {
            for target in &self.targets {
                let phase = if kind == "writes" { &target.writes } else { &target.reads };
                let Phase { total_ms, mean_ms, p50_ms, p99_ms, max_ms } = phase;
                writeln!(
                    f,
                    "{:width$}  {:>11}  {total_ms:>10.3}  {mean_ms:>8.3}  {p50_ms:>8.3}  {p99_ms:>8.3}  {max_ms:>8.3}",
                    target.name,
                    format!("{calls} {kind}"),
                )?;
            }
        }
        for target in &self.targets {
            writeln!(f, "{} is {} at {}", target.name, target.url, target.address)?;
        }
        if let Some(Ratios { of, writes, reads }) = &self.ratios {
            writeln!(f, "{of}: writes {writes:.2}, reads {reads:.2}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let times = |ms: u64| (1..=100).map(|i| Duration::from_micros(ms * i * 10)).collect::<Vec<_>>();
        let target = |name: &str, ms| TargetReport {
            name: name.into(),
            url: format!("http://{name}"),
            address: "127.0.0.1:1".into(),
            writes: Phase::of(&times(ms)),
            reads: Phase::of(&times(2 * ms)),
        };
        Report::new(100, 100, vec![target("public", 1), target("private", 2)])
    }

    #[test]
    fn percentiles_are_times_that_were_taken() {
        let phase = Phase::of(&[3, 1, 2].map(Duration::from_millis));
        assert_eq!((phase.total_ms, phase.mean_ms, phase.p50_ms), (6.0, 2.0, 2.0));
        assert_eq!((phase.p99_ms, phase.max_ms), (3.0, 3.0));
        assert_eq!(Phase::of(&[]), Phase::default());
        assert_eq!(report().targets[0].writes.p99_ms, 0.99);
    }

    #[test]
    fn json_has_targets_by_name_in_their_order() {
        let json: serde_json::Value = serde_json::from_str(&report().to_json()).unwrap();
        let public = &json["targets"]["public"];
        assert_eq!(public["writes_ms"], 50.5);
        assert_eq!(public["reads_ms"], 101.0);
        assert_eq!(public["write_ms_per_item"], 0.505);
        assert_eq!(json["ratios"]["of"], "private/public");
        assert_eq!(json["ratios"]["writes"], 2.0);
        let text = report().to_json();
        assert!(text.find("\"public\"") < text.find("\"private\""), "{text}");
    }

    #[test]
    fn the_table_lines_up() {
        let expected = "\
target         calls    total ms   ms each       p50       p99       max
public    100 writes      50.500     0.505     0.500     0.990     1.000
private   100 writes     101.000     1.010     1.000     1.980     2.000
public     100 reads     101.000     1.010     1.000     1.980     2.000
private    100 reads     202.000     2.020     2.000     3.960     4.000
public is http://public at 127.0.0.1:1
private is http://private at 127.0.0.1:1
private/public: writes 2.00, reads 2.00
";
        assert_eq!(report().to_string(), expected);
    }
}
