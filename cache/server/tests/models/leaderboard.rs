//! Leaderboards.

use std::collections::HashMap;

use fastrand::Rng;
use kura_wire::protos::leaderboard as protos;
use prost::Message;
use protos::{RankedElement, score_range};

use super::send;
use crate::common::raw::Connection;

/// Leaderboards as the model has them.
pub struct Boards {
    connection: Connection,
    rng: Rng,
    boards: HashMap<&'static str, HashMap<u32, f64>>,
}

/// The lowest score first, or the highest; equal ones in order of their ids as decimal text.
fn ordered(board: &HashMap<u32, f64>, descending: bool) -> Vec<RankedElement> {
    let mut ordered: Vec<_> = board.iter().map(|(&id, &score)| (score, id.to_string(), id)).collect();
    ordered.sort_by(|a, b| {
        let scores = a.0.total_cmp(&b.0);
        if descending { scores.reverse() } else { scores }.then_with(|| a.1.cmp(&b.1))
    });
    let ranked = ordered.into_iter().zip(0..);
    ranked.map(|((score, _, id), rank)| RankedElement { id, rank, score }).collect()
}

impl Boards {
    pub fn new(connection: Connection, seed: u64) -> Self {
        Self { connection, rng: Rng::with_seed(seed), boards: HashMap::new() }
    }

    async fn call<A: Message + Default>(&self, method: &str, request: &impl Message) -> A {
        let path = format!("/leaderboard.Leaderboard/{method}");
        let answer = send(&self.connection, &path, &request.encode_to_vec()).await;
        A::decode(&answer.unwrap_or_else(|code| panic!("{method} is refused with {code:?}"))[..]).unwrap()
    }

    fn ids(&mut self) -> Vec<u32> {
        let count = if self.rng.u8(..10) == 0 { self.rng.u16(1..=8192) } else { self.rng.u16(1..8) };
        (0..count)
            .map(|_| if self.rng.bool() { self.rng.u32(..20) } else { self.rng.u32(..20_000) })
            .collect()
    }

    /// One random command.
    pub async fn step(&mut self) {
        let name = self.rng.choice(["one", "another"]).unwrap();
        let leaderboard = name.to_owned();
        let there = self.boards.get(name).cloned().unwrap_or_default();
        let descending = self.rng.bool();
        let (order, all) = (i32::from(descending), ordered(&there, descending));
        let (count, any) = (u32::try_from(all.len()).unwrap(), self.rng.u32(..30));
        match self.rng.u8(..16) {
            0..3 => {
                let ids = self.ids();
                let element = |id| protos::Element { id, score: f64::from(self.rng.i16(-300..300)) / 4.0 };
                let elements: Vec<_> = ids.into_iter().map(element).collect();
                let board = self.boards.entry(name).or_default();
                board.extend(elements.iter().map(|element| (element.id, element.score)));
                let request = protos::UpsertElementsRequest { leaderboard, elements };
                self.call::<()>("UpsertElements", &request).await;
            }
            3 => {
                let ids = self.ids();
                self.boards.entry(name).or_default().retain(|id, _| !ids.contains(id));
                let request = protos::RemoveElementsRequest { leaderboard, ids };
                self.call::<()>("RemoveElements", &request).await;
            }
            4 if self.rng.u8(..4) == 0 => {
                self.boards.remove(name);
                self.call::<()>("DeleteLeaderboard", &protos::DeleteLeaderboardRequest { leaderboard }).await;
            }
            4 | 5 => {
                let request = protos::GetLeaderboardLengthRequest { leaderboard };
                let answer: protos::GetLeaderboardLengthResponse =
                    self.call("GetLeaderboardLength", &request).await;
                assert_eq!(answer.count, count);
            }
            6..9 => {
                let start = self.rng.u32(..count + 3);
                let end = start + if self.rng.bool() { any + 1 } else { 8192 };
                let range = protos::RankRange { start_inclusive: start, end_exclusive: end };
                let request = protos::GetByRankRequest { leaderboard, rank_range: Some(range), order };
                let answer: protos::GetByRankResponse = self.call("GetByRank", &request).await;
                let expected = all.iter().filter(|element| (start..end).contains(&element.rank));
                assert!(answer.elements.iter().eq(expected), "{request:?}: {answer:?}");
            }
            9..12 => {
                let (min, max) = (self.bound(), self.bound());
                let limit = if self.rng.bool() { any } else { 8192 };
                let offset = self.rng.u32(..6);
                let request = protos::GetByScoreRequest {
                    leaderboard,
                    score_range: Some(protos::ScoreRange {
                        min: min.map(score_range::Min::MinInclusive),
                        max: max.map(score_range::Max::MaxExclusive),
                    }),
                    offset,
                    limit_elements: limit,
                    order,
                };
                let answer: protos::GetByScoreResponse = self.call("GetByScore", &request).await;
                let within =
                    |score: f64| min.is_none_or(|min| score >= min) && max.is_none_or(|max| score < max);
                let matching = all.iter().filter(|element| within(element.score));
                let expected = matching.skip(offset as usize).take(limit as usize);
                assert!(answer.elements.iter().eq(expected), "{request:?}: {answer:?}");
            }
            12..14 => {
                let ids = self.ids();
                let request = protos::GetRankRequest { leaderboard, ids: ids.clone(), order };
                let answer: protos::GetRankResponse = self.call("GetRank", &request).await;
                let by_id: HashMap<u32, &RankedElement> =
                    all.iter().map(|element| (element.id, element)).collect();
                let expected = ids.iter().filter_map(|id| by_id.get(id).copied());
                assert!(answer.elements.iter().eq(expected), "{request:?}: {answer:?}");
            }
            _ => {
                let ids = self.ids();
                let request =
                    protos::GetCompetitionRankRequest { leaderboard, ids: ids.clone(), order: Some(order) };
                let answer: protos::GetCompetitionRankResponse =
                    self.call("GetCompetitionRank", &request).await;
                let mut shared: HashMap<u32, RankedElement> = HashMap::new();
                let mut first = all.first().copied().unwrap_or_default();
                for element in &all {
                    if element.score != first.score {
                        first = *element;
                    }
                    shared.insert(element.id, RankedElement { rank: first.rank, ..*element });
                }
                let expected = ids.iter().filter_map(|id| shared.get(id));
                assert!(answer.elements.iter().eq(expected), "{request:?}: {answer:?}");
            }
        }
    }

    fn bound(&mut self) -> Option<f64> {
        let bounded = self.rng.bool();
        bounded.then(|| f64::from(self.rng.i16(-320..320)) / 4.0)
    }
}
