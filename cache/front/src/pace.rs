//! How slowly a body may come.

use std::time::Duration;

use kura_wire::{Code, Status};
use tokio::time::Instant;

/// Longest time without a byte, and the start that a body is given.
const SILENCE: Duration = Duration::from_secs(20);

/// Bytes a second that a body must reach on average once [`SILENCE`] has passed: less than any
/// link that is of use for values of megabytes, and enough that the largest request (5 MiB unless
/// configured) ends within 340 s.
pub(crate) const LEAST_RATE: u32 = 16 * 1024;

/// The progress of one body.
///
/// The rule: never 20 s without a byte; and at any time since the body was first waited for, its
/// bytes so far at 16 KiB/s must make up for all but 20 s of it. So a slow and steady link can send
/// 5 MB, while a peer that trickles holds a request's memory for 20 s and hardly more. Time in
/// which the server itself does not read, waiting for room, does not count. A call's own deadline
/// ends it in any case.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    last: Instant,
    bytes: usize,
}

impl Pace {
    /// A message that is waited for from now on.
    #[must_use]
    pub fn start(now: Instant) -> Self {
        Self { began: now, last: now, bytes: 0 }
    }

    /// Notes that the body has `bytes` by now.
    pub fn reached(&mut self, bytes: usize, now: Instant) {
        self.bytes = bytes;
        self.last = now;
    }

    /// Takes back time in which nothing was read.
    pub fn pause(&mut self, time: Duration) {
        self.began += time;
        self.last += time;
    }

    /// When the body is too slow unless more of it has come.
    #[must_use]
    pub fn limit(&self) -> Instant {
        let bytes = u32::try_from(self.bytes).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(1) * bytes / LEAST_RATE;
        (self.last + SILENCE).min(self.began + SILENCE + earned)
    }

    /// What a peer is told whose body came to its limit.
    #[must_use]
    pub fn too_slow(&self) -> Status {
        Status::new(
            Code::DeadlineExceeded,
            format!(
                "the request's body came too slowly: {} bytes so far; after {} s it must have come at \
                 {} KiB/s on average, and never pause for {} s",
                self.bytes,
                SILENCE.as_secs(),
                LEAST_RATE / 1024,
                SILENCE.as_secs()
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_buy_time_but_not_silence() {
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let mut pace = Pace::start(began);
        assert_eq!(pace.limit(), after(20));
        pace.reached(10 * 16 * 1024, after(1));
        assert_eq!(pace.limit(), after(21));
        pace.reached(10 * 16 * 1024 + 1, after(15));
        assert!(pace.limit() >= after(30) && pace.limit() < after(31));
        pace.pause(Duration::from_secs(100));
        assert!(pace.limit() >= after(130) && pace.limit() < after(131));
        pace.reached(usize::MAX, after(200));
        assert_eq!(pace.limit(), after(220));
    }
}
