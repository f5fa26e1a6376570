//! Reads no more from a peer than is then dealt with.
//!
//! `h2` reads as long as anything is there, and only then hands out the first request. A peer that
//! opens and cancels streams faster than they are taken would fill its queue and be sent away, or,
//! with a longer queue, fill the memory. Behind a valve the kernel's buffer fills instead, and TCP
//! holds the peer back.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read before the requests among them are taken. Opening a stream and cancelling it takes at
/// least 30 bytes, so these are at most some 2,700 streams (`connection::MAX_RESET_STREAMS`).
const ALLOWANCE: usize = 64 * 1024;

/// A byte stream whose reading stops after an allowance. Shut, it wakes nobody: who holds its
/// [`Handle`] opens it and reads on.
pub(crate) struct Valve<S> {
    io: S,
    left: Arc<AtomicUsize>,
}

/// Opens a valve. Both are used by one task, so no ordering is needed.
pub(crate) struct Handle(Arc<AtomicUsize>);

impl<S> Valve<S> {
    /// An open one.
    pub(crate) fn new(io: S) -> (Self, Handle) {
        let left = Arc::new(AtomicUsize::new(ALLOWANCE));
        (Self { io, left: left.clone() }, Handle(left))
    }
}

impl Handle {
    pub(crate) fn is_shut(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Grants the whole allowance again.
    pub(crate) fn open(&self) {
        self.0.store(ALLOWANCE, Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Valve<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        // The last read may go over by what the reader's buffer holds.
        self.left.store(left.saturating_sub(buf.filled().len() - before), Ordering::Relaxed);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Valve<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
