//! A bound on the request and response bytes that all connections hold at a time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes up to which a message passes without being counted: as much as one stream's window,
/// so already bounded by the number of streams.
pub const FREE_BYTES: usize = 64 * 1024;

/// A process-wide budget of bytes in flight. A large message waits, unread, until there is room.
#[derive(Clone, Debug)]
pub struct Budget {
    room: Arc<Semaphore>,
    limit: u32,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Reserved(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl Budget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let limit = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .min(Semaphore::MAX_PERMITS.try_into().unwrap_or(u32::MAX));
        Self { room: Arc::new(Semaphore::new(limit as usize)), limit }
    }

    /// Waits until `bytes` fit, in order of asking. More than the whole budget waits for all of it.
    pub async fn reserve(&self, bytes: usize) -> Reserved {
        if bytes <= FREE_BYTES {
            return Reserved(None);
        }
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.limit);
        // The semaphore is never closed, so acquiring cannot fail.
        Reserved(self.room.clone().acquire_many_owned(wanted).await.ok())
    }
}
