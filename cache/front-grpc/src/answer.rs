//! Answers of the calls on collections and leaderboards.

use kura_commands::Error;
use kura_wire::Status;

use crate::error::status;
use crate::fields::{put_varint, varint_len};
use crate::respond::AT_ONCE_BYTES;
use crate::rows::Rows;
use crate::scalar::Answer;

/// The answer to a command that has been carried out.
pub(crate) enum Reply {
    /// A message that is known in full.
    Whole(Answer),
    /// A message that is made while it is sent.
    Rows(Rows),
}

impl Reply {
    /// The whole answer if it is small; else as it was.
    pub(crate) fn at_once(self) -> Result<Answer, Self> {
        match self {
            Self::Whole(answer) if answer.len() <= AT_ONCE_BYTES => Ok(answer),
            Self::Rows(rows) => rows.at_once().map_err(Self::Rows),
            large => Err(large),
        }
    }
}

/// Work that would hold up an event loop; for the blocking pool.
pub(crate) type Long = Box<dyn FnOnce() -> Result<Reply, Status> + Send>;

/// What became of a command.
pub(crate) enum Outcome {
    /// It is carried out.
    Done(Reply),
    /// It has to be run, which takes a while.
    Long(Long),
}

impl Outcome {
    /// What the commands answered, to be encoded.
    pub(crate) fn of<R: 'static>(
        outcome: Result<kura_commands::Outcome<R>, Error>,
        encode: impl FnOnce(R) -> Reply + Send + 'static,
    ) -> Result<Self, Status> {
        Ok(match outcome.map_err(|error| status(&error))? {
            kura_commands::Outcome::Done(reply) => Self::Done(encode(reply)),
            kura_commands::Outcome::Long(long) => {
                Self::Long(Box::new(move || Ok(encode(long.run().map_err(|error| status(&error))?))))
            }
        })
    }

    /// The reply, worked for here if need be.
    pub(crate) fn finish(self) -> Result<Reply, Status> {
        match self {
            Self::Done(reply) => Ok(reply),
            Self::Long(long) => long(),
        }
    }
}

// In every answer that says whether something was there, `found` is field 1 and `missing` field 2.

/// An empty message.
pub(crate) fn empty() -> Reply {
    Reply::Whole(Answer::of(&[]))
}

/// `missing {}`.
pub(crate) fn missing() -> Reply {
    Reply::Whole(Answer::of(&[0x12, 0]))
}

/// `found { inner }`.
pub(crate) fn found(inner: &[u8]) -> Reply {
    let mut message = Vec::with_capacity(1 + varint_len(inner.len() as u64) + inner.len());
    put_bytes(&mut message, 1, inner);
    Reply::Whole(Answer::of(&message))
}

/// `found { length }`. Lengths have 32 bits on the wire; no collection that fits memory is longer.
pub(crate) fn found_length(length: u64) -> Reply {
    found(&varint(1, length.min(u32::MAX.into())))
}

/// `found { repeated bool }`.
pub(crate) fn found_flags(flags: &[bool]) -> Reply {
    let flags: Vec<u8> = flags.iter().map(|&flag| u8::from(flag)).collect();
    let mut inner = Vec::with_capacity(flags.len() + 6);
    if !flags.is_empty() {
        put_bytes(&mut inner, 1, &flags);
    }
    found(&inner)
}

/// `found { value, list_length }`.
pub(crate) fn popped(value: &[u8], left: u32) -> Reply {
    let mut inner = Vec::with_capacity(value.len() + 12);
    if !value.is_empty() {
        put_bytes(&mut inner, 1, value);
    }
    inner.extend(varint(2, left.into()));
    found(&inner)
}

/// `element_rank { result, rank }`, in the place of `found`.
pub(crate) fn hit_or_miss(rank: Option<u64>) -> Reply {
    match rank {
        Some(rank) => {
            let mut inner = varint(1, HIT.into());
            inner.extend(varint(2, rank));
            found(&inner)
        }
        None => found(&varint(1, MISS.into())),
    }
}

/// A message whose field 1 is an integer.
pub(crate) fn integer(value: u64) -> Reply {
    Reply::Whole(Answer::of(&varint(1, value)))
}

/// A message whose field 1 is a double.
pub(crate) fn number(value: f64) -> Reply {
    let mut message = Vec::with_capacity(DOUBLE_BYTES);
    put_double(&mut message, 1, value);
    Reply::Whole(Answer::of(&message))
}

/// `ECacheResult`'s Hit.
pub(crate) const HIT: u8 = 2;
/// `ECacheResult`'s Miss.
pub(crate) const MISS: u8 = 3;

/// A double with its tag.
pub(crate) const DOUBLE_BYTES: usize = 9;

/// A varint field; zero is left out, as proto3 does.
pub(crate) fn varint(field: u8, value: u64) -> Vec<u8> {
    let mut message = Vec::with_capacity(8);
    put_varint_field(&mut message, field, value);
    message
}

/// Appends a varint field; zero is left out, as proto3 does.
pub(crate) fn put_varint_field(message: &mut Vec<u8>, field: u8, value: u64) {
    if value != 0 {
        message.push(field << 3);
        put_varint(message, value);
    }
}

/// Appends a field of bytes, empty ones too.
pub(crate) fn put_bytes(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | 2);
    put_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

/// Appends a double field; zero is left out, as proto3 does.
pub(crate) fn put_double(message: &mut Vec<u8>, field: u8, value: f64) {
    if value != 0.0 {
        message.push(field << 3 | 1);
        message.extend_from_slice(&value.to_le_bytes());
    }
}
