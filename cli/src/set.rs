//! `momento set …`.

use clap::Subcommand;
use kura_wire::protos::cache_client::set_contains_response::Set as Contained;
use kura_wire::protos::cache_client::set_difference_request::subtrahend::{
    Identity, Set as SomeElements, SubtrahendSet,
};
use kura_wire::protos::cache_client::set_difference_request::{Difference, Subtrahend};
use kura_wire::protos::cache_client::set_fetch_response::Set as Fetched;
use kura_wire::protos::cache_client::set_length_response::Set as Measured;
use kura_wire::protos::cache_client::set_pop_response::Set as Popped;
use kura_wire::protos::cache_client::set_sample_response::Set as Sampled;
use kura_wire::protos::cache_client::{
    SetContainsRequest, SetContainsResponse, SetDifferenceRequest, SetDifferenceResponse, SetFetchRequest,
    SetFetchResponse, SetLengthRequest, SetLengthResponse, SetPopRequest, SetPopResponse, SetSampleRequest,
    SetSampleResponse, SetUnionRequest, SetUnionResponse,
};

use crate::answer::{Answer, Cell};
use crate::caller::{Caller, Lifetime, Named, unreadable};
use crate::error::CliError;
use crate::input::Values;

#[derive(Debug, Subcommand)]
pub(crate) enum SetCommand {
    /// Add elements
    Add {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        elements: Values,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Remove elements
    Remove {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        elements: Values,
    },
    /// Get all elements, a line each, in any order
    Fetch(Named),
    /// Ask for elements: VALUE TAB true or VALUE TAB false for each
    Contains {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        elements: Values,
    },
    /// Get the number of elements
    Length(Named),
    /// Remove random elements, and get them
    Pop {
        #[command(flatten)]
        named: Named,
        /// How many at most
        #[arg(long, default_value_t = 1)]
        count: u32,
    },
    /// Get random elements, which stay
    Sample {
        #[command(flatten)]
        named: Named,
        /// How many at most
        #[arg(long, default_value_t = 1)]
        limit: u64,
    },
    /// Delete a set
    Delete(Named),
}

/// Runs one command.
pub(crate) async fn run(caller: &Caller, command: SetCommand) -> Result<Answer, CliError> {
    match command {
        SetCommand::Add { named, elements, lifetime } => {
            let (cache, name) = caller.place(named);
            let (ttl_milliseconds, refresh_ttl) = caller.lifetime(&lifetime);
            let request = SetUnionRequest {
                set_name: name.into_bytes(),
                elements: elements.read()?,
                ttl_milliseconds,
                refresh_ttl,
            };
            let _: SetUnionResponse = caller.scs("SetUnion", &cache, &request).await?;
            Ok(Answer::Done)
        }
        SetCommand::Remove { named, elements } => {
            subtract(caller, named, SubtrahendSet::Set(SomeElements { elements: elements.read()? })).await
        }
        SetCommand::Fetch(named) => {
            let (cache, name) = caller.place(named);
            let request = SetFetchRequest { set_name: name.into_bytes() };
            let response: SetFetchResponse = caller.scs("SetFetch", &cache, &request).await?;
            match response.set {
                Some(Fetched::Found(found)) => Ok(Answer::values("elements", found.elements)),
                Some(Fetched::Missing(_)) => Ok(Answer::Miss),
                None => Err(unreadable("SetFetch")),
            }
        }
        SetCommand::Contains { named, elements } => contains(caller, named, elements.read()?).await,
        SetCommand::Length(named) => {
            let (cache, name) = caller.place(named);
            let request = SetLengthRequest { set_name: name.into_bytes() };
            let response: SetLengthResponse = caller.scs("SetLength", &cache, &request).await?;
            match response.set {
                Some(Measured::Found(found)) => Ok(Answer::length(found.length)),
                Some(Measured::Missing(_)) => Ok(Answer::Miss),
                None => Err(unreadable("SetLength")),
            }
        }
        SetCommand::Pop { named, count } => {
            let (cache, name) = caller.place(named);
            let request = SetPopRequest { set_name: name.into_bytes(), count };
            let response: SetPopResponse = caller.scs("SetPop", &cache, &request).await?;
            match response.set {
                Some(Popped::Found(found)) => Ok(Answer::values("elements", found.elements)),
                Some(Popped::Missing(_)) => Ok(Answer::Miss),
                None => Err(unreadable("SetPop")),
            }
        }
        SetCommand::Sample { named, limit } => {
            let (cache, name) = caller.place(named);
            let request = SetSampleRequest { set_name: name.into_bytes(), limit };
            let response: SetSampleResponse = caller.scs("SetSample", &cache, &request).await?;
            match response.set {
                Some(Sampled::Found(found)) => Ok(Answer::values("elements", found.elements)),
                Some(Sampled::Missing(_)) => Ok(Answer::Miss),
                None => Err(unreadable("SetSample")),
            }
        }
        SetCommand::Delete(named) => subtract(caller, named, SubtrahendSet::Identity(Identity {})).await,
    }
}

async fn contains(caller: &Caller, named: Named, elements: Vec<Vec<u8>>) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = SetContainsRequest { set_name: name.into_bytes(), elements: elements.clone() };
    let response: SetContainsResponse = caller.scs("SetContains", &cache, &request).await?;
    match response.set {
        Some(Contained::Found(found)) if found.contains.len() == elements.len() => {
            let rows = elements.into_iter().zip(found.contains);
            let rows = rows.map(|(element, there)| vec![element.into(), Cell::Flag(there)]);
            Ok(Answer::Many("elements", &["value", "contained"], rows.collect()))
        }
        Some(Contained::Missing(_)) => Ok(Answer::Miss),
        _ => Err(unreadable("SetContains")),
    }
}

/// Takes elements away; those that are not there do not matter.
async fn subtract(caller: &Caller, named: Named, what: SubtrahendSet) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = SetDifferenceRequest {
        set_name: name.into_bytes(),
        difference: Some(Difference::Subtrahend(Subtrahend { subtrahend_set: Some(what) })),
    };
    let _: SetDifferenceResponse = caller.scs("SetDifference", &cache, &request).await?;
    Ok(Answer::Done)
}
