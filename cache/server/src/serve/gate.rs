//! A gate for the traffic of a port, so that tests of clients can have an outage.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// Shuts and opens all that goes through it.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// An open one.
    pub fn new() -> Self {
        Self(watch::Sender::new(true))
    }

    /// From now on nothing is read or written: it waits, as if the network were gone.
    pub fn block(&self) {
        self.0.send_replace(false);
    }

    /// What waits goes on.
    pub fn unblock(&self) {
        self.0.send_replace(true);
    }

    /// Ends once the gate is open.
    pub async fn opened(&self) {
        opened(self.0.subscribe()).await;
    }

    /// A stream that goes through this gate.
    pub fn through<S>(&self, io: S) -> Gated<S> {
        Gated { io, open: self.0.subscribe(), waiting: None }
    }
}

async fn opened(mut open: watch::Receiver<bool>) {
    // Without a gate there is nobody to open it: go on.
    let _ = open.wait_for(|open| *open).await;
}

/// A stream behind a [`Gate`].
pub struct Gated<S> {
    io: S,
    open: watch::Receiver<bool>,
    /// The wait of the one task that uses the stream.
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<S> Gated<S> {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if *self.open.borrow() {
            self.waiting = None;
            return Poll::Ready(());
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(opened(self.open.clone())));
        ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gated<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx));
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gated<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx));
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx));
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
