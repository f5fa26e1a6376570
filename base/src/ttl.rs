//! How long an item lives.

use std::time::Duration;

use crate::Millis;

/// A time to live: at least one millisecond, at most the server's `max_ttl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(Duration);

impl Ttl {
    /// Reads a time to live as the wire carries it.
    ///
    /// Zero is refused rather than taken as immediate expiry: an item that cannot be read is
    /// a caller's mistake worth telling. A value over `max` becomes `max`, because official
    /// SDKs clamp their own largest durations to `i64::MAX` milliseconds and mean "for long".
    ///
    /// # Errors
    /// [`TtlError`] if `millis` is zero.
    pub fn from_millis(millis: u64, max: Duration) -> Result<Self, TtlError> {
        if millis == 0 {
            return Err(TtlError);
        }
        Ok(Self(Duration::from_millis(millis).min(max)))
    }

    /// The time to live as a duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }

    /// When an item written at `now` expires: it is gone at that very millisecond.
    #[must_use]
    pub fn expires(self, now: Millis) -> Millis {
        now.plus(self.0)
    }
}

/// A time to live of zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid ttl: 0 milliseconds; the time to live must be at least 1 millisecond")]
pub struct TtlError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_refused_and_the_largest_is_clamped() {
        let max = Duration::from_secs(60);
        assert_eq!(Ttl::from_millis(0, max), Err(TtlError));
        assert_eq!(Ttl::from_millis(1, max).unwrap().duration(), Duration::from_millis(1));
        assert_eq!(Ttl::from_millis(u64::MAX, max).unwrap().duration(), max);
    }
}
