//! `momento dictionary …`.

use clap::Subcommand;
use kura_wire::protos::cache_client::dictionary_delete_request::{All, Delete, Some as SomeFields};
use kura_wire::protos::cache_client::dictionary_fetch_response::Dictionary as Fetched;
use kura_wire::protos::cache_client::dictionary_get_response::{
    Dictionary as Got, DictionaryGetResponsePart,
};
use kura_wire::protos::cache_client::dictionary_length_response::Dictionary as Measured;
use kura_wire::protos::cache_client::{
    DictionaryDeleteRequest, DictionaryDeleteResponse, DictionaryFetchRequest, DictionaryFetchResponse,
    DictionaryFieldValuePair, DictionaryGetRequest, DictionaryGetResponse, DictionaryIncrementRequest,
    DictionaryIncrementResponse, DictionaryLengthRequest, DictionaryLengthResponse, DictionarySetRequest,
    DictionarySetResponse, ECacheResult,
};

use crate::answer::{Answer, Cell};
use crate::caller::{Caller, Lifetime, Named, unreadable};
use crate::error::CliError;
use crate::input::{Value, bytes, field_value};

#[derive(Debug, Subcommand)]
pub(crate) enum DictionaryCommand {
    /// Set a field
    Set {
        #[command(flatten)]
        named: Named,
        field: String,
        #[command(flatten)]
        value: Value,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Set several fields
    SetFields {
        #[command(flatten)]
        named: Named,
        /// Fields and their values, divided at the first equals sign
        #[arg(required = true, value_name = "FIELD=VALUE", value_parser = field_value)]
        items: Vec<(String, String)>,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Get the value of a field
    Get {
        #[command(flatten)]
        named: Named,
        field: String,
    },
    /// Get several fields: FIELD TAB VALUE for each that is there
    GetFields {
        #[command(flatten)]
        named: Named,
        #[arg(required = true, value_name = "FIELD")]
        fields: Vec<String>,
    },
    /// Get all fields: FIELD TAB VALUE for each
    Fetch(Named),
    /// Add to the number in a field, and get the sum
    Increment {
        #[command(flatten)]
        named: Named,
        field: String,
        #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
        amount: i64,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Remove fields
    Remove {
        #[command(flatten)]
        named: Named,
        #[arg(required = true, value_name = "FIELD")]
        fields: Vec<String>,
    },
    /// Get the number of fields
    Length(Named),
    /// Delete a dictionary
    Delete(Named),
}

/// Runs one command.
pub(crate) async fn run(caller: &Caller, command: DictionaryCommand) -> Result<Answer, CliError> {
    match command {
        DictionaryCommand::Set { named, field, value, lifetime } => {
            let item = DictionaryFieldValuePair { field: field.into_bytes(), value: value.read()? };
            set(caller, named, vec![item], &lifetime).await
        }
        DictionaryCommand::SetFields { named, items, lifetime } => {
            let pair = |(field, value): (String, String)| DictionaryFieldValuePair {
                field: field.into_bytes(),
                value: value.into_bytes(),
            };
            set(caller, named, items.into_iter().map(pair).collect(), &lifetime).await
        }
        DictionaryCommand::Get { named, field } => {
            let Some(parts) = get(caller, named, vec![field.into_bytes()]).await? else {
                return Ok(Answer::Miss);
            };
            match parts.into_iter().next().map(cell) {
                Some(Ok(Cell::Absent)) => Ok(Answer::Miss),
                Some(value) => Ok(Answer::One("value", value?)),
                None => Err(unreadable("DictionaryGet")),
            }
        }
        DictionaryCommand::GetFields { named, fields } => {
            let fields = bytes(fields);
            let Some(parts) = get(caller, named, fields.clone()).await? else { return Ok(Answer::Miss) };
            let rows = fields.into_iter().zip(parts).map(|(field, part)| Ok(vec![field.into(), cell(part)?]));
            Ok(Answer::Many("items", &["field", "value"], rows.collect::<Result<_, CliError>>()?))
        }
        DictionaryCommand::Fetch(named) => fetch(caller, named).await,
        DictionaryCommand::Increment { named, field, amount, lifetime } => {
            let (cache, name) = caller.place(named);
            let (ttl_milliseconds, refresh_ttl) = caller.lifetime(&lifetime);
            let request = DictionaryIncrementRequest {
                dictionary_name: name.into_bytes(),
                field: field.into_bytes(),
                amount,
                ttl_milliseconds,
                refresh_ttl,
            };
            let response: DictionaryIncrementResponse =
                caller.scs("DictionaryIncrement", &cache, &request).await?;
            Ok(Answer::One("value", response.value.into()))
        }
        DictionaryCommand::Remove { named, fields } => {
            delete(caller, named, Delete::Some(SomeFields { fields: bytes(fields) })).await
        }
        DictionaryCommand::Length(named) => length(caller, named).await,
        DictionaryCommand::Delete(named) => delete(caller, named, Delete::All(All {})).await,
    }
}

async fn set(
    caller: &Caller,
    named: Named,
    items: Vec<DictionaryFieldValuePair>,
    lifetime: &Lifetime,
) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let (ttl_milliseconds, refresh_ttl) = caller.lifetime(lifetime);
    let request =
        DictionarySetRequest { dictionary_name: name.into_bytes(), items, ttl_milliseconds, refresh_ttl };
    let _: DictionarySetResponse = caller.scs("DictionarySet", &cache, &request).await?;
    Ok(Answer::Done)
}

/// The fields' parts in the order asked; none if there is no such dictionary.
async fn get(
    caller: &Caller,
    named: Named,
    fields: Vec<Vec<u8>>,
) -> Result<Option<Vec<DictionaryGetResponsePart>>, CliError> {
    let (cache, name) = caller.place(named);
    let asked = fields.len();
    let request = DictionaryGetRequest { dictionary_name: name.into_bytes(), fields };
    let response: DictionaryGetResponse = caller.scs("DictionaryGet", &cache, &request).await?;
    match response.dictionary {
        Some(Got::Found(found)) if found.items.len() == asked => Ok(Some(found.items)),
        Some(Got::Missing(_)) => Ok(None),
        _ => Err(unreadable("DictionaryGet")),
    }
}

fn cell(part: DictionaryGetResponsePart) -> Result<Cell, CliError> {
    match part.result() {
        ECacheResult::Hit => Ok(part.cache_body.into()),
        ECacheResult::Miss => Ok(Cell::Absent),
        _ => Err(unreadable("DictionaryGet")),
    }
}

async fn fetch(caller: &Caller, named: Named) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = DictionaryFetchRequest { dictionary_name: name.into_bytes() };
    let response: DictionaryFetchResponse = caller.scs("DictionaryFetch", &cache, &request).await?;
    match response.dictionary {
        Some(Fetched::Found(found)) => {
            let rows = found.items.into_iter().map(|item| vec![item.field.into(), item.value.into()]);
            Ok(Answer::Many("items", &["field", "value"], rows.collect()))
        }
        Some(Fetched::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("DictionaryFetch")),
    }
}

async fn length(caller: &Caller, named: Named) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = DictionaryLengthRequest { dictionary_name: name.into_bytes() };
    let response: DictionaryLengthResponse = caller.scs("DictionaryLength", &cache, &request).await?;
    match response.dictionary {
        Some(Measured::Found(found)) => Ok(Answer::length(found.length)),
        Some(Measured::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("DictionaryLength")),
    }
}

async fn delete(caller: &Caller, named: Named, what: Delete) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = DictionaryDeleteRequest { dictionary_name: name.into_bytes(), delete: Some(what) };
    let _: DictionaryDeleteResponse = caller.scs("DictionaryDelete", &cache, &request).await?;
    Ok(Answer::Done)
}
