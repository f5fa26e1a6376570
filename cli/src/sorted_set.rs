//! `momento sorted-set …`.

use clap::{Subcommand, ValueEnum};
use kura_wire::protos::cache_client::sorted_set_fetch_request::{
    self, ByIndex, ByScore, Range as FetchRange,
};
use kura_wire::protos::cache_client::sorted_set_fetch_response::SortedSet as Fetched;
use kura_wire::protos::cache_client::sorted_set_fetch_response::found::Elements;
use kura_wire::protos::cache_client::sorted_set_get_rank_request;
use kura_wire::protos::cache_client::sorted_set_get_rank_response::Rank;
use kura_wire::protos::cache_client::sorted_set_get_score_response::{
    SortedSet as Scored, SortedSetGetScoreResponsePart,
};
use kura_wire::protos::cache_client::sorted_set_length_by_score_request::{Max, Min};
use kura_wire::protos::cache_client::sorted_set_length_by_score_response::SortedSet as MeasuredByScore;
use kura_wire::protos::cache_client::sorted_set_length_response::SortedSet as Measured;
use kura_wire::protos::cache_client::sorted_set_remove_request::{All, RemoveElements, Some as SomeValues};
use kura_wire::protos::cache_client::sorted_set_union_store_request::{AggregateFunction, Source};
use kura_wire::protos::cache_client::{
    ECacheResult, SortedSetElement, SortedSetFetchRequest, SortedSetFetchResponse, SortedSetGetRankRequest,
    SortedSetGetRankResponse, SortedSetGetScoreRequest, SortedSetGetScoreResponse, SortedSetIncrementRequest,
    SortedSetIncrementResponse, SortedSetLengthByScoreRequest, SortedSetLengthByScoreResponse,
    SortedSetLengthRequest, SortedSetLengthResponse, SortedSetPutRequest, SortedSetPutResponse,
    SortedSetRemoveRequest, SortedSetRemoveResponse, SortedSetUnionStoreRequest, SortedSetUnionStoreResponse,
};
use kura_wire::protos::common::Unbounded;
use sorted_set_fetch_request::by_index::{End, Start};
use sorted_set_fetch_request::by_score::{Max as FetchMax, Min as FetchMin, Score};

use crate::answer::{Answer, Cell};
use crate::caller::{Caller, Lifetime, Named, Order, unreadable};
use crate::error::CliError;
use crate::input::{Value, Values, bytes, set_weight, value_score};

#[derive(Debug, Subcommand)]
pub(crate) enum SortedSetCommand {
    /// Put an element, or give it another score
    Put {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        value: Value,
        #[arg(long, allow_negative_numbers = true)]
        score: f64,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Put several elements
    PutElements {
        #[command(flatten)]
        named: Named,
        /// Values and their scores, divided at the last equals sign
        #[arg(required = true, value_name = "VALUE=SCORE", value_parser = value_score)]
        elements: Vec<(String, f64)>,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Get elements by rank or by score: VALUE TAB SCORE for each
    Fetch {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        ranks: Ranks,
        #[command(flatten)]
        bounds: Bounds,
        /// How many elements between the scores to pass over [default: 0]
        #[arg(long)]
        offset: Option<u32>,
        /// How many elements between the scores at most [default: all]
        #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
        count: Option<i32>,
        #[arg(long, value_enum, default_value_t = Order::Ascending)]
        order: Order,
    },
    /// Get the score of a value
    Score {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        value: Value,
    },
    /// Get several scores: VALUE TAB SCORE for each that is there
    Scores {
        #[command(flatten)]
        named: Named,
        #[arg(required = true, value_name = "VALUE")]
        values: Vec<String>,
    },
    /// Get the rank of a value, from 0
    Rank {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        value: Value,
        #[arg(long, value_enum, default_value_t = Order::Ascending)]
        order: Order,
    },
    /// Add to the score of a value, and get the sum
    Increment {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        value: Value,
        #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
        amount: f64,
        #[command(flatten)]
        lifetime: Lifetime,
    },
    /// Remove values
    Remove {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        values: Values,
    },
    /// Get the number of elements, of all or of those between two scores
    Length {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        bounds: Bounds,
    },
    /// Store the union of sorted sets as another, and get its length
    UnionStore {
        #[command(flatten)]
        named: Named,
        /// The sets to unite, and by what to multiply their scores [default: 1]
        #[arg(required = true, value_name = "SET=WEIGHT", value_parser = set_weight)]
        sources: Vec<(String, f32)>,
        /// What becomes of the scores of a value that is in several sets
        #[arg(long, value_enum, default_value_t = Aggregate::Sum)]
        aggregate: Aggregate,
        /// Max time that it will be stored in cache (in seconds) [default: your profile's default TTL]
        #[arg(long = "ttl", value_name = "TTL_SECONDS")]
        ttl_seconds: Option<u64>,
    },
    /// Delete a sorted set
    Delete(Named),
}

/// What asks for elements by score, and not by rank.
const BY_SCORE: [&str; 6] = ["min", "above", "max", "below", "offset", "count"];

#[derive(Debug, clap::Args)]
pub(crate) struct Ranks {
    /// The first rank, from 0; a negative number counts from the end [default: the first of all]
    #[arg(long, allow_negative_numbers = true, conflicts_with_all = BY_SCORE)]
    start: Option<i32>,
    /// The rank behind the last; a negative number counts from the end [default: to the end]
    #[arg(long, allow_negative_numbers = true, conflicts_with_all = BY_SCORE)]
    end: Option<i32>,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Bounds {
    /// The lowest score [default: any]
    #[arg(long, allow_negative_numbers = true)]
    min: Option<f64>,
    /// All scores are above this one [default: any]
    #[arg(long, allow_negative_numbers = true, conflicts_with = "min")]
    above: Option<f64>,
    /// The highest score [default: any]
    #[arg(long, allow_negative_numbers = true)]
    max: Option<f64>,
    /// All scores are below this one [default: any]
    #[arg(long, allow_negative_numbers = true, conflicts_with = "max")]
    below: Option<f64>,
}

impl Bounds {
    fn are_given(&self) -> bool {
        [self.min, self.above, self.max, self.below].iter().any(Option::is_some)
    }
}

/// What becomes of several scores of one value.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Aggregate {
    Sum,
    Min,
    Max,
}

/// Runs one command.
pub(crate) async fn run(caller: &Caller, command: SortedSetCommand) -> Result<Answer, CliError> {
    match command {
        SortedSetCommand::Put { named, value, score, lifetime } => {
            let element = SortedSetElement { value: value.read()?, score };
            put(caller, named, vec![element], &lifetime).await
        }
        SortedSetCommand::PutElements { named, elements, lifetime } => {
            let element =
                |(value, score): (String, f64)| SortedSetElement { value: value.into_bytes(), score };
            put(caller, named, elements.into_iter().map(element).collect(), &lifetime).await
        }
        SortedSetCommand::Fetch { named, ranks, bounds, offset, count, order } => {
            let by_score = bounds.are_given() || offset.is_some() || count.is_some();
            let range = match by_score {
                true => FetchRange::ByScore(within(bounds, offset, count)),
                false => FetchRange::ByIndex(between(&ranks)),
            };
            fetch(caller, named, range, order).await
        }
        SortedSetCommand::Score { named, value } => {
            let Some(parts) = scores(caller, named, vec![value.read()?]).await? else {
                return Ok(Answer::Miss);
            };
            match parts.first().map(cell) {
                Some(Ok(Cell::Absent)) => Ok(Answer::Miss),
                Some(score) => Ok(Answer::One("score", score?)),
                None => Err(unreadable("SortedSetGetScore")),
            }
        }
        SortedSetCommand::Scores { named, values } => {
            let values = bytes(values);
            let Some(parts) = scores(caller, named, values.clone()).await? else { return Ok(Answer::Miss) };
            let rows =
                values.into_iter().zip(&parts).map(|(value, part)| Ok(vec![value.into(), cell(part)?]));
            Ok(Answer::Many("elements", &["value", "score"], rows.collect::<Result<_, CliError>>()?))
        }
        SortedSetCommand::Rank { named, value, order } => rank(caller, named, value.read()?, order).await,
        SortedSetCommand::Increment { named, value, amount, lifetime } => {
            let (cache, name) = caller.place(named);
            let (ttl_milliseconds, refresh_ttl) = caller.lifetime(&lifetime);
            let request = SortedSetIncrementRequest {
                set_name: name.into_bytes(),
                value: value.read()?,
                amount,
                ttl_milliseconds,
                refresh_ttl,
            };
            let response: SortedSetIncrementResponse =
                caller.scs("SortedSetIncrement", &cache, &request).await?;
            Ok(Answer::One("score", response.score.into()))
        }
        SortedSetCommand::Remove { named, values } => {
            remove(caller, named, RemoveElements::Some(SomeValues { values: values.read()? })).await
        }
        SortedSetCommand::Length { named, bounds } if bounds.are_given() => {
            length_by_score(caller, named, bounds).await
        }
        SortedSetCommand::Length { named, .. } => length(caller, named).await,
        SortedSetCommand::UnionStore { named, sources, aggregate, ttl_seconds } => {
            let (cache, name) = caller.place(named);
            let source = |(name, weight): (String, f32)| Source { set_name: name.into_bytes(), weight };
            let aggregate = match aggregate {
                Aggregate::Sum => AggregateFunction::Sum,
                Aggregate::Min => AggregateFunction::Min,
                Aggregate::Max => AggregateFunction::Max,
            };
            let request = SortedSetUnionStoreRequest {
                set_name: name.into_bytes(),
                sources: sources.into_iter().map(source).collect(),
                aggregate: aggregate.into(),
                ttl_milliseconds: caller.ttl_milliseconds(ttl_seconds),
            };
            let response: SortedSetUnionStoreResponse =
                caller.scs("SortedSetUnionStore", &cache, &request).await?;
            Ok(Answer::length(response.length))
        }
        SortedSetCommand::Delete(named) => remove(caller, named, RemoveElements::All(All {})).await,
    }
}

async fn put(
    caller: &Caller,
    named: Named,
    elements: Vec<SortedSetElement>,
    lifetime: &Lifetime,
) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let (ttl_milliseconds, refresh_ttl) = caller.lifetime(lifetime);
    let request =
        SortedSetPutRequest { set_name: name.into_bytes(), elements, ttl_milliseconds, refresh_ttl };
    let _: SortedSetPutResponse = caller.scs("SortedSetPut", &cache, &request).await?;
    Ok(Answer::Done)
}

fn between(ranks: &Ranks) -> ByIndex {
    ByIndex {
        start: Some(ranks.start.map_or(Start::UnboundedStart(Unbounded {}), Start::InclusiveStartIndex)),
        end: Some(ranks.end.map_or(End::UnboundedEnd(Unbounded {}), End::ExclusiveEndIndex)),
    }
}

fn within(bounds: Bounds, offset: Option<u32>, count: Option<i32>) -> ByScore {
    let score = |score, exclusive| Score { score, exclusive };
    let min = match (bounds.min, bounds.above) {
        (Some(min), _) => FetchMin::MinScore(score(min, false)),
        (None, Some(above)) => FetchMin::MinScore(score(above, true)),
        (None, None) => FetchMin::UnboundedMin(Unbounded {}),
    };
    let max = match (bounds.max, bounds.below) {
        (Some(max), _) => FetchMax::MaxScore(score(max, false)),
        (None, Some(below)) => FetchMax::MaxScore(score(below, true)),
        (None, None) => FetchMax::UnboundedMax(Unbounded {}),
    };
    // A negative count is all of them.
    ByScore { offset: offset.unwrap_or(0), count: count.unwrap_or(-1), min: Some(min), max: Some(max) }
}

async fn fetch(caller: &Caller, named: Named, range: FetchRange, order: Order) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let order = match order {
        Order::Ascending => sorted_set_fetch_request::Order::Ascending,
        Order::Descending => sorted_set_fetch_request::Order::Descending,
    };
    let request = SortedSetFetchRequest {
        set_name: name.into_bytes(),
        order: order.into(),
        with_scores: true,
        range: Some(range),
    };
    let response: SortedSetFetchResponse = caller.scs("SortedSetFetch", &cache, &request).await?;
    match response.sorted_set {
        Some(Fetched::Found(found)) => match found.elements {
            Some(Elements::ValuesWithScores(found)) => {
                let rows = found
                    .elements
                    .into_iter()
                    .map(|element| vec![element.value.into(), element.score.into()]);
                Ok(Answer::Many("elements", &["value", "score"], rows.collect()))
            }
            _ => Err(unreadable("SortedSetFetch")),
        },
        Some(Fetched::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("SortedSetFetch")),
    }
}

/// The values' parts in the order asked; none if there is no such set.
async fn scores(
    caller: &Caller,
    named: Named,
    values: Vec<Vec<u8>>,
) -> Result<Option<Vec<SortedSetGetScoreResponsePart>>, CliError> {
    let (cache, name) = caller.place(named);
    let asked = values.len();
    let request = SortedSetGetScoreRequest { set_name: name.into_bytes(), values };
    let response: SortedSetGetScoreResponse = caller.scs("SortedSetGetScore", &cache, &request).await?;
    match response.sorted_set {
        Some(Scored::Found(found)) if found.elements.len() == asked => Ok(Some(found.elements)),
        Some(Scored::Missing(_)) => Ok(None),
        _ => Err(unreadable("SortedSetGetScore")),
    }
}

fn cell(part: &SortedSetGetScoreResponsePart) -> Result<Cell, CliError> {
    match part.result() {
        ECacheResult::Hit => Ok(part.score.into()),
        ECacheResult::Miss => Ok(Cell::Absent),
        _ => Err(unreadable("SortedSetGetScore")),
    }
}

async fn rank(caller: &Caller, named: Named, value: Vec<u8>, order: Order) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let order = match order {
        Order::Ascending => sorted_set_get_rank_request::Order::Ascending,
        Order::Descending => sorted_set_get_rank_request::Order::Descending,
    };
    let request = SortedSetGetRankRequest { set_name: name.into_bytes(), value, order: order.into() };
    let response: SortedSetGetRankResponse = caller.scs("SortedSetGetRank", &cache, &request).await?;
    match response.rank {
        Some(Rank::ElementRank(part)) => match part.result() {
            ECacheResult::Hit => Ok(Answer::One("rank", part.rank.into())),
            ECacheResult::Miss => Ok(Answer::Miss),
            _ => Err(unreadable("SortedSetGetRank")),
        },
        Some(Rank::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("SortedSetGetRank")),
    }
}

async fn remove(caller: &Caller, named: Named, what: RemoveElements) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = SortedSetRemoveRequest { set_name: name.into_bytes(), remove_elements: Some(what) };
    let _: SortedSetRemoveResponse = caller.scs("SortedSetRemove", &cache, &request).await?;
    Ok(Answer::Done)
}

async fn length(caller: &Caller, named: Named) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let request = SortedSetLengthRequest { set_name: name.into_bytes() };
    let response: SortedSetLengthResponse = caller.scs("SortedSetLength", &cache, &request).await?;
    match response.sorted_set {
        Some(Measured::Found(found)) => Ok(Answer::length(found.length)),
        Some(Measured::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("SortedSetLength")),
    }
}

async fn length_by_score(caller: &Caller, named: Named, bounds: Bounds) -> Result<Answer, CliError> {
    let (cache, name) = caller.place(named);
    let min = match (bounds.min, bounds.above) {
        (Some(min), _) => Min::InclusiveMin(min),
        (None, Some(above)) => Min::ExclusiveMin(above),
        (None, None) => Min::UnboundedMin(Unbounded {}),
    };
    let max = match (bounds.max, bounds.below) {
        (Some(max), _) => Max::InclusiveMax(max),
        (None, Some(below)) => Max::ExclusiveMax(below),
        (None, None) => Max::UnboundedMax(Unbounded {}),
    };
    let request =
        SortedSetLengthByScoreRequest { set_name: name.into_bytes(), min: Some(min), max: Some(max) };
    let response: SortedSetLengthByScoreResponse =
        caller.scs("SortedSetLengthByScore", &cache, &request).await?;
    match response.sorted_set {
        Some(MeasuredByScore::Found(found)) => Ok(Answer::length(found.length)),
        Some(MeasuredByScore::Missing(_)) => Ok(Answer::Miss),
        None => Err(unreadable("SortedSetLengthByScore")),
    }
}
