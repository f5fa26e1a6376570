//! A socket that knows how long what is read from it had been waiting.
//!
//! The kernel does not say when bytes came. But whoever asks it now how many are unread knows, when they are read later,
//! that they had come by now. It is asked after reads that filled their buffer, which is when more may be there; a
//! server that keeps up reads all there is and never asks.
//!
//! Where bytes of a bare stream have waited for long, no more of them may wait from then on than at a connection's
//! beginning. Left to itself the kernel makes room for megabytes, and so for requests whose callers have given up by the
//! time they are read. Held back by TCP, they wait where they can be given up: at the client. HTTP/2 has limits of its
//! own for what is on its way.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kura_front::Received;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How long bytes may have waited unread before there is less room for them: a fraction of what callers wait for an
/// answer, and longer than a busy moment.
const BEHIND: Duration = Duration::from_millis(50);
/// Room for unread bytes from then on. The kernel doubles it, for what it keeps with them, and has as much for a
/// connection's beginning.
const LITTLE_ROOM: usize = 64 * 1024;

/// Moments remembered; while there are so many, no more are noted.
const MOST_MARKS: usize = 64;

/// A socket, and what is known of its unread bytes.
pub struct Dated<S> {
    io: S,
    /// Bytes read so far.
    read: u64,
    /// Up to which byte all had come at which moment, both rising.
    marks: VecDeque<(u64, Instant)>,
    received: Received,
    /// Whether there is to be little room for what comes once bytes have waited for long.
    shrinks: bool,
}

impl<S> Dated<S> {
    /// Nothing of it has been read.
    pub fn new(io: S) -> (Self, Received) {
        let received = Received::new();
        (Self { io, read: 0, marks: VecDeque::new(), received: received.clone(), shrinks: false }, received)
    }

    /// Of a protocol that has nothing but TCP to hold a peer back, and no deadlines.
    pub fn bare(io: S) -> Self {
        Self { shrinks: true, ..Self::new(io).0 }
    }
}

impl<S: AsFd> Dated<S> {
    fn came(&mut self, bytes: usize, is_all: bool) {
        self.read += bytes as u64;
        if is_all {
            if !self.marks.is_empty() {
                self.marks = VecDeque::new();
                self.received.note(None);
            }
            return;
        }
        while self.marks.front().is_some_and(|(up_to, _)| *up_to < self.read) {
            self.marks.pop_front();
        }
        let waited_since = self.marks.front().map(|(_, at)| *at);
        self.received.note(waited_since);
        if self.shrinks && waited_since.is_some_and(|at| at.elapsed() > BEHIND) {
            self.shrinks = false;
            // Where it cannot be had, more waits.
            sockopt::set_socket_recv_buffer_size(&self.io, LITTLE_ROOM).ok();
        }
        let unread = rustix::io::ioctl_fionread(&self.io).unwrap_or(0);
        if unread > 0 && self.marks.len() < MOST_MARKS {
            self.marks.push_back((self.read + unread, Instant::now()));
        }
    }
}

impl<S: AsyncRead + AsFd + Unpin> AsyncRead for Dated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let left = buf.remaining();
        self.came(room - left, left > 0);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Dated<S> {
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn what_was_left_unread_is_as_old_as_when_it_was_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (io, _) = listener.accept().await.unwrap();
        peer.write_all(&[7; 3000]).await.unwrap();
        while rustix::io::ioctl_fionread(&io).unwrap() < 3000 {
            tokio::task::yield_now().await;
        }
        let (mut dated, received) = Dated::new(io);
        let mut thousand = [0; 1000];
        let before = Instant::now();
        dated.read_exact(&mut thousand).await.unwrap();
        let after = Instant::now();
        // Nobody knows when the first came.
        assert_eq!(received.by(), None);
        peer.write_all(&[7; 500]).await.unwrap();
        for _ in 0..2 {
            dated.read_exact(&mut thousand).await.unwrap();
            let by = received.by().unwrap();
            assert!(before <= by && by <= after);
        }
        // These came later, and are all there is.
        assert_eq!(dated.read(&mut thousand).await.unwrap(), 500);
        assert_eq!(received.by(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn where_bytes_wait_for_long_there_is_little_room_for_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (io, _) = listener.accept().await.unwrap();
        sockopt::set_socket_recv_buffer_size(&io, 2 * LITTLE_ROOM).unwrap();
        let before = sockopt::socket_recv_buffer_size(&io).unwrap();
        peer.write_all(&[7; 4000]).await.unwrap();
        while rustix::io::ioctl_fionread(&io).unwrap() < 4000 {
            tokio::task::yield_now().await;
        }
        let mut dated = Dated::bare(io);
        let mut thousand = [0; 1000];
        for waited in [Duration::ZERO, BEHIND] {
            tokio::time::advance(waited).await;
            dated.read_exact(&mut thousand).await.unwrap();
            assert_eq!(sockopt::socket_recv_buffer_size(&dated.io).unwrap(), before, "{waited:?}");
        }
        tokio::time::advance(BEHIND).await;
        dated.read_exact(&mut thousand).await.unwrap();
        let after = sockopt::socket_recv_buffer_size(&dated.io).unwrap();
        assert!(after < before && after >= LITTLE_ROOM, "{after} and {before}");
    }
}
