//! Lists.

use kura_wire::protos::cache_client as protos;
use kura_wire::protos::common::Unbounded;
use prost::Message;

use super::{Item, TTL, World, call, part};

pub(super) async fn step(world: &mut World, name: &'static str) {
    let (there, other) = match world.items.get(name) {
        Some(Item::List(values)) => (Some(values.clone()), false),
        there => (None, there.is_some()),
    };
    let list_name = name.as_bytes().to_vec();
    let length = there.as_ref().map_or(0, Vec::len);
    let (ttl_milliseconds, refresh_ttl) = (TTL, world.rng.bool());
    match world.rng.u8(..12) {
        which @ 0..4 => {
            let mut values = world.elements();
            let truncate = if world.rng.u8(..4) == 0 { world.rng.u32(..50) } else { 0 };
            // The two pairs of messages have the same fields.
            let request = if world.rng.bool() {
                values.truncate(1);
                values.resize(1, b"one".to_vec());
                let request = protos::ListPushBackRequest {
                    list_name,
                    value: values[0].clone(),
                    ttl_milliseconds,
                    refresh_ttl,
                    truncate_front_to_size: truncate,
                };
                call(if which < 2 { "ListPushFront" } else { "ListPushBack" }, &request)
            } else {
                let request = protos::ListConcatenateBackRequest {
                    list_name,
                    values: values.clone(),
                    ttl_milliseconds,
                    refresh_ttl,
                    truncate_front_to_size: truncate,
                };
                call(if which < 2 { "ListConcatenateFront" } else { "ListConcatenateBack" }, &request)
            };
            let Some(answer) = world.send(&request, other).await else { return };
            let there = there.unwrap_or_default();
            let mut list = if which < 2 { [values, there].concat() } else { [there, values].concat() };
            let kept = if truncate == 0 { list.len() } else { list.len().min(truncate as usize) };
            if which < 2 {
                list.truncate(kept);
            } else {
                list.drain(..list.len() - kept);
            }
            let answer = protos::ListPushBackResponse::decode(&answer[..]).unwrap();
            assert_eq!(answer.list_length as usize, list.len());
            world.put(name, Item::List(list));
        }
        which @ 4..6 => {
            let front = which == 4;
            let request = protos::ListPopFrontRequest { list_name };
            let request = call(if front { "ListPopFront" } else { "ListPopBack" }, &request);
            let Some(answer) = world.send(&request, other).await else { return };
            use protos::list_pop_front_response::List;
            let answer = match protos::ListPopFrontResponse::decode(&answer[..]).unwrap().list.unwrap() {
                List::Found(found) => Some((found.front, found.list_length as usize)),
                List::Missing(_) => None,
            };
            let expected = there.map(|mut list| {
                let value = if front { list.remove(0) } else { list.pop().unwrap() };
                let left = list.len();
                world.put(name, Item::List(list));
                (value, left)
            });
            assert!(answer == expected, "ListPop");
        }
        6 => {
            let value = world.element();
            use protos::list_remove_request::Remove;
            let remove = Some(Remove::AllElementsWithValue(value.clone()));
            let request = protos::ListRemoveRequest { list_name, remove };
            let Some(answer) = world.send(&call("ListRemove", &request), other).await else { return };
            let mut left = there.clone().unwrap_or_default();
            left.retain(|other| *other != value);
            assert_eq!(found(&answer), there.map(|_| left.len()));
            world.put(name, Item::List(left));
        }
        7 => {
            use protos::list_erase_request::{All, Erase, ListRanges};
            let all = world.rng.u8(..6) == 0;
            let ranges: Vec<_> = (0..world.rng.u8(..4))
                .map(|_| protos::ListRange {
                    begin_index: world.rng.u32(..=u32::try_from(length).unwrap() + 2),
                    count: *world.rng.choice(&[0, 1, 2, 10, u32::MAX]).unwrap(),
                })
                .collect();
            let erased = |index: usize| {
                ranges.iter().any(|range| {
                    let begin = range.begin_index as usize;
                    (begin..begin + range.count as usize).contains(&index)
                })
            };
            let left: Vec<_> = there
                .iter()
                .flatten()
                .enumerate()
                .filter(|(index, _)| !all && !erased(*index))
                .map(|(_, value)| value.clone())
                .collect();
            let erase = if all { Erase::All(All {}) } else { Erase::Some(ListRanges { ranges }) };
            let request = protos::ListEraseRequest { list_name, erase: Some(erase) };
            let Some(answer) = world.send(&call("ListErase", &request), other).await else { return };
            assert_eq!(found(&answer), there.map(|_| left.len()));
            world.put(name, Item::List(left));
        }
        8..10 => {
            use protos::list_fetch_request::{EndIndex, StartIndex};
            let (start, end) = (world.index(length), world.index(length));
            // A bound that is not set is none.
            let request = protos::ListFetchRequest {
                list_name,
                start_index: start.map(StartIndex::InclusiveStart),
                end_index: end.map(EndIndex::ExclusiveEnd),
            };
            let Some(answer) = world.send(&call("ListFetch", &request), other).await else { return };
            use protos::list_fetch_response::List;
            let answer = match protos::ListFetchResponse::decode(&answer[..]).unwrap().list.unwrap() {
                List::Found(found) => Some(found.values),
                List::Missing(_) => None,
            };
            // An empty part of a list is missing.
            let expected = there.map(|there| there[part(length, start, end)].to_vec());
            assert!(
                answer == expected.filter(|part| !part.is_empty()),
                "ListFetch {start:?}..{end:?} of {length}"
            );
        }
        10 => {
            use protos::list_retain_request::{EndIndex, StartIndex};
            let (start, end) = (world.index(length), world.index(length));
            let request = protos::ListRetainRequest {
                list_name,
                start_index: Some(
                    start.map_or(StartIndex::UnboundedStart(Unbounded {}), StartIndex::InclusiveStart),
                ),
                end_index: Some(end.map_or(EndIndex::UnboundedEnd(Unbounded {}), EndIndex::ExclusiveEnd)),
                ttl_milliseconds,
                refresh_ttl,
            };
            let Some(answer) = world.send(&call("ListRetain", &request), other).await else { return };
            let kept = there.as_ref().map_or(vec![], |there| there[part(length, start, end)].to_vec());
            assert_eq!(
                found(&answer),
                there.map(|_| kept.len()),
                "ListRetain {start:?}..{end:?} of {length}"
            );
            world.put(name, Item::List(kept));
        }
        _ => {
            let request = protos::ListLengthRequest { list_name };
            let Some(answer) = world.send(&call("ListLength", &request), other).await else { return };
            assert_eq!(found(&answer), there.map(|there| there.len()));
        }
    }
}

/// The length in an answer; ListLength, ListRemove, ListErase and ListRetain have the same.
fn found(answer: &[u8]) -> Option<usize> {
    use protos::list_length_response::List;
    match protos::ListLengthResponse::decode(answer).unwrap().list.unwrap() {
        List::Found(found) => Some(found.length as usize),
        List::Missing(_) => None,
    }
}
