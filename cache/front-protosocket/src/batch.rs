//! Commands that have come together, decoded before the first of them is carried out.
//!
//! Known together, what they will read can be fetched together.

use crate::command::{Command, Malformed, Request, decode};
use crate::frame::{Head, head};

/// Commands in a batch. They are carried out at the same time of day: a few microseconds' worth.
const MOST: usize = 8;
/// Messages over this get a buffer of their own. It is less than half of what is read at a time, so that there is
/// always room to read on.
pub(crate) const ALONE_BYTES: usize = 16 * 1024;
/// Bytes of a message that is too long which are waited for, because its id is in them: a tag and a
/// varint.
const ID_BYTES: usize = 11;

/// What stands at the head of some bytes.
pub(crate) struct Batch<'a> {
    messages: [Option<Message<'a>>; MOST],
    /// What comes behind them.
    pub(crate) next: Next,
}

/// A message that is there in full.
pub(crate) struct Message<'a> {
    /// Bytes of it, its length included.
    pub(crate) bytes: usize,
    pub(crate) request: Result<Request<'a>, Malformed>,
}

/// Why a batch has no more messages.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    /// Another batch, if there are more bytes.
    Batch,
    /// Nothing, or too little to say what.
    Partial,
    /// The beginning of a message that needs a buffer of its own.
    Large {
        /// Bytes of its length.
        start: usize,
        /// Bytes of the message itself.
        length: usize,
    },
    /// The beginning of a message that is longer than allowed, with its id if it has one.
    TooLong {
        /// Bytes of its length.
        start: usize,
        /// Bytes of the message itself.
        length: u64,
    },
    /// A length that is none.
    Broken,
}

impl<'a> Batch<'a> {
    /// Decodes what has come in full, of messages that may have `most` bytes. Behind an authentication, which may
    /// change that, a batch ends.
    pub(crate) fn read(bytes: &'a [u8], most: u64) -> Self {
        let mut messages = [const { None }; MOST];
        let mut at = 0;
        for place in &mut messages {
            let message = match whole(bytes.get(at..).unwrap_or_default(), most) {
                Ok(message) => message,
                Err(next) => return Self { messages, next },
            };
            at += message.bytes;
            let last =
                matches!(message.request, Ok(Request { command: Some(Command::Authenticate { .. }), .. }));
            *place = Some(message);
            if last {
                break;
            }
        }
        Self { messages, next: Next::Batch }
    }

    /// Whether there are several messages.
    pub(crate) fn is_several(&self) -> bool {
        matches!(self.messages, [_, Some(_), ..])
    }

    /// The commands on items: the names of their caches, and their keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.messages.iter().flatten().filter_map(|message| match message.request.as_ref().ok()?.command? {
            Command::Get { namespace, key }
            | Command::Set { namespace, key, .. }
            | Command::Delete { namespace, key } => Some((namespace, key)),
            Command::Authenticate { .. } => None,
        })
    }

    /// The messages, in order.
    pub(crate) fn into_messages(self) -> impl Iterator<Item = Message<'a>> {
        self.messages.into_iter().flatten()
    }
}

/// The message at the head of some bytes, or what is there instead.
fn whole(bytes: &[u8], most: u64) -> Result<Message<'_>, Next> {
    let (start, length) = match head(bytes) {
        Head::Partial => return Err(Next::Partial),
        Head::Broken => return Err(Next::Broken),
        Head::Message { start, length } => (start, length),
    };
    let body = bytes.get(start..).unwrap_or_default();
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if length > most {
        return Err(if body.len() >= ID_BYTES { Next::TooLong { start, length } } else { Next::Partial });
    }
    match body.get(..size) {
        Some(message) => Ok(Message { bytes: start + size, request: decode(message) }),
        None if size > ALONE_BYTES => Err(Next::Large { start, length: size }),
        None => Err(Next::Partial),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHENTICATE: &[u8] = b"\x09\x10\x01\x52\x05\x0a\x03\x0a\x01t";
    const GET: &[u8] = b"\x0c\x10\x02\x52\x08\x12\x06\x0a\x01c\x12\x01k";
    const BROKEN: &[u8] = b"\x03\x10\x03\x52";

    fn read(bytes: &[u8]) -> (usize, Vec<bool>, Next) {
        let batch = Batch::read(bytes, 100);
        let (keys, next) = (batch.keys().count(), batch.next);
        (keys, batch.into_messages().map(|message| message.request.is_ok()).collect(), next)
    }

    #[test]
    fn a_batch_ends_behind_an_authentication_and_when_it_is_full() {
        let (keys, messages, next) = read(&[GET, AUTHENTICATE, GET].concat());
        assert!(keys == 1 && messages.len() == 2 && matches!(next, Next::Batch), "{keys} {messages:?}");
        let (keys, messages, next) = read(&GET.repeat(MOST + 1));
        assert!(keys == MOST && messages.len() == MOST && matches!(next, Next::Batch), "{keys} {messages:?}");
    }

    #[test]
    fn what_is_not_whole_is_behind_what_is() {
        let (keys, messages, next) = read(&[GET, BROKEN, GET, b"\x0c\x10"].concat());
        assert_eq!((keys, messages), (2, vec![true, false, true]));
        assert!(matches!(next, Next::Partial));
        for (behind, is_it) in [
            (&[0x80; 10][..], |next| matches!(next, Next::Broken)),
            (b"\x65\x10\x04_____________", |next| matches!(next, Next::TooLong { start: 1, length: 101 })),
            (b"\x65\x10\x04", |next| matches!(next, Next::Partial)),
        ] as [(&[u8], fn(Next) -> bool); 3]
        {
            let (keys, messages, next) = read(&[GET, behind].concat());
            assert!(keys == 1 && messages == [true] && is_it(next), "{behind:?}");
        }
        let large = Batch::read(b"\x81\x80\x01\x10\x04", 20_000).next;
        assert!(matches!(large, Next::Large { start: 3, length: 16_385 }));
    }
}
