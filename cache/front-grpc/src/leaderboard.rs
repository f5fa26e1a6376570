//! The eight calls on leaderboards.

use bytes::Bytes;
use kura_commands::{
    Cache, Commands, Element, Items, LeaderboardCommand, LeaderboardReply, Order, ScoreRange,
};
use kura_wire::protos::leaderboard as protos;
use kura_wire::{Code, Status};

use crate::Method;
use crate::answer::{Outcome, Reply, empty, integer, put_bytes, put_double, put_varint_field};
use crate::collection::order;
use crate::error::lacks;
use crate::message::decode as read;
use crate::scalar::Answer;

/// Most elements or ids in one call, as Momento documents.
const MAX_ELEMENTS: u32 = 8192;

/// What a call does to a leaderboard, and so what its session must be allowed.
pub(crate) fn items(method: Method) -> Items {
    match method {
        Method::UpsertElements | Method::RemoveElements | Method::DeleteLeaderboard => Items::Write,
        _ => Items::Read,
    }
}

/// Decodes the message of a call on a leaderboard into the board's name and the command.
///
/// # Errors
/// INVALID_ARGUMENT for bytes that are not the message, more than 8192 elements or ids, none where
/// there must be some, ranks that are no range, scores that are not finite, an unknown order.
pub fn decode(method: Method, message: &Bytes) -> Result<(String, LeaderboardCommand), Status> {
    Ok(match method {
        Method::UpsertElements => {
            let request: protos::UpsertElementsRequest = read(message)?;
            some("elements", request.elements.len())?;
            let element = |element: protos::Element| {
                Ok(Element { id: element.id, score: finite(element.score, "a score")?, rank: 0 })
            };
            let elements = request.elements.into_iter().map(element).collect::<Result<_, Status>>()?;
            (request.leaderboard, LeaderboardCommand::Upsert(elements))
        }
        Method::RemoveElements => {
            let request: protos::RemoveElementsRequest = read(message)?;
            some("ids", request.ids.len())?;
            (request.leaderboard, LeaderboardCommand::Remove(request.ids))
        }
        Method::DeleteLeaderboard => {
            let request: protos::DeleteLeaderboardRequest = read(message)?;
            (request.leaderboard, LeaderboardCommand::Delete)
        }
        Method::GetLeaderboardLength => {
            let request: protos::GetLeaderboardLengthRequest = read(message)?;
            (request.leaderboard, LeaderboardCommand::Length)
        }
        Method::GetByRank => {
            let request: protos::GetByRankRequest = read(message)?;
            let order = order(request.order)?;
            let range =
                request.rank_range.ok_or_else(|| lacks("rank_range: give the first rank and an end"))?;
            let (start, end) = (range.start_inclusive, range.end_exclusive);
            if start >= end {
                return Err(invalid(format!(
                    "rank_range ends at {end}, which is not behind its start {start}; the end is exclusive"
                )));
            }
            at_most("ranks", u64::from(end - start))?;
            (request.leaderboard, LeaderboardCommand::ByRank { start, end, order })
        }
        Method::GetByScore => {
            use protos::score_range::{Max, Min};
            let request: protos::GetByScoreRequest = read(message)?;
            let order = order(request.order)?;
            at_most("elements", request.limit_elements.into())?;
            let range = request.score_range.unwrap_or_default();
            let min = match range.min {
                Some(Min::MinInclusive(score)) => Some(finite(score, "min_inclusive")?),
                Some(Min::UnboundedMin(_)) | None => None,
            };
            let max = match range.max {
                Some(Max::MaxExclusive(score)) => Some(finite(score, "max_exclusive")?),
                Some(Max::UnboundedMax(_)) | None => None,
            };
            let (offset, limit) = (request.offset, request.limit_elements);
            let range = ScoreRange { min, max };
            (request.leaderboard, LeaderboardCommand::ByScore { range, offset, limit, order })
        }
        Method::GetRank => {
            let request: protos::GetRankRequest = read(message)?;
            let order = order(request.order)?;
            rank(request.leaderboard, request.ids, order, false)?
        }
        _ => {
            let request: protos::GetCompetitionRankRequest = read(message)?;
            // This call alone counts from the highest score unless it is told otherwise.
            let order = request.order.map_or(Ok(Order::Descending), order)?;
            rank(request.leaderboard, request.ids, order, true)?
        }
    })
}

fn rank(
    leaderboard: String,
    ids: Vec<u32>,
    order: Order,
    competition: bool,
) -> Result<(String, LeaderboardCommand), Status> {
    at_most("ids", ids.len() as u64)?;
    Ok((leaderboard, LeaderboardCommand::Rank { ids, order, competition }))
}

/// Carries out one call on a leaderboard, or hands back the work that takes longer.
pub(crate) fn execute(
    commands: &Commands,
    cache: Cache,
    method: Method,
    message: &Bytes,
) -> Result<Outcome, Status> {
    let (name, command) = decode(method, message)?;
    Outcome::of(commands.leaderboard(cache, name.as_bytes(), command, commands.now()), encode)
}

fn encode(reply: LeaderboardReply) -> Reply {
    match reply {
        LeaderboardReply::Done => empty(),
        LeaderboardReply::Length(count) => integer(count.into()),
        LeaderboardReply::Elements(elements) => {
            let mut message = Vec::with_capacity(elements.len() * 24);
            let mut ranked = Vec::with_capacity(24);
            for element in elements {
                ranked.clear();
                put_varint_field(&mut ranked, 1, element.id.into());
                put_varint_field(&mut ranked, 3, element.rank.into());
                put_double(&mut ranked, 4, element.score);
                put_bytes(&mut message, 1, &ranked);
            }
            Reply::Whole(Answer::of(&message))
        }
    }
}

fn some(what: &str, count: usize) -> Result<(), Status> {
    if count == 0 {
        return Err(invalid(format!("the request has no {what}; give 1 to {MAX_ELEMENTS}")));
    }
    at_most(what, count as u64)
}

fn at_most(what: &str, count: u64) -> Result<(), Status> {
    if count > MAX_ELEMENTS.into() {
        return Err(invalid(format!(
            "the request is for {count} {what}; at most {MAX_ELEMENTS} are allowed"
        )));
    }
    Ok(())
}

/// "Momento does not support NaN or Inf in leaderboards", say its messages.
fn finite(score: f64, what: &str) -> Result<f64, Status> {
    if score.is_finite() {
        Ok(score)
    } else {
        Err(invalid(format!("{what} is {score}; give a finite number")))
    }
}

fn invalid(message: String) -> Status {
    Status::new(Code::InvalidArgument, message)
}
