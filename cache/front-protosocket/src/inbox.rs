//! What has come from a peer, and the commands in it.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::{Instant, timeout_at};

use kura_front::Pace;
use kura_pages::Buffer;

use crate::Front;
use crate::batch::{ALONE_BYTES, Batch, Next};
use crate::caller::Caller;
use crate::reply::Answers;

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
/// Longest message of a peer that has not authenticated: room for a token of 4 KiB.
pub(crate) const STRANGER_BYTES: u64 = 8 * 1024;
/// Answers that are encoded before they are sent. More commands wait unread or undone.
const ANSWER_BYTES: usize = 64 * 1024;
/// Largest buffer that a connection keeps while it has nothing to do.
const KEPT_BYTES: usize = 1024;

thread_local! {
    /// Where connections of this thread read to. What is left of a read goes with its connection,
    /// so one that is silent holds nothing.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Bytes that were read and not dealt with.
pub(crate) struct Inbox {
    rest: Vec<u8>,
    /// Whether there may be a whole message in `rest`: it stopped because of the answers.
    more: bool,
    /// Of the message that is on its way.
    pace: Option<Pace>,
}

/// What came.
pub(crate) enum Heard {
    /// Commands, or a part of one.
    Some,
    /// The beginning of a message of so many bytes that needs a buffer of its own.
    Large(usize),
    /// The beginning of a message that is longer than allowed.
    TooLong(u64),
    /// A length that is none.
    Broken,
    /// The peer's end.
    End,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { rest: Vec::new(), more: false, pace: None }
    }

    /// Whether no message is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// When the message that is on its way is too slow.
    pub(crate) fn limit(&self) -> Option<Instant> {
        self.pace.as_ref().map(Pace::limit)
    }

    /// The beginning of the message that is on its way, without its length.
    pub(crate) fn begun(&self) -> &[u8] {
        &self.rest
    }

    /// Reads once, unless there is something left from before, and has the commands carried out.
    pub(crate) fn poll_hear<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
        front: &Front,
        caller: &mut Caller,
        answers: &mut Answers,
    ) -> Poll<io::Result<Heard>> {
        let mut scratch = SCRATCH.take();
        scratch.resize(READ_BYTES, 0);
        let heard = self.read(cx, io, &mut scratch).map_ok(|filled| match filled {
            None => Heard::End,
            Some(filled) => self.carry_out(scratch.get(..filled).unwrap_or_default(), front, caller, answers),
        });
        SCRATCH.set(scratch);
        heard
    }

    /// Fills `scratch` with what is left and what comes; none at the peer's end.
    fn read<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
        scratch: &mut [u8],
    ) -> Poll<io::Result<Option<usize>>> {
        let (front, room) = scratch.split_at_mut(self.rest.len());
        let mut came = 0;
        if !self.more {
            let mut room = ReadBuf::new(room);
            ready!(Pin::new(io).poll_read(cx, &mut room))?;
            came = room.filled().len();
            if came == 0 {
                return Poll::Ready(Ok(None));
            }
        }
        front.copy_from_slice(&self.rest);
        Poll::Ready(Ok(Some(front.len() + came)))
    }

    fn carry_out(&mut self, held: &[u8], front: &Front, caller: &mut Caller, answers: &mut Answers) -> Heard {
        answers.begin();
        let mut at = 0;
        let (mut heard, mut more) = (Heard::Some, false);
        while let Some(left) = held.get(at..).filter(|left| !left.is_empty()) {
            let now = front.commands.now();
            let most = match caller.is_known() {
                true => front.commands.limits().max_request_bytes as u64,
                false => STRANGER_BYTES,
            };
            let batch = Batch::read(left, most);
            let next = batch.next;
            caller.fetch_ahead(front, &batch);
            for message in batch.into_messages() {
                if answers.are_enough(ANSWER_BYTES) {
                    break;
                }
                caller.hear(front, now, message.request, answers);
                at += message.bytes;
            }
            if answers.are_enough(ANSWER_BYTES) {
                more = at < held.len();
                break;
            }
            heard = match next {
                Next::Batch => continue,
                Next::Partial => Heard::Some,
                Next::Broken => Heard::Broken,
                Next::Large { start, length } => {
                    at += start;
                    Heard::Large(length)
                }
                Next::TooLong { start, length } => {
                    at += start;
                    Heard::TooLong(length)
                }
            };
            break;
        }
        self.keep(held.get(at..).unwrap_or_default(), at > 0, more);
        heard
    }

    /// Keeps what is left; `moved` says that what was on its way is there now.
    fn keep(&mut self, left: &[u8], moved: bool, more: bool) {
        self.rest.clear();
        self.more = more;
        if left.is_empty() {
            self.rest.shrink_to(KEPT_BYTES);
            self.pace = None;
            return;
        }
        self.rest.extend_from_slice(left);
        let now = Instant::now();
        match &mut self.pace {
            Some(pace) if !moved => pace.reached(left.len(), now),
            pace => *pace = Some(Pace::start(now)),
        }
    }

    /// Reads the message that is on its way into a buffer of its own.
    pub(crate) async fn receive<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        length: usize,
    ) -> io::Result<Buffer> {
        let mut message = Buffer::with_capacity(length);
        message.extend_from_slice(&self.rest);
        self.forget();
        let mut pace = Pace::start(Instant::now());
        while message.as_slice().len() < length {
            let missing = length - message.as_slice().len();
            let came = within(&pace, io.read(&mut message.unfilled()[..missing])).await?;
            if came == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            message.advance(came);
            pace.reached(message.as_slice().len(), Instant::now());
        }
        Ok(message)
    }

    /// Reads over the message that is on its way.
    pub(crate) async fn pass_over<S: AsyncRead + Unpin>(
        &mut self,
        io: &mut S,
        length: u64,
    ) -> io::Result<()> {
        // What was read with it may hold its end, and messages behind it.
        let here = usize::try_from(length).unwrap_or(usize::MAX).min(self.rest.len());
        let mut left = length - here as u64;
        if left == 0 {
            self.rest.drain(..here);
            self.more = !self.rest.is_empty();
            self.pace = None;
            return Ok(());
        }
        self.forget();
        let mut pace = Pace::start(Instant::now());
        let mut came = 0_usize;
        let mut nowhere = BytesMut::with_capacity(ALONE_BYTES);
        while left > 0 {
            nowhere.clear();
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(ALONE_BYTES);
            let mut room = (&mut nowhere).limit(most);
            let read = within(&pace, io.read_buf(&mut room)).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= read as u64;
            came += read;
            pace.reached(came, Instant::now());
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.rest = Vec::new();
        self.pace = None;
    }
}

async fn within<T>(pace: &Pace, read: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let read = timeout_at(pace.limit(), read).await;
    read.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, pace.too_slow().message))?
}
