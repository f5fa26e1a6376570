//! The nine calls on sorted sets.

use bytes::Bytes;
use kura_commands::{Aggregate, ScoreBound, SortedSetCommand, SortedSetFetch, SortedSetReply, Source};
use kura_wire::protos::cache_client as protos;
use kura_wire::{Code, Status};

use super::messages::{AllOrValues, Ask, SortedSetPut, SortedSetRemove};
use super::{Lifetime, order, read};
use crate::Method;
use crate::answer::{Reply, empty, found_length, hit_or_miss, integer, missing, number};
use crate::error::lacks;
use crate::rows::Rows;

/// The flag beside the command is whether a fetch asks for scores too.
pub(super) fn decode(
    method: Method,
    message: &Bytes,
    lifetime: &Lifetime,
) -> Result<(Bytes, SortedSetCommand, bool), Status> {
    let (name, command) = match method {
        Method::SortedSetFetch => {
            let request: protos::SortedSetFetchRequest = read(message)?;
            let order = order(request.order)?;
            let which = which(request.range.ok_or_else(|| lacks("range: give by_index or by_score"))?)?;
            let name = request.set_name.into();
            return Ok((name, SortedSetCommand::Fetch { which, order }, request.with_scores));
        }
        Method::SortedSetPut => {
            let SortedSetPut { name, elements, ttl_milliseconds, refresh_ttl } = read(message)?;
            let ttl = lifetime.of(ttl_milliseconds, refresh_ttl)?;
            let element = |element: super::messages::ScoredElement| {
                Ok((element.value, sound(element.score, "a score")?))
            };
            let elements = elements.into_iter().map(element).collect::<Result<_, Status>>()?;
            (name, SortedSetCommand::Put { elements, ttl })
        }
        Method::SortedSetGetScore => {
            let Ask { name, elements } = read(message)?;
            (name, SortedSetCommand::GetScore(elements))
        }
        Method::SortedSetGetRank => {
            let request: protos::SortedSetGetRankRequest = read(message)?;
            let order = order(request.order)?;
            (request.set_name.into(), SortedSetCommand::GetRank { value: request.value.into(), order })
        }
        Method::SortedSetIncrement => {
            let request: protos::SortedSetIncrementRequest = read(message)?;
            let ttl = lifetime.of(request.ttl_milliseconds, request.refresh_ttl)?;
            let (value, amount) = (request.value.into(), sound(request.amount, "the amount")?);
            (request.set_name.into(), SortedSetCommand::Increment { value, amount, ttl })
        }
        Method::SortedSetRemove => {
            let SortedSetRemove { name, remove } = read(message)?;
            let command = match remove.ok_or_else(|| lacks("remove_elements: give some values, or all"))? {
                AllOrValues::All(_) => SortedSetCommand::Delete,
                AllOrValues::Some(some) => SortedSetCommand::Remove(some.elements),
            };
            (name, command)
        }
        Method::SortedSetLength => {
            let request: protos::SortedSetLengthRequest = read(message)?;
            (request.set_name.into(), SortedSetCommand::Length)
        }
        Method::SortedSetLengthByScore => {
            use protos::sorted_set_length_by_score_request::{Max, Min};
            let request: protos::SortedSetLengthByScoreRequest = read(message)?;
            let min = match request.min {
                Some(Min::InclusiveMin(score)) => ScoreBound::Inclusive(sound(score, "inclusive_min")?),
                Some(Min::ExclusiveMin(score)) => ScoreBound::Exclusive(sound(score, "exclusive_min")?),
                Some(Min::UnboundedMin(_)) | None => ScoreBound::Unbounded,
            };
            let max = match request.max {
                Some(Max::InclusiveMax(score)) => ScoreBound::Inclusive(sound(score, "inclusive_max")?),
                Some(Max::ExclusiveMax(score)) => ScoreBound::Exclusive(sound(score, "exclusive_max")?),
                Some(Max::UnboundedMax(_)) | None => ScoreBound::Unbounded,
            };
            (request.set_name.into(), SortedSetCommand::LengthByScore { min, max })
        }
        _ => union_store(read(message)?, lifetime)?,
    };
    Ok((name, command, false))
}

fn which(range: protos::sorted_set_fetch_request::Range) -> Result<SortedSetFetch, Status> {
    use protos::sorted_set_fetch_request::Range;
    use protos::sorted_set_fetch_request::by_index::{End, Start};
    use protos::sorted_set_fetch_request::by_score::{Max, Min, Score};
    let bound = |score: Score, what| -> Result<ScoreBound, Status> {
        let Score { score, exclusive } = score;
        let score = sound(score, what)?;
        Ok(if exclusive { ScoreBound::Exclusive(score) } else { ScoreBound::Inclusive(score) })
    };
    Ok(match range {
        Range::ByIndex(range) => SortedSetFetch::ByIndex {
            start: match range.start {
                Some(Start::InclusiveStartIndex(index)) => Some(index.into()),
                Some(Start::UnboundedStart(_)) | None => None,
            },
            end: match range.end {
                Some(End::ExclusiveEndIndex(index)) => Some(index.into()),
                Some(End::UnboundedEnd(_)) | None => None,
            },
        },
        Range::ByScore(range) => SortedSetFetch::ByScore {
            min: match range.min {
                Some(Min::MinScore(score)) => bound(score, "min_score")?,
                Some(Min::UnboundedMin(_)) | None => ScoreBound::Unbounded,
            },
            max: match range.max {
                Some(Max::MaxScore(score)) => bound(score, "max_score")?,
                Some(Max::UnboundedMax(_)) | None => ScoreBound::Unbounded,
            },
            offset: range.offset.into(),
            // A negative count is all of them.
            count: u64::try_from(range.count).ok(),
        },
    })
}

fn union_store(
    request: protos::SortedSetUnionStoreRequest,
    lifetime: &Lifetime,
) -> Result<(Bytes, SortedSetCommand), Status> {
    use protos::sorted_set_union_store_request::AggregateFunction;
    let aggregate = match AggregateFunction::try_from(request.aggregate) {
        Ok(AggregateFunction::Sum) => Aggregate::Sum,
        Ok(AggregateFunction::Min) => Aggregate::Min,
        Ok(AggregateFunction::Max) => Aggregate::Max,
        Err(_) => {
            return Err(invalid(format!(
                "aggregate is {}; give SUM (0), MIN (1) or MAX (2)",
                request.aggregate
            )));
        }
    };
    if request.sources.is_empty() {
        return Err(lacks("sources: give at least one sorted set"));
    }
    let mut sources = Vec::with_capacity(request.sources.len());
    for source in request.sources {
        if !source.weight.is_finite() {
            return Err(invalid(format!(
                "the weight of a source is {}; give a finite number",
                source.weight
            )));
        }
        sources.push(Source { name: source.set_name.into(), weight: source.weight.into() });
    }
    let ttl = lifetime.ttl(request.ttl_milliseconds)?;
    Ok((request.set_name.into(), SortedSetCommand::UnionStore { sources, aggregate, ttl }))
}

/// A score that has a place in the order: infinite ones have, NaN has not.
fn sound(score: f64, what: &str) -> Result<f64, Status> {
    if score.is_nan() { Err(invalid(format!("{what} is NaN; give a number"))) } else { Ok(score) }
}

fn invalid(message: String) -> Status {
    Status::new(Code::InvalidArgument, message)
}

pub(super) fn encode(method: Method, reply: SortedSetReply, with_scores: bool) -> Reply {
    match reply {
        // The Python SDK reads the rank without asking whether the set is there.
        SortedSetReply::Missing if method == Method::SortedSetGetRank => hit_or_miss(None),
        SortedSetReply::Missing => missing(),
        SortedSetReply::Done => empty(),
        SortedSetReply::Found(elements) => Reply::Rows(Rows::scored(elements, with_scores)),
        SortedSetReply::Scores(scores) => Reply::Rows(Rows::scores(scores)),
        SortedSetReply::Rank(rank) => hit_or_miss(rank),
        SortedSetReply::Score(score) => number(score),
        SortedSetReply::Length(length) if method == Method::SortedSetUnionStore => integer(length),
        SortedSetReply::Length(length) => found_length(length),
    }
}
