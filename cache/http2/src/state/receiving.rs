//! What the peer sends, and what is taken of it.

use bytes::{Bytes, BytesMut};

use super::{Inbox, State, Stream, Wrong};
use crate::error::Reason;
use crate::frame::{self, MAX_WINDOW};

impl State {
    /// The stream of this number, if its peer may still send on it.
    pub(crate) fn receiving(&mut self, id: u32) -> Result<&mut Stream, Wrong> {
        let stream = self.live(id).filter(|stream| !stream.is_received);
        stream.ok_or(Wrong::Stream(Reason::STREAM_CLOSED))
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
}
