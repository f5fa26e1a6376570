//! One connection, carried from where it was accepted to where it goes.

use std::{
    cell::Cell,
    hash::{BuildHasher as _, RandomState},
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use kura_model::plan::Forwarder;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf, copy_bidirectional_with_sizes},
    net::TcpStream,
    time::{Instant, sleep_until},
};

use super::{
    dial::{Dialers, dial},
    proxy,
};

/// With tokio's own 8 KiB, throughput is under half of this.
const BUFFER_BYTES: usize = 256 << 10;

/// Carries until both sides have ended. One side's end is passed on while the other still speaks; a reset, an idle
/// timeout or a destination that cannot be reached ends both sides in a reset.
pub(super) async fn carry(client: TcpStream, forwarder: &Forwarder, dialers: &Dialers) {
    let mut client = client;
    let Some(mut target) = connect(&client, forwarder, dialers).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let timeout = Duration::from_secs(forwarder.idle_timeout.into());
    let carried = {
        let last = Cell::new(Instant::now());
        let mut one = Watched { stream: &mut client, last: &last };
        let mut other = Watched { stream: &mut target, last: &last };
        tokio::select! {
            copied = copy_bidirectional_with_sizes(&mut one, &mut other, BUFFER_BYTES, BUFFER_BYTES) => copied.is_ok(),
            () = idle(&last, timeout) => false,
        }
    };
    if !carried {
        let _ = client.set_zero_linger();
        let _ = target.set_zero_linger();
    }
}

/// A connection to the first destination that answers, with what must be said first already said.
async fn connect(client: &TcpStream, forwarder: &Forwarder, dialers: &Dialers) -> Option<TcpStream> {
    let (Ok(SocketAddr::V4(source)), Ok(SocketAddr::V4(destination))) =
        (client.peer_addr(), client.local_addr())
    else {
        return None;
    };
    let count = forwarder.dial.len();
    // A hasher is seeded at random, each anew.
    let first = usize::try_from(RandomState::new().hash_one(source) & 0xffff).unwrap_or(0) % count.max(1);
    for to in forwarder.dial.iter().cycle().skip(first).take(count) {
        match dial(dialers, to).await {
            Ok(mut target) => {
                let _ = client.set_nodelay(true);
                let _ = target.set_nodelay(true);
                if let Some(proxy) = &forwarder.proxy_v2 {
                    let header = proxy::header(source, destination, proxy.endpoint.as_deref());
                    target.write_all(&header).await.ok()?;
                }
                return Some(target);
            }
            Err(error) => eprintln!("forwarder: {destination} to {to:?}: {error}"),
        }
    }
    None
}

/// Ends when nothing was carried for so long.
async fn idle(last: &Cell<Instant>, timeout: Duration) {
    loop {
        let due = last.get() + timeout;
        if due <= Instant::now() {
            return;
        }
        sleep_until(due).await;
    }
}

/// A stream that remembers when it last moved a byte.
struct Watched<'a> {
    stream: &'a mut TcpStream,
    last: &'a Cell<Instant>,
}

impl AsyncRead for Watched<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut *self.stream).poll_read(context, buffer))?;
        self.last.set(Instant::now());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut *self.stream).poll_write(context, bytes))?;
        self.last.set(Instant::now());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }
}
