//! One connection, from its first command to its end.

mod deliver;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use kura_front::stream::{self, Stranger};
use kura_front::{DrainSignal, FREE_BYTES, Pace, Reserved};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::Front;
use crate::call::Later;
use crate::dialogue::{Dialogue, Stop};
use crate::held::Held;
use crate::reply::{Failure, Reply, Rest};

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
/// A command's beginning up to this size is put before what comes next; a larger one stays where it is.
const MOVED_BYTES: usize = 4 * 1024;
/// Largest buffer that a connection keeps while it has nothing to do.
const KEPT_BYTES: usize = 1024;
/// In one of so many turns a connection asks whether the server stops, even if its peer never pauses.
const ASKS_IN: u32 = 64;

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
        dialogue: Dialogue::new(&front),
        stranger: Stranger::new(),
        held: Held::default(),
        awaited: None,
        pace: None,
        reserved: None,
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
    dialogue: Dialogue<'a>,
    /// When a peer that is nobody has to be gone; none while it is somebody.
    stranger: Stranger,
    /// Bytes of the command that is on its way, and of those behind it.
    held: Held,
    /// Bytes that the command on its way has at least, and whether these are all.
    awaited: Option<(usize, bool)>,
    /// Of the command that is on its way.
    pace: Option<Pace>,
    /// What a large command on its way takes of the budget, in bytes.
    reserved: Option<(usize, Reserved)>,
}

/// What came: how much of it was carried out, and why not more.
struct Heard {
    bytes: usize,
    stop: Stop,
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
        let mut turns = 0_u32;
        loop {
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(ASKS_IN) {
                draining |= drain.is_draining();
            }
            if draining && self.held.is_empty() {
                return stream::farewell(&mut self.io).await;
            }
            self.make_room().await;
            let pace = self.pace.as_ref().map(Pace::limit);
            let limit = [pace, self.stranger.until()].into_iter().flatten().min();
            let message = self.dialogue.caller.subscriptions.due();
            let heard = tokio::select! {
                biased;
                heard = self.hear() => heard?,
                // All that had come is answered by now.
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
                () = stream::until(limit) => {
                    let why = match self.dialogue.caller.is_known() {
                        true => "a command came too slowly",
                        false => "not authenticated within 10 s",
                    };
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
            };
            let Some(heard) = heard else { return Ok(()) };
            let goes = self.go_on(heard).await?;
            self.send().await?;
            // Commands without end do not keep messages from the peer.
            if goes == Goes::Away || self.deliver().await? == Goes::Away {
                return stream::farewell(&mut self.io).await;
            }
            self.stranger.note(self.dialogue.caller.is_known());
        }
    }

    /// Waits until a large command may be held. What it takes is asked for once, and all of it: the
    /// most that is allowed unless the whole length is known.
    async fn make_room(&mut self) {
        let Some((least, last)) = self.awaited.filter(|(least, _)| *least > FREE_BYTES) else { return };
        let front = self.dialogue.front;
        let wanted = if last { least } else { front.commands.limits().max_request_bytes };
        if self.reserved.as_ref().is_some_and(|(held, _)| *held >= wanted) {
            return;
        }
        let asked = Instant::now();
        self.reserved = None;
        self.reserved = Some((wanted, front.budget.reserve(wanted).await));
        if let Some(pace) = &mut self.pace {
            pace.pause(asked.elapsed());
        }
    }

    /// Reads once and carries out what has come whole, as far as nothing has to be waited for. What is left
    /// is held. None at the peer's end.
    async fn hear(&mut self) -> io::Result<Option<Heard>> {
        // A large value is read to where it stays.
        if let Some((least, _)) = self.awaited.filter(|(least, _)| *least > READ_BYTES) {
            let came = self.io.read(self.held.room(least)).await?;
            self.held.came(came);
            return Ok((came > 0).then(|| self.hear_held()));
        }
        poll_fn(|cx| {
            let mut scratch = SCRATCH.take();
            scratch.resize(READ_BYTES, 0);
            let heard = self.poll_hear(cx, &mut scratch);
            SCRATCH.set(scratch);
            heard
        })
        .await
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Option<Heard>>> {
        let moved = if self.held.len() <= MOVED_BYTES { self.held.len() } else { 0 };
        let (before, room) = scratch.split_at_mut(moved);
        let mut room = ReadBuf::new(room);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut room))?;
        let came = room.filled().len();
        if came == 0 {
            return Poll::Ready(Ok(None));
        }
        if moved < self.held.len() {
            self.held.extend_from_slice(room.filled());
            return Poll::Ready(Ok(Some(self.hear_held())));
        }
        before.copy_from_slice(self.held.as_slice());
        let all = scratch.get(..moved + came).unwrap_or_default();
        let (bytes, stop) = self.dialogue.hear(all);
        self.held.clear();
        self.held.extend_from_slice(all.get(bytes..).unwrap_or_default());
        Poll::Ready(Ok(Some(Heard { bytes, stop })))
    }

    fn hear_held(&mut self) -> Heard {
        let (bytes, stop) = self.dialogue.hear(self.held.as_slice());
        self.held.drain(bytes);
        Heard { bytes, stop }
    }

    /// Does what has to be waited for, and carries out the rest of the commands that have come whole.
    async fn go_on(&mut self, heard: Heard) -> io::Result<Goes> {
        let Heard { mut bytes, mut stop } = heard;
        let mut start = 0;
        loop {
            match stop {
                Stop::Rest(awaited) => {
                    self.held.drain(start);
                    self.keep(bytes > 0, awaited);
                    return Ok(Goes::On);
                }
                Stop::Full => self.send().await?,
                Stop::Turn => tokio::task::yield_now().await,
                Stop::Later(place, later) => {
                    let reply = self.do_aside(later).await?;
                    self.dialogue.front.metrics.ended(place, reply.is_ok());
                    if let Some(rest) = self.dialogue.answer(reply) {
                        self.write(rest).await?;
                    }
                }
                Stop::Long(rest) => self.write(rest).await?,
                Stop::Away => return Ok(Goes::Away),
            }
            if self.dialogue.out.is_enough() {
                self.send().await?;
            }
            let (more, next) = self.dialogue.hear(self.held.as_slice().get(start..).unwrap_or_default());
            start += more;
            bytes += more;
            stop = next;
        }
    }

    /// Notes what is held of the next command; `moved` says that it is another than before.
    fn keep(&mut self, moved: bool, awaited: Option<(usize, bool)>) {
        self.awaited = awaited;
        if self.held.is_empty() {
            self.pace = None;
        } else {
            let now = Instant::now();
            match &mut self.pace {
                Some(pace) if !moved => pace.reached(self.held.len(), now),
                pace => *pace = Some(Pace::start(now)),
            }
        }
        if moved || self.held.is_empty() {
            self.reserved = None;
            self.held.shrink_to(KEPT_BYTES);
        }
    }

    /// Has long work done where blocking is allowed, when it is its turn.
    async fn do_aside(&mut self, later: Later) -> io::Result<Result<Reply, Failure>> {
        // Whoever sent something before need not wait for this.
        self.send().await?;
        let _turn = self.dialogue.front.long.acquire().await.map_err(io::Error::other)?;
        let done = tokio::task::spawn_blocking(later).await;
        Ok(done.unwrap_or_else(|_| Err(Failure::said("ERR the server failed at this command"))))
    }

    /// Writes the rest of an answer, a piece at a time.
    async fn write(&mut self, rest: Rest) -> io::Result<()> {
        let mut rest = Some(rest);
        while let Some(left) = rest {
            rest = match left {
                Rest::Value(value) => {
                    self.send().await?;
                    let _room = self.dialogue.front.budget.reserve(value.len()).await;
                    stream::write(&mut self.io, &value).await?;
                    self.dialogue.out.bytes.extend_from_slice(b"\r\n");
                    None
                }
                left => {
                    let left = self.dialogue.out.write_rest(left);
                    if self.dialogue.out.is_enough() {
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
        if !self.dialogue.out.bytes.is_empty() {
            stream::write(&mut self.io, &self.dialogue.out.bytes).await?;
        }
        self.dialogue.out.sent();
        Ok(())
    }
}
