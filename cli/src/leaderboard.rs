//! `momento leaderboard …`: elements are RANK TAB ID TAB SCORE, a line each.

use clap::Subcommand;
use kura_wire::protos::common::{Empty, Unbounded};
use kura_wire::protos::leaderboard::score_range::{Max, Min};
use kura_wire::protos::leaderboard::{
    DeleteLeaderboardRequest, Element, GetByRankRequest, GetByRankResponse, GetByScoreRequest,
    GetByScoreResponse, GetCompetitionRankRequest, GetCompetitionRankResponse, GetLeaderboardLengthRequest,
    GetLeaderboardLengthResponse, GetRankRequest, GetRankResponse, Order as WireOrder, RankRange,
    RankedElement, RemoveElementsRequest, ScoreRange, UpsertElementsRequest,
};
use prost::Message;

use crate::answer::Answer;
use crate::caller::{Caller, Named, Order};
use crate::error::CliError;
use crate::input::id_score;

/// Most elements that one call gives.
const MAX_ELEMENTS: u32 = 8192;

#[derive(Debug, Subcommand)]
pub(crate) enum LeaderboardCommand {
    /// Set the scores of ids
    Upsert {
        #[command(flatten)]
        named: Named,
        /// Ids, whole numbers, and their scores; up to 8192
        #[arg(required = true, value_name = "ID=SCORE", value_parser = id_score)]
        elements: Vec<(u32, f64)>,
    },
    /// Get the elements of some ranks
    ByRank {
        #[command(flatten)]
        named: Named,
        /// The first rank
        #[arg(long, default_value_t = 0)]
        start: u32,
        /// The rank behind the last [default: 8192 behind the first, the most there can be]
        #[arg(long)]
        end: Option<u32>,
        #[arg(long, value_enum, default_value_t = Order::Ascending)]
        order: Order,
    },
    /// Get the elements with some scores
    ByScore {
        #[command(flatten)]
        named: Named,
        /// The lowest score [default: any]
        #[arg(long, allow_negative_numbers = true)]
        min: Option<f64>,
        /// All scores are below this one [default: any]
        #[arg(long, allow_negative_numbers = true)]
        below: Option<f64>,
        /// How many of them to pass over
        #[arg(long, default_value_t = 0)]
        offset: u32,
        /// How many at most
        #[arg(long, default_value_t = MAX_ELEMENTS)]
        limit: u32,
        #[arg(long, value_enum, default_value_t = Order::Ascending)]
        order: Order,
    },
    /// Get the ranks of ids
    Rank {
        #[command(flatten)]
        named: Named,
        #[arg(required = true, value_name = "ID")]
        ids: Vec<u32>,
        #[arg(long, value_enum, default_value_t = Order::Ascending)]
        order: Order,
    },
    /// Get the ranks of ids, where equal scores share one
    CompetitionRank {
        #[command(flatten)]
        named: Named,
        #[arg(required = true, value_name = "ID")]
        ids: Vec<u32>,
        #[arg(long, value_enum, default_value_t = Order::Descending)]
        order: Order,
    },
    /// Remove ids
    Remove {
        #[command(flatten)]
        named: Named,
        #[arg(required = true, value_name = "ID")]
        ids: Vec<u32>,
    },
    /// Get the number of elements
    Length(Named),
    /// Delete a leaderboard
    Delete(Named),
}

/// Runs one command.
pub(crate) async fn run(caller: &Caller, command: LeaderboardCommand) -> Result<Answer, CliError> {
    match command {
        LeaderboardCommand::Upsert { named, elements } => {
            let (cache, leaderboard) = caller.place(named);
            let elements = elements.into_iter().map(|(id, score)| Element { id, score }).collect();
            let request = UpsertElementsRequest { leaderboard, elements };
            let _: Empty = call(caller, "UpsertElements", &cache, &request).await?;
            Ok(Answer::Done)
        }
        LeaderboardCommand::ByRank { named, start, end, order } => {
            let (cache, leaderboard) = caller.place(named);
            let end_exclusive = end.unwrap_or_else(|| start.saturating_add(MAX_ELEMENTS));
            let rank_range = Some(RankRange { start_inclusive: start, end_exclusive });
            let request = GetByRankRequest { leaderboard, rank_range, order: wire(order) };
            let response: GetByRankResponse = call(caller, "GetByRank", &cache, &request).await?;
            Ok(ranked(response.elements))
        }
        LeaderboardCommand::ByScore { named, min, below, offset, limit, order } => {
            let (cache, leaderboard) = caller.place(named);
            let score_range = Some(ScoreRange {
                min: Some(min.map_or(Min::UnboundedMin(Unbounded {}), Min::MinInclusive)),
                max: Some(below.map_or(Max::UnboundedMax(Unbounded {}), Max::MaxExclusive)),
            });
            let request = GetByScoreRequest {
                leaderboard,
                score_range,
                offset,
                limit_elements: limit,
                order: wire(order),
            };
            let response: GetByScoreResponse = call(caller, "GetByScore", &cache, &request).await?;
            Ok(ranked(response.elements))
        }
        LeaderboardCommand::Rank { named, ids, order } => {
            let (cache, leaderboard) = caller.place(named);
            let request = GetRankRequest { leaderboard, ids, order: wire(order) };
            let response: GetRankResponse = call(caller, "GetRank", &cache, &request).await?;
            Ok(found(response.elements))
        }
        LeaderboardCommand::CompetitionRank { named, ids, order } => {
            let (cache, leaderboard) = caller.place(named);
            let request = GetCompetitionRankRequest { leaderboard, ids, order: Some(wire(order)) };
            let response: GetCompetitionRankResponse =
                call(caller, "GetCompetitionRank", &cache, &request).await?;
            Ok(found(response.elements))
        }
        LeaderboardCommand::Remove { named, ids } => {
            let (cache, leaderboard) = caller.place(named);
            let request = RemoveElementsRequest { leaderboard, ids };
            let _: Empty = call(caller, "RemoveElements", &cache, &request).await?;
            Ok(Answer::Done)
        }
        LeaderboardCommand::Length(named) => {
            let (cache, leaderboard) = caller.place(named);
            let request = GetLeaderboardLengthRequest { leaderboard };
            let response: GetLeaderboardLengthResponse =
                call(caller, "GetLeaderboardLength", &cache, &request).await?;
            Ok(Answer::length(response.count))
        }
        LeaderboardCommand::Delete(named) => {
            let (cache, leaderboard) = caller.place(named);
            let request = DeleteLeaderboardRequest { leaderboard };
            let _: Empty = call(caller, "DeleteLeaderboard", &cache, &request).await?;
            Ok(Answer::Done)
        }
    }
}

async fn call<R: Message + Default>(
    caller: &Caller,
    method: &str,
    cache: &str,
    request: &impl Message,
) -> Result<R, CliError> {
    Ok(caller.client.call(&format!("/leaderboard.Leaderboard/{method}"), cache, request).await?)
}

fn wire(order: Order) -> i32 {
    match order {
        Order::Ascending => WireOrder::Ascending.into(),
        Order::Descending => WireOrder::Descending.into(),
    }
}

fn ranked(elements: Vec<RankedElement>) -> Answer {
    let rows = elements.into_iter().map(|it| vec![it.rank.into(), it.id.into(), it.score.into()]);
    Answer::Many("elements", &["rank", "id", "score"], rows.collect())
}

/// Who asks for ids and gets none has missed.
fn found(elements: Vec<RankedElement>) -> Answer {
    match elements.is_empty() {
        true => Answer::Miss,
        false => ranked(elements),
    }
}
