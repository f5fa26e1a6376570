//! Bytes on their way to the socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

/// From this size on bytes are passed on as they are; smaller ones are copied, so that what belongs together is written
/// with one call.
const SHARED_BYTES: usize = 8 * 1024;

/// Room for a few answers, when the first is written.
const FIRST_BYTES: usize = 1024;

/// Pieces written with one call.
const PIECES: usize = 16;

/// A queue of bytes: large pieces as they are, and small ones in one buffer at its end.
#[derive(Default)]
pub(crate) struct Output {
    large: VecDeque<Bytes>,
    small: Vec<u8>,
    /// Bytes of `small` that are written.
    written: usize,
    bytes: usize,
}

impl Output {
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Appends what `put` does.
    pub(crate) fn put(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        if self.small.capacity() == 0 {
            self.small.reserve(FIRST_BYTES);
        }
        let before = self.small.len();
        put(&mut self.small);
        self.bytes += self.small.len() - before;
    }

    /// Appends bytes that may be many.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_BYTES {
            return self.put(|small| small.extend_from_slice(&bytes));
        }
        if self.small.len() > self.written {
            let small = Bytes::from(std::mem::take(&mut self.small));
            self.large.push_back(small.slice(std::mem::take(&mut self.written)..));
        }
        self.bytes += bytes.len();
        self.large.push_back(bytes);
    }

    /// Gives back the room that nothing is in.
    pub(crate) fn release(&mut self) {
        if self.bytes == 0 {
            *self = Self::default();
        }
    }

    /// Writes all of it.
    pub(crate) fn poll_write(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.bytes > 0 {
            let written = if self.large.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(cx, &self.small[self.written..]))?
            } else {
                let mut pieces = [IoSlice::new(&[]); PIECES];
                let there = self.large.iter().map(|large| &large[..]).chain([&self.small[self.written..]]);
                let count =
                    pieces.iter_mut().zip(there).map(|(piece, bytes)| *piece = IoSlice::new(bytes)).count();
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &pieces[..count]))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(first) = self.large.front_mut() {
            if written < first.len() {
                bytes::Buf::advance(first, written);
                return;
            }
            written -= first.len();
            self.large.pop_front();
        }
        self.written += written;
        if self.written == self.small.len() {
            self.small.clear();
            self.written = 0;
        }
    }
}

#[cfg(test)]
impl Output {
    /// Whether it has no room.
    pub(crate) fn holds_nothing(&self) -> bool {
        self.large.capacity() == 0 && self.small.capacity() == 0
    }
}
