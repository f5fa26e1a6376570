//! The control plane: caches and signing keys. These calls are rare and write to disk, so they
//! use momento-protos' types and run on the blocking pool.

use std::sync::Arc;

use bytes::Bytes;
use kura_commands::{Commands, Session};
use kura_wire::Status;
use kura_wire::protos::control_client as protos;

use crate::Method;
use crate::error::status;
use crate::message::{decode, encode};
use crate::scalar::Answer;

/// Caches or signing keys in one page of a list.
const PAGE: usize = 1000;

/// Carries out one control call; blocks on disk.
pub(crate) fn execute(
    commands: &Commands,
    session: &Arc<Session>,
    method: Method,
    message: &Bytes,
    random: &[u8; 48],
) -> Result<Answer, Status> {
    match method {
        Method::CreateCache => {
            let request: protos::CreateCacheRequest = decode(message)?;
            commands.create_cache(session, &request.cache_name).map_err(|error| status(&error))?;
            Ok(encode(&protos::CreateCacheResponse {}))
        }
        Method::DeleteCache => {
            let request: protos::DeleteCacheRequest = decode(message)?;
            commands.delete_cache(session, &request.cache_name).map_err(|error| status(&error))?;
            Ok(encode(&protos::DeleteCacheResponse {}))
        }
        Method::FlushCache => {
            let request: protos::FlushCacheRequest = decode(message)?;
            commands.flush_cache(session, &request.cache_name).map_err(|error| status(&error))?;
            Ok(encode(&protos::FlushCacheResponse {}))
        }
        Method::ListCaches => list_caches(commands, session, &decode(message)?),
        Method::CreateSigningKey => {
            let request: protos::CreateSigningKeyRequest = decode(message)?;
            let key = commands
                .create_signing_key(session, request.ttl_minutes, random)
                .map_err(|error| status(&error))?;
            Ok(encode(&protos::CreateSigningKeyResponse { key: key.jwk, expires_at: key.expires }))
        }
        Method::ListSigningKeys => {
            let request: protos::ListSigningKeysRequest = decode(message)?;
            let (keys, more) = commands
                .list_signing_keys(session, &request.next_token, PAGE)
                .map_err(|error| status(&error))?;
            let next_token = if more { keys.last().map(|(id, _)| id.clone()) } else { None };
            let signing_key = keys
                .into_iter()
                .map(|(key_id, expires_at)| protos::SigningKey { key_id, expires_at })
                .collect();
            Ok(encode(&protos::ListSigningKeysResponse {
                signing_key,
                next_token: next_token.unwrap_or_default(),
            }))
        }
        _ => {
            let request: protos::RevokeSigningKeyRequest = decode(message)?;
            commands.revoke_signing_key(session, &request.key_id).map_err(|error| status(&error))?;
            Ok(encode(&protos::RevokeSigningKeyResponse {}))
        }
    }
}

fn list_caches(
    commands: &Commands,
    session: &Session,
    request: &protos::ListCachesRequest,
) -> Result<Answer, Status> {
    let (names, more) =
        commands.list_caches(session, &request.next_token, PAGE).map_err(|error| status(&error))?;
    let next_token = if more { names.last().map(ToString::to_string) } else { None };
    let limits = commands.limits();
    let cache_limits = protos::CacheLimits {
        max_traffic_rate: limits.advertised_operations_per_second,
        max_throughput_kbps: limits.advertised_throughput_kbps,
        max_item_size_kb: ADVERTISED_ITEM_KIB,
        max_ttl_seconds: ADVERTISED_TTL_SECONDS,
    };
    let cache = names
        .into_iter()
        .map(|name| protos::Cache {
            cache_id: name.to_string(),
            cache_name: name.to_string(),
            cache_limits: Some(cache_limits),
            topic_limits: Some(ADVERTISED_TOPIC_LIMITS),
        })
        .collect();
    Ok(encode(&protos::ListCachesResponse { cache, next_token: next_token.unwrap_or_default() }))
}

/// What Momento advertises, and an official test expects to the digit.
const ADVERTISED_ITEM_KIB: u32 = 4883;

/// What Momento advertises, and an official test expects to the digit; longer ones are taken.
const ADVERTISED_TTL_SECONDS: u64 = 86_400;

/// What Momento advertises for topics, and an official test expects to the digit.
const ADVERTISED_TOPIC_LIMITS: protos::TopicLimits = protos::TopicLimits {
    max_publish_rate: 100,
    max_subscription_count: 100,
    max_publish_message_size_kb: 100,
};
