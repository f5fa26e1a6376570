//! Sets.

use std::collections::HashSet;

use kura_wire::protos::cache_client as protos;
use prost::Message;
use protos::set_difference_request::{Difference, Minuend, Subtrahend, subtrahend};

use super::{Item, TTL, World, call};

pub(super) async fn step(world: &mut World, name: &'static str) {
    let (there, other) = match world.items.get(name) {
        Some(Item::Set(elements)) => (Some(elements.clone()), false),
        there => (None, there.is_some()),
    };
    let set_name = name.as_bytes().to_vec();
    match world.rng.u8(..9) {
        0..3 => {
            let elements = world.elements();
            let request = protos::SetUnionRequest {
                set_name,
                elements: elements.clone(),
                ttl_milliseconds: TTL,
                refresh_ttl: world.rng.bool(),
            };
            let Some(answer) = world.send(&call("SetUnion", &request), other).await else { return };
            assert!(answer.is_empty());
            let mut there = there.unwrap_or_default();
            there.extend(elements);
            world.put(name, Item::Set(there));
        }
        3 => {
            let request = protos::SetFetchRequest { set_name };
            let Some(answer) = world.send(&call("SetFetch", &request), other).await else { return };
            use protos::set_fetch_response::Set;
            let found = match protos::SetFetchResponse::decode(&answer[..]).unwrap().set.unwrap() {
                Set::Found(found) => Some(distinct(found.elements)),
                Set::Missing(_) => None,
            };
            assert!(found == there, "SetFetch");
        }
        4 => {
            let elements = world.elements();
            let request = protos::SetContainsRequest { set_name, elements: elements.clone() };
            let Some(answer) = world.send(&call("SetContains", &request), other).await else { return };
            use protos::set_contains_response::Set;
            let contains = match protos::SetContainsResponse::decode(&answer[..]).unwrap().set.unwrap() {
                Set::Found(found) => Some(found.contains),
                Set::Missing(_) => None,
            };
            let expected =
                there.map(|there| elements.iter().map(|element| there.contains(element)).collect::<Vec<_>>());
            assert_eq!(contains, expected);
        }
        5 => {
            let request = protos::SetLengthRequest { set_name };
            let Some(answer) = world.send(&call("SetLength", &request), other).await else { return };
            use protos::set_length_response::Set;
            let length = match protos::SetLengthResponse::decode(&answer[..]).unwrap().set.unwrap() {
                Set::Found(found) => Some(found.length as usize),
                Set::Missing(_) => None,
            };
            assert_eq!(length, there.map(|there| there.len()));
        }
        6 => {
            let limit = if world.rng.bool() { world.rng.u64(..6) } else { world.rng.u64(..4000) };
            let request = protos::SetSampleRequest { set_name, limit };
            let Some(answer) = world.send(&call("SetSample", &request), other).await else { return };
            use protos::set_sample_response::Set;
            let found = match protos::SetSampleResponse::decode(&answer[..]).unwrap().set.unwrap() {
                Set::Found(found) => Some(distinct(found.elements)),
                Set::Missing(_) => None,
            };
            drawn(there.as_ref(), found.as_ref(), limit);
        }
        7 => {
            let count = if world.rng.bool() { world.rng.u32(..6) } else { world.rng.u32(..4000) };
            let request = protos::SetPopRequest { set_name, count };
            let Some(answer) = world.send(&call("SetPop", &request), other).await else { return };
            use protos::set_pop_response::Set;
            let found = match protos::SetPopResponse::decode(&answer[..]).unwrap().set.unwrap() {
                Set::Found(found) => Some(distinct(found.elements)),
                Set::Missing(_) => None,
            };
            drawn(there.as_ref(), found.as_ref(), count.into());
            if let (Some(mut there), Some(found)) = (there, found) {
                there.retain(|element| !found.contains(element));
                world.put(name, Item::Set(there));
            }
        }
        _ => {
            let elements = world.elements();
            let given: HashSet<_> = elements.iter().cloned().collect();
            let left = |there: HashSet<Vec<u8>>, which: u8| -> HashSet<Vec<u8>> {
                match which {
                    0 => &given - &there,
                    1 => &there - &given,
                    _ => HashSet::new(),
                }
            };
            let which = *world.rng.choice(&[0_u8, 1, 1, 1, 1, 2]).unwrap();
            let set = |set| Difference::Subtrahend(Subtrahend { subtrahend_set: Some(set) });
            let difference = match which {
                0 => Difference::Minuend(Minuend { elements }),
                1 => set(subtrahend::SubtrahendSet::Set(subtrahend::Set { elements })),
                _ => set(subtrahend::SubtrahendSet::Identity(subtrahend::Identity {})),
            };
            let request = protos::SetDifferenceRequest { set_name, difference: Some(difference) };
            let Some(answer) = world.send(&call("SetDifference", &request), other).await else { return };
            use protos::set_difference_response::Set;
            let answer = protos::SetDifferenceResponse::decode(&answer[..]).unwrap().set.unwrap();
            assert_eq!(matches!(answer, Set::Found(_)), there.is_some(), "SetDifference {which}");
            if let Some(there) = there {
                world.put(name, Item::Set(left(there, which)));
            }
        }
    }
}

fn distinct(elements: Vec<Vec<u8>>) -> HashSet<Vec<u8>> {
    let count = elements.len();
    let distinct: HashSet<_> = elements.into_iter().collect();
    assert_eq!(distinct.len(), count, "an element comes twice");
    distinct
}

/// Panics unless `found` are up to `limit` elements of what is there.
fn drawn(there: Option<&HashSet<Vec<u8>>>, found: Option<&HashSet<Vec<u8>>>, limit: u64) {
    match (there, found) {
        (None, None) => {}
        (Some(there), Some(found)) => {
            assert_eq!(found.len() as u64, limit.min(there.len() as u64));
            assert!(found.is_subset(there), "an element is drawn that is not there");
        }
        (there, found) => panic!("{:?} of {:?}", found.is_some(), there.is_some()),
    }
}
