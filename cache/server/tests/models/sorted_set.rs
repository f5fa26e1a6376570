//! Sorted sets.

use std::collections::HashMap;

use kura_wire::protos::cache_client as protos;
use kura_wire::protos::common::Unbounded;
use prost::Message;
use protos::sorted_set_fetch_request::{ByIndex, ByScore, Range, by_index, by_score};
use protos::sorted_set_union_store_request::Source;

use super::{Item, NAMES, TTL, World, call, part, send};

/// The lowest score first, equal ones in order of their bytes; or the other way round.
fn ordered(elements: &HashMap<Vec<u8>, f64>, descending: bool) -> Vec<(Vec<u8>, f64)> {
    let mut ordered: Vec<_> = elements.iter().map(|(value, score)| (value.clone(), *score)).collect();
    ordered.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    if descending {
        ordered.reverse();
    }
    ordered
}

/// Scores whose sums and products are exact.
fn score(world: &mut World) -> f64 {
    match world.rng.u8(..20) {
        0 => *world.rng.choice(&[f64::INFINITY, f64::NEG_INFINITY]).unwrap(),
        1 => -0.0,
        _ => f64::from(world.rng.i16(-40..40)) / 2.0,
    }
}

/// A limit of scores: none, or a score and whether it is left out.
fn bound(world: &mut World) -> Option<(f64, bool)> {
    let bounded = world.rng.u8(..4) > 0;
    bounded.then(|| (score(world), world.rng.bool()))
}

fn within(score: f64, min: Option<(f64, bool)>, max: Option<(f64, bool)>) -> bool {
    min.is_none_or(|(min, out)| if out { score > min } else { score >= min })
        && max.is_none_or(|(max, out)| if out { score < max } else { score <= max })
}

pub(super) async fn step(world: &mut World, name: &'static str) {
    let (there, other) = match world.items.get(name) {
        Some(Item::SortedSet(elements)) => (Some(elements.clone()), false),
        there => (None, there.is_some()),
    };
    let set_name = name.as_bytes().to_vec();
    match world.rng.u8(..14) {
        0..3 => {
            let pairs: Vec<_> =
                world.elements().into_iter().map(|value| (value, score(world) + 0.0)).collect();
            let element = |(value, score): &(Vec<u8>, f64)| protos::SortedSetElement {
                value: value.clone(),
                score: *score,
            };
            let request = protos::SortedSetPutRequest {
                set_name,
                elements: pairs.iter().map(element).collect(),
                ttl_milliseconds: TTL,
                refresh_ttl: world.rng.bool(),
            };
            let Some(answer) = world.send(&call("SortedSetPut", &request), other).await else { return };
            assert!(answer.is_empty());
            let mut there = there.unwrap_or_default();
            there.extend(pairs);
            world.put(name, Item::SortedSet(there));
        }
        3..7 => fetch(world, set_name, there, other).await,
        7 => {
            let values = world.elements();
            let request = protos::SortedSetGetScoreRequest { set_name, values: values.clone() };
            let Some(answer) = world.send(&call("SortedSetGetScore", &request), other).await else { return };
            use protos::sorted_set_get_score_response::SortedSet;
            let answer = protos::SortedSetGetScoreResponse::decode(&answer[..]).unwrap().sorted_set.unwrap();
            let scores = match answer {
                SortedSet::Found(found) => {
                    let part =
                        |part: &protos::sorted_set_get_score_response::SortedSetGetScoreResponsePart| {
                            (part.result, part.score)
                        };
                    Some(found.elements.iter().map(part).collect::<Vec<_>>())
                }
                SortedSet::Missing(_) => None,
            };
            let expected = there.map(|there| {
                let part = |value| there.get(value).map_or((3, 0.0), |score| (2, *score));
                values.iter().map(part).collect()
            });
            assert_eq!(scores, expected);
        }
        8 => {
            let (value, descending) = (world.element(), world.rng.bool());
            let request =
                protos::SortedSetGetRankRequest { set_name, value: value.clone(), order: descending.into() };
            let Some(answer) = world.send(&call("SortedSetGetRank", &request), other).await else { return };
            use protos::sorted_set_get_rank_response::Rank;
            let rank = match protos::SortedSetGetRankResponse::decode(&answer[..]).unwrap().rank.unwrap() {
                Rank::ElementRank(part) => Some((part.result, part.rank)),
                Rank::Missing(_) => None,
            };
            // Of a missing set too: the Python SDK knows no other answer.
            let there = there.unwrap_or_default();
            let expected = ordered(&there, descending).iter().position(|(other, _)| *other == value);
            let expected = Some(expected.map_or((3, 0), |rank| (2, rank as u64)));
            assert_eq!(rank, expected);
        }
        9 => {
            let (value, amount) = (world.element(), f64::from(world.rng.i8(..)) / 2.0);
            let request = protos::SortedSetIncrementRequest {
                set_name,
                value: value.clone(),
                amount,
                ttl_milliseconds: TTL,
                refresh_ttl: world.rng.bool(),
            };
            let Some(answer) = world.send(&call("SortedSetIncrement", &request), other).await else { return };
            let mut there = there.unwrap_or_default();
            let sum = there.get(&value).copied().unwrap_or_default() + amount + 0.0;
            assert_eq!(protos::SortedSetIncrementResponse::decode(&answer[..]).unwrap().score, sum);
            there.insert(value, sum);
            world.put(name, Item::SortedSet(there));
        }
        10 => {
            use protos::sorted_set_remove_request::{All, RemoveElements, Some as Values};
            let (values, all) = (world.elements(), world.rng.u8(..6) == 0);
            let remove = if all {
                RemoveElements::All(All {})
            } else {
                RemoveElements::Some(Values { values: values.clone() })
            };
            let request = protos::SortedSetRemoveRequest { set_name, remove_elements: Some(remove) };
            let Some(answer) = world.send(&call("SortedSetRemove", &request), other).await else { return };
            assert!(answer.is_empty());
            let mut left = there.unwrap_or_default();
            left.retain(|value, _| !all && !values.contains(value));
            world.put(name, Item::SortedSet(left));
        }
        11 => {
            let request = protos::SortedSetLengthRequest { set_name };
            let Some(answer) = world.send(&call("SortedSetLength", &request), other).await else { return };
            assert_eq!(length(&answer), there.map(|there| there.len()));
        }
        12 => {
            use protos::sorted_set_length_by_score_request::{Max, Min};
            let (min, max) = (bound(world), bound(world));
            let request = protos::SortedSetLengthByScoreRequest {
                set_name,
                min: Some(match min {
                    None => Min::UnboundedMin(Unbounded {}),
                    Some((score, false)) => Min::InclusiveMin(score),
                    Some((score, true)) => Min::ExclusiveMin(score),
                }),
                max: Some(match max {
                    None => Max::UnboundedMax(Unbounded {}),
                    Some((score, false)) => Max::InclusiveMax(score),
                    Some((score, true)) => Max::ExclusiveMax(score),
                }),
            };
            let call = call("SortedSetLengthByScore", &request);
            let Some(answer) = world.send(&call, other).await else { return };
            let expected =
                there.map(|there| there.values().filter(|score| within(**score, min, max)).count());
            assert_eq!(length(&answer), expected, "{min:?}..{max:?}");
        }
        _ => union_store(world, name).await,
    }
}

async fn fetch(world: &mut World, set_name: Vec<u8>, there: Option<HashMap<Vec<u8>, f64>>, other: bool) {
    let (descending, with_scores) = (world.rng.bool(), world.rng.bool());
    let all = there.as_ref().map(|there| ordered(there, descending));
    let count = all.as_ref().map_or(0, Vec::len);
    let (range, expected) = if world.rng.bool() {
        let (start, end) = (world.index(count), world.index(count));
        let range = ByIndex {
            start: Some(start.map_or(by_index::Start::UnboundedStart(Unbounded {}), |index| {
                by_index::Start::InclusiveStartIndex(index)
            })),
            end: Some(end.map_or(by_index::End::UnboundedEnd(Unbounded {}), |index| {
                by_index::End::ExclusiveEndIndex(index)
            })),
        };
        (Range::ByIndex(range), all.map(|all| all[part(count, start, end)].to_vec()))
    } else {
        let (min, max) = (bound(world), bound(world));
        let (offset, limit) = (world.rng.u32(..6), world.rng.i32(-2..20));
        let score = |(score, exclusive)| by_score::Score { score, exclusive };
        let range = ByScore {
            offset,
            count: limit,
            min: Some(min.map_or(by_score::Min::UnboundedMin(Unbounded {}), |min| {
                by_score::Min::MinScore(score(min))
            })),
            max: Some(max.map_or(by_score::Max::UnboundedMax(Unbounded {}), |max| {
                by_score::Max::MaxScore(score(max))
            })),
        };
        let found = all.map(|all| {
            let matching = all.into_iter().filter(|(_, score)| within(*score, min, max));
            matching.skip(offset as usize).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect()
        });
        (Range::ByScore(range), found)
    };
    let request =
        protos::SortedSetFetchRequest { set_name, order: descending.into(), with_scores, range: Some(range) };
    let Some(answer) = world.send(&call("SortedSetFetch", &request), other).await else { return };
    use protos::sorted_set_fetch_response::{SortedSet, found::Elements};
    let answer = protos::SortedSetFetchResponse::decode(&answer[..]).unwrap().sorted_set.unwrap();
    match (answer, expected) {
        (SortedSet::Missing(_), None) => {}
        (SortedSet::Found(found), Some(expected)) => match found.elements.unwrap() {
            Elements::ValuesWithScores(found) => {
                let found: Vec<_> =
                    found.elements.into_iter().map(|element| (element.value, element.score)).collect();
                assert!(with_scores && found == expected, "{request:?}");
            }
            Elements::Values(found) => {
                let expected: Vec<_> = expected.into_iter().map(|(value, _)| value).collect();
                assert!(!with_scores && found.values == expected, "{request:?}");
            }
        },
        (answer, expected) => panic!("{:?}, {:?}", matches!(answer, SortedSet::Found(_)), expected.is_some()),
    }
}

async fn union_store(world: &mut World, name: &'static str) {
    let names: Vec<&str> = (0..world.rng.u8(1..4)).map(|_| world.rng.choice(NAMES).unwrap()).collect();
    let mut wrong = false;
    let mut union: HashMap<Vec<u8>, f64> = HashMap::new();
    let (aggregate, mut sources) = (world.rng.i32(..3).abs() % 3, Vec::new());
    for source in names {
        let weight = f32::from(world.rng.i8(-4..4)) / 2.0;
        sources.push(Source { set_name: source.as_bytes().to_vec(), weight });
        match world.items.get(source) {
            None => {}
            Some(Item::SortedSet(elements)) => {
                for (value, score) in elements {
                    // Adding zero makes -0 a zero.
                    let score = score * f64::from(weight) + 0.0;
                    let so_far = union.get(value).copied();
                    let score = match (so_far, aggregate) {
                        (None, _) => score,
                        (Some(so_far), 0) => so_far + score,
                        (Some(so_far), 1) => so_far.min(score),
                        (Some(so_far), _) => so_far.max(score),
                    };
                    union.insert(value.clone(), score);
                }
            }
            Some(_) => wrong = true,
        }
    }
    if union.values().any(|score| !score.is_finite()) {
        // Infinite scores have a test of their own.
        return;
    }
    let set_name = name.as_bytes().to_vec();
    let request = protos::SortedSetUnionStoreRequest { set_name, sources, aggregate, ttl_milliseconds: TTL };
    let call = call("SortedSetUnionStore", &request);
    if wrong {
        let answer = send(&world.connection, "/cache_client.Scs/SortedSetUnionStore", &call.1).await;
        assert_eq!(answer, Err(kura_wire::Code::FailedPrecondition), "a source of another type");
        return;
    }
    let Some(answer) = world.send(&call, false).await else { return };
    let length = protos::SortedSetUnionStoreResponse::decode(&answer[..]).unwrap().length;
    assert_eq!(length as usize, union.len());
    world.items.remove(name);
    world.put(name, Item::SortedSet(union));
}

fn length(answer: &[u8]) -> Option<usize> {
    use protos::sorted_set_length_response::SortedSet;
    match protos::SortedSetLengthResponse::decode(answer).unwrap().sorted_set.unwrap() {
        SortedSet::Found(found) => Some(found.length as usize),
        SortedSet::Missing(_) => None,
    }
}
