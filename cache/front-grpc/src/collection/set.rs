//! The seven calls on sets.

use bytes::Bytes;
use kura_commands::{SetCommand, SetReply};
use kura_wire::Status;
use kura_wire::protos::cache_client as protos;

use super::messages::{Ask, Difference, SetDifference, SetUnion, SubtrahendSet};
use super::{Lifetime, read};
use crate::Method;
use crate::answer::{Reply, empty, found, found_flags, found_length, missing};
use crate::error::lacks;
use crate::rows::Rows;

/// `seed` decides what SetPop and SetSample choose.
pub(super) fn decode(
    method: Method,
    message: &Bytes,
    lifetime: &Lifetime,
    seed: u64,
) -> Result<(Bytes, SetCommand), Status> {
    Ok(match method {
        Method::SetFetch => {
            let request: protos::SetFetchRequest = read(message)?;
            (request.set_name.into(), SetCommand::Fetch)
        }
        Method::SetSample => {
            let request: protos::SetSampleRequest = read(message)?;
            (request.set_name.into(), SetCommand::Sample { limit: request.limit, seed })
        }
        Method::SetPop => {
            let request: protos::SetPopRequest = read(message)?;
            (request.set_name.into(), SetCommand::Pop { count: request.count.into(), seed })
        }
        Method::SetLength => {
            let request: protos::SetLengthRequest = read(message)?;
            (request.set_name.into(), SetCommand::Length)
        }
        Method::SetContains => {
            let Ask { name, elements } = read(message)?;
            (name, SetCommand::Contains(elements))
        }
        Method::SetUnion => {
            let SetUnion { name, elements, ttl_milliseconds, refresh_ttl } = read(message)?;
            let ttl = lifetime.of(ttl_milliseconds, refresh_ttl)?;
            (name, SetCommand::Add { elements, ttl })
        }
        _ => {
            let SetDifference { name, difference } = read(message)?;
            let difference = difference.ok_or_else(|| lacks("difference: give minuend or subtrahend"))?;
            let command = match difference {
                Difference::Minuend(minuend) => SetCommand::SubtractFrom(minuend.elements),
                Difference::Subtrahend(subtrahend) => {
                    match subtrahend.set.ok_or_else(|| lacks("subtrahend: give set or identity"))? {
                        SubtrahendSet::Set(set) => SetCommand::Remove(set.elements),
                        SubtrahendSet::Identity(_) => SetCommand::Delete,
                    }
                }
            };
            (name, command)
        }
    })
}

pub(super) fn encode(method: Method, reply: SetReply) -> Reply {
    match reply {
        SetReply::Missing => missing(),
        SetReply::Done if method == Method::SetUnion => empty(),
        SetReply::Done => found(&[]),
        SetReply::Found(elements) => Reply::Rows(Rows::elements(elements)),
        SetReply::Contains(contains) => found_flags(&contains),
        SetReply::Length(length) => found_length(length),
    }
}
