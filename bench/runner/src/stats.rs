//! The median of pair ratios, and how sure of it one can be.

use kura_load::keys::SplitMix;
use serde::{Deserialize, Serialize};

/// How many resamples an interval is read from.
const RESAMPLES: usize = 10_000;

/// A median with its 90 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// The median of what was seen.
    pub(crate) median: f64,
    /// 5 % of the resampled medians lie below.
    pub(crate) low: f64,
    /// 5 % of them lie above.
    pub(crate) high: f64,
}

impl Estimate {
    /// The median of `seen`, with a percentile bootstrap interval; the same for the same input.
    pub(crate) fn of(seen: &[f64]) -> Self {
        let mut random = SplitMix::new(90);
        let mut resample = vec![0.0; seen.len()];
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                for value in &mut resample {
                    *value = seen[random.below(seen.len() as u32) as usize];
                }
                median(&mut resample)
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        Self {
            median: median(&mut seen.to_vec()),
            low: quantile(&medians, 0.05),
            high: quantile(&medians, 0.95),
        }
    }

    /// Whether a ratio at most `goal` is shown: the interval begins below it and the median is at most 0.03 above.
    pub(crate) fn meets(&self, goal: f64) -> bool {
        self.low < goal && self.median <= goal + TOLERANCE
    }

    /// The same of a ratio that is to be at least `goal`.
    pub(crate) fn reaches(&self, goal: f64) -> bool {
        self.high > goal && self.median >= goal - TOLERANCE
    }
}

/// How far a median may lie on the wrong side of its goal.
const TOLERANCE: f64 = 0.03;

/// The middle value, or the mean of the two in the middle; not a number for none.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

/// The value below which `share` of the sorted values lie.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = (share * sorted.len() as f64) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let estimate = Estimate::of(&[1.5; 15]);
        assert_eq!(estimate, Estimate { median: 1.5, low: 1.5, high: 1.5 });
    }

    #[test]
    fn the_interval_holds_the_median_and_narrows_with_more_pairs() {
        let spread =
            |count: u32| -> Vec<f64> { (0..count).map(|n| 0.9 + 0.2 * f64::from(n % 15) / 14.0).collect() };
        let (few, many) = (Estimate::of(&spread(15)), Estimate::of(&spread(600)));
        assert!(few.low < few.median && few.median < few.high, "{few:?}");
        assert!(many.high - many.low < few.high - few.low, "{many:?} {few:?}");
        assert_eq!(few, Estimate::of(&spread(15)), "the bootstrap must repeat");
    }

    #[test]
    fn a_goal_needs_both_the_low_end_and_the_median() {
        let estimate = |median, low| Estimate { median, low, high: 2.0 };
        assert!(estimate(1.10, 1.05).meets(1.15));
        assert!(estimate(1.17, 1.14).meets(1.15));
        assert!(!estimate(1.19, 1.14).meets(1.15));
        assert!(!estimate(1.16, 1.15).meets(1.15));
    }

    #[test]
    fn the_interval_covers_the_true_median_about_nine_times_in_ten() {
        let mut random = SplitMix::new(3);
        let mut covered = 0;
        for _ in 0..200 {
            let seen: Vec<f64> = (0..15).map(|_| f64::from(random.below(1_000_000)) / 1e6).collect();
            let mut resampled = Estimate::of(&seen);
            resampled.high += 1e-9;
            covered += u32::from(resampled.low <= 0.5 && 0.5 <= resampled.high);
        }
        assert!((160..=198).contains(&covered), "{covered} of 200");
    }
}
