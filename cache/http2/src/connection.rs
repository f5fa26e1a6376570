//! One connection: what is read from it, and when it is written to.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::error::{Error, Reason};
use crate::frame::{self, HEAD_BYTES, Head as FrameHead, INITIAL_WINDOW, MAX_PAYLOAD, MAX_WINDOW};
use crate::head::{Heads, Read};
use crate::hpack::Malformed;
use crate::output::Output;
use crate::state::{Link, State, Wrong};
use crate::stream::{RecvStream, Request, SendResponse};

/// Bytes read at a time. What is among them is dealt with before more are read, so a peer that opens and cancels
/// streams, or asks for answers that it does not take, is held back by TCP.
const READ_BYTES: usize = 64 * 1024;

/// Requests taken before the first of them is answered.
const BATCH: usize = 64;

/// Calls whose handles are held, cancelled ones among them, for each stream that may be open.
const HELD: usize = 4;

/// Pieces of a header block. Nobody needs more for what [`Options::max_head_bytes`] allows.
const MAX_FRAGMENTS: usize = 32;

/// Bytes of a header block for each that it says: Huffman codes have up to 30 bits, and some clients use them always.
const MOST_CODED: usize = 4;

/// What the PING of a farewell says: its answer tells that the peer has seen the GOAWAY before it.
const FAREWELL: [u8; 8] = *b"farewell";

/// What a peer is granted.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Streams open at a time.
    pub max_concurrent_streams: u32,
    /// Bytes of a head, each field counting 32 beside its own.
    pub max_head_bytes: u32,
    /// Bytes of a body that may wait here: at most the protocol's 2,147,483,647.
    pub stream_window: u32,
    /// Bytes of all bodies that may: at least the protocol's 65,535, and as much at most.
    pub connection_window: u32,
}

thread_local! {
    /// Where bytes are read into. A connection that waits holds none of it.
    static READ: Cell<BytesMut> = Cell::default();
}

/// A connection. It has to be polled for anything to happen on its streams.
pub struct Connection<S> {
    io: S,
    pub(crate) link: Arc<Link>,
    /// What was read and not taken.
    input: Bytes,
    /// Whether that is a copy of its own.
    is_input_apart: bool,
    /// Whether the last reading filled its room, so that more may be there.
    is_behind: bool,
    /// What is being written.
    pub(crate) writing: Output,
    heads: Heads,
    block: Option<Block>,
    max_streams: usize,
    last_stream: u32,
    is_greeted: bool,
    stage: Stage,
}

/// A header block that has not ended.
struct Block {
    stream: u32,
    is_last: bool,
    bytes: BytesMut,
    fragments: usize,
}

enum Stage {
    Open,
    /// The peer was asked to open no more streams, and its answer is waited for.
    Asked,
    /// It has opened all it will.
    Told,
    /// It broke the protocol, and is told so.
    Broken(Reason, &'static str),
}

impl<S> Connection<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Exchanges the first bytes with a client.
    ///
    /// # Errors
    /// It is gone, or does not speak HTTP/2.
    pub async fn handshake(io: S, options: &Options) -> Result<Self, Error> {
        let mut state = State::new(options.stream_window, options.connection_window.max(INITIAL_WINDOW));
        state.out.put(|into| {
            frame::put_settings(
                into,
                &[
                    (frame::SETTINGS_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams),
                    (frame::SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window),
                    (frame::SETTINGS_MAX_HEADER_LIST_SIZE, options.max_head_bytes),
                ],
            );
            if let Some(more) = options.connection_window.checked_sub(INITIAL_WINDOW).filter(|more| *more > 0)
            {
                frame::put_number(into, frame::WINDOW_UPDATE, 0, more);
            }
        });
        let mut connection = Self {
            io,
            link: Arc::new(Link::new(state)),
            input: Bytes::new(),
            is_input_apart: true,
            is_behind: false,
            writing: Output::default(),
            heads: Heads::new(options.max_head_bytes as usize),
            block: None,
            max_streams: options.max_concurrent_streams as usize,
            last_stream: 0,
            is_greeted: false,
            stage: Stage::Open,
        };
        poll_fn(|cx| connection.poll_preface(cx)).await?;
        Ok(connection)
    }

    fn poll_preface(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let _ = self.poll_write(cx)?;
        loop {
            let there = self.input.len().min(frame::PREFACE.len());
            if self.input[..there] != frame::PREFACE[..there] {
                return Poll::Ready(Err(Error::NotHttp2));
            }
            if there == frame::PREFACE.len() {
                self.input.advance(there);
                return Poll::Ready(Ok(()));
            }
            if !ready!(self.poll_read(cx))? {
                return Poll::Ready(Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()));
            }
        }
    }

    /// Takes requests, as many as have come up to some dozens; false once there will be none. Answers are written when
    /// all that has come is taken.
    ///
    /// # Errors
    /// What ended the connection.
    pub fn poll_requests(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut Vec<Request>,
    ) -> Poll<Result<bool, Error>> {
        loop {
            let mut state = self.link.lock();
            state.resume();
            let is_held_back = state.is_full();
            drop(state);
            if !is_held_back && !matches!(self.stage, Stage::Broken(..)) && self.take_frames(into) {
                return Poll::Ready(Ok(true));
            }
            let is_written = self.poll_write(cx)?.is_ready();
            if let Stage::Broken(reason, text) = self.stage {
                if is_written {
                    ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
                    return Poll::Ready(Err(Error::Broken { reason, text }));
                }
                return Poll::Pending;
            }
            let mut state = self.link.lock();
            if is_written && !state.out.is_empty() {
                continue;
            }
            if matches!(self.stage, Stage::Told) && state.open == 0 && is_written {
                drop(state);
                ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
                return Poll::Ready(Ok(false));
            }
            // Until the first `Pending` of what is polled next, nobody but this task has to know of anything.
            state.task = Some(cx.waker().clone());
            if state.is_full() {
                if state.yields() {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            if is_held_back {
                continue;
            }
            drop(state);
            let is_read = match self.poll_read(cx) {
                Poll::Pending => {
                    self.writing.release();
                    let mut state = self.link.lock();
                    state.out.release();
                    if state.yields() {
                        cx.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                }
                Poll::Ready(is_read) => is_read?,
            };
            self.link.lock().task = None;
            if !is_read {
                return Poll::Ready(Ok(false));
            }
        }
    }

    /// Whether more has come than was taken, as far as it is known without reading.
    pub fn has_more(&self) -> bool {
        self.is_behind
            || FrameHead::read(&self.input).is_some_and(|head| self.input.len() >= HEAD_BYTES + head.length)
    }

    /// Asks the peer to open no more streams; once all are closed, the connection is over.
    pub fn graceful_shutdown(&mut self) {
        if !matches!(self.stage, Stage::Open) {
            return;
        }
        self.stage = Stage::Asked;
        let mut state = self.link.lock();
        state.out.put(|into| {
            frame::put_goaway(into, MAX_WINDOW, Reason::NO_ERROR, "");
            frame::put_head(into, FAREWELL.len(), frame::PING, 0, 0);
            into.extend_from_slice(&FAREWELL);
        });
    }

    /// Grants a peer larger windows: for a body, and for all of them.
    pub fn widen(&mut self, stream_window: u32, connection_window: u32) {
        self.link.lock().widen(stream_window, connection_window);
    }

    /// Whether a stream is open.
    pub fn has_streams(&self) -> bool {
        self.link.lock().open > 0
    }

    /// Writes what there is.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if self.writing.is_empty() {
                let mut state = self.link.lock();
                // Who waited for the socket goes on.
                state.writing = 0;
                if state.out.is_empty() {
                    return Pin::new(&mut self.io).poll_flush(cx).map_err(Error::from);
                }
                std::mem::swap(&mut self.writing, &mut state.out);
                state.writing = self.writing.len();
            }
            let written = self.writing.poll_write(&mut self.io, cx);
            let mut state = self.link.lock();
            state.writing = self.writing.len();
            ready!(written)?;
            state.unblock();
        }
    }

    /// Reads what has come; false if nothing will.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        let mut buffer = READ.take();
        if !buffer.try_reclaim(READ_BYTES) && buffer.capacity() < READ_BYTES / 2 {
            buffer = BytesMut::with_capacity(READ_BYTES);
        }
        // A frame that has not come whole.
        buffer.extend_from_slice(&self.input);
        let room = buffer.capacity() - buffer.len();
        let read = pin!(self.io.read_buf(&mut (&mut buffer).limit(room))).poll(cx);
        self.is_behind = matches!(read, Poll::Ready(Ok(read)) if read == room);
        match &read {
            Poll::Ready(Ok(read)) if *read > 0 => self.input = buffer.split().freeze(),
            _ => {
                buffer.clear();
                if !self.input.is_empty() && !self.is_input_apart {
                    // What waits for the rest does not keep the buffer.
                    (self.input, self.is_input_apart) = (Bytes::copy_from_slice(&self.input), true);
                }
                READ.set(buffer);
                return read.map(|read| Ok(read? > 0));
            }
        }
        self.is_input_apart = false;
        READ.set(buffer);
        Poll::Ready(Ok(true))
    }

    /// Takes the frames that have come whole; whether there are requests among them.
    fn take_frames(&mut self, into: &mut Vec<Request>) -> bool {
        if self.input.len() < HEAD_BYTES {
            return false;
        }
        let before = into.len();
        let link = self.link.clone();
        let mut state = link.lock();
        while into.len() < before + BATCH {
            let Some(head) = FrameHead::read(&self.input) else { break };
            let taken = if head.length > MAX_PAYLOAD {
                Err(Wrong::Connection(Reason::FRAME_SIZE_ERROR, "a frame larger than granted"))
            } else if self.input.len() < HEAD_BYTES + head.length {
                break;
            } else {
                self.input.advance(HEAD_BYTES);
                let payload = self.input.split_to(head.length);
                self.take_frame(&mut state, head, payload, into)
            };
            match taken {
                Ok(()) => {}
                // It may have been sent before the peer knew.
                Err(Wrong::Stream(_)) if state.has_reset(head.stream) => {}
                // One that is closed is told so too.
                Err(Wrong::Stream(reason))
                    if state.streams.get(&head.stream).is_none_or(|it| it.is_closed) =>
                {
                    state.put_reset(head.stream, reason);
                }
                Err(Wrong::Stream(reason)) => state.reset(head.stream, reason),
                Err(Wrong::Connection(reason, text)) => {
                    let last_stream = self.last_stream;
                    state.out.put(|into| frame::put_goaway(into, last_stream, reason, text));
                    self.stage = Stage::Broken(reason, text);
                    break;
                }
            }
        }
        for request in &mut into[before..] {
            request.body.take_whole(&mut state);
        }
        into.len() > before
    }

    fn take_frame(
        &mut self,
        state: &mut State,
        head: FrameHead,
        payload: Bytes,
        into: &mut Vec<Request>,
    ) -> Result<(), Wrong> {
        let stream = head.stream;
        if !self.is_greeted && (head.kind != frame::SETTINGS || head.has(frame::ACK)) {
            return Err(protocol("the first frame is not SETTINGS"));
        }
        self.is_greeted = true;
        if self.block.as_ref().is_some_and(|block| head.kind != frame::CONTINUATION || block.stream != stream)
        {
            return Err(protocol("a frame inside of a header block"));
        }
        // Those with even numbers would be the server's, which opens none.
        let is_idle = stream > self.last_stream || stream.is_multiple_of(2);
        match head.kind {
            frame::DATA | frame::HEADERS | frame::PRIORITY | frame::RST_STREAM if stream == 0 => {
                return Err(protocol("a frame for a stream that names none"));
            }
            frame::DATA | frame::RST_STREAM | frame::WINDOW_UPDATE if is_idle && stream != 0 => {
                return Err(protocol("a frame for a stream that is not open yet"));
            }
            frame::SETTINGS | frame::PING | frame::GOAWAY if stream != 0 => {
                return Err(protocol("a frame for the connection that names a stream"));
            }
            _ => {}
        }
        match head.kind {
            frame::DATA => {
                let (length, is_last) = (payload.len() as u32, head.has(frame::END_STREAM));
                let data = unpadded(payload, head)?;
                state.data(stream, length, data, is_last)
            }
            frame::HEADERS => {
                let mut block = unpadded(payload, head)?;
                if head.has(frame::PRIORITIZED) {
                    if block.len() < 5 {
                        return Err(Wrong::Connection(
                            Reason::FRAME_SIZE_ERROR,
                            "HEADERS without their priority",
                        ));
                    }
                    block.advance(5);
                }
                let is_last = head.has(frame::END_STREAM);
                if head.has(frame::END_HEADERS) {
                    return self.take_head(state, stream, is_last, &block, into);
                }
                let bytes = BytesMut::from(&block[..]);
                self.block = Some(Block { stream, is_last, bytes, fragments: 1 });
                Ok(())
            }
            frame::CONTINUATION => {
                let Some(mut block) = self.block.take() else {
                    return Err(protocol("CONTINUATION of nothing"));
                };
                block.fragments += 1;
                block.bytes.extend_from_slice(&payload);
                if block.fragments > MAX_FRAGMENTS || block.bytes.len() > MOST_CODED * self.heads.max_bytes()
                {
                    return Err(Wrong::Connection(Reason::ENHANCE_YOUR_CALM, "a header block without end"));
                }
                if head.has(frame::END_HEADERS) {
                    return self.take_head(state, stream, block.is_last, &block.bytes, into);
                }
                self.block = Some(block);
                Ok(())
            }
            // A stream that is not open cannot be reset.
            frame::PRIORITY if payload.len() != 5 && is_idle => {
                Err(Wrong::Connection(Reason::FRAME_SIZE_ERROR, "a PRIORITY of a wrong size"))
            }
            frame::PRIORITY if payload.len() != 5 => Err(Wrong::Stream(Reason::FRAME_SIZE_ERROR)),
            frame::RST_STREAM => {
                state.reset_by_peer(stream, Reason::new(number(&payload)?));
                Ok(())
            }
            frame::SETTINGS => take_settings(state, head, &payload),
            frame::PUSH_PROMISE => Err(protocol("PUSH_PROMISE of a client")),
            frame::PING => {
                let payload: [u8; 8] = (*payload)
                    .try_into()
                    .map_err(|_| Wrong::Connection(Reason::FRAME_SIZE_ERROR, "a PING of a wrong size"))?;
                if !head.has(frame::ACK) {
                    state.out.put(|into| {
                        frame::put_head(into, payload.len(), frame::PING, frame::ACK, 0);
                        into.extend_from_slice(&payload);
                    });
                } else if payload == FAREWELL && matches!(self.stage, Stage::Asked) {
                    self.stage = Stage::Told;
                    let last_stream = self.last_stream;
                    state.out.put(|into| frame::put_goaway(into, last_stream, Reason::NO_ERROR, ""));
                }
                Ok(())
            }
            frame::GOAWAY if payload.len() < 8 => {
                Err(Wrong::Connection(Reason::FRAME_SIZE_ERROR, "a GOAWAY of a wrong size"))
            }
            frame::WINDOW_UPDATE => state.grant(stream, number(&payload)? & MAX_WINDOW),
            // What is not known is to be ignored, and so is what was checked above.
            _ => Ok(()),
        }
    }

    /// Takes a header block: a request's, or trailers.
    fn take_head(
        &mut self,
        state: &mut State,
        id: u32,
        is_last: bool,
        block: &[u8],
        into: &mut Vec<Request>,
    ) -> Result<(), Wrong> {
        let broken = |Malformed(text)| Wrong::Connection(Reason::COMPRESSION_ERROR, text);
        if id.is_multiple_of(2) {
            return Err(protocol("a stream of a client with an even number"));
        }
        if id <= self.last_stream {
            let are_trailers = self.heads.trailers(block).map_err(broken)?;
            state.receiving(id)?;
            if !is_last || !are_trailers {
                return Err(Wrong::Stream(Reason::PROTOCOL_ERROR));
            }
            return state.received(id);
        }
        self.last_stream = id;
        let head = match self.heads.request(block).map_err(broken)? {
            Read::Whole(head) => head,
            Read::Malformed => return Err(Wrong::Stream(Reason::PROTOCOL_ERROR)),
            Read::TooLarge => {
                // Request Header Fields Too Large (RFC 6585, section 5).
                state.put_fields(id, Some(431), &[], true);
                if !is_last {
                    state.put_reset(id, Reason::NO_ERROR);
                }
                return Ok(());
            }
        };
        let is_crowded =
            state.open >= self.max_streams || state.streams.len() >= HELD * self.max_streams.max(BATCH);
        if is_crowded || matches!(self.stage, Stage::Told) {
            return Err(Wrong::Stream(Reason::REFUSED_STREAM));
        }
        let length = head.content_length();
        if is_last && length.is_some_and(|length| length > 0) {
            return Err(Wrong::Stream(Reason::PROTOCOL_ERROR));
        }
        state.open(id, length);
        if is_last {
            state.received(id)?;
        }
        into.push(Request {
            head,
            body: RecvStream { link: self.link.clone(), id, whole: None, is_done: false },
            respond: SendResponse { link: self.link.clone(), id, is_begun: false },
        });
        Ok(())
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.link.lock().end();
    }
}

fn protocol(text: &'static str) -> Wrong {
    Wrong::Connection(Reason::PROTOCOL_ERROR, text)
}

/// A payload without its padding.
fn unpadded(mut payload: Bytes, head: FrameHead) -> Result<Bytes, Wrong> {
    if head.has(frame::PADDED) {
        let &[padding, ref rest @ ..] = &*payload else {
            return Err(Wrong::Connection(Reason::FRAME_SIZE_ERROR, "padding of no length"));
        };
        let left = rest.len().checked_sub(padding.into()).ok_or(protocol("more padding than there is"))?;
        payload.advance(1);
        payload.truncate(left);
    }
    Ok(payload)
}

/// The one number that is a payload.
fn number(payload: &[u8]) -> Result<u32, Wrong> {
    let bytes = payload
        .try_into()
        .map_err(|_| Wrong::Connection(Reason::FRAME_SIZE_ERROR, "a frame of a wrong size"))?;
    Ok(u32::from_be_bytes(bytes))
}

fn take_settings(state: &mut State, head: FrameHead, payload: &[u8]) -> Result<(), Wrong> {
    let (settings, rest) = payload.as_chunks::<6>();
    if !rest.is_empty() || (head.has(frame::ACK) && !settings.is_empty()) {
        return Err(Wrong::Connection(Reason::FRAME_SIZE_ERROR, "SETTINGS of a wrong size"));
    }
    if head.has(frame::ACK) {
        state.settings_are_known();
        return Ok(());
    }
    // Thousands of them take no more work than one.
    let mut window: Option<(u32, u32)> = None;
    for &[n0, n1, a, b, c, d] in settings {
        let value = u32::from_be_bytes([a, b, c, d]);
        match u16::from_be_bytes([n0, n1]) {
            frame::SETTINGS_HEADER_TABLE_SIZE => state.encoder.granted(value),
            frame::SETTINGS_ENABLE_PUSH if value > 1 => {
                return Err(protocol("SETTINGS_ENABLE_PUSH is not 0 or 1"));
            }
            frame::SETTINGS_INITIAL_WINDOW_SIZE if value > MAX_WINDOW => {
                return Err(Wrong::Connection(
                    Reason::FLOW_CONTROL_ERROR,
                    "SETTINGS_INITIAL_WINDOW_SIZE is too large",
                ));
            }
            frame::SETTINGS_INITIAL_WINDOW_SIZE => {
                let highest = window.map_or(value, |(_, highest)| value.max(highest));
                window = Some((value, highest));
            }
            frame::SETTINGS_MAX_FRAME_SIZE if !(1 << 14..1 << 24).contains(&value) => {
                return Err(protocol("SETTINGS_MAX_FRAME_SIZE is out of its range"));
            }
            frame::SETTINGS_MAX_FRAME_SIZE => state.max_payload = (value as usize).min(READ_BYTES),
            _ => {}
        }
    }
    if let Some((window, highest)) = window {
        state.set_send_window(window, highest)?;
    }
    // The peer takes more from here on, not before.
    state.out.put(|into| frame::put_head(into, 0, frame::SETTINGS, frame::ACK, 0));
    state.unblock();
    Ok(())
}
