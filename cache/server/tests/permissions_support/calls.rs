//! Every call on items and leaderboards, and what it needs.

use kura_wire::protos::cache_client::*;
use kura_wire::protos::common::{Absent, Unbounded};
use kura_wire::protos::leaderboard as board;
use prost::Message;

/// What a call does, as the roles of permissions tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    Read,
    Write,
    /// It writes, and what it writes or answers depends on what is stored.
    Both,
}

/// A call on one item.
pub struct Call {
    pub path: &'static str,
    pub does: Does,
    pub message: fn(&str) -> Vec<u8>,
}

macro_rules! calls {
    ($($service:literal { $($does:ident $method:literal $request:expr;)* })*) => {
        /// All of them.
        pub const CALLS: &[Call] = &[$($(
            Call {
                path: concat!("/", $service, "/", $method),
                does: Does::$does,
                message: |key| {
                    let request: fn(&str) -> _ = $request;
                    request(key).encode_to_vec()
                },
            },
        )*)*];
    };
}

const TTL: u64 = 60_000;

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn value() -> Vec<u8> {
    b"1".to_vec()
}

calls! {
    "cache_client.Scs" {
        Read "Get" |key| GetRequest { cache_key: bytes(key) };
        Read "GetWithHash" |key| GetWithHashRequest { cache_key: bytes(key) };
        Read "GetBatch" |key| GetBatchRequest { items: vec![GetRequest { cache_key: bytes(key) }] };
        Read "KeysExist" |key| KeysExistRequest { cache_keys: vec![bytes(key)] };
        Read "ItemGetTtl" |key| ItemGetTtlRequest { cache_key: bytes(key) };
        Read "ItemGetType" |key| ItemGetTypeRequest { cache_key: bytes(key) };
        Write "Set" |key| set(key);
        Write "SetBatch" |key| SetBatchRequest { items: vec![set(key)] };
        Write "Delete" |key| DeleteRequest { cache_key: bytes(key) };
        Both "SetIf" |key| SetIfRequest {
            cache_key: bytes(key),
            cache_body: value(),
            ttl_milliseconds: TTL,
            condition: Some(set_if_request::Condition::Absent(Absent {})),
        };
        Both "SetIfHash" |key| SetIfHashRequest {
            cache_key: bytes(key),
            cache_body: value(),
            ttl_milliseconds: TTL,
            condition: Some(set_if_hash_request::Condition::Unconditional(Default::default())),
        };
        Both "SetIfNotExists" |key| SetIfNotExistsRequest {
            cache_key: bytes(key),
            cache_body: value(),
            ttl_milliseconds: TTL,
        };
        Both "Increment" |key| IncrementRequest { cache_key: bytes(key), amount: 1, ttl_milliseconds: TTL };
        Both "UpdateTtl" |key| UpdateTtlRequest {
            cache_key: bytes(key),
            update_ttl: Some(update_ttl_request::UpdateTtl::IncreaseToMilliseconds(TTL)),
        };
        Read "DictionaryGet" |key| DictionaryGetRequest {
            dictionary_name: bytes(key),
            fields: vec![value()],
        };
        Read "DictionaryFetch" |key| DictionaryFetchRequest { dictionary_name: bytes(key) };
        Read "DictionaryLength" |key| DictionaryLengthRequest { dictionary_name: bytes(key) };
        Write "DictionarySet" |key| DictionarySetRequest {
            dictionary_name: bytes(key),
            items: vec![DictionaryFieldValuePair { field: value(), value: value() }],
            ttl_milliseconds: TTL,
            refresh_ttl: true,
        };
        Write "DictionaryDelete" |key| DictionaryDeleteRequest {
            dictionary_name: bytes(key),
            delete: Some(dictionary_delete_request::Delete::All(Default::default())),
        };
        Both "DictionaryIncrement" |key| DictionaryIncrementRequest {
            dictionary_name: bytes(key),
            field: value(),
            amount: 1,
            ttl_milliseconds: TTL,
            refresh_ttl: true,
        };
        Read "SetFetch" |key| SetFetchRequest { set_name: bytes(key) };
        Read "SetSample" |key| SetSampleRequest { set_name: bytes(key), limit: 1 };
        Read "SetContains" |key| SetContainsRequest { set_name: bytes(key), elements: vec![value()] };
        Read "SetLength" |key| SetLengthRequest { set_name: bytes(key) };
        Write "SetUnion" |key| SetUnionRequest {
            set_name: bytes(key),
            elements: vec![value()],
            ttl_milliseconds: TTL,
            refresh_ttl: true,
        };
        Both "SetDifference" |key| SetDifferenceRequest {
            set_name: bytes(key),
            difference: Some(set_difference_request::Difference::Subtrahend(
                set_difference_request::Subtrahend {
                    subtrahend_set: Some(set_difference_request::subtrahend::SubtrahendSet::Set(
                        set_difference_request::subtrahend::Set { elements: vec![value()] },
                    )),
                },
            )),
        };
        Both "SetPop" |key| SetPopRequest { set_name: bytes(key), count: 1 };
        Read "ListFetch" |key| ListFetchRequest { list_name: bytes(key), ..Default::default() };
        Read "ListLength" |key| ListLengthRequest { list_name: bytes(key) };
        Both "ListPushFront" |key| ListPushFrontRequest {
            list_name: bytes(key),
            value: value(),
            ttl_milliseconds: TTL,
            ..Default::default()
        };
        Both "ListPushBack" |key| ListPushBackRequest {
            list_name: bytes(key),
            value: value(),
            ttl_milliseconds: TTL,
            ..Default::default()
        };
        Both "ListConcatenateFront" |key| ListConcatenateFrontRequest {
            list_name: bytes(key),
            values: vec![value()],
            ttl_milliseconds: TTL,
            ..Default::default()
        };
        Both "ListConcatenateBack" |key| ListConcatenateBackRequest {
            list_name: bytes(key),
            values: vec![value()],
            ttl_milliseconds: TTL,
            ..Default::default()
        };
        Both "ListPopFront" |key| ListPopFrontRequest { list_name: bytes(key) };
        Both "ListPopBack" |key| ListPopBackRequest { list_name: bytes(key) };
        Both "ListErase" |key| ListEraseRequest {
            list_name: bytes(key),
            erase: Some(list_erase_request::Erase::All(Default::default())),
        };
        Both "ListRemove" |key| ListRemoveRequest {
            list_name: bytes(key),
            remove: Some(list_remove_request::Remove::AllElementsWithValue(value())),
        };
        Both "ListRetain" |key| ListRetainRequest {
            list_name: bytes(key),
            ttl_milliseconds: TTL,
            ..Default::default()
        };
        Read "SortedSetFetch" |key| SortedSetFetchRequest {
            set_name: bytes(key),
            range: Some(sorted_set_fetch_request::Range::ByIndex(sorted_set_fetch_request::ByIndex {
                start: Some(sorted_set_fetch_request::by_index::Start::UnboundedStart(Unbounded {})),
                end: Some(sorted_set_fetch_request::by_index::End::UnboundedEnd(Unbounded {})),
            })),
            ..Default::default()
        };
        Read "SortedSetGetScore" |key| SortedSetGetScoreRequest {
            set_name: bytes(key),
            values: vec![value()],
        };
        Read "SortedSetGetRank" |key| SortedSetGetRankRequest {
            set_name: bytes(key),
            value: value(),
            order: 0,
        };
        Read "SortedSetLength" |key| SortedSetLengthRequest { set_name: bytes(key) };
        Read "SortedSetLengthByScore" |key| SortedSetLengthByScoreRequest {
            set_name: bytes(key),
            min: Some(sorted_set_length_by_score_request::Min::UnboundedMin(Unbounded {})),
            max: Some(sorted_set_length_by_score_request::Max::UnboundedMax(Unbounded {})),
        };
        Write "SortedSetPut" |key| SortedSetPutRequest {
            set_name: bytes(key),
            elements: vec![SortedSetElement { value: value(), score: 1.0 }],
            ttl_milliseconds: TTL,
            refresh_ttl: true,
        };
        Write "SortedSetRemove" |key| SortedSetRemoveRequest {
            set_name: bytes(key),
            remove_elements: Some(sorted_set_remove_request::RemoveElements::All(Default::default())),
        };
        Both "SortedSetIncrement" |key| SortedSetIncrementRequest {
            set_name: bytes(key),
            value: value(),
            amount: 1.0,
            ttl_milliseconds: TTL,
            refresh_ttl: true,
        };
        Both "SortedSetUnionStore" |key| union_store(key, key);
    }
    "leaderboard.Leaderboard" {
        Write "UpsertElements" |key| board::UpsertElementsRequest {
            leaderboard: key.to_owned(),
            elements: vec![board::Element { id: 1, score: 1.0 }],
        };
        Write "RemoveElements" |key| board::RemoveElementsRequest {
            leaderboard: key.to_owned(),
            ids: vec![1],
        };
        Write "DeleteLeaderboard" |key| board::DeleteLeaderboardRequest { leaderboard: key.to_owned() };
        Read "GetLeaderboardLength" |key| board::GetLeaderboardLengthRequest {
            leaderboard: key.to_owned(),
        };
        Read "GetByRank" |key| board::GetByRankRequest {
            leaderboard: key.to_owned(),
            rank_range: Some(board::RankRange { start_inclusive: 0, end_exclusive: 1 }),
            order: 0,
        };
        Read "GetByScore" |key| board::GetByScoreRequest {
            leaderboard: key.to_owned(),
            score_range: Some(board::ScoreRange {
                min: Some(board::score_range::Min::UnboundedMin(Unbounded {})),
                max: Some(board::score_range::Max::UnboundedMax(Unbounded {})),
            }),
            offset: 0,
            limit_elements: 1,
            order: 0,
        };
        Read "GetRank" |key| board::GetRankRequest {
            leaderboard: key.to_owned(),
            ids: vec![1],
            order: 0,
        };
        Read "GetCompetitionRank" |key| board::GetCompetitionRankRequest {
            leaderboard: key.to_owned(),
            ids: vec![1],
            order: None,
        };
    }
}

pub fn set(key: &str) -> SetRequest {
    SetRequest { cache_key: bytes(key), cache_body: value(), ttl_milliseconds: TTL }
}

/// A union of one set into another.
pub fn union_store(into: &str, of: &str) -> SortedSetUnionStoreRequest {
    SortedSetUnionStoreRequest {
        set_name: bytes(into),
        sources: vec![sorted_set_union_store_request::Source { set_name: bytes(of), weight: 1.0 }],
        aggregate: 0,
        ttl_milliseconds: TTL,
    }
}
