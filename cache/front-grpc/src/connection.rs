//! One HTTP/2 connection, from its preface to its GOAWAY.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::Request;
use http::header::CONTENT_TYPE;
use kura_front::{DrainSignal, Received};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::Front;
use crate::call::{Begun, LastToken, begin};
use crate::latency::{Sampler, Way};
use crate::metadata::is_grpc;
use crate::respond;
use crate::subscriber::Subscribers;
use crate::valve::{self, Valve};

/// How a connection treats its peer.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Streams that a peer may have open at a time. SDKs count on 100.
    pub max_concurrent_streams: u32,
    /// Bytes of large messages held by all connections together; further ones wait unread.
    pub max_inflight_bytes: usize,
    /// Draws what must not be guessed; none if the system has no randomness to give.
    pub random: fn() -> Option<[u8; 48]>,
}

/// A stranger's windows, in bytes: what it can make this server hold before its credentials are
/// checked. HTTP/2's own initial value for a stream, four times that for a connection.
const STRANGER_STREAM_WINDOW: u32 = 64 * 1024 - 1;
const STRANGER_CONNECTION_WINDOW: u32 = 256 * 1024;
/// The windows once a call on the connection has been authenticated.
const KNOWN_STREAM_WINDOW: u32 = 1024 * 1024;
const KNOWN_CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Largest list of headers in bytes: room for a token of 4 KiB and all that SDKs send.
const MAX_HEADERS: u32 = 16 * 1024;
/// Streams reset by the peer that may pile up unseen. A client that cancels all its calls at
/// once is well-behaved, so this is more than the valve lets in (h2's default is 20).
const MAX_RESET_STREAMS: usize = 4096;
/// Frames for streams that this side has reset, over a connection's life. Each is answered with a
/// few bytes. A well-behaved client sends one whenever its body crosses with our early answer, so
/// this is never reached by accident (h2's default is 1024).
const MAX_CROSSED_STREAMS: usize = 1_000_000;
/// What small DATA frames that are not the last of their streams may cost until they are read, at
/// 256 bytes each: what h2 grants to a connection with the known window. A stranger's window alone
/// would grant 512 of them, too few for a client that begins with a thousand calls at once and puts
/// message and end into frames of their own.
const SMALL_FRAMES: usize = KNOWN_CONNECTION_WINDOW as usize / 2;
/// How long a peer may take for its HTTP/2 preface.
const PREFACE: Duration = Duration::from_secs(10);

/// How long a peer that has no call open may take to close after our GOAWAY, before a stopping
/// server closes by itself. One that reads at all does so within a round trip.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long a connection stays on which nobody has authenticated and no call is open. SDKs that connect
/// before they call come back by themselves after a GOAWAY, and whoever has authenticated may be silent for as
/// long as the peer is there.
const STRANGER_IDLE: Duration = Duration::from_secs(60);

/// Most requests taken before the first of them is answered.
const BATCH_CALLS: usize = 64;

/// Takes a request that is not gRPC, and answers it in a task of its own; true if its credentials stand.
pub type NotGrpc<'a> = dyn Fn(Request<RecvStream>, SendResponse<Bytes>) -> bool + Send + Sync + 'a;

/// Serves one connection until it ends. Requests that are not gRPC are told so.
///
/// # Errors
/// What broke the connection: a peer that does not speak HTTP/2, or went away.
pub async fn serve<S>(io: S, front: Arc<Front>, drain: DrainSignal) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let tell = |_, mut respond: SendResponse<Bytes>| {
        respond::not_grpc(&mut respond);
        false
    };
    serve_beside(io, Received::new(), front, drain, &tell).await
}

/// Serves one connection until it ends. Requests that are not gRPC go to `others`. Deadlines count from when a call had
/// been received, as far as whoever reads the stream notes it.
///
/// # Errors
/// What broke the connection: a peer that does not speak HTTP/2, or went away.
pub async fn serve_beside<S>(
    io: S,
    received: Received,
    front: Arc<Front>,
    drain: DrainSignal,
    others: &NotGrpc<'_>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _open = front.metrics.connections.enter();
    let (io, valve) = Valve::new(io);
    let mut conversation = Conversation {
        connection: Box::pin(shake_hands(io, &front.options)).await?,
        valve,
        received: &received,
        front: &front,
        others,
        last_token: LastToken::default(),
        subscribers: Subscribers::default(),
        sampler: Sampler::default(),
        known: false,
        nobody: true,
        begun: 0,
    };
    conversation.run(drain).await
}

/// What is over soon is apart: inside, it would take its room for as long as the connection lasts.
async fn shake_hands<S>(io: Valve<S>, options: &Options) -> io::Result<Connection<Valve<S>, Bytes>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = h2::server::Builder::new()
        .initial_window_size(STRANGER_STREAM_WINDOW)
        .initial_connection_window_size(STRANGER_CONNECTION_WINDOW)
        .max_concurrent_streams(options.max_concurrent_streams)
        .max_header_list_size(MAX_HEADERS)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(Some(MAX_CROSSED_STREAMS))
        .data_frame_budget(SMALL_FRAMES)
        .handshake::<_, Bytes>(io);
    timeout(PREFACE, handshake)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no HTTP/2 preface within 10 s"))?
        .map_err(other)
}

/// A request, and where its answer goes.
type Asked = (Request<RecvStream>, SendResponse<Bytes>);

thread_local! {
    /// Requests that came together, on their way to being begun. Connections of a thread have their turns one after
    /// the other, so one list does for all, and one that is at rest holds none.
    static BATCH: Cell<Vec<Asked>> = const { Cell::new(Vec::new()) };
}

struct Conversation<'a, S> {
    connection: Connection<Valve<S>, Bytes>,
    valve: valve::Handle,
    received: &'a Received,
    front: &'a Arc<Front>,
    others: &'a NotGrpc<'a>,
    last_token: LastToken,
    subscribers: Subscribers,
    sampler: Sampler,
    /// Whether the windows are those of somebody who is known.
    known: bool,
    /// Whether nobody has authenticated so far.
    nobody: bool,
    /// Calls begun since others last had their turn.
    begun: usize,
}

impl<S> Conversation<'_, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    async fn run(&mut self, drain: DrainSignal) -> io::Result<()> {
        let mut stage = drain.clone().draining();
        let mut told = false;
        let mut draining = false;
        // None while nothing is waited for but the peer.
        let mut timer = Some(Box::pin(sleep(STRANGER_IDLE)));
        loop {
            tokio::select! {
                biased;
                went_on = poll_fn(|cx| self.poll_turn(cx)) => {
                    if !went_on? {
                        return Ok(());
                    }
                    if self.begun >= BATCH_CALLS {
                        // Calls that have a task of their own get their turn, so that those which are over by
                        // now do not pile up behind a peer that opens and cancels without end.
                        self.begun = 0;
                        tokio::task::yield_now().await;
                    }
                    if !draining {
                        match &mut timer {
                            Some(idle) if self.nobody => idle.as_mut().reset(Instant::now() + STRANGER_IDLE),
                            idle => *idle = None,
                        }
                    }
                    continue;
                }
                () = &mut stage => {
                    if told {
                        return Ok(());
                    }
                    told = true;
                    stage = drain.clone().over();
                }
                () = due(&mut timer) => {
                    if self.connection.has_streams() {
                        let again = if draining { FAREWELL } else { STRANGER_IDLE };
                        timer = Some(Box::pin(sleep(again)));
                        continue;
                    }
                    // A polite peer closes as soon as it has our GOAWAY; one that has no call open is not
                    // waited for.
                    if draining {
                        return Ok(());
                    }
                }
            }
            if !draining {
                draining = true;
                self.connection.graceful_shutdown();
                timer = Some(Box::pin(sleep(FAREWELL)));
            }
        }
    }

    /// Takes the requests that have come and begins them; false once there will be none.
    ///
    /// All requests that came together are answered together: each turn of `accept` writes what is ready, and one
    /// write of many answers costs what one write of one does.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let Some(first) = ready!(self.poll_next(cx)) else { return Poll::Ready(Ok(false)) };
        let mut batch = BATCH.take();
        batch.push(first.map_err(other)?);
        while batch.len() < BATCH_CALLS {
            match self.connection.poll_accept(cx) {
                Poll::Ready(Some(next)) => batch.push(next.map_err(other)?),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        let authenticated = self.begin(&mut batch);
        BATCH.set(batch);
        if authenticated {
            self.nobody = false;
            if !self.known {
                self.connection.set_target_window_size(KNOWN_CONNECTION_WINDOW);
                // Refused until the peer has acknowledged the first settings, which may come after
                // its first call; the next call tries again.
                self.known = self.connection.set_initial_window_size(KNOWN_STREAM_WINDOW).is_ok();
            }
        }
        Poll::Ready(Ok(true))
    }

    /// The next request. More is read from the peer once all that was read before has been taken.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Asked, h2::Error>>> {
        loop {
            match self.connection.poll_accept(cx) {
                Poll::Pending if self.valve.is_shut() => self.valve.open(),
                accepted => return accepted,
            }
        }
    }

    /// Begins calls; true if the credentials of one of them stand.
    fn begin(&mut self, batch: &mut Vec<Asked>) -> bool {
        let front = self.front;
        let mut authenticated = false;
        let received = self.received.by();
        for (request, respond) in batch.drain(..) {
            if !request.headers().get(CONTENT_TYPE).is_some_and(|value| is_grpc(value.as_bytes())) {
                authenticated |= (self.others)(request, respond);
                self.begun += 1;
                continue;
            }
            let measured = self.sampler.begin();
            let begun = begin(front, &mut self.last_token, &self.subscribers, received, request, respond);
            let mut stranger = false;
            match (begun, measured) {
                (Begun::Stranger, _) => continue,
                (Begun::Answered, None) => {}
                (Begun::Answered, Some(began)) => {
                    front.metrics.latency.observe(Way::AtOnce, began.elapsed());
                }
                (Begun::Waiting(call, stage), None) => {
                    stranger = !call.is_known();
                    tokio::spawn(call.run(stage));
                    self.begun += 1;
                }
                (Begun::Waiting(call, stage), Some(began)) => {
                    stranger = !call.is_known();
                    let front = front.clone();
                    tokio::spawn(async move {
                        call.run(stage).await;
                        front.metrics.latency.observe(Way::Waited, began.elapsed());
                    });
                    self.begun += 1;
                }
            }
            authenticated |= !stranger;
        }
        authenticated
    }
}

/// Ends when a timer does, if there is one.
async fn due(timer: &mut Option<Pin<Box<Sleep>>>) {
    match timer {
        Some(timer) => timer.await,
        None => pending().await,
    }
}

fn other(error: h2::Error) -> io::Error {
    io::Error::other(error)
}
