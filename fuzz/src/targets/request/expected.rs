//! What a call may be answered with, read from its whole body and prost's view of its message.

use bytes::Bytes;
use kura_front_grpc::{Method, decode_collection, decode_leaderboard, decode_scalar};
use kura_wire::Code;
use kura_wire::protos::{cache_client as cache, control_client as control, leaderboard as board};
use prost::Message;

use super::MAX_REQUEST;
use crate::targets::{collection, leaderboard, scalar};

/// The codes that fit. `body` is an error if more follows than is shown.
pub(super) fn of(method: Method, cache: Option<&str>, body: Result<&[u8], &[u8]>) -> Vec<Code> {
    match method {
        Method::Ping => return vec![Code::Ok],
        Method::Unknown => return vec![Code::Unimplemented],
        _ if is_absent(method) => return vec![Code::Unimplemented],
        _ => {}
    }
    let shown = body.unwrap_or_else(|shown| shown);
    let message = match (message(shown), body) {
        (Err(code), Ok(_)) => return vec![code],
        // What follows may end the prefix or the message, but it is too much for either.
        (Err(_), Err(_)) => {
            return vec![Code::InvalidArgument, Code::Unimplemented, Code::ResourceExhausted];
        }
        (Ok(_), Err(_)) => return vec![Code::InvalidArgument],
        (Ok(message), Ok(_)) => Bytes::copy_from_slice(message),
    };
    let control = is_control(method);
    let refused = match (accepts(method, &message), control, cache) {
        (_, false, None) => Some(Code::InvalidArgument),
        (_, false, Some("none")) => Some(Code::NotFound),
        (false, ..) => Some(Code::InvalidArgument),
        (true, ..) => None,
    };
    if let Some(code) = refused {
        return vec![code];
    }
    // Which of these depends on what is stored, and on keys and names that are empty or long.
    let mut codes = vec![Code::Ok, Code::InvalidArgument];
    match method {
        Method::Increment => codes.push(Code::FailedPrecondition),
        Method::CreateCache => codes.extend([Code::AlreadyExists, Code::ResourceExhausted]),
        Method::DeleteCache | Method::FlushCache | Method::RevokeSigningKey => codes.push(Code::NotFound),
        // An item of another type.
        _ if is_collection(method) => codes.push(Code::FailedPrecondition),
        _ => {}
    }
    codes
}

/// What this server says of these is that it has none.
fn is_absent(method: Method) -> bool {
    let path = method.path();
    path.starts_with("/function.") || path.starts_with("/webhook.") || path.contains("Index")
}

fn is_collection(method: Method) -> bool {
    collection::methods().contains(&method)
}

/// The one message of a body.
fn message(body: &[u8]) -> Result<&[u8], Code> {
    let Some((&[flag, a, b, c, d], message)) = body.split_first_chunk() else {
        return Err(Code::InvalidArgument);
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    match (flag, length) {
        (0, length) if length > MAX_REQUEST => Err(Code::ResourceExhausted),
        (0, length) if length == message.len() => Ok(message),
        (0, _) => Err(Code::InvalidArgument),
        _ => Err(Code::Unimplemented),
    }
}

fn is_control(method: Method) -> bool {
    matches!(
        method,
        Method::CreateCache
            | Method::DeleteCache
            | Method::ListCaches
            | Method::FlushCache
            | Method::CreateSigningKey
            | Method::ListSigningKeys
            | Method::RevokeSigningKey
    )
}

/// Whether `message` is the method's by prost; the hot calls' are looked at by their own target.
fn accepts(method: Method, message: &Bytes) -> bool {
    fn is<M: Message + Default>(message: &Bytes) -> bool {
        M::decode(message.clone()).is_ok()
    }
    match method {
        Method::KeysExist => is::<cache::KeysExistRequest>(message) && !has_group(message, false),
        Method::GetBatch => is::<cache::GetBatchRequest>(message) && !has_group(message, true),
        Method::SetBatch => {
            let sound =
                |batch: cache::SetBatchRequest| batch.items.iter().all(|item| item.ttl_milliseconds > 0);
            cache::SetBatchRequest::decode(message.clone()).is_ok_and(sound) && !has_group(message, true)
        }
        Method::CreateCache => is::<control::CreateCacheRequest>(message),
        Method::DeleteCache => is::<control::DeleteCacheRequest>(message),
        Method::ListCaches => is::<control::ListCachesRequest>(message),
        Method::FlushCache => is::<control::FlushCacheRequest>(message),
        Method::CreateSigningKey => is::<control::CreateSigningKeyRequest>(message),
        Method::ListSigningKeys => is::<control::ListSigningKeysRequest>(message),
        Method::RevokeSigningKey => is::<control::RevokeSigningKeyRequest>(message),
        _ if scalar::METHODS.contains(&method) => {
            decode_scalar(method, message, std::time::Duration::from_secs(3600)).is_ok()
        }
        _ if is_collection(method) => {
            decode_collection(method, message, std::time::Duration::from_secs(3600), 0).is_ok()
        }
        _ if leaderboard::METHODS.contains(&method) => decode_leaderboard(method, message).is_ok(),
        _ => unreachable!("{method:?} is answered from its path"),
    }
}

/// Groups are refused where the server reads fields in place, and passed over by prost. Of a batch
/// field 1 is a message itself.
fn has_group(message: &[u8], items: bool) -> bool {
    use kura_wire::fields::{FieldError, Fields, Payload};
    Fields::of(message).any(|field| match field {
        Err(FieldError::WireType(3 | 4)) => true,
        Ok((1, Payload::Bytes(item))) if items => {
            Fields::of(item).any(|field| matches!(field, Err(FieldError::WireType(3 | 4))))
        }
        _ => false,
    })
}

/// Panics unless `message` is an answer of this method.
pub(super) fn read_response(method: Method, message: Bytes) {
    fn is<M: Message + Default>(message: Bytes) -> bool {
        M::decode(message).is_ok()
    }
    let sound = match method {
        Method::Get | Method::GetBatch => is::<cache::GetResponse>(message),
        Method::Set | Method::SetBatch => is::<cache::SetResponse>(message),
        Method::Delete => is::<cache::DeleteResponse>(message),
        Method::GetWithHash => is::<cache::GetWithHashResponse>(message),
        Method::SetIf => is::<cache::SetIfResponse>(message),
        Method::SetIfHash => is::<cache::SetIfHashResponse>(message),
        Method::SetIfNotExists => is::<cache::SetIfNotExistsResponse>(message),
        Method::KeysExist => is::<cache::KeysExistResponse>(message),
        Method::Increment => is::<cache::IncrementResponse>(message),
        Method::UpdateTtl => is::<cache::UpdateTtlResponse>(message),
        Method::ItemGetTtl => is::<cache::ItemGetTtlResponse>(message),
        Method::ItemGetType => is::<cache::ItemGetTypeResponse>(message),
        Method::DictionaryGet => is::<cache::DictionaryGetResponse>(message),
        Method::DictionaryFetch => is::<cache::DictionaryFetchResponse>(message),
        Method::DictionarySet => is::<cache::DictionarySetResponse>(message),
        Method::DictionaryIncrement => is::<cache::DictionaryIncrementResponse>(message),
        Method::DictionaryDelete => is::<cache::DictionaryDeleteResponse>(message),
        Method::DictionaryLength => is::<cache::DictionaryLengthResponse>(message),
        Method::SetFetch => is::<cache::SetFetchResponse>(message),
        Method::SetSample => is::<cache::SetSampleResponse>(message),
        Method::SetUnion => is::<cache::SetUnionResponse>(message),
        Method::SetDifference => is::<cache::SetDifferenceResponse>(message),
        Method::SetContains => is::<cache::SetContainsResponse>(message),
        Method::SetLength => is::<cache::SetLengthResponse>(message),
        Method::SetPop => is::<cache::SetPopResponse>(message),
        Method::ListPushFront => is::<cache::ListPushFrontResponse>(message),
        Method::ListPushBack => is::<cache::ListPushBackResponse>(message),
        Method::ListPopFront => is::<cache::ListPopFrontResponse>(message),
        Method::ListPopBack => is::<cache::ListPopBackResponse>(message),
        Method::ListErase => is::<cache::ListEraseResponse>(message),
        Method::ListRemove => is::<cache::ListRemoveResponse>(message),
        Method::ListFetch => is::<cache::ListFetchResponse>(message),
        Method::ListLength => is::<cache::ListLengthResponse>(message),
        Method::ListConcatenateFront => is::<cache::ListConcatenateFrontResponse>(message),
        Method::ListConcatenateBack => is::<cache::ListConcatenateBackResponse>(message),
        Method::ListRetain => is::<cache::ListRetainResponse>(message),
        Method::SortedSetPut => is::<cache::SortedSetPutResponse>(message),
        Method::SortedSetFetch => is::<cache::SortedSetFetchResponse>(message),
        Method::SortedSetGetScore => is::<cache::SortedSetGetScoreResponse>(message),
        Method::SortedSetRemove => is::<cache::SortedSetRemoveResponse>(message),
        Method::SortedSetIncrement => is::<cache::SortedSetIncrementResponse>(message),
        Method::SortedSetGetRank => is::<cache::SortedSetGetRankResponse>(message),
        Method::SortedSetLength => is::<cache::SortedSetLengthResponse>(message),
        Method::SortedSetLengthByScore => is::<cache::SortedSetLengthByScoreResponse>(message),
        Method::SortedSetUnionStore => is::<cache::SortedSetUnionStoreResponse>(message),
        Method::GetByRank => is::<board::GetByRankResponse>(message),
        Method::GetByScore => is::<board::GetByScoreResponse>(message),
        Method::GetRank => is::<board::GetRankResponse>(message),
        Method::GetCompetitionRank => is::<board::GetCompetitionRankResponse>(message),
        Method::GetLeaderboardLength => is::<board::GetLeaderboardLengthResponse>(message),
        Method::ListCaches => is::<control::ListCachesResponse>(message),
        Method::CreateSigningKey => is::<control::CreateSigningKeyResponse>(message),
        Method::ListSigningKeys => is::<control::ListSigningKeysResponse>(message),
        _ => message.is_empty(),
    };
    assert!(sound, "{method:?} is answered with another message");
}
