//! One connection, from its first command to its end.

mod deliver;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::ready;

use bytes::BufMut as _;
use kura_front::stream::{self, Stranger};
use kura_front::{DrainSignal, FREE_BYTES, Pace, Reserved};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use crate::Front;
use crate::call::{Answer, Later};
use crate::caller::{Caller, Next};
use crate::parse::{Parsed, Parser};
use crate::reply::{Failure, Out, Reply, Rest};

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
/// Commands carried out before other connections have their turn.
const COMMANDS_IN_TURN: u32 = 256;
/// Largest buffer that a connection keeps while it has nothing to do.
const KEPT_BYTES: usize = 1024;

thread_local! {
    /// Where connections of this thread read to: one that is silent holds nothing.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Serves one connection until it ends.
///
/// # Errors
/// What broke the connection: a peer that went away or is too slow.
pub async fn serve<S>(io: S, front: Arc<Front>, drain: DrainSignal) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _open = front.metrics.connections.enter();
    let mut conversation = Conversation {
        io,
        caller: Caller::stranger(&front),
        front: &front,
        stranger: Stranger::new(),
        held: Vec::new(),
        parser: Parser::default(),
        awaited: None,
        pace: None,
        reserved: None,
        out: Out::default(),
    };
    let over = drain.clone().over();
    tokio::select! {
        biased;
        served = conversation.run(drain) => served,
        () = over => Ok(()),
    }
}

struct Conversation<'a, S> {
    io: S,
    front: &'a Front,
    caller: Caller,
    /// When a peer that is nobody has to be gone; none while it is somebody.
    stranger: Stranger,
    /// Bytes of the command that is on its way, and of those behind it.
    held: Vec<u8>,
    parser: Parser,
    /// Bytes that the command on its way has at least, and whether these are all.
    awaited: Option<(usize, bool)>,
    /// Of the command that is on its way.
    pace: Option<Pace>,
    /// What a large command on its way takes of the budget, in bytes.
    reserved: Option<(usize, Reserved)>,
    out: Out,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    Away,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    async fn run(&mut self, drain: DrainSignal) -> io::Result<()> {
        let mut started = pin!(drain.clone().draining());
        let mut draining = false;
        loop {
            draining |= drain.is_draining();
            if draining && self.held.is_empty() {
                return stream::farewell(&mut self.io).await;
            }
            self.make_room().await;
            let pace = self.pace.as_ref().map(Pace::limit);
            let limit = [pace, self.stranger.until()].into_iter().flatten().min();
            let message = self.caller.subscriptions.due();
            let came = tokio::select! {
                biased;
                came = read(&mut self.io, &mut self.held, self.awaited) => came?,
                () = &mut started, if !draining => {
                    draining = true;
                    continue;
                }
                () = message => {
                    if self.deliver().await? == Goes::Away {
                        return stream::farewell(&mut self.io).await;
                    }
                    continue;
                }
                () = sleep_until(limit.unwrap_or_else(Instant::now)), if limit.is_some() => {
                    let why = match self.caller.is_known() {
                        true => "a command came too slowly",
                        false => "not authenticated within 10 s",
                    };
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
            };
            if came == 0 {
                return Ok(());
            }
            let goes = self.carry_out().await?;
            self.send().await?;
            // Commands without end do not keep messages from the peer.
            if goes == Goes::Away || self.deliver().await? == Goes::Away {
                return stream::farewell(&mut self.io).await;
            }
            self.stranger.note(self.caller.is_known());
        }
    }

    /// Waits until a large command may be held. What it takes is asked for once, and all of it: the
    /// most that is allowed unless the whole length is known.
    async fn make_room(&mut self) {
        let Some((least, last)) = self.awaited.filter(|(least, _)| *least > FREE_BYTES) else { return };
        let wanted = if last { least } else { self.front.commands.limits().max_request_bytes };
        if self.reserved.as_ref().is_some_and(|(held, _)| *held >= wanted) {
            return;
        }
        let asked = Instant::now();
        self.reserved = None;
        self.reserved = Some((wanted, self.front.budget.reserve(wanted).await));
        if let Some(pace) = &mut self.pace {
            pace.pause(asked.elapsed());
        }
    }

    /// Carries out all commands that have come whole.
    async fn carry_out(&mut self) -> io::Result<Goes> {
        let mut start = 0;
        let mut turns = 0_u32;
        loop {
            let held = self.held.get(start..).unwrap_or_default();
            let bounds = self.caller.bounds(self.front);
            match self.parser.parse(held, bounds) {
                Ok(Parsed::Partial { .. }) if held.is_empty() => {
                    self.keep(start, None);
                    return Ok(Goes::On);
                }
                Ok(Parsed::Partial { least, last }) => {
                    self.keep(start, Some((least, last)));
                    return Ok(Goes::On);
                }
                Ok(Parsed::Nothing(length)) => {
                    self.parser.next();
                    start += length;
                }
                Ok(Parsed::Command(length)) => {
                    let arguments = self.parser.arguments(held);
                    let (place, next) = self.caller.hear(self.front, arguments, &mut self.out);
                    self.parser.next();
                    start += length;
                    let goes = self.answer(place, next).await?;
                    if goes == Goes::Away {
                        return Ok(goes);
                    }
                }
                Err(malformed) => {
                    self.front.metrics.ended(None, false);
                    self.out.error(&format!("ERR Protocol error: {malformed}"));
                    return Ok(Goes::Away);
                }
            }
            if self.out.is_enough() {
                self.send().await?;
            }
            turns += 1;
            if turns.is_multiple_of(COMMANDS_IN_TURN) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Keeps what has come of the next command.
    fn keep(&mut self, start: usize, awaited: Option<(usize, bool)>) {
        self.held.drain(..start);
        self.awaited = awaited;
        let now = Instant::now();
        match &mut self.pace {
            _ if self.held.is_empty() => self.pace = None,
            Some(pace) if start == 0 => pace.reached(self.held.len(), now),
            pace => *pace = Some(Pace::start(now)),
        }
        if start > 0 || self.held.is_empty() {
            self.reserved = None;
            self.held.shrink_to(KEPT_BYTES);
        }
    }

    /// Adds a command's answer, or sends it on the way.
    async fn answer(&mut self, place: Option<usize>, next: Result<Next, Failure>) -> io::Result<Goes> {
        let (reply, goes) = match next {
            Ok(Next::Answer(Answer::Written)) => {
                self.front.metrics.ended(place, true);
                return Ok(Goes::On);
            }
            Ok(Next::Answer(Answer::Reply(reply))) => (Ok(reply), Goes::On),
            Ok(Next::Answer(Answer::Later(later))) => (self.do_aside(later).await?, Goes::On),
            Ok(Next::Last(reply)) => (Ok(reply), Goes::Away),
            Err(failure) => (Err(failure), Goes::On),
        };
        self.front.metrics.ended(place, reply.is_ok());
        match reply {
            Ok(reply) => self.write(reply).await?,
            Err(failure) => self.out.error(&failure.text()),
        }
        Ok(goes)
    }

    /// Has long work done where blocking is allowed, when it is its turn.
    async fn do_aside(&mut self, later: Later) -> io::Result<Result<Reply, Failure>> {
        // Whoever sent something before need not wait for this.
        self.send().await?;
        let _turn = self.front.long.acquire().await.map_err(io::Error::other)?;
        let done = tokio::task::spawn_blocking(later).await;
        Ok(done.unwrap_or_else(|_| Err(Failure::said("ERR the server failed at this command"))))
    }

    /// Writes an answer, a piece at a time if it is long.
    async fn write(&mut self, reply: Reply) -> io::Result<()> {
        let mut rest = self.out.write(reply);
        while let Some(left) = rest {
            rest = match left {
                Rest::Value(value) => {
                    self.send().await?;
                    let _room = self.front.budget.reserve(value.len()).await;
                    stream::write(&mut self.io, &value).await?;
                    self.out.bytes.extend_from_slice(b"\r\n");
                    None
                }
                left => {
                    let left = self.out.write_rest(left);
                    if self.out.is_enough() {
                        self.send().await?;
                        tokio::task::yield_now().await;
                    }
                    left
                }
            };
        }
        Ok(())
    }

    /// Sends all answers, as the peer takes them.
    async fn send(&mut self) -> io::Result<()> {
        if !self.out.bytes.is_empty() {
            stream::write(&mut self.io, &self.out.bytes).await?;
        }
        self.out.sent();
        Ok(())
    }
}

/// Reads once, behind what is held; how much came.
async fn read<S: AsyncRead + Unpin>(
    io: &mut S,
    held: &mut Vec<u8>,
    awaited: Option<(usize, bool)>,
) -> io::Result<usize> {
    // A large value is read to where it stays.
    if let Some((least, _)) = awaited.filter(|(least, _)| *least > READ_BYTES) {
        held.reserve_exact(least.saturating_sub(held.len()));
        let missing = least.saturating_sub(held.len()).max(1);
        return io.read_buf(&mut held.limit(missing)).await;
    }
    poll_fn(|cx| {
        let mut scratch = SCRATCH.take();
        scratch.resize(READ_BYTES, 0);
        let mut room = ReadBuf::new(&mut scratch);
        let polled = Pin::new(&mut *io).poll_read(cx, &mut room);
        let filled = room.filled();
        let came = filled.len();
        held.extend_from_slice(filled);
        SCRATCH.set(scratch);
        ready!(polled)?;
        std::task::Poll::Ready(Ok(came))
    })
    .await
}
