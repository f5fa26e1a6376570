//! One HTTP/2 connection, from its preface to its GOAWAY.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use kura_front::{DrainSignal, Received};
use kura_http2::{Connection, Request};
use kura_wire::Code;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::call::{Begun, LastToken, begin, path};
use crate::latency::{Sampler, Way};
use crate::metadata::is_grpc;
use crate::respond;
use crate::subscriber::Subscribers;
use crate::{Front, Method};

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
pub type NotGrpc<'a> = dyn Fn(Request) -> bool + Send + Sync + 'a;

/// Serves one connection until it ends. Requests that are not gRPC are told so.
///
/// # Errors
/// What broke the connection: a peer that does not speak HTTP/2, or went away.
pub async fn serve<S>(io: S, front: Arc<Front>, drain: DrainSignal) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let tell = |mut request: Request| {
        respond::not_grpc(&mut request.respond);
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
    let mut conversation = Conversation {
        connection: Box::pin(shake_hands(io, &front.options)).await?,
        received: &received,
        front: &front,
        others,
        last_token: LastToken::default(),
        subscribers: Subscribers::default(),
        sampler: Sampler::default(),
        nobody: true,
        waiting: VecDeque::new(),
        begun: 0,
    };
    conversation.run(drain).await
}

/// What is over soon is apart: inside, it would take its room for as long as the connection lasts.
async fn shake_hands<S>(io: S, options: &Options) -> io::Result<Connection<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let granted = kura_http2::Options {
        max_concurrent_streams: options.max_concurrent_streams,
        max_head_bytes: MAX_HEADERS,
        stream_window: STRANGER_STREAM_WINDOW,
        connection_window: STRANGER_CONNECTION_WINDOW,
    };
    timeout(PREFACE, Connection::handshake(io, &granted))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no HTTP/2 preface within 10 s"))?
        .map_err(other)
}

thread_local! {
    /// Requests that came together, on their way to being begun. Connections of a thread have their turns one after
    /// the other, so one list does for all, and one that is at rest holds none.
    static BATCH: Cell<Vec<Request>> = const { Cell::new(Vec::new()) };
}

struct Conversation<'a, S> {
    connection: Connection<S>,
    received: &'a Received,
    front: &'a Arc<Front>,
    others: &'a NotGrpc<'a>,
    last_token: LastToken,
    subscribers: Subscribers,
    sampler: Sampler,
    /// Whether nobody has authenticated so far.
    nobody: bool,
    /// Requests that wait for their turn, and since when, the oldest first.
    waiting: VecDeque<(Request, Instant)>,
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
    /// All requests that came together are answered together: one write of many answers costs what one write of one
    /// does. If more have come than are begun together, this server is behind: then all that has come is read, and the
    /// newest are begun first. Those are answered while their callers wait; in turn, all would be when nobody does.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut batch = BATCH.take();
        let came = loop {
            let came = self.connection.poll_requests(cx, &mut batch).map_err(other);
            let is_behind = !self.waiting.is_empty() || self.connection.has_more();
            if !matches!(came, Poll::Ready(Ok(true))) || !is_behind {
                break came;
            }
            self.postpone(&mut batch);
            if self.waiting.len() >= self.most_waiting() {
                break came;
            }
        };
        let came = if self.waiting.is_empty() {
            let received = self.received.by();
            self.last_token.fetch_ahead(self.front, &batch);
            batch.drain(..).for_each(|request| self.begin(request, received));
            came
        } else {
            self.begin_newest();
            if came.is_pending() { Poll::Ready(Ok(true)) } else { came }
        };
        BATCH.set(batch);
        came
    }

    /// Has requests wait for their turn.
    fn postpone(&mut self, batch: &mut Vec<Request>) {
        let since = self.received.by().unwrap_or_else(Instant::now);
        for mut request in batch.drain(..) {
            request.body.detach();
            self.waiting.push_back((request, since));
        }
        if self.waiting.len() >= self.most_waiting() {
            let front = self.front;
            self.waiting.retain(|(request, _)| !is_taken_back(front, request));
        }
    }

    /// Half as many again as a peer may have open: with so many, those are looked for that it has taken back.
    fn most_waiting(&self) -> usize {
        self.front.options.max_concurrent_streams as usize * 3 / 2
    }

    /// Begins some of the requests that wait: the newest, and the oldest of all, so that none waits for ever.
    fn begin_newest(&mut self) {
        if let Some((request, since)) = self.waiting.pop_front() {
            self.begin(request, Some(since));
        }
        for _ in 0..BATCH_CALLS {
            let Some((request, since)) = self.newest() else { break };
            self.begin(request, Some(since));
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        self.begun += BATCH_CALLS;
    }

    /// The newest of those that wait and whose caller still does.
    fn newest(&mut self) -> Option<(Request, Instant)> {
        while let Some((request, since)) = self.waiting.pop_back() {
            if !is_taken_back(self.front, &request) {
                return Some((request, since));
            }
        }
        None
    }

    /// Begins a call, which had come by `received`, if that is known.
    fn begin(&mut self, request: Request, received: Option<Instant>) {
        if !request.head.get("content-type").is_some_and(is_grpc) {
            self.begun += 1;
            if (self.others)(request) {
                self.authenticated();
            }
            return;
        }
        let front = self.front;
        let measured = self.sampler.begin();
        let begun = begin(front, &mut self.last_token, &self.subscribers, received, request);
        match (begun, measured) {
            (Begun::Stranger, _) => return,
            (Begun::Answered, None) => {}
            (Begun::Answered, Some(began)) => {
                front.metrics.latency.observe(Way::AtOnce, began.elapsed());
            }
            (Begun::Waiting(call, stage), measured) => {
                let is_known = call.is_known();
                self.begun += 1;
                match measured {
                    None => drop(tokio::spawn(call.run(stage))),
                    Some(began) => {
                        let front = front.clone();
                        tokio::spawn(async move {
                            call.run(stage).await;
                            front.metrics.latency.observe(Way::Waited, began.elapsed());
                        });
                    }
                }
                if !is_known {
                    return;
                }
            }
        }
        self.authenticated();
    }

    /// Somebody has shown credentials that stand.
    fn authenticated(&mut self) {
        if self.nobody {
            self.nobody = false;
            self.connection.widen(KNOWN_STREAM_WINDOW, KNOWN_CONNECTION_WINDOW);
        }
    }
}

/// Whether nobody waits for the answer to a request any more; it is counted then.
fn is_taken_back(front: &Front, request: &Request) -> bool {
    let is_gone = request.respond.is_gone();
    if is_gone && request.head.get("content-type").is_some_and(is_grpc) {
        front.metrics.call_ended(Method::of(path(&request.head)), Code::Cancelled);
    }
    is_gone
}

/// Ends when a timer does, if there is one.
async fn due(timer: &mut Option<Pin<Box<Sleep>>>) {
    match timer {
        Some(timer) => timer.await,
        None => pending().await,
    }
}

fn other(error: kura_http2::Error) -> io::Error {
    io::Error::other(error)
}
