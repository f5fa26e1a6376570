//! `momento list …`.

use clap::Subcommand;
use kura_wire::protos::cache_client::list_erase_request::{All, Erase, ListRanges};
use kura_wire::protos::cache_client::list_fetch_request::{EndIndex, StartIndex};
use kura_wire::protos::cache_client::list_fetch_response::List as Fetched;
use kura_wire::protos::cache_client::list_length_response::List as Measured;
use kura_wire::protos::cache_client::list_pop_back_response::List as Back;
use kura_wire::protos::cache_client::list_pop_front_response::List as Front;
use kura_wire::protos::cache_client::list_remove_request::Remove;
use kura_wire::protos::cache_client::list_retain_request::{
    EndIndex as RetainEnd, StartIndex as RetainStart,
};
use kura_wire::protos::cache_client::{
    ListConcatenateBackRequest, ListConcatenateBackResponse, ListConcatenateFrontRequest,
    ListConcatenateFrontResponse, ListEraseRequest, ListEraseResponse, ListFetchRequest, ListFetchResponse,
    ListLengthRequest, ListLengthResponse, ListPopBackRequest, ListPopBackResponse, ListPopFrontRequest,
    ListPopFrontResponse, ListPushBackRequest, ListPushBackResponse, ListPushFrontRequest,
    ListPushFrontResponse, ListRange, ListRemoveRequest, ListRemoveResponse, ListRetainRequest,
    ListRetainResponse,
};
use kura_wire::protos::common::Unbounded;

use crate::answer::Answer;
use crate::caller::{Caller, Lifetime, Named, unreadable};
use crate::error::CliError;
use crate::input::{Value, Values, begin_count};

#[derive(Debug, Subcommand)]
pub(crate) enum ListCommand {
    /// Push a value to the front, and get the new length
    PushFront(Push),
    /// Push a value to the back, and get the new length
    PushBack(Push),
    /// Put values before the first, in the order given, and get the new length
    ConcatenateFront(Concatenate),
    /// Put values behind the last, in the order given, and get the new length
    ConcatenateBack(Concatenate),
    /// Remove the first value, and get it
    PopFront(Named),
    /// Remove the last value, and get it
    PopBack(Named),
    /// Get the values, a line each
    Fetch {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        range: Range,
    },
    /// Remove all values but a range
    Retain {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Remove every value that is equal to this one
    RemoveValue {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        value: Value,
    },
    /// Remove ranges
    Erase {
        #[command(flatten)]
        named: Named,
        /// Where a range begins, from 0, and how many values it has
        #[arg(required = true, value_name = "BEGIN:COUNT", value_parser = begin_count)]
        ranges: Vec<(u32, u32)>,
    },
    /// Get the number of values
    Length(Named),
    /// Delete a list
    Delete(Named),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Push {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    value: Value,
    #[command(flatten)]
    truncate: Truncate,
    #[command(flatten)]
    lifetime: Lifetime,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Concatenate {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    values: Values,
    #[command(flatten)]
    truncate: Truncate,
    #[command(flatten)]
    lifetime: Lifetime,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Truncate {
    /// Keep no more than this many, those at the other end go [default: keep all]
    #[arg(long = "truncate-to", value_name = "LENGTH", value_parser = clap::value_parser!(u32).range(1..))]
    length: Option<u32>,
}

impl Truncate {
    /// As the service has it: 0 keeps all.
    fn get(&self) -> u32 {
        self.length.unwrap_or(0)
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Range {
    /// The first value, from 0; a negative number counts from the end [default: the first of all]
    #[arg(long, allow_negative_numbers = true)]
    start: Option<i32>,
    /// The value behind the last; a negative number counts from the end [default: to the end]
    #[arg(long, allow_negative_numbers = true)]
    end: Option<i32>,
}

/// Runs one command.
pub(crate) async fn run(caller: &Caller, command: ListCommand) -> Result<Answer, CliError> {
    match command {
        ListCommand::PushFront(push) => push_front(caller, push).await,
        ListCommand::PushBack(push) => push_back(caller, push).await,
        ListCommand::ConcatenateFront(values) => concatenate_front(caller, values).await,
        ListCommand::ConcatenateBack(values) => concatenate_back(caller, values).await,
        ListCommand::PopFront(named) => pop_front(caller, named).await,
        ListCommand::PopBack(named) => pop_back(caller, named).await,
        ListCommand::Fetch { named, range } => fetch(caller, named, &range).await,
        ListCommand::Retain { named, range, lifetime } => retain(caller, named, &range, &lifetime).await,
        ListCommand::RemoveValue { named, value } => {
            let (cache, name) = caller.place(named);
            let remove = Some(Remove::AllElementsWithValue(value.read()?));
            let request = ListRemoveRequest { list_name: name.into_bytes(), remove };
            let _: ListRemoveResponse = caller.scs("ListRemove", &cache, &request).await?;
            Ok(Answer::Done)
        }
        ListCommand::Erase { named, ranges } => {
            let range = |(begin_index, count)| ListRange { begin_index, count };
            let ranges = ranges.into_iter().map(range).collect();
            erase(caller, named, Erase::Some(ListRanges { ranges })).await
        }
        ListCommand::Length(named) => length(caller, named).await,
        ListCommand::Delete(named) => erase(caller, named, Erase::All(All {})).await,
    }
}

async fn push_front(caller: &Caller, push: Push) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(push.named);
    let (ttl_milliseconds, refresh_ttl) = caller.lifetime(&push.lifetime);
    let request = ListPushFrontRequest {
        list_name: name.into_bytes(),
        value: push.value.read()?,
        ttl_milliseconds,
        refresh_ttl,
        truncate_back_to_size: push.truncate.get(),
    };
    let response: ListPushFrontResponse = caller.scs("ListPushFront", &cache, &request).await?;
    Ok(Answer::length(response.list_length))
}

async fn push_back(caller: &Caller, push: Push) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(push.named);
    let (ttl_milliseconds, refresh_ttl) = caller.lifetime(&push.lifetime);
    let request = ListPushBackRequest {
        list_name: name.into_bytes(),
        value: push.value.read()?,
        ttl_milliseconds,
        refresh_ttl,
        truncate_front_to_size: push.truncate.get(),
    };
    let response: ListPushBackResponse = caller.scs("ListPushBack", &cache, &request).await?;
    Ok(Answer::length(response.list_length))
}

async fn concatenate_front(caller: &Caller, put: Concatenate) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(put.named);
    let (ttl_milliseconds, refresh_ttl) = caller.lifetime(&put.lifetime);
    let request = ListConcatenateFrontRequest {
        list_name: name.into_bytes(),
        values: put.values.read()?,
        ttl_milliseconds,
        refresh_ttl,
        truncate_back_to_size: put.truncate.get(),
    };
    let response: ListConcatenateFrontResponse = caller.scs("ListConcatenateFront", &cache, &request).await?;
    Ok(Answer::length(response.list_length))
}

async fn concatenate_back(caller: &Caller, put: Concatenate) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(put.named);
    let (ttl_milliseconds, refresh_ttl) = caller.lifetime(&put.lifetime);
    let request = ListConcatenateBackRequest {
        list_name: name.into_bytes(),
        values: put.values.read()?,
        ttl_milliseconds,
        refresh_ttl,
        truncate_front_to_size: put.truncate.get(),
    };
    let response: ListConcatenateBackResponse = caller.scs("ListConcatenateBack", &cache, &request).await?;
    Ok(Answer::length(response.list_length))
}

async fn pop_front(caller: &Caller, named: Named) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = ListPopFrontRequest { list_name: name.into_bytes() };
    let response: ListPopFrontResponse = caller.scs("ListPopFront", &cache, &request).await?;
    match response.list {
        Some(Front::Found(found)) => Ok(Answer::One("value", found.front.into())),
        Some(Front::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("ListPopFront")),
    }
}

async fn pop_back(caller: &Caller, named: Named) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = ListPopBackRequest { list_name: name.into_bytes() };
    let response: ListPopBackResponse = caller.scs("ListPopBack", &cache, &request).await?;
    match response.list {
        Some(Back::Found(found)) => Ok(Answer::One("value", found.back.into())),
        Some(Back::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("ListPopBack")),
    }
}

async fn fetch(caller: &Caller, named: Named, range: &Range) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = ListFetchRequest {
        list_name: name.into_bytes(),
        start_index: Some(
            range.start.map_or(StartIndex::UnboundedStart(Unbounded {}), StartIndex::InclusiveStart),
        ),
        end_index: Some(range.end.map_or(EndIndex::UnboundedEnd(Unbounded {}), EndIndex::ExclusiveEnd)),
    };
    let response: ListFetchResponse = caller.scs("ListFetch", &cache, &request).await?;
    match response.list {
        Some(Fetched::Found(found)) => Ok(Answer::values("values", found.values)),
        Some(Fetched::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("ListFetch")),
    }
}

async fn retain(
    caller: &Caller,
    named: Named,
    range: &Range,
    lifetime: &Lifetime,
) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let (ttl_milliseconds, refresh_ttl) = caller.lifetime(lifetime);
    let request = ListRetainRequest {
        list_name: name.into_bytes(),
        ttl_milliseconds,
        refresh_ttl,
        start_index: Some(
            range.start.map_or(RetainStart::UnboundedStart(Unbounded {}), RetainStart::InclusiveStart),
        ),
        end_index: Some(range.end.map_or(RetainEnd::UnboundedEnd(Unbounded {}), RetainEnd::ExclusiveEnd)),
    };
    let _: ListRetainResponse = caller.scs("ListRetain", &cache, &request).await?;
    Ok(Answer::Done)
}

async fn erase(caller: &Caller, named: Named, what: Erase) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = ListEraseRequest { list_name: name.into_bytes(), erase: Some(what) };
    let _: ListEraseResponse = caller.scs("ListErase", &cache, &request).await?;
    Ok(Answer::Done)
}

async fn length(caller: &Caller, named: Named) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = ListLengthRequest { list_name: name.into_bytes() };
    let response: ListLengthResponse = caller.scs("ListLength", &cache, &request).await?;
    match response.list {
        Some(Measured::Found(found)) => Ok(Answer::length(found.length)),
        Some(Measured::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("ListLength")),
    }
}
