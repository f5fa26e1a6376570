//! Since when what is read has waited to be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Shared by whoever reads a stream's bytes and whoever acts on them.
///
/// A busy server leaves what has come in the kernel, where it has no date. A call's deadline counts from when the call
/// had come, so the reader notes how long its bytes have been there at least.
#[derive(Clone, Debug)]
pub struct Received {
    /// Later moments are told from it.
    epoch: Instant,
    /// Nanoseconds after it, and one; 0 if nothing has waited.
    nanos: Arc<AtomicU64>,
}

impl Received {
    /// Nothing has been read yet.
    #[must_use]
    pub fn new() -> Self {
        Self { epoch: Instant::now(), nanos: Arc::default() }
    }

    /// Notes that all that was read so far had come by `at`; none if it may have come just now.
    pub fn note(&self, at: Option<Instant>) {
        let nanos = |at: Instant| at.saturating_duration_since(self.epoch).as_nanos();
        let nanos = at.map_or(0, |at| u64::try_from(nanos(at)).unwrap_or(u64::MAX - 1) + 1);
        self.nanos.store(nanos, Ordering::Relaxed);
    }

    /// When all that was read so far had come at the latest; none if that may be just now.
    #[must_use]
    pub fn by(&self) -> Option<Instant> {
        let nanos = self.nanos.load(Ordering::Relaxed).checked_sub(1)?;
        self.epoch.checked_add(Duration::from_nanos(nanos))
    }
}

impl Default for Received {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_it_was_noted() {
        let received = Received::new();
        assert_eq!(received.by(), None);
        for at in [received.epoch, received.epoch + Duration::from_millis(1500)] {
            received.note(Some(at));
            assert_eq!(received.clone().by(), Some(at));
        }
        received.note(None);
        assert_eq!(received.by(), None);
    }
}
