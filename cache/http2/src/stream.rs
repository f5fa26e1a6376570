//! A request's body, and the way its answer goes.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::error::{Gone, Reason};
use crate::head::Head;
use crate::state::{Field, Inbox, Link, State};

/// A request.
pub struct Request {
    /// Its head.
    pub head: Arc<Head>,
    /// Its body.
    pub body: RecvStream,
    /// Where its answer goes.
    pub respond: SendResponse,
}

/// The body of a request. The peer's window opens as it is taken. Dropped, the rest is thrown away.
pub struct RecvStream {
    pub(crate) link: Arc<Link>,
    pub(crate) id: u32,
    /// All of it, if it had come along with the head.
    pub(crate) whole: Option<Bytes>,
    /// Nothing more will come, and the stream knows that nobody waits.
    pub(crate) is_done: bool,
}

impl RecvStream {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// The stream was reset, or its connection is over.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Gone>>> {
        if let Some(whole) = self.whole.take() {
            return Poll::Ready(Some(Ok(whole)));
        }
        if self.is_done {
            return Poll::Ready(None);
        }
        let mut state = self.link.lock();
        if let Some(bytes) = state.take(self.id) {
            state.wake();
            return Poll::Ready(Some(Ok(bytes)));
        }
        let is_over = state.is_over;
        let Some(stream) = state.streams.get_mut(&self.id) else { return Poll::Ready(None) };
        if stream.is_received {
            return Poll::Ready(None);
        }
        if let Some(reason) = stream.reset {
            return Poll::Ready(Some(Err(Gone::Reset(reason))));
        }
        if is_over {
            return Poll::Ready(Some(Err(Gone::Connection)));
        }
        stream.receiver = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether all has come and was taken.
    #[must_use]
    pub fn is_end_stream(&self) -> bool {
        if self.whole.is_some() || self.is_done {
            return self.whole.is_none();
        }
        let state = self.link.lock();
        let stream = state.streams.get(&self.id);
        stream.is_none_or(|stream| stream.is_received && matches!(stream.inbox, Inbox::Empty))
    }
}

impl RecvStream {
    /// All of it, if it had come along with the head and was not taken.
    #[must_use]
    pub fn whole(&self) -> Option<&[u8]> {
        self.whole.as_deref()
    }

    /// Copies what is here of it, so that it does not keep what else was read with it: for a request that is to wait.
    pub fn detach(&mut self) {
        if let Some(whole) = &mut self.whole {
            *whole = Bytes::copy_from_slice(whole);
        }
    }

    /// Takes a body that has come with its head, so that the stream need not be asked for it.
    pub(crate) fn take_whole(&mut self, state: &mut State) {
        let Some(stream) = state.streams.get_mut(&self.id) else { return };
        if !stream.is_received {
            return;
        }
        stream.handles -= 1;
        self.is_done = true;
        self.whole = state.take(self.id);
    }
}

impl Drop for RecvStream {
    fn drop(&mut self) {
        if !self.is_done {
            self.link.lock().drop_handle(self.id, true);
        }
    }
}

/// Where the answer to a request goes. Dropped before it began, the stream is reset.
pub struct SendResponse {
    pub(crate) link: Arc<Link>,
    pub(crate) id: u32,
    /// The stream that was made of it answers for it.
    pub(crate) is_begun: bool,
}

impl SendResponse {
    /// Sends the head of the answer, which is all of it if `is_last`.
    ///
    /// # Errors
    /// It cannot be sent any more, or has been.
    pub fn send_head(
        &mut self,
        status: u16,
        fields: &[Field<'_>],
        is_last: bool,
    ) -> Result<SendStream, Gone> {
        let mut state = self.link.lock();
        if self.is_begun {
            return Err(Gone::Ended);
        }
        let sent = state.send_head(self.id, status, fields, is_last);
        state.wake();
        sent?;
        drop(state);
        self.is_begun = true;
        Ok(SendStream { link: self.link.clone(), id: self.id, wanted: 0 })
    }

    /// Sends a whole answer. Bytes that the peer has no room for are kept until it has.
    ///
    /// # Errors
    /// It cannot be sent any more, or has been.
    pub fn send_whole(
        &mut self,
        status: u16,
        fields: &[Field<'_>],
        data: impl IntoIterator<Item = Bytes>,
        trailers: &[Field<'_>],
    ) -> Result<(), Gone> {
        let mut state = self.link.lock();
        state.send_head(self.id, status, fields, false)?;
        for bytes in data {
            state.send_data(self.id, bytes, false)?;
        }
        state.send_trailers(self.id, trailers)?;
        state.wake();
        Ok(())
    }

    /// Whether nothing more can be sent.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.link.lock().may_send(self.id).is_err()
    }

    /// Ready when nothing more can be sent.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        poll_reset(&self.link, self.id, cx)
    }
}

impl Drop for SendResponse {
    fn drop(&mut self) {
        if !self.is_begun {
            self.link.lock().drop_handle(self.id, false);
        }
    }
}

/// The rest of an answer, behind its head. Dropped before it has ended, the stream is reset.
pub struct SendStream {
    link: Arc<Link>,
    id: u32,
    /// Bytes that its user has.
    wanted: usize,
}

impl SendStream {
    /// Says how many bytes there are to send.
    pub fn reserve_capacity(&mut self, bytes: usize) {
        self.wanted = bytes;
    }

    /// How many of them would be sent at once.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.link.lock().room(self.id).unwrap_or(0).min(self.wanted)
    }

    /// The same, once that is more than none.
    ///
    /// # Errors
    /// Nothing can be sent any more.
    pub fn poll_capacity(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Gone>> {
        let mut state = self.link.lock();
        match state.room(self.id)? {
            0 => {
                state.may_send(self.id)?.sender = Some(cx.waker().clone());
                state.block(self.id);
                Poll::Pending
            }
            room => Poll::Ready(Ok(room.min(self.wanted))),
        }
    }

    /// Sends bytes. Those that the peer has no room for are kept until it has.
    ///
    /// # Errors
    /// Nothing can be sent any more.
    pub fn send_data(&mut self, data: Bytes, is_last: bool) -> Result<(), Gone> {
        let mut state = self.link.lock();
        let sent = state.send_data(self.id, data, is_last);
        state.wake();
        sent
    }

    /// Ends the stream with fields behind what was sent.
    ///
    /// # Errors
    /// Nothing can be sent any more.
    pub fn send_trailers(&mut self, fields: &[Field<'_>]) -> Result<(), Gone> {
        let mut state = self.link.lock();
        let sent = state.send_trailers(self.id, fields);
        state.wake();
        sent
    }

    /// Ends the stream at once, and throws away what was not sent.
    pub fn send_reset(&mut self, reason: Reason) {
        let mut state = self.link.lock();
        state.reset(self.id, reason);
        state.wake();
    }

    /// Ready when nothing more can be sent.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        poll_reset(&self.link, self.id, cx)
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        self.link.lock().drop_handle(self.id, false);
    }
}

fn poll_reset(link: &Link, id: u32, cx: &mut Context<'_>) -> Poll<Gone> {
    let mut state = link.lock();
    if state.is_over {
        return Poll::Ready(Gone::Connection);
    }
    match state.streams.get_mut(&id) {
        None => Poll::Ready(Gone::Ended),
        Some(stream) => match stream.reset {
            Some(reason) => Poll::Ready(Gone::Reset(reason)),
            None if stream.is_closed => Poll::Ready(Gone::Ended),
            None => {
                stream.watcher = Some(cx.waker().clone());
                Poll::Pending
            }
        },
    }
}
