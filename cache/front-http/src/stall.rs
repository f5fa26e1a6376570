//! Gives up a peer that does not read its answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use kura_front::Patience;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A byte stream that breaks once its peer has lost [`Patience`] with what is written to it.
pub(crate) struct Stall<S> {
    io: S,
    patience: Patience,
    /// Until when the write that waits may do so.
    limit: Pin<Box<Sleep>>,
    /// Since when it waits.
    since: Option<Instant>,
}

impl<S> Stall<S> {
    pub(crate) fn new(io: S) -> Self {
        let limit = Box::pin(sleep_until(Instant::now()));
        Self { io, patience: Patience::default(), limit, since: None }
    }

    fn wrote(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.patience.took(*bytes);
        }
        self.watch(cx, written)
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if let Some(since) = self.since.take() {
                self.patience.waited(since.elapsed());
            }
            return written;
        }
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            self.limit.as_mut().reset(now + self.patience.left());
        }
        match self.limit.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the peer has read its answer too slowly",
            ))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, parts);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.watch(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use kura_front::stream::STALLED;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_for_half_a_minute_is_given_up() {
        let (near, far) = tokio::io::duplex(64);
        let mut stall = Stall::new(near);
        stall.write_all(&[0; 64]).await.unwrap();
        let began = Instant::now();
        let error = stall.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), STALLED.as_secs());
        drop(far);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_a_byte_at_a_time_is_given_up() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut stall = Stall::new(near);
        let began = Instant::now();
        let sip = async {
            loop {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                far.read_u8().await.unwrap();
            }
        };
        let error = tokio::select! {
            written = stall.write_all(&[0; 1000]) => written.unwrap_err(),
            () = sip => unreachable!(),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), STALLED.as_secs());
    }
}
