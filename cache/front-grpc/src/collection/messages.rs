//! The requests that carry many elements, with elements that share the message's buffer.
//!
//! momento-protos' own types would allocate every element. The fields and their numbers are
//! Momento's (`cacheclient.proto`); the target `collection` of `fuzz/` holds these against
//! momento-protos. Requests without elements are read with momento-protos' types.

use bytes::Bytes;
use prost::{Message, Oneof};

/// DictionaryGet, SetContains, SortedSetGetScore.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Ask {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) elements: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DictionarySet {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(message, repeated, tag = "2")]
    pub(super) items: Vec<Pair>,
    #[prost(uint64, tag = "3")]
    pub(super) ttl_milliseconds: u64,
    #[prost(bool, tag = "4")]
    pub(super) refresh_ttl: bool,
}

/// A field of a dictionary and its value.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Pair {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) field: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SetUnion {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) elements: Vec<Bytes>,
    #[prost(uint64, tag = "3")]
    pub(super) ttl_milliseconds: u64,
    #[prost(bool, tag = "4")]
    pub(super) refresh_ttl: bool,
}

/// ListConcatenateFront and ListConcatenateBack.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ListConcatenate {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) values: Vec<Bytes>,
    #[prost(uint64, tag = "3")]
    pub(super) ttl_milliseconds: u64,
    #[prost(bool, tag = "4")]
    pub(super) refresh_ttl: bool,
    #[prost(uint32, tag = "5")]
    pub(super) truncate_to_size: u32,
}

/// ListPushFront and ListPushBack.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ListPush {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
    #[prost(uint64, tag = "3")]
    pub(super) ttl_milliseconds: u64,
    #[prost(bool, tag = "4")]
    pub(super) refresh_ttl: bool,
    #[prost(uint32, tag = "5")]
    pub(super) truncate_to_size: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SortedSetPut {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(message, repeated, tag = "2")]
    pub(super) elements: Vec<ScoredElement>,
    #[prost(uint64, tag = "3")]
    pub(super) ttl_milliseconds: u64,
    #[prost(bool, tag = "4")]
    pub(super) refresh_ttl: bool,
}

/// A value of a sorted set and its score.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ScoredElement {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) value: Bytes,
    #[prost(double, tag = "2")]
    pub(super) score: f64,
}

/// Elements that are one side of a choice.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Elements {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) elements: Vec<Bytes>,
}

/// The other side of a choice, which says nothing more.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Whole {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DictionaryDelete {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(oneof = "FieldsOrAll", tags = "2, 3")]
    pub(super) delete: Option<FieldsOrAll>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum FieldsOrAll {
    #[prost(message, tag = "2")]
    Some(Elements),
    #[prost(message, tag = "3")]
    All(Whole),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SortedSetRemove {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(oneof = "AllOrValues", tags = "2, 3")]
    pub(super) remove: Option<AllOrValues>,
}

/// The same choice as [`FieldsOrAll`], with its numbers the other way round.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum AllOrValues {
    #[prost(message, tag = "2")]
    All(Whole),
    #[prost(message, tag = "3")]
    Some(Elements),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SetDifference {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) name: Bytes,
    #[prost(oneof = "Difference", tags = "2, 3")]
    pub(super) difference: Option<Difference>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Difference {
    #[prost(message, tag = "2")]
    Minuend(Elements),
    #[prost(message, tag = "3")]
    Subtrahend(Subtrahend),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Subtrahend {
    #[prost(oneof = "SubtrahendSet", tags = "1, 2")]
    pub(super) set: Option<SubtrahendSet>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum SubtrahendSet {
    #[prost(message, tag = "1")]
    Set(Elements),
    #[prost(message, tag = "2")]
    Identity(Whole),
}
