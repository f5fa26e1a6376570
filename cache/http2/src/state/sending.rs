//! What is sent, as the peer's windows allow.

use bytes::Bytes;

use super::{Field, State, Stream};
use crate::error::Gone;
use crate::frame;

impl State {
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
    pub(super) fn pump(&mut self, id: u32) {
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
}
