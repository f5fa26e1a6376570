//! Dictionaries.

use kura_wire::protos::cache_client as protos;
use prost::Message;
use protos::dictionary_get_response::DictionaryGetResponsePart;
use protos::{ECacheResult, dictionary_delete_request, dictionary_fetch_response, dictionary_get_response};

use super::{Item, TTL, World, call, send};

pub(super) async fn step(world: &mut World, name: &'static str) {
    let (there, other) = match world.items.get(name) {
        Some(Item::Dictionary(fields)) => (Some(fields.clone()), false),
        there => (None, there.is_some()),
    };
    let dictionary_name = name.as_bytes().to_vec();
    let (ttl_milliseconds, refresh_ttl) = (TTL, world.rng.bool());
    match world.rng.u8(..8) {
        0..3 => {
            let (fields, values) = (world.elements(), world.elements());
            let pairs: Vec<_> = fields.into_iter().zip(values).collect();
            let items = pairs
                .iter()
                .map(|(field, value)| protos::DictionaryFieldValuePair {
                    field: field.clone(),
                    value: value.clone(),
                })
                .collect();
            let request =
                protos::DictionarySetRequest { dictionary_name, items, ttl_milliseconds, refresh_ttl };
            let Some(answer) = world.send(&call("DictionarySet", &request), other).await else { return };
            assert!(answer.is_empty());
            let mut fields = there.unwrap_or_default();
            fields.extend(pairs);
            world.put(name, Item::Dictionary(fields));
        }
        3 => {
            let fields = world.elements();
            let request = protos::DictionaryGetRequest { dictionary_name, fields: fields.clone() };
            let Some(answer) = world.send(&call("DictionaryGet", &request), other).await else { return };
            let answer = protos::DictionaryGetResponse::decode(&answer[..]).unwrap().dictionary.unwrap();
            let part = |value: Option<&Vec<u8>>| DictionaryGetResponsePart {
                result: if value.is_some() { ECacheResult::Hit } else { ECacheResult::Miss }.into(),
                cache_body: value.cloned().unwrap_or_default(),
            };
            let expected = match there {
                None => dictionary_get_response::Dictionary::Missing(Default::default()),
                Some(there) => {
                    let items = fields.iter().map(|field| part(there.get(field))).collect();
                    dictionary_get_response::Dictionary::Found(dictionary_get_response::Found { items })
                }
            };
            assert!(answer == expected, "DictionaryGet {fields:?}");
        }
        4 => {
            let request = protos::DictionaryFetchRequest { dictionary_name };
            let Some(answer) = world.send(&call("DictionaryFetch", &request), other).await else { return };
            let answer = protos::DictionaryFetchResponse::decode(&answer[..]).unwrap().dictionary.unwrap();
            let found = match answer {
                dictionary_fetch_response::Dictionary::Missing(_) => None,
                dictionary_fetch_response::Dictionary::Found(found) => {
                    let count = found.items.len();
                    let pairs = found.items.into_iter().map(|pair| (pair.field, pair.value));
                    let found: std::collections::BTreeMap<_, _> = pairs.collect();
                    assert_eq!(found.len(), count, "a field comes twice");
                    Some(found)
                }
            };
            assert!(found == there, "DictionaryFetch");
        }
        5 => {
            let request = protos::DictionaryLengthRequest { dictionary_name };
            let Some(answer) = world.send(&call("DictionaryLength", &request), other).await else { return };
            use protos::dictionary_length_response::Dictionary;
            let answer = protos::DictionaryLengthResponse::decode(&answer[..]).unwrap();
            let length = match answer.dictionary.unwrap() {
                Dictionary::Found(found) => Some(found.length as usize),
                Dictionary::Missing(_) => None,
            };
            assert_eq!(length, there.map(|there| there.len()));
        }
        6 => {
            let (field, amount) = (world.element(), world.rng.i64(-5..5));
            let request = protos::DictionaryIncrementRequest {
                dictionary_name,
                field: field.clone(),
                amount,
                ttl_milliseconds,
                refresh_ttl,
            };
            let mut fields = there.unwrap_or_default();
            let before = match fields.get(&field) {
                None => Some(0),
                Some(value) => std::str::from_utf8(value).ok().and_then(|value| value.parse::<i64>().ok()),
            };
            let call = call("DictionaryIncrement", &request);
            let Some(before) = before else {
                let answer = send(&world.connection, "/cache_client.Scs/DictionaryIncrement", &call.1).await;
                assert_eq!(answer, Err(kura_wire::Code::FailedPrecondition), "no number in {field:?}");
                return;
            };
            let Some(answer) = world.send(&call, other).await else { return };
            let sum = protos::DictionaryIncrementResponse::decode(&answer[..]).unwrap().value;
            assert_eq!(sum, before + amount);
            fields.insert(field, sum.to_string().into_bytes());
            world.put(name, Item::Dictionary(fields));
        }
        _ => {
            use dictionary_delete_request::{All, Delete, Some as Fields};
            let all = world.rng.u8(..8) == 0;
            let fields = world.elements();
            let delete =
                if all { Delete::All(All {}) } else { Delete::Some(Fields { fields: fields.clone() }) };
            let request = protos::DictionaryDeleteRequest { dictionary_name, delete: Some(delete) };
            let Some(answer) = world.send(&call("DictionaryDelete", &request), other).await else { return };
            assert!(answer.is_empty());
            let mut left = there.unwrap_or_default();
            left.retain(|field, _| !all && !fields.contains(field));
            world.put(name, Item::Dictionary(left));
        }
    }
}
