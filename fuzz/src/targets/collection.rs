//! The messages of the calls on collections.

use std::time::Duration;

use bytes::Bytes;
use kura_base::Ttl;
use kura_commands::{
    CollectionTtl, DictionaryCommand, ListCommand, ScoreBound, SetCommand, SortedSetCommand, SortedSetFetch,
};
use kura_front_grpc::{CollectionCommand, Method, decode_collection};
use kura_wire::Code;
use kura_wire::protos::cache_client as protos;
use prost::Message;

use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    // Elements of two bytes on the wire become some 32, here twice.
    max_memory_bytes: 1 << 20,
    pieces: &[
        b"\x0a\x01c",
        b"\x12\x01e",
        b"\x12\x00",
        b"\x12\x06\x0a\x01f\x12\x01v",
        b"\x12\x0c\x0a\x01f\x11\x00\x00\x00\x00\x00\x00\xf0\x3f",
        b"\x12\x0c\x0a\x01f\x11\x00\x00\x00\x00\x00\x00\xf8\x7f",
        b"\x12\x03\x0a\x01e",
        b"\x1a\x00",
        b"\x1a\x05\x0a\x03\x0a\x01e",
        b"\x1a\x02\x12\x00",
        b"\x18\x05",
        b"\x20\x05",
        b"\x20\x01",
        b"\x28\x01",
        b"\x22\x04\x10\x02\x20\x03",
        b"\x2a\x0f\x12\x0b\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x01\x30\x01",
        b"\x12\x08\x0a\x01s\x15\x00\x00\x80\x3f",
        b"\x30\x05",
    ],
    ..Target::new("collection", "decodes to what momento-protos reads, or refuses for a reason", check)
};

/// The calls on collections, as they follow each other in the table of all calls.
pub(super) fn methods() -> &'static [Method] {
    let at = |method| Method::ALL.iter().position(|other| *other == method).unwrap();
    &Method::ALL[at(Method::DictionaryGet)..=at(Method::SortedSetUnionStore)]
}

const MAX_TTL: Duration = Duration::from_secs(3600);

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let mut input = Input::of(input);
    let method = input.one_of(methods());
    let message = Bytes::copy_from_slice(input.rest());
    match decode_collection(method, &message, MAX_TTL, 0) {
        Ok((name, command)) => {
            trace.note((method, name.is_empty(), many(&command).min(3)));
            is_meant(method, &message, &name, &command);
            assert!(!has_nan(&command), "{method:?}: NaN passed: {command:?}");
        }
        Err(status) => {
            trace.note((method, status.message.replace(|c: char| c.is_ascii_digit(), "")));
            assert_eq!(status.code, Code::InvalidArgument, "{status}");
            let said = ["cannot be decoded", "lacks its", "NaN", "finite", "order is", "aggregate is"];
            let ttl = Ttl::from_millis(0, MAX_TTL).unwrap_err().to_string();
            assert!(
                said.iter().any(|said| status.message.contains(said)) || status.message.contains(&ttl),
                "{method:?} is refused without a reason: {status}"
            );
        }
    }
}

/// Panics unless the requests that have types of their own are what momento-protos says.
fn is_meant(method: Method, message: &Bytes, name: &Bytes, command: &CollectionCommand) {
    use CollectionCommand::{Dictionary, List, Set, SortedSet};
    match (method, command) {
        (Method::DictionaryGet, Dictionary(DictionaryCommand::Get(fields))) => {
            let protos::DictionaryGetRequest { dictionary_name, fields: meant } = read(message);
            assert_eq!((name, &fields[..]), (&dictionary_name.into(), &shared(meant)[..]));
        }
        (Method::DictionarySet, Dictionary(DictionaryCommand::Set { items, ttl })) => {
            let meant: protos::DictionarySetRequest = read(message);
            let pairs = meant.items.into_iter().map(|pair| (pair.field.into(), pair.value.into()));
            assert_eq!((name, items), (&meant.dictionary_name.into(), &pairs.collect()));
            same_ttl(*ttl, meant.ttl_milliseconds, meant.refresh_ttl);
        }
        (Method::DictionaryDelete, Dictionary(command)) => {
            use protos::dictionary_delete_request::Delete;
            let meant: protos::DictionaryDeleteRequest = read(message);
            assert_eq!(name, &Bytes::from(meant.dictionary_name));
            match (command, meant.delete) {
                (DictionaryCommand::Remove(fields), Some(Delete::Some(some))) => {
                    assert_eq!(fields, &shared(some.fields));
                }
                (DictionaryCommand::Delete, Some(Delete::All(_))) => {}
                (command, meant) => panic!("{command:?} is not {meant:?}"),
            }
        }
        (Method::SetContains, Set(SetCommand::Contains(elements))) => {
            let protos::SetContainsRequest { set_name, elements: meant } = read(message);
            assert_eq!((name, elements), (&set_name.into(), &shared(meant)));
        }
        (Method::SetUnion, Set(SetCommand::Add { elements, ttl })) => {
            let meant: protos::SetUnionRequest = read(message);
            assert_eq!((name, elements), (&meant.set_name.into(), &shared(meant.elements)));
            same_ttl(*ttl, meant.ttl_milliseconds, meant.refresh_ttl);
        }
        (Method::SetDifference, Set(command)) => {
            use protos::set_difference_request::{Difference, subtrahend::SubtrahendSet};
            let meant: protos::SetDifferenceRequest = read(message);
            assert_eq!(name, &Bytes::from(meant.set_name));
            match (command, meant.difference) {
                (SetCommand::SubtractFrom(elements), Some(Difference::Minuend(minuend))) => {
                    assert_eq!(elements, &shared(minuend.elements));
                }
                (SetCommand::Remove(elements), Some(Difference::Subtrahend(subtrahend))) => {
                    let Some(SubtrahendSet::Set(set)) = subtrahend.subtrahend_set else {
                        panic!("{command:?} is not {subtrahend:?}")
                    };
                    assert_eq!(elements, &shared(set.elements));
                }
                (SetCommand::Delete, Some(Difference::Subtrahend(subtrahend))) => {
                    assert!(matches!(subtrahend.subtrahend_set, Some(SubtrahendSet::Identity(_))));
                }
                (command, meant) => panic!("{command:?} is not {meant:?}"),
            }
        }
        (
            Method::ListPushFront | Method::ListPushBack,
            List(ListCommand::Push { values, truncate_to, ttl, .. }),
        ) => {
            let meant: protos::ListPushFrontRequest = read(message);
            assert_eq!((name, values), (&meant.list_name.into(), &shared(vec![meant.value])));
            assert_eq!(*truncate_to, meant.truncate_back_to_size);
            same_ttl(*ttl, meant.ttl_milliseconds, meant.refresh_ttl);
        }
        (
            Method::ListConcatenateFront | Method::ListConcatenateBack,
            List(ListCommand::Push { values, truncate_to, ttl, .. }),
        ) => {
            let meant: protos::ListConcatenateFrontRequest = read(message);
            assert_eq!((name, values), (&meant.list_name.into(), &shared(meant.values)));
            assert_eq!(*truncate_to, meant.truncate_back_to_size);
            same_ttl(*ttl, meant.ttl_milliseconds, meant.refresh_ttl);
        }
        (Method::SortedSetPut, SortedSet { command: SortedSetCommand::Put { elements, ttl }, .. }) => {
            let meant: protos::SortedSetPutRequest = read(message);
            let scored = meant.elements.into_iter().map(|element| (element.value.into(), element.score));
            assert_eq!((name, elements), (&meant.set_name.into(), &scored.collect()));
            same_ttl(*ttl, meant.ttl_milliseconds, meant.refresh_ttl);
        }
        (Method::SortedSetGetScore, SortedSet { command: SortedSetCommand::GetScore(values), .. }) => {
            let protos::SortedSetGetScoreRequest { set_name, values: meant } = read(message);
            assert_eq!((name, values), (&set_name.into(), &shared(meant)));
        }
        (Method::SortedSetRemove, SortedSet { command, .. }) => {
            use protos::sorted_set_remove_request::RemoveElements;
            let meant: protos::SortedSetRemoveRequest = read(message);
            assert_eq!(name, &Bytes::from(meant.set_name));
            match (command, meant.remove_elements) {
                (SortedSetCommand::Remove(values), Some(RemoveElements::Some(some))) => {
                    assert_eq!(values, &shared(some.values));
                }
                (SortedSetCommand::Delete, Some(RemoveElements::All(_))) => {}
                (command, meant) => panic!("{command:?} is not {meant:?}"),
            }
        }
        // The others are read with momento-protos' types.
        _ => {}
    }
}

fn read<M: Message + Default>(message: &Bytes) -> M {
    M::decode(message.clone()).unwrap_or_else(|error| panic!("momento-protos refuses it: {error}"))
}

fn shared(elements: Vec<Vec<u8>>) -> Vec<Bytes> {
    elements.into_iter().map(Bytes::from).collect()
}

fn same_ttl(ttl: CollectionTtl, millis: u64, refresh: bool) {
    assert_eq!(ttl, CollectionTtl { ttl: Ttl::from_millis(millis, MAX_TTL).unwrap(), refresh });
}

/// How many elements a command carries.
fn many(command: &CollectionCommand) -> usize {
    match command {
        CollectionCommand::Dictionary(DictionaryCommand::Get(fields) | DictionaryCommand::Remove(fields)) => {
            fields.len()
        }
        CollectionCommand::Dictionary(DictionaryCommand::Set { items, .. }) => items.len(),
        CollectionCommand::Set(SetCommand::Add { elements, .. } | SetCommand::Contains(elements)) => {
            elements.len()
        }
        CollectionCommand::List(ListCommand::Push { values, .. }) => values.len(),
        CollectionCommand::SortedSet { command: SortedSetCommand::Put { elements, .. }, .. } => {
            elements.len()
        }
        _ => 0,
    }
}

fn has_nan(command: &CollectionCommand) -> bool {
    let CollectionCommand::SortedSet { command, .. } = command else { return false };
    let nan = |bound: &ScoreBound| match bound {
        ScoreBound::Inclusive(score) | ScoreBound::Exclusive(score) => score.is_nan(),
        ScoreBound::Unbounded => false,
    };
    match command {
        SortedSetCommand::Put { elements, .. } => elements.iter().any(|(_, score)| score.is_nan()),
        SortedSetCommand::Increment { amount, .. } => amount.is_nan(),
        SortedSetCommand::Fetch { which: SortedSetFetch::ByScore { min, max, .. }, .. }
        | SortedSetCommand::LengthByScore { min, max } => nan(min) || nan(max),
        SortedSetCommand::UnionStore { sources, .. } => {
            sources.is_empty() || sources.iter().any(|source| !source.weight.is_finite())
        }
        _ => false,
    }
}
