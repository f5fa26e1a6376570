//! Calls on many keys: KeysExist, and the two that answer with a stream, GetBatch and SetBatch.
//!
//! Keys are read from the message one after another and never collected. After every slice of
//! keys other calls get their turn, so that a million keys disturb nobody.

use bytes::{Bytes, BytesMut};
use kura_commands::{Cache, Command, Commands, Reply, ValueRef};
use kura_wire::Status;

use crate::Method;
use crate::error::{malformed, status, wrong_wire_type};
use crate::fields::{Fields, Payload, put_varint};
use crate::respond::{AT_ONCE_BYTES, Broken, Messages};
use crate::scalar::{self, Answer};

/// Keys handled before other tasks get their turn: some 100 µs of work.
const SLICE: usize = 512;

/// Answers `KeysExist`.
pub(crate) async fn keys_exist(commands: &Commands, cache: Cache, message: &Bytes) -> Result<Answer, Status> {
    let mut exists = Vec::new();
    for field in Fields::of(message) {
        let key = match field.map_err(malformed)? {
            (1, Payload::Bytes(key)) => key,
            (1, _) => return Err(wrong_wire_type(1)),
            _ => continue,
        };
        let reply = commands
            .execute(cache.clone(), key, Command::Exists, commands.now(), |_: ValueRef<'_>| {})
            .map_err(|error| status(&error))?;
        exists.push(u8::from(reply == Reply::Found));
        if exists.len() % SLICE == 0 {
            tokio::task::yield_now().await;
        }
    }
    // Packed repeated bool: a varint of one byte each.
    let mut response = Vec::with_capacity(exists.len() + 6);
    if !exists.is_empty() {
        response.push(0x0a);
        put_varint(&mut response, exists.len() as u64);
        response.extend_from_slice(&exists);
    }
    Ok(Answer::of(&response))
}

/// Answers `GetBatch` and `SetBatch`: one message for each item, in the request's order.
pub(crate) async fn stream(
    commands: &Commands,
    cache: Cache,
    method: Method,
    message: &Bytes,
    messages: &mut Messages,
) -> Result<(), Broken> {
    let single = if method == Method::GetBatch { Method::Get } else { Method::Set };
    let mut pending = BytesMut::new();
    let mut since_yield = 0;
    for field in Fields::of(message) {
        let (1, Payload::Bytes(item)) = field.map_err(malformed)? else { continue };
        let answer =
            scalar::execute(commands, cache.clone(), single, &message.slice_ref(item), commands.now())?;
        pending.extend_from_slice(&answer.head);
        if let Some(tail) = answer.tail {
            messages.send(pending.split().freeze()).await?;
            messages.send(tail).await?;
        }
        since_yield += 1;
        if pending.len() >= AT_ONCE_BYTES / 4 {
            messages.send(pending.split().freeze()).await?;
        }
        if since_yield % SLICE == 0 {
            tokio::task::yield_now().await;
        }
    }
    messages.send(pending.freeze()).await?;
    Ok(())
}

/// Checks every item of a batch before the first is carried out, so that a request that cannot
/// be decoded, or names a key out of reach, changes nothing.
pub(crate) async fn check(
    commands: &Commands,
    cache: &Cache,
    method: Method,
    message: &Bytes,
) -> Result<(), Status> {
    let single = if method == Method::GetBatch { Method::Get } else { Method::Set };
    for (at, field) in Fields::of(message).enumerate() {
        if at % SLICE == SLICE - 1 {
            tokio::task::yield_now().await;
        }
        match field.map_err(malformed)? {
            (1, Payload::Bytes(item)) => {
                let item = message.slice_ref(item);
                let (key, _) = scalar::decode(single, &item, commands.limits().max_ttl)?;
                cache.authorize_key(key).map_err(|error| status(&error))?;
            }
            (1, _) => return Err(wrong_wire_type(1)),
            _ => {}
        }
    }
    Ok(())
}
