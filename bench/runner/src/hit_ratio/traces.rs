//! The traces that hit ratios are measured on; the same at every run.

use kura_load::keys::{Popularity, SplitMix};

/// Requests for keys, each with a size of its own.
pub(super) struct Trace {
    /// What tables call it.
    pub(super) name: &'static str,
    /// The keys asked for, one after the other.
    pub(super) requests: Vec<u32>,
    /// The length of each key's value.
    pub(super) value_bytes: Vec<u16>,
}

/// The name of the trace that full-history LFU is nearly the best for.
pub(super) const ZIPF: &str = "Zipf(1.0)";
/// Keys that are asked for by popularity.
const KEYS: u32 = 200_000;
/// The length of values where all are the same.
const VALUE_BYTES: u16 = 100;

impl Trace {
    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.value_bytes.len()
    }

    /// Zipf(1.0), the same all along.
    pub(super) fn zipf(requests: usize) -> Self {
        let (zipf, mut random) = (Popularity::zipf(KEYS, 1.0), SplitMix::new(1));
        let requests = (0..requests).map(|_| zipf.draw(&mut random)).collect();
        Self { name: ZIPF, requests, value_bytes: vec![VALUE_BYTES; KEYS as usize] }
    }

    /// The same with scans in between: after every 30,000 requests, 10,000 for keys that are asked for once in a
    /// scan of all 200,000 others.
    pub(super) fn scans(requests: usize) -> Self {
        let (zipf, mut random) = (Popularity::zipf(KEYS, 1.0), SplitMix::new(2));
        let mut scanned = 0;
        let requests = (0..requests)
            .map(|n| {
                if n % 40_000 < 30_000 {
                    return zipf.draw(&mut random);
                }
                scanned += 1;
                KEYS + scanned % KEYS
            })
            .collect();
        Self { name: "scan-polluted", requests, value_bytes: vec![VALUE_BYTES; 2 * KEYS as usize] }
    }

    /// Zipf(1.0) whose popularity drifts: every 20,000 requests each key takes the place of the one that was 500
    /// ranks more popular, and 500 that were asked for least become the most popular.
    pub(super) fn shifting(requests: usize) -> Self {
        let (zipf, mut random) = (Popularity::zipf(KEYS, 1.0), SplitMix::new(3));
        let requests = (0..requests)
            .map(|n| (zipf.draw(&mut random) + KEYS - (n / 20_000 * 500) as u32 % KEYS) % KEYS)
            .collect();
        Self { name: "shifting", requests, value_bytes: vec![VALUE_BYTES; KEYS as usize] }
    }

    /// Zipf(1.0) over values of 16 to 4,000 bytes, small ones more often than large ones (equal shares for each
    /// doubling), whatever their popularity.
    pub(super) fn mixed(requests: usize) -> Self {
        let (zipf, mut random) = (Popularity::zipf(KEYS, 1.0), SplitMix::new(4));
        let mut sizes = SplitMix::new(5);
        let value_bytes = (0..KEYS)
            .map(|_| (16.0 * 250_f64.powf(f64::from(sizes.below(1 << 16)) / f64::from(1 << 16))) as u16)
            .collect();
        let requests = (0..requests).map(|_| zipf.draw(&mut random)).collect();
        Self { name: "mixed sizes", requests, value_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_for_a_key_that_has_a_size() {
        for trace in [Trace::zipf, Trace::scans, Trace::shifting, Trace::mixed].map(|make| make(100_000)) {
            assert_eq!(trace.requests.len(), 100_000);
            assert!(trace.requests.iter().all(|&key| (key as usize) < trace.keys()), "{}", trace.name);
        }
    }

    #[test]
    fn scans_ask_for_others_and_popularity_drifts() {
        let scans = Trace::scans(40_000);
        assert!(scans.requests[..30_000].iter().all(|&key| key < KEYS));
        assert!(scans.requests[30_000..].iter().all(|&key| key >= KEYS));
        let shifting = Trace::shifting(60_000);
        let most = |part: &[u32]| {
            let mut counts = vec![0; KEYS as usize];
            part.iter().for_each(|&key| counts[key as usize] += 1);
            (0..KEYS).max_by_key(|&key| counts[key as usize])
        };
        assert_eq!(most(&shifting.requests[..20_000]), Some(0));
        assert_eq!(most(&shifting.requests[20_000..40_000]), Some(KEYS - 500));
        assert_eq!(most(&shifting.requests[40_000..]), Some(KEYS - 1000));
    }

    #[test]
    fn mixed_sizes_span_their_range() {
        let trace = Trace::mixed(1);
        let (least, most) = (trace.value_bytes.iter().min(), trace.value_bytes.iter().max());
        assert!(
            least.is_some_and(|&bytes| bytes == 16)
                && most.is_some_and(|&bytes| (3_900..=4_000).contains(&bytes))
        );
    }
}
