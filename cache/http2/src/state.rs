//! What a connection and the streams on it share.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::{Bytes, BytesMut};

use crate::error::{Gone, Reason};
use crate::frame::{self, INITIAL_WINDOW, MAX_PAYLOAD, MAX_WINDOW};
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

    // What the peer sends.

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

    /// The stream of this number, if its peer may still send on it.
    pub(crate) fn receiving(&mut self, id: u32) -> Result<&mut Stream, Wrong> {
        let stream = self.live(id).filter(|stream| !stream.is_received);
        stream.ok_or(Wrong::Stream(Reason::STREAM_CLOSED))
    }

    /// The stream of this number, unless it is closed.
    fn live(&mut self, id: u32) -> Option<&mut Stream> {
        self.streams.get_mut(&id).filter(|stream| !stream.is_closed)
    }

    /// Takes a frame of DATA that occupies `length` bytes of the windows, padding included.
    pub(crate) fn data(&mut self, id: u32, length: u32, data: Bytes, is_last: bool) -> Result<(), Wrong> {
        const BEYOND: Wrong =
            Wrong::Connection(Reason::FLOW_CONTROL_ERROR, "more data than the connection's window");
        self.receive_window = self.receive_window.checked_sub(length).ok_or(BEYOND)?;
        let took = self.take_data(id, length, data, is_last);
        // What nobody will take is taken already.
        match took {
            Ok(0) => {}
            Ok(left) => self.took(id, left),
            Err(_) => self.took_of_all(length),
        }
        if took.is_ok() && is_last {
            self.settle(id);
        }
        took.map(|_| ())
    }

    /// The bytes that are of no use.
    fn take_data(&mut self, id: u32, length: u32, data: Bytes, is_last: bool) -> Result<u32, Wrong> {
        let stream = self.receiving(id)?;
        stream.receive_window -= i64::from(length);
        if stream.receive_window < 0 {
            return Err(Wrong::Stream(Reason::FLOW_CONTROL_ERROR));
        }
        if let Some(missing) = &mut stream.missing {
            let left = missing.checked_sub(data.len() as u64).filter(|left| !is_last || *left == 0);
            *missing = left.ok_or(Wrong::Stream(Reason::PROTOCOL_ERROR))?;
        }
        stream.is_received = is_last;
        if stream.is_unread {
            return Ok(length);
        }
        let padding = length - data.len() as u32;
        if data.is_empty() && !is_last {
            return Ok(padding);
        }
        match &mut stream.inbox {
            _ if data.is_empty() => {}
            Inbox::Empty if is_last => stream.inbox = Inbox::Whole(data),
            Inbox::Part(part) => part.extend_from_slice(&data),
            _ => stream.inbox = Inbox::Part(BytesMut::from(&data[..])),
        }
        if let Some(receiver) = stream.receiver.take() {
            receiver.wake();
        }
        Ok(padding)
    }

    /// The peer has ended a stream, without data or with trailers.
    pub(crate) fn received(&mut self, id: u32) -> Result<(), Wrong> {
        let stream = self.receiving(id)?;
        if stream.missing.is_some_and(|missing| missing > 0) {
            return Err(Wrong::Stream(Reason::PROTOCOL_ERROR));
        }
        stream.is_received = true;
        if let Some(receiver) = stream.receiver.take() {
            receiver.wake();
        }
        self.settle(id);
        Ok(())
    }

    /// The peer has reset a stream.
    pub(crate) fn reset_by_peer(&mut self, id: u32, reason: Reason) {
        self.close(id, Some(reason));
        self.settle(id);
    }

    /// The peer has room for more: on a stream, or on the connection (0).
    pub(crate) fn grant(&mut self, id: u32, more: u32) -> Result<(), Wrong> {
        let most = i64::from(MAX_WINDOW);
        if id == 0 {
            self.send_window += i64::from(more);
            if more == 0 {
                return Err(Wrong::Connection(Reason::PROTOCOL_ERROR, "a window grows by nothing"));
            }
            if self.send_window + self.reserved > most {
                return Err(Wrong::Connection(Reason::FLOW_CONTROL_ERROR, "a window grows beyond its limit"));
            }
            self.unblock();
            return Ok(());
        }
        let Some(stream) = self.live(id) else { return Ok(()) };
        if more == 0 {
            return Err(Wrong::Stream(Reason::PROTOCOL_ERROR));
        }
        stream.send_window += i64::from(more);
        if stream.send_window > most {
            return Err(Wrong::Stream(Reason::FLOW_CONTROL_ERROR));
        }
        if let Some(sender) = stream.sender.take() {
            sender.wake();
        }
        self.pump(id);
        Ok(())
    }

    /// The peer has read what it was granted first, and is held to it.
    pub(crate) fn settings_are_known(&mut self) {
        let less = i64::from(std::mem::take(&mut self.unasked_window));
        if less > 0 {
            self.streams.values_mut().for_each(|stream| stream.receive_window -= less);
        }
    }

    /// The peer gives each stream another window, the last of some of which `highest` was the largest. What waits for it
    /// is looked at with the next `unblock`.
    pub(crate) fn set_send_window(&mut self, window: u32, highest: u32) -> Result<(), Wrong> {
        let most = i64::from(MAX_WINDOW) - i64::from(highest) + self.initial_send_window;
        let change = i64::from(window) - self.initial_send_window;
        self.initial_send_window = window.into();
        for (id, stream) in self.streams.iter_mut().filter(|(_, stream)| !stream.is_closed) {
            if stream.send_window > most {
                return Err(Wrong::Connection(Reason::FLOW_CONTROL_ERROR, "a window grows beyond its limit"));
            }
            stream.send_window += change;
            let has_waited = !stream.outbox.is_empty() || stream.sender.is_some();
            if change > 0 && has_waited && !stream.is_blocked {
                stream.is_blocked = true;
                self.blocked.push_back(*id);
            }
        }
        Ok(())
    }

    // What is taken of it.

    /// Takes what is there of a body.
    pub(crate) fn take(&mut self, id: u32) -> Option<Bytes> {
        let stream = self.streams.get_mut(&id)?;
        let bytes = match std::mem::replace(&mut stream.inbox, Inbox::Empty) {
            Inbox::Empty => return None,
            Inbox::Whole(bytes) => bytes,
            Inbox::Part(part) => part.freeze(),
        };
        let length = bytes.len() as u32;
        if stream.is_received {
            self.took_of_all(length)
        } else {
            self.took(id, length)
        }
        Some(bytes)
    }

    /// Bytes that came on a stream are of no more concern. Half a window at a time: neither is the peer held up nor told
    /// of each piece.
    fn took(&mut self, id: u32, bytes: u32) {
        if let Some(stream) = self.streams.get_mut(&id)
            && !stream.is_received
            && !stream.is_closed
            && !stream.is_unread
        {
            stream.taken += bytes;
            if !self.is_over && stream.taken > 0 && stream.taken >= self.initial_receive_window / 2 {
                stream.receive_window += i64::from(stream.taken);
                let taken = std::mem::take(&mut stream.taken);
                self.out.put(|into| frame::put_number(into, frame::WINDOW_UPDATE, id, taken));
            }
        }
        self.took_of_all(bytes);
    }

    /// The same for the connection's window alone.
    fn took_of_all(&mut self, bytes: u32) {
        self.taken += bytes;
        if !self.is_over && self.taken > 0 && self.taken >= self.receive_target / 2 {
            self.receive_window += self.taken;
            let taken = std::mem::take(&mut self.taken);
            self.out.put(|into| frame::put_number(into, frame::WINDOW_UPDATE, 0, taken));
        }
    }

    /// Grants larger windows, to streams that are there as well.
    pub(crate) fn widen(&mut self, stream_window: u32, connection_window: u32) {
        let more = stream_window.saturating_sub(self.initial_receive_window);
        if more > 0 {
            self.initial_receive_window = stream_window;
            // The peer adds as much to each of them when it reads the setting.
            self.streams.values_mut().for_each(|stream| stream.receive_window += i64::from(more));
            let setting = [(frame::SETTINGS_INITIAL_WINDOW_SIZE, stream_window)];
            self.out.put(|into| frame::put_settings(into, &setting));
        }
        let more = connection_window.saturating_sub(self.receive_target);
        if more > 0 {
            self.receive_target = connection_window;
            self.receive_window += more;
            self.out.put(|into| frame::put_number(into, frame::WINDOW_UPDATE, 0, more));
        }
    }

    // What is sent.

    /// Whether anything may be sent on a stream, and if not, why.
    pub(crate) fn may_send(&mut self, id: u32) -> Result<&mut Stream, Gone> {
        if self.is_over {
            return Err(Gone::Connection);
        }
        match self.streams.get_mut(&id) {
            Some(Stream { reset: Some(reason), .. }) => Err(Gone::Reset(*reason)),
            Some(stream) if !stream.is_ended => Ok(stream),
            _ => Err(Gone::Ended),
        }
    }

    /// Sends the head of an answer.
    pub(crate) fn send_head(
        &mut self,
        id: u32,
        status: u16,
        fields: &[Field<'_>],
        is_last: bool,
    ) -> Result<(), Gone> {
        let stream = self.may_send(id)?;
        if stream.is_begun {
            return Err(Gone::Ended);
        }
        stream.is_begun = true;
        if is_last {
            (stream.is_ended, stream.is_sent) = (true, true);
        }
        self.put_fields(id, Some(status), fields, is_last);
        if is_last {
            self.settle(id);
        }
        Ok(())
    }

    /// Sends bytes as soon as the windows allow.
    pub(crate) fn send_data(&mut self, id: u32, data: Bytes, is_last: bool) -> Result<(), Gone> {
        let window = self.send_window;
        let max_payload = self.max_payload;
        let stream = self.may_send(id)?;
        stream.is_ended = is_last;
        let length = data.len() as i64;
        if stream.outbox.is_empty()
            && length <= stream.send_window.min(window + stream.reserved)
            && data.len() <= max_payload
            && (is_last || length > 0)
        {
            stream.is_sent = is_last;
            self.spend(id, length);
            self.put_data(id, data, is_last);
        } else {
            stream.outbox.push_back(data);
            self.pump(id);
        }
        if is_last {
            self.settle(id);
        }
        Ok(())
    }

    /// Ends a stream with fields behind its data.
    pub(crate) fn send_trailers(&mut self, id: u32, fields: &[Field<'_>]) -> Result<(), Gone> {
        let stream = self.may_send(id)?;
        stream.is_ended = true;
        if stream.outbox.is_empty() {
            stream.is_sent = true;
            self.put_fields(id, None, fields, true);
            self.settle(id);
        } else {
            let owned = fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec()));
            stream.trailers = Some(owned.collect());
        }
        Ok(())
    }

    /// Bytes that would be sent at once.
    pub(crate) fn room(&mut self, id: u32) -> Result<usize, Gone> {
        let is_full = self.is_full();
        let window = self.send_window;
        let stream = self.may_send(id)?;
        if is_full || !stream.outbox.is_empty() {
            return Ok(0);
        }
        Ok(usize::try_from(stream.send_window.min(window + stream.reserved)).unwrap_or(0))
    }

    /// Takes bytes from the windows: what is set aside for the stream first.
    fn spend(&mut self, id: u32, bytes: i64) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.send_window -= bytes;
        let reserved = stream.reserved.min(bytes);
        stream.reserved -= reserved;
        self.reserved -= reserved;
        self.send_window -= bytes - reserved;
    }

    /// Has a stream looked at when there may be room again. If its own window is what it lacks, it is without this.
    pub(crate) fn block(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id)
            && !stream.is_blocked
            && stream.send_window > 0
        {
            stream.is_blocked = true;
            self.blocked.push_back(id);
        }
    }

    /// Looks at the streams that had no room, as long as there is some, in the window and before the socket.
    pub(crate) fn unblock(&mut self) {
        for _ in 0..self.blocked.len() {
            if self.send_window <= 0 || self.is_full() {
                return;
            }
            let Some(id) = self.blocked.pop_front() else { return };
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            stream.is_blocked = false;
            if let Some(sender) = stream.sender.take() {
                // Those behind it, and answers that are sent before it has its turn, would leave it nothing.
                let part = self.send_window.min(self.max_payload as i64);
                stream.reserved += part;
                self.reserved += part;
                self.send_window -= part;
                self.woken.push(id);
                sender.wake();
            }
            self.pump(id);
        }
    }

    /// The connection's task waits, so that others have their turn; whether it is to be woken after them.
    pub(crate) fn yields(&mut self) -> bool {
        let is_new = !self.woken.is_empty() && !self.is_their_turn_over;
        self.is_their_turn_over |= is_new;
        is_new
    }

    /// Gives to others what is left of what was set aside.
    pub(crate) fn resume(&mut self) {
        if std::mem::take(&mut self.is_their_turn_over) {
            for id in std::mem::take(&mut self.woken) {
                let left = self.streams.get_mut(&id).map_or(0, |stream| std::mem::take(&mut stream.reserved));
                self.reserved -= left;
                self.send_window += left;
            }
            self.unblock();
        }
    }

    /// Sends what a stream holds as far as the windows allow.
    fn pump(&mut self, id: u32) {
        loop {
            let (window, max_payload) = (self.send_window, self.max_payload);
            let Some(stream) = self.live(id) else { return };
            let Some(first) = stream.outbox.front_mut() else { break };
            let window = window + stream.reserved;
            let room = usize::try_from(stream.send_window.min(window)).unwrap_or(0).min(max_payload);
            if room == 0 && !first.is_empty() {
                return self.block(id);
            }
            let piece = first.split_to(room.min(first.len()));
            if first.is_empty() {
                stream.outbox.pop_front();
            }
            let length = piece.len() as i64;
            let is_last = stream.outbox.is_empty() && stream.is_ended && stream.trailers.is_none();
            stream.is_sent = is_last;
            self.spend(id, length);
            if is_last || length > 0 {
                self.put_data(id, piece, is_last);
            }
        }
        if let Some(stream) = self.live(id)
            && let Some(trailers) = stream.trailers.take()
        {
            stream.is_sent = true;
            let fields: Vec<_> = trailers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            self.put_fields(id, None, &fields, true);
        }
        self.settle(id);
    }

    fn put_data(&mut self, id: u32, data: Bytes, is_last: bool) {
        let flags = if is_last { frame::END_STREAM } else { 0 };
        self.out.put(|into| frame::put_head(into, data.len(), frame::DATA, flags, id));
        self.out.push(data);
    }

    /// Writes a block of fields, in as many frames as it takes.
    pub(crate) fn put_fields(&mut self, id: u32, status: Option<u16>, fields: &[Field<'_>], is_last: bool) {
        let (encoder, max_payload) = (&mut self.encoder, self.max_payload);
        let last = if is_last { frame::END_STREAM } else { 0 };
        self.out.put(|into| {
            let begin = into.len();
            frame::put_head(into, 0, frame::HEADERS, last | frame::END_HEADERS, id);
            encoder.encode(status, fields, into);
            let block = into.len() - begin - frame::HEAD_BYTES;
            if block <= max_payload {
                let [_, length @ ..] = (block as u32).to_be_bytes();
                into[begin..begin + length.len()].copy_from_slice(&length);
                return;
            }
            let block = into.split_off(begin + frame::HEAD_BYTES);
            into.truncate(begin);
            let count = block.len().div_ceil(max_payload);
            for (at, part) in block.chunks(max_payload).enumerate() {
                let (kind, flags) = if at == 0 { (frame::HEADERS, last) } else { (frame::CONTINUATION, 0) };
                let end = if at + 1 == count { frame::END_HEADERS } else { 0 };
                frame::put_head(into, part.len(), kind, flags | end, id);
                into.extend_from_slice(part);
            }
        });
    }

    // How streams end.

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
