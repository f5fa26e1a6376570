//! How long calls take, from one in 64 of each connection.
//!
//! Reading a clock twice for each call would cost as much as a small part of the call; a sample
//! tells the same. What is measured is this server's part: from a request's headers to its answer
//! being handed to the connection, without the way over the network.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One call in so many is measured. A power of two.
const ONE_IN: u32 = 64;

/// Upper ends of the buckets in microseconds: 10 µs to 10 s in steps of 1, 2.5 and 5.
const ENDS_MICROS: [u64; 19] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// Which calls of a connection are measured: its 64th, 128th and so on.
#[derive(Default)]
pub(crate) struct Sampler(u32);

impl Sampler {
    /// The present, if the call that begins now is to be measured.
    pub(crate) fn begin(&mut self) -> Option<Instant> {
        self.0 = self.0.wrapping_add(1);
        self.0.is_multiple_of(ONE_IN).then(Instant::now)
    }
}

/// How a call went on after its headers: the classes in which durations are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// Answered at once: a call on one item whose request came whole.
    AtOnce,
    /// It had to wait: for the rest of its request, for a disk, for room, or because it is long.
    Waited,
}

impl Way {
    const ALL: [Self; 2] = [Self::AtOnce, Self::Waited];

    fn label(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::Waited => "waited",
        }
    }
}

/// Durations of measured calls.
#[derive(Debug, Default)]
pub(crate) struct Latency([Histogram; 2]);

#[derive(Debug, Default)]
struct Histogram {
    /// Calls by bucket; the last is for those over the last end.
    counts: [AtomicU64; ENDS_MICROS.len() + 1],
    sum_nanos: AtomicU64,
}

impl Latency {
    pub(crate) fn observe(&self, way: Way, took: Duration) {
        let Self(histograms) = self;
        let histogram = &histograms[way as usize];
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = ENDS_MICROS.partition_point(|end| end * 1000 < nanos);
        histogram.counts[bucket].fetch_add(1, Ordering::Relaxed);
        histogram.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Appends the histogram in Prometheus' text format. Buckets are read one after the other; a
    /// call that ends meanwhile may be missing, never counted twice.
    pub(crate) fn render(&self, text: &mut String) {
        let _ = write!(
            text,
            "# HELP kura_grpc_call_duration_seconds Time from a call's headers to its answer, of one in \
             {ONE_IN} calls of each connection that were authenticated.\n\
             # TYPE kura_grpc_call_duration_seconds histogram\n"
        );
        for (way, histogram) in Way::ALL.iter().zip(&self.0) {
            let way = way.label();
            let mut total = 0;
            for (at, count) in histogram.counts.iter().enumerate() {
                total += count.load(Ordering::Relaxed);
                let end = ENDS_MICROS.get(at).map_or("+Inf".to_owned(), |end| seconds(end * 1000));
                let _ = writeln!(
                    text,
                    "kura_grpc_call_duration_seconds_bucket{{way=\"{way}\",le=\"{end}\"}} {total}"
                );
            }
            let sum = seconds(histogram.sum_nanos.load(Ordering::Relaxed));
            let _ = write!(
                text,
                "kura_grpc_call_duration_seconds_sum{{way=\"{way}\"}} {sum}\n\
                 kura_grpc_call_duration_seconds_count{{way=\"{way}\"}} {total}\n"
            );
        }
    }
}

/// Nanoseconds as seconds, exactly and without needless zeros.
fn seconds(nanos: u64) -> String {
    let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_its_bucket_and_all_above() {
        let latency = Latency::default();
        for micros in [10, 11, 3_000_000, 11_000_000] {
            latency.observe(Way::Waited, Duration::from_micros(micros));
        }
        let mut text = String::new();
        latency.render(&mut text);
        for (end, count) in [("0.00001", 1), ("0.000025", 2), ("2.5", 2), ("5", 3), ("10", 3), ("+Inf", 4)] {
            let line =
                format!("kura_grpc_call_duration_seconds_bucket{{way=\"waited\",le=\"{end}\"}} {count}\n");
            assert!(text.contains(&line), "{line} not in {text}");
        }
        assert!(text.contains("_sum{way=\"waited\"} 14.000021\n"), "{text}");
        assert!(text.contains("_count{way=\"at_once\"} 0\n"), "{text}");
    }

    #[test]
    fn one_call_in_64_is_measured() {
        let mut sampler = Sampler::default();
        assert_eq!((0..640).filter(|_| sampler.begin().is_some()).count(), 10);
    }
}
