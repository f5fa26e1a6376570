//! The eleven calls on lists.

use bytes::Bytes;
use kura_commands::{ListCommand, ListReply, ListSpan, Side};
use kura_wire::Status;
use kura_wire::protos::cache_client as protos;

use super::messages::{ListConcatenate, ListPush};
use super::{Lifetime, read};
use crate::Method;
use crate::answer::{Reply, found, found_length, integer, missing, popped};
use crate::error::lacks;
use crate::rows::Rows;

pub(super) fn decode(
    method: Method,
    message: &Bytes,
    lifetime: &Lifetime,
) -> Result<(Bytes, ListCommand), Status> {
    Ok(match method {
        Method::ListPushFront | Method::ListPushBack => {
            let ListPush { name, value, ttl_milliseconds, refresh_ttl, truncate_to_size } = read(message)?;
            let side = if method == Method::ListPushFront { Side::Front } else { Side::Back };
            let ttl = lifetime.of(ttl_milliseconds, refresh_ttl)?;
            (name, ListCommand::Push { side, values: vec![value], truncate_to: truncate_to_size, ttl })
        }
        Method::ListConcatenateFront | Method::ListConcatenateBack => {
            let ListConcatenate { name, values, ttl_milliseconds, refresh_ttl, truncate_to_size } =
                read(message)?;
            let side = if method == Method::ListConcatenateFront { Side::Front } else { Side::Back };
            let ttl = lifetime.of(ttl_milliseconds, refresh_ttl)?;
            (name, ListCommand::Push { side, values, truncate_to: truncate_to_size, ttl })
        }
        Method::ListPopFront => {
            let request: protos::ListPopFrontRequest = read(message)?;
            (request.list_name.into(), ListCommand::Pop(Side::Front))
        }
        Method::ListPopBack => {
            let request: protos::ListPopBackRequest = read(message)?;
            (request.list_name.into(), ListCommand::Pop(Side::Back))
        }
        Method::ListRemove => {
            use protos::list_remove_request::Remove;
            let request: protos::ListRemoveRequest = read(message)?;
            let Remove::AllElementsWithValue(value) =
                request.remove.ok_or_else(|| lacks("remove: give all_elements_with_value"))?;
            (request.list_name.into(), ListCommand::RemoveValue(value.into()))
        }
        Method::ListErase => {
            use protos::list_erase_request::Erase;
            let request: protos::ListEraseRequest = read(message)?;
            let command = match request.erase.ok_or_else(|| lacks("erase: give some ranges, or all"))? {
                Erase::Some(some) => {
                    let range = |range: protos::ListRange| (range.begin_index.into(), range.count.into());
                    ListCommand::Erase(some.ranges.into_iter().map(range).collect())
                }
                Erase::All(_) => ListCommand::Delete,
            };
            (request.list_name.into(), command)
        }
        Method::ListFetch => {
            use protos::list_fetch_request::{EndIndex, StartIndex};
            let request: protos::ListFetchRequest = read(message)?;
            let start = match request.start_index {
                Some(StartIndex::InclusiveStart(index)) => Some(index.into()),
                Some(StartIndex::UnboundedStart(_)) | None => None,
            };
            let end = match request.end_index {
                Some(EndIndex::ExclusiveEnd(index)) => Some(index.into()),
                Some(EndIndex::UnboundedEnd(_)) | None => None,
            };
            (request.list_name.into(), ListCommand::Fetch(ListSpan { start, end }))
        }
        Method::ListRetain => {
            use protos::list_retain_request::{EndIndex, StartIndex};
            let request: protos::ListRetainRequest = read(message)?;
            let start = match request.start_index {
                Some(StartIndex::InclusiveStart(index)) => Some(index.into()),
                Some(StartIndex::UnboundedStart(_)) | None => None,
            };
            let end = match request.end_index {
                Some(EndIndex::ExclusiveEnd(index)) => Some(index.into()),
                Some(EndIndex::UnboundedEnd(_)) | None => None,
            };
            let ttl = lifetime.of(request.ttl_milliseconds, request.refresh_ttl)?;
            (request.list_name.into(), ListCommand::Retain { span: ListSpan { start, end }, ttl })
        }
        _ => {
            let request: protos::ListLengthRequest = read(message)?;
            (request.list_name.into(), ListCommand::Length)
        }
    })
}

pub(super) fn encode(method: Method, reply: ListReply) -> Reply {
    match (method, reply) {
        (_, ListReply::Missing) => missing(),
        (_, ListReply::Done) => found(&[]),
        (
            Method::ListPushFront
            | Method::ListPushBack
            | Method::ListConcatenateFront
            | Method::ListConcatenateBack,
            ListReply::Length(length),
        ) => integer(length.into()),
        (_, ListReply::Length(length)) => found_length(length.into()),
        (_, ListReply::Popped(value, left)) => popped(&value, left),
        (_, ListReply::Found(values)) => Reply::Rows(Rows::elements(values)),
    }
}
