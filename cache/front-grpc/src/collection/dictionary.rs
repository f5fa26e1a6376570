//! The six calls on dictionaries.

use bytes::Bytes;
use kura_commands::{DictionaryCommand, DictionaryReply};
use kura_wire::Status;
use kura_wire::protos::cache_client as protos;

use super::messages::{Ask, DictionaryDelete, DictionarySet, FieldsOrAll};
use super::{Lifetime, read};
use crate::Method;
use crate::answer::{Reply, empty, found_length, integer, missing};
use crate::error::lacks;
use crate::rows::Rows;

pub(super) fn decode(
    method: Method,
    message: &Bytes,
    lifetime: &Lifetime,
) -> Result<(Bytes, DictionaryCommand), Status> {
    Ok(match method {
        Method::DictionaryGet => {
            let Ask { name, elements } = read(message)?;
            (name, DictionaryCommand::Get(elements))
        }
        Method::DictionaryFetch => {
            let request: protos::DictionaryFetchRequest = read(message)?;
            (request.dictionary_name.into(), DictionaryCommand::Fetch)
        }
        Method::DictionaryLength => {
            let request: protos::DictionaryLengthRequest = read(message)?;
            (request.dictionary_name.into(), DictionaryCommand::Length)
        }
        Method::DictionarySet => {
            let DictionarySet { name, items, ttl_milliseconds, refresh_ttl } = read(message)?;
            let ttl = lifetime.of(ttl_milliseconds, refresh_ttl)?;
            let items = items.into_iter().map(|pair| (pair.field, pair.value)).collect();
            (name, DictionaryCommand::Set { items, ttl })
        }
        Method::DictionaryIncrement => {
            let request: protos::DictionaryIncrementRequest = read(message)?;
            let ttl = lifetime.of(request.ttl_milliseconds, request.refresh_ttl)?;
            let (field, amount) = (request.field.into(), request.amount);
            (request.dictionary_name.into(), DictionaryCommand::Increment { field, amount, ttl })
        }
        _ => {
            let DictionaryDelete { name, delete } = read(message)?;
            let command = match delete.ok_or_else(|| lacks("delete: give some fields, or all"))? {
                FieldsOrAll::Some(some) => DictionaryCommand::Remove(some.elements),
                FieldsOrAll::All(_) => DictionaryCommand::Delete,
            };
            (name, command)
        }
    })
}

pub(super) fn encode(reply: DictionaryReply) -> Reply {
    match reply {
        DictionaryReply::Missing => missing(),
        DictionaryReply::Done => empty(),
        DictionaryReply::Values(found, fields) => Reply::Rows(Rows::values(found, fields)),
        DictionaryReply::Found(fields) => Reply::Rows(Rows::fields(fields)),
        DictionaryReply::Length(length) => found_length(length),
        DictionaryReply::Integer(sum) => integer(sum.cast_unsigned()),
    }
}
