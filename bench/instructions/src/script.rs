//! Streams that need no kernel: one that plays what a peer sends, one that writes down what it sent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use anyhow::bail;
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A peer that sends these pieces, each once the last was read and dealt with, and takes all answers.
pub(crate) struct Script {
    pieces: Arc<Vec<Bytes>>,
    at: usize,
    rest: Bytes,
    /// The next piece is there: as on a socket, whoever reads on finds nothing first.
    next: bool,
    told: Arc<Told>,
    /// None if the pieces are not of HTTP/2.
    settings: Option<Settings>,
}

/// The settings in HTTP/2 answers, which have to be acknowledged when they have come and no sooner.
#[derive(Default)]
struct Settings {
    /// What has come of a frame's head.
    head: Vec<u8>,
    /// What is still to come of a frame.
    rest: usize,
    /// Settings that are to be acknowledged.
    came: usize,
}

/// A frame's head, and in it where its kind and its flags are.
const HEAD_BYTES: usize = 9;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;

impl Settings {
    fn look_for(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let passed = self.rest.min(bytes.len());
            self.rest -= passed;
            bytes = &bytes[passed..];
            let (head, after) = bytes.split_at((HEAD_BYTES - self.head.len()).min(bytes.len()));
            self.head.extend_from_slice(head);
            bytes = after;
            if let [a, b, c, kind, flags, _, _, _, _] = self.head[..] {
                self.rest = u32::from_be_bytes([0, a, b, c]) as usize;
                self.came += usize::from(kind == SETTINGS && flags & ACK == 0);
                self.head.clear();
            }
        }
    }

    /// Acknowledges one.
    fn acknowledge(&mut self) -> Option<Bytes> {
        self.came = self.came.checked_sub(1)?;
        Some(Bytes::from_static(&[0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0]))
    }
}

/// A piece of whole frames, or the preface, without acknowledgements: they come when the script is played.
pub(crate) fn without_acknowledgements(piece: &[u8]) -> anyhow::Result<Bytes> {
    let preface = if piece.starts_with(b"PRI ") { 24 } else { 0 };
    let (mut kept, mut rest) = (piece[..preface].to_vec(), &piece[preface..]);
    while !rest.is_empty() {
        let [a, b, c, kind, flags, ..] = *rest else { bail!("a piece ends within a frame") };
        let length = HEAD_BYTES + u32::from_be_bytes([0, a, b, c]) as usize;
        let Some((frame, after)) = rest.split_at_checked(length) else {
            bail!("a piece ends within a frame")
        };
        if !(kind == SETTINGS && flags & ACK != 0) {
            kept.extend_from_slice(frame);
        }
        rest = after;
    }
    Ok(kept.into())
}

/// What is known of a script from outside.
#[derive(Default)]
pub(crate) struct Told {
    /// Bytes that were answered.
    pub(crate) answered: AtomicU64,
    /// After its last piece the peer stays, instead of ending the stream.
    pub(crate) stays: AtomicBool,
}

impl Script {
    pub(crate) fn new(pieces: Arc<Vec<Bytes>>) -> (Self, Arc<Told>) {
        let told = Arc::<Told>::default();
        (Self { pieces, at: 0, rest: Bytes::new(), next: true, told: told.clone(), settings: None }, told)
    }

    /// The same for pieces of HTTP/2.
    pub(crate) fn http2(pieces: Arc<Vec<Bytes>>) -> (Self, Arc<Told>) {
        let (script, told) = Self::new(pieces);
        (Self { settings: Some(Settings::default()), ..script }, told)
    }

    fn answered(&mut self, bytes: &[u8]) {
        self.told.answered.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if let Some(settings) = &mut self.settings {
            settings.look_for(bytes);
        }
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            if !std::mem::replace(&mut self.next, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // The preface and the peer's own settings come first.
            let begun = self.at >= 2;
            let acknowledges = self.settings.as_mut().filter(|_| begun);
            if let Some(acknowledgement) = acknowledges.and_then(Settings::acknowledge) {
                self.rest = acknowledgement;
            } else {
                match self.pieces.get(self.at).cloned() {
                    Some(piece) => self.rest = piece,
                    None if self.told.stays.load(Ordering::Relaxed) => return Poll::Pending,
                    None => return Poll::Ready(Ok(())),
                }
                self.at += 1;
            }
            self.next = false;
        }
        let taken = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest[..taken]);
        self.rest.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answered(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        parts.iter().for_each(|part| self.answered(part));
        Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
    }

    /// As a socket's.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A stream that keeps a copy of what is written to it, a piece for each write.
pub(crate) struct Recorder<S> {
    pub(crate) io: S,
    pub(crate) pieces: Arc<std::sync::Mutex<Vec<Bytes>>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorder<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorder<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = std::task::ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
        if let Ok(mut pieces) = self.pieces.lock() {
            pieces.push(Bytes::copy_from_slice(&bytes[..written]));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
