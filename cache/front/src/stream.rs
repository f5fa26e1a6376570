//! What a front end on a bare stream must not wait for: a peer that does not say who it is, one
//! that does not read, and one that does not close.

use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

use crate::Patience;

/// How long a peer may take no byte of its answers before its connection, or its stream, is given up.
pub const STALLED: Duration = Duration::from_secs(30);
/// How long a peer may take to authenticate, and to do so again once its token has ended.
const STRANGER: Duration = Duration::from_secs(10);
/// How long a peer may take to close after our end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Until when a peer may stay without having said who it is.
#[derive(Debug)]
pub struct Stranger(Option<Instant>);

impl Stranger {
    /// One that has just come.
    #[must_use]
    pub fn new() -> Self {
        Self(Some(Instant::now() + STRANGER))
    }

    /// Notes whether it is known who it is; its time begins when it no longer is.
    pub fn note(&mut self, is_known: bool) {
        self.0 = match self.0 {
            _ if is_known => None,
            None => Self::new().0,
            until => until,
        };
    }

    /// When it has to go; none while it is known.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        self.0
    }
}

impl Default for Stranger {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes and flushes, as long as the peer takes it at the pace that [`Patience`] asks for.
///
/// # Errors
/// The peer is gone, or takes nothing.
pub async fn write<S: AsyncWrite + Unpin>(io: &mut S, mut bytes: &[u8]) -> io::Result<()> {
    let stalled = || io::Error::new(io::ErrorKind::TimedOut, "the peer read its answers too slowly");
    let mut patience = Patience::default();
    while !bytes.is_empty() {
        let written = patience.wait(io.write(bytes)).await.ok_or_else(stalled)??;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        patience.took(written);
        bytes = bytes.get(written..).unwrap_or_default();
    }
    patience.wait(io.flush()).await.ok_or_else(stalled)?
}

/// Ends at a time, if there is one.
pub async fn until(limit: Option<Instant>) {
    match limit {
        Some(limit) => sleep_until(limit).await,
        None => pending().await,
    }
}

/// Says that no more answers come, and waits for the peer to have read them: closing at once, with
/// bytes of the peer's unread, would take back what is still on its way to it.
///
/// # Errors
/// The peer is gone.
pub async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(io: &mut S) -> io::Result<()> {
    let close = async {
        io.shutdown().await?;
        let mut nowhere = [0; 4096];
        while io.read(&mut nowhere).await? > 0 {}
        Ok(())
    };
    // Apart: inside, its buffer would take room in every connection from its beginning.
    timeout(FAREWELL, Box::pin(close)).await.unwrap_or(Ok(()))
}
