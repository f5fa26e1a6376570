//! How long a call may take, as its caller says in `grpc-timeout`.

use std::time::Duration;

use kura_wire::{Code, Status};
use tokio::time::{Instant, timeout_at};

use crate::metadata::parse_timeout;

/// Less time than this is none: no call is answered within it. gRPC's libraries say `0n`, `0m` or,
/// the C core (Python), `1n` when the deadline has passed before the call is sent.
const LEAST: Duration = Duration::from_micros(1);

/// The time that a call has left, if its `grpc-timeout` limits it. It counts from `received`, if that is known; only then is a
/// clock read.
///
/// # Errors
/// DEADLINE_EXCEEDED if none is left, INVALID_ARGUMENT if the header is not a timeout.
pub(crate) fn time_left(
    timeout: Option<&[u8]>,
    received: Option<Instant>,
) -> Result<Option<Duration>, Status> {
    let Some(timeout) = timeout else { return Ok(None) };
    let waited = received.map_or(Duration::ZERO, |received| received.elapsed());
    match parse_timeout(timeout).map(|timeout| timeout.saturating_sub(waited)) {
        Some(left) if left < LEAST => Err(passed()),
        Some(left) => Ok(Some(left)),
        None => Err(Status::new(
            Code::InvalidArgument,
            "the grpc-timeout header is not a timeout: give at most eight digits and one of H, M, S, m, u, n",
        )),
    }
}

/// The moment up to which a call may be worked on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) const NEVER: Self = Self(None);

    /// The moment `left` from now; never if it is unlimited.
    pub(crate) fn after(left: Option<Duration>) -> Self {
        Self(left.and_then(|left| Instant::now().checked_add(left)))
    }

    /// Whether there is still time: asked before work begins, because a task that had to wait for
    /// its turn runs on without a look at any timer.
    pub(crate) fn check(self) -> Result<(), Status> {
        match self.0 {
            Some(at) if Instant::now() >= at => Err(passed()),
            _ => Ok(()),
        }
    }

    /// Does `work` as long as there is time, and drops it then.
    pub(crate) async fn bound<T, E: From<Status>>(
        self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.0 {
            None => work.await,
            Some(at) => timeout_at(at, work).await.unwrap_or_else(|_| Err(passed().into())),
        }
    }
}

/// SDKs know this status by its code; it has no `err`.
fn passed() -> Status {
    Status::new(Code::DeadlineExceeded, "the call's deadline passed before its end")
}
