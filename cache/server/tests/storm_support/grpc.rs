//! Calls on everything that Momento's protocol can write.

use fastrand::Rng;
use kura_wire::Code;
use kura_wire::protos::cache_client::pubsub::{PublishRequest, TopicValue, topic_value};
use kura_wire::protos::cache_client::{
    DeleteRequest, DictionaryFetchRequest, DictionaryFieldValuePair, DictionarySetRequest, GetRequest,
    IncrementRequest, ListPushBackRequest, SetBatchRequest, SetRequest, SetUnionRequest, SortedSetElement,
    SortedSetPutRequest,
};
use kura_wire::protos::leaderboard::{Element, UpsertElementsRequest};
use prost::Message;

use super::{CACHE, bytes, key, length, ttl};
use crate::common::raw::{Connection, frame};

/// Largest value.
const VALUE: usize = 1024 * 1024;
/// Largest element of a collection; several go in one call.
const ELEMENT: usize = 16 * 1024;

/// One connection with one call at a time.
pub struct Writer {
    connection: Connection,
    rng: Rng,
}

impl Writer {
    pub fn new(connection: Connection, rng: Rng) -> Self {
        Self { connection, rng }
    }

    /// Makes one call.
    pub async fn write(&mut self) {
        let (path, message) = self.draw();
        let answer = self.connection.call(path, &[("cache", CACHE.as_bytes())], frame(&message)).await;
        // Keys are of another type now and then, and collections may be full.
        let expected = [Code::Ok, Code::FailedPrecondition, Code::ResourceExhausted];
        assert!(expected.contains(&answer.code), "{path}: {:?} {}", answer.code, answer.words);
    }

    fn draw(&mut self) -> (&'static str, Vec<u8>) {
        let rng = &mut self.rng;
        match rng.u32(..100) {
            0..40 => ("/cache_client.Scs/Set", set(rng, VALUE).encode_to_vec()),
            40..50 => {
                let items = (0..length(rng, 100)).map(|_| set(rng, ELEMENT)).collect();
                ("/cache_client.Scs/SetBatch", SetBatchRequest { items }.encode_to_vec())
            }
            50..55 => {
                let request = DeleteRequest { cache_key: key(rng, "scalar", 20_000) };
                ("/cache_client.Scs/Delete", request.encode_to_vec())
            }
            55..60 => {
                let request = GetRequest { cache_key: key(rng, "scalar", 20_000) };
                ("/cache_client.Scs/Get", request.encode_to_vec())
            }
            60..63 => {
                let cache_key = key(rng, "number", 1000);
                let request = IncrementRequest { cache_key, amount: 1, ttl_milliseconds: ttl(rng) };
                ("/cache_client.Scs/Increment", request.encode_to_vec())
            }
            63..73 => {
                let pair = |rng: &mut Rng| DictionaryFieldValuePair {
                    field: key(rng, "field", 5000),
                    value: bytes(rng, ELEMENT),
                };
                let request = DictionarySetRequest {
                    dictionary_name: key(rng, "dictionary", 50),
                    items: (0..length(rng, 200)).map(|_| pair(rng)).collect(),
                    ttl_milliseconds: ttl(rng),
                    refresh_ttl: rng.bool(),
                };
                ("/cache_client.Scs/DictionarySet", request.encode_to_vec())
            }
            73..75 => {
                let request = DictionaryFetchRequest { dictionary_name: key(rng, "dictionary", 50) };
                ("/cache_client.Scs/DictionaryFetch", request.encode_to_vec())
            }
            75..80 => {
                let request = ListPushBackRequest {
                    list_name: key(rng, "list", 50),
                    value: bytes(rng, ELEMENT),
                    ttl_milliseconds: ttl(rng),
                    refresh_ttl: rng.bool(),
                    truncate_front_to_size: rng.u32(..1000),
                };
                ("/cache_client.Scs/ListPushBack", request.encode_to_vec())
            }
            80..85 => {
                let request = SetUnionRequest {
                    set_name: key(rng, "set", 50),
                    elements: (0..length(rng, 200)).map(|_| bytes(rng, ELEMENT / 16)).collect(),
                    ttl_milliseconds: ttl(rng),
                    refresh_ttl: rng.bool(),
                };
                ("/cache_client.Scs/SetUnion", request.encode_to_vec())
            }
            85..90 => {
                let element =
                    |rng: &mut Rng| SortedSetElement { value: key(rng, "element", 5000), score: rng.f64() };
                let request = SortedSetPutRequest {
                    set_name: key(rng, "sorted", 50),
                    elements: (0..length(rng, 1000)).map(|_| element(rng)).collect(),
                    ttl_milliseconds: ttl(rng),
                    refresh_ttl: rng.bool(),
                };
                ("/cache_client.Scs/SortedSetPut", request.encode_to_vec())
            }
            90..93 => {
                let element = |rng: &mut Rng| Element { id: rng.u32(..100_000), score: rng.f64() };
                let request = UpsertElementsRequest {
                    leaderboard: format!("board:{}", rng.u32(..20)),
                    elements: (0..length(rng, 8192)).map(|_| element(rng)).collect(),
                };
                ("/leaderboard.Leaderboard/UpsertElements", request.encode_to_vec())
            }
            _ => {
                let value = TopicValue { kind: Some(topic_value::Kind::Binary(bytes(rng, 100 * 1000))) };
                let request = PublishRequest {
                    cache_name: CACHE.to_owned(),
                    topic: format!("topic:{}", rng.u32(..2000)),
                    value: Some(value),
                };
                ("/cache_client.pubsub.Pubsub/Publish", request.encode_to_vec())
            }
        }
    }
}

fn set(rng: &mut Rng, most: usize) -> SetRequest {
    SetRequest {
        cache_key: key(rng, "scalar", 20_000),
        cache_body: bytes(rng, most),
        ttl_milliseconds: ttl(rng),
    }
}
