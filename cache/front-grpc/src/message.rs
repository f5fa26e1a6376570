//! Messages of calls that are not worth decoding in place: with prost.

use bytes::Bytes;
use kura_wire::Status;
use prost::Message;

use crate::error::undecodable;
use crate::scalar::Answer;

/// Decodes a call's message.
///
/// # Errors
/// INVALID_ARGUMENT for bytes that are not the message.
pub(crate) fn decode<M: Message + Default>(message: &Bytes) -> Result<M, Status> {
    M::decode(message.clone()).map_err(|error| undecodable(&error))
}

/// Encodes an answer.
pub(crate) fn encode(message: &impl Message) -> Answer {
    Answer::of(&message.encode_to_vec())
}
