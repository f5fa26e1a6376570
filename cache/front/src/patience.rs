//! How slowly a peer may take its answers.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::pace::LEAST_RATE;
use crate::stream::STALLED;

/// What has been waited for a peer to take its answer.
///
/// The rule is that of bodies ([`Pace`](crate::Pace)): never [`STALLED`] without a byte taken; and what has been
/// waited in all, the bytes taken so far at 16 KiB/s must make up for all but [`STALLED`] of it. An answer that is
/// read a byte at a time holds what it is made from no longer. Only waiting counts, not what this side takes to
/// make the next piece.
#[derive(Debug, Default)]
pub struct Patience {
    waited: Duration,
    bytes: usize,
}

impl Patience {
    /// Waits for the peer to make room; none if it takes too long.
    pub async fn wait<T>(&mut self, room: impl Future<Output = T>) -> Option<T> {
        let mut room = pin!(room);
        // Mostly there is some: then nobody looks at a clock.
        if let Poll::Ready(room) = poll_fn(|cx| Poll::Ready(room.as_mut().poll(cx))).await {
            return Some(room);
        }
        let began = Instant::now();
        let room = timeout(self.left(), room).await.ok();
        self.waited += began.elapsed();
        room
    }

    /// Notes that the peer took so many bytes more.
    pub fn took(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Notes time that was waited.
    pub fn waited(&mut self, time: Duration) {
        self.waited += time;
    }

    /// How long may be waited from now on.
    #[must_use]
    pub fn left(&self) -> Duration {
        let bytes = u32::try_from(self.bytes).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(1) * bytes / LEAST_RATE;
        (STALLED + earned).saturating_sub(self.waited).min(STALLED)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_buy_time_but_not_silence() {
        let mut patience = Patience::default();
        assert_eq!(patience.wait(ready(7)).await, Some(7));
        let began = Instant::now();
        assert_eq!(patience.wait(pending::<()>()).await, None);
        assert_eq!(began.elapsed(), STALLED);
        // A byte a second buys hardly anything.
        let mut patience = Patience::default();
        let mut seconds = 0;
        while patience.wait(tokio::time::sleep(Duration::from_secs(1))).await.is_some() {
            patience.took(1);
            seconds += 1;
        }
        assert_eq!(seconds, STALLED.as_secs());
        // 16 KiB a second may go on for ever, with pauses.
        let mut patience = Patience::default();
        for _ in 0..100 {
            patience.wait(tokio::time::sleep(Duration::from_secs(20))).await.unwrap();
            patience.took(20 * 16 * 1024);
        }
        assert_eq!(patience.left(), STALLED);
    }
}
