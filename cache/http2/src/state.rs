//! What a connection and the streams on it share, and how streams begin and end.

mod receiving;
mod sending;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::{Bytes, BytesMut};

use crate::error::Reason;
use crate::frame::{self, INITIAL_WINDOW, MAX_PAYLOAD};
use crate::hpack::Encoder;
use crate::output::Output;

/// Bytes of answers that wait for the socket before senders have to, and before nothing more is taken from a peer.
const MOST_WAITING: usize = 256 * 1024;

/// Streams that are known to have been reset. For those before, a peer that goes on sending is told again.
const RESETS: usize = 1024;

/// The state of one connection. Nearly all of its users run on the connection's own thread.
pub(crate) struct Link(Mutex<State>);

impl Link {
    pub(crate) fn new(state: State) -> Self {
        Self(Mutex::new(state))
    }

    /// No code that holds it can panic half-way through a change.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct State {
    pub(crate) streams: Streams,
    /// Streams that are not closed.
    pub(crate) open: usize,
    /// What is to be written next.
    pub(crate) out: Output,
    /// Bytes before that.
    pub(crate) writing: usize,
    pub(crate) encoder: Encoder,
    /// What the peer takes.
    pub(crate) send_window: i64,
    pub(crate) initial_send_window: i64,
    pub(crate) max_payload: usize,
    /// What this side takes: of the connection, of a new stream.
    receive_window: u32,
    receive_target: u32,
    pub(crate) initial_receive_window: u32,
    /// By how much that is less than what a peer goes by that has not read its settings (RFC 9113, section 6.9.3).
    unasked_window: u32,
    /// Bytes taken since the peer was last told.
    taken: u32,
    /// Streams that wait for the connection's window, or for the socket, the longest waiting first. Those that wait for
    /// a window of their own are not among them.
    blocked: VecDeque<u32>,
    /// Streams whose senders were woken for a part of the connection's window, which is set aside for them.
    woken: Vec<u32>,
    /// All that is.
    reserved: i64,
    /// They have had their turn.
    is_their_turn_over: bool,
    /// Streams that this side has reset, the last [`RESETS`] of them.
    resets: VecDeque<u32>,
    /// The connection's task, if it waits.
    pub(crate) task: Option<Waker>,
    pub(crate) is_over: bool,
}

/// Streams by number.
pub(crate) type Streams = HashMap<u32, Stream, BuildHasherDefault<Numbers>>;

/// Numbers of streams rise by two; the highest bits, which the map looks at too, are filled by the factor.
#[derive(Default)]
pub(crate) struct Numbers(u64);

impl Hasher for Numbers {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        // 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4).
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// What came of a body and was not taken.
pub(crate) enum Inbox {
    Empty,
    /// All of it, where it was read.
    Whole(Bytes),
    /// Some of it, copied, so that little bytes do not keep much.
    Part(BytesMut),
}

pub(crate) struct Stream {
    /// How many of the two handles are held.
    pub(crate) handles: u8,
    pub(crate) is_closed: bool,
    pub(crate) reset: Option<Reason>,

    pub(crate) inbox: Inbox,
    /// The peer has ended.
    pub(crate) is_received: bool,
    /// Nobody takes what comes.
    is_unread: bool,
    receive_window: i64,
    taken: u32,
    /// Bytes that are missing to the announced length.
    missing: Option<u64>,
    pub(crate) receiver: Option<Waker>,

    /// The head of the answer is sent.
    is_begun: bool,
    /// Nothing more will be sent than what is here.
    is_ended: bool,
    /// All of it was.
    is_sent: bool,
    outbox: VecDeque<Bytes>,
    trailers: Option<Vec<(String, Vec<u8>)>>,
    send_window: i64,
    /// What is set aside for it of the connection's.
    reserved: i64,
    is_blocked: bool,
    pub(crate) sender: Option<Waker>,
    pub(crate) watcher: Option<Waker>,
}

/// A field to be sent. Its name is in lower case.
pub type Field<'a> = (&'a str, &'a [u8]);

/// What the peer has done wrong on a stream, or on the connection.
pub(crate) enum Wrong {
    Stream(Reason),
    Connection(Reason, &'static str),
}

impl State {
    pub(crate) fn new(stream_window: u32, connection_window: u32) -> Self {
        Self {
            streams: HashMap::default(),
            open: 0,
            out: Output::default(),
            writing: 0,
            encoder: Encoder::default(),
            send_window: INITIAL_WINDOW.into(),
            initial_send_window: INITIAL_WINDOW.into(),
            max_payload: MAX_PAYLOAD,
            receive_window: connection_window,
            receive_target: connection_window,
            initial_receive_window: stream_window,
            unasked_window: INITIAL_WINDOW.saturating_sub(stream_window),
            taken: 0,
            blocked: VecDeque::new(),
            woken: Vec::new(),
            reserved: 0,
            is_their_turn_over: false,
            resets: VecDeque::new(),
            task: None,
            is_over: false,
        }
    }

    /// Whether as much waits for the socket as may.
    pub(crate) fn is_full(&self) -> bool {
        self.out.len() + self.writing > MOST_WAITING
    }

    /// Wakes the connection's task if there is something to write.
    pub(crate) fn wake(&mut self) {
        if !self.out.is_empty()
            && let Some(task) = self.task.take()
        {
            task.wake();
        }
    }

    pub(crate) fn open(&mut self, id: u32, missing: Option<u64>) {
        self.open += 1;
        let stream = Stream {
            handles: 2,
            is_closed: false,
            reset: None,
            inbox: Inbox::Empty,
            is_received: false,
            is_unread: false,
            receive_window: i64::from(self.initial_receive_window) + i64::from(self.unasked_window),
            taken: 0,
            missing,
            receiver: None,
            is_begun: false,
            is_ended: false,
            is_sent: false,
            outbox: VecDeque::new(),
            trailers: None,
            send_window: self.initial_send_window,
            reserved: 0,
            is_blocked: false,
            sender: None,
            watcher: None,
        };
        self.streams.insert(id, stream);
    }

    /// The stream of this number, unless it is closed.
    fn live(&mut self, id: u32) -> Option<&mut Stream> {
        self.streams.get_mut(&id).filter(|stream| !stream.is_closed)
    }

    /// Resets a stream.
    pub(crate) fn reset(&mut self, id: u32, reason: Reason) {
        if self.live(id).is_some() {
            self.put_reset(id, reason);
            self.close(id, Some(reason));
        }
        self.settle(id);
    }

    /// Whether this side has reset a stream, as far as it is known: what the peer sends until it has heard of it is to
    /// be thrown away (RFC 9113, section 5.1).
    pub(crate) fn has_reset(&self, id: u32) -> bool {
        self.resets.contains(&id)
    }

    pub(crate) fn put_reset(&mut self, id: u32, reason: Reason) {
        if self.resets.len() == RESETS {
            self.resets.pop_front();
        }
        self.resets.push_back(id);
        self.out.put(|into| frame::put_number(into, frame::RST_STREAM, id, reason.code()));
    }

    fn close(&mut self, id: u32, reset: Option<Reason>) {
        let Some(stream) = self.live(id) else { return };
        stream.is_closed = true;
        stream.reset = reset;
        stream.outbox = VecDeque::new();
        stream.trailers = None;
        stream.wake_all();
        let (reserved, is_blocked) =
            (std::mem::take(&mut stream.reserved), std::mem::take(&mut stream.is_blocked));
        self.reserved -= reserved;
        self.send_window += reserved;
        if is_blocked {
            self.blocked.retain(|blocked| *blocked != id);
        }
        self.open -= 1;
    }

    /// A handle is dropped; `unread`, it was the one that takes what comes.
    pub(crate) fn drop_handle(&mut self, id: u32, unread: bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.handles = stream.handles.saturating_sub(1);
        if unread {
            stream.is_unread = true;
            if let Some(bytes) = self.take(id) {
                drop(bytes);
            }
        }
        self.settle(id);
        self.wake();
    }

    /// Closes and forgets a stream as far as it is over.
    fn settle(&mut self, id: u32) {
        let is_over = self.is_over;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if is_over {
            if stream.handles == 0 {
                self.streams.remove(&id);
            }
            return;
        }
        if !stream.is_closed {
            if stream.is_received && stream.is_sent {
                self.close(id, None);
            } else if stream.handles == 0 && stream.is_sent {
                // All is answered: the rest of the request is of no use (RFC 9113, section 8.1).
                return self.reset(id, Reason::NO_ERROR);
            } else if stream.handles == 0 && !stream.is_ended {
                return self.reset(id, Reason::CANCEL);
            }
        }
        let Some(stream) = self.streams.get(&id) else { return };
        if stream.is_closed && stream.handles == 0 {
            // What nobody has taken is of no use.
            let _ = self.take(id);
            self.streams.remove(&id);
        }
    }

    /// The connection is over.
    pub(crate) fn end(&mut self) {
        self.is_over = true;
        self.task = None;
        self.out = Output::default();
        self.blocked = VecDeque::new();
        self.streams.retain(|_, stream| stream.handles > 0);
        for stream in self.streams.values_mut() {
            stream.outbox = VecDeque::new();
            stream.wake_all();
        }
    }
}

impl Stream {
    fn wake_all(&mut self) {
        for waker in [self.receiver.take(), self.sender.take(), self.watcher.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

#[cfg(test)]
impl State {
    /// Whether nothing is left of any stream, and all of the window is granted, or will be with what is taken next.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.streams.is_empty()
            && self.open == 0
            && self.blocked.is_empty()
            && self.reserved == 0
            && self.receive_window + self.taken == self.receive_target
    }
}
