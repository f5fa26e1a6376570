//! The scalar calls: decoded in place, carried out, encoded straight from the stored bytes.

use std::time::Duration;

use bytes::Bytes;
use kura_base::{Millis, Ttl};
use kura_commands::{
    Cache, Command, Commands, Condition, Error, HashCondition, ItemType, Items, Reply, TtlChange, Value,
    ValueRef,
};
use kura_wire::{Code, Status};

use crate::Method;
use crate::body::PREFIX_BYTES;
use crate::error::{lacks, malformed, status, wrong_wire_type};
use crate::fields::{Fields, Payload, put_varint, varint_len};

/// A value at least this long shares the request's or the store's buffer; a shorter one is
/// copied, which is cheaper than counting references. The engine draws the same line.
const SHARED_BYTES: usize = 4096;

/// A response message with its prefix, in one piece or with a shared value behind it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Bytes,
    pub(crate) tail: Option<Bytes>,
}

impl Answer {
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.tail.as_ref().map_or(0, Bytes::len)
    }

    /// A message that is known in full.
    pub(crate) fn of(message: &[u8]) -> Self {
        let mut head = start(message.len(), message.len());
        head.extend_from_slice(message);
        Self { head: head.into(), tail: None }
    }
}

/// What a scalar call does to items, and so what its session must be allowed.
pub(crate) fn items(method: Method) -> Items {
    match method {
        Method::Get
        | Method::GetWithHash
        | Method::KeysExist
        | Method::ItemGetTtl
        | Method::ItemGetType
        | Method::GetBatch => Items::Read,
        Method::Set | Method::SetBatch | Method::Delete => Items::Write,
        _ => Items::ReadWrite,
    }
}

/// Decodes a scalar call's message into its key and its command.
///
/// # Errors
/// INVALID_ARGUMENT for bytes that are not the message, a time to live of zero or a missing
/// condition.
pub fn decode<'a>(
    method: Method,
    message: &'a Bytes,
    max_ttl: Duration,
) -> Result<(&'a [u8], Command<'a>), Status> {
    let raw = Raw::read(method, message)?;
    let ttl = |millis: u64| -> Result<Ttl, Status> {
        Ttl::from_millis(millis, max_ttl).map_err(|error| status(&Error::from(error)))
    };
    let value = || -> Value<'a> {
        if raw.body.len() < SHARED_BYTES {
            Value::Copied(raw.body)
        } else {
            Value::Shared(message.slice_ref(raw.body))
        }
    };
    let command = match method {
        Method::Get => Command::Get,
        Method::GetWithHash => Command::GetWithHash,
        Method::ItemGetTtl => Command::ItemGetTtl,
        Method::ItemGetType => Command::ItemGetType,
        Method::Delete => Command::Delete,
        Method::Set => Command::Set { value: value(), ttl: ttl(raw.ttl)? },
        Method::SetIfNotExists => {
            Command::SetIf { value: value(), ttl: ttl(raw.ttl)?, condition: Condition::Absent }
        }
        Method::SetIf => Command::SetIf { value: value(), ttl: ttl(raw.ttl)?, condition: raw.condition()? },
        Method::SetIfHash => {
            Command::SetIfHash { value: value(), ttl: ttl(raw.ttl)?, condition: raw.hash_condition()? }
        }
        Method::Increment => Command::Increment { amount: raw.amount.cast_signed(), ttl: ttl(raw.ttl)? },
        Method::UpdateTtl => Command::UpdateTtl(match raw.change {
            Some((2, millis)) => TtlChange::IncreaseTo(ttl(millis)?),
            Some((3, millis)) => TtlChange::DecreaseTo(ttl(millis)?),
            Some((4, millis)) => TtlChange::OverwriteTo(ttl(millis)?),
            _ => return Err(lacks("update_ttl: give increase_to, decrease_to or overwrite_to")),
        }),
        _ => return Err(Status::new(Code::Unimplemented, "not a scalar call")),
    };
    Ok((raw.key, command))
}

/// Carries out one scalar call, at a time that was just taken.
pub(crate) fn execute(
    commands: &Commands,
    cache: Cache,
    method: Method,
    message: &Bytes,
    now: Millis,
) -> Result<Answer, Status> {
    let (key, command) = decode(method, message, commands.limits().max_ttl)?;
    let mut found = None;
    let sink = |value: ValueRef<'_>| found = Some(encode_value(method, value));
    let reply = commands.execute(cache, key, command, now, sink).map_err(|error| status(&error))?;
    Ok(match (reply, found) {
        (Reply::Found, Some(answer)) => answer,
        (Reply::FoundWithHash(hash), Some(value)) => found_with_hash(hash.as_bytes(), value),
        (reply, _) => encode(method, reply),
    })
}

/// Encodes a reply that carries no value.
fn encode(method: Method, reply: Reply) -> Answer {
    // ECacheResult: 1 Ok, 2 Hit, 3 Miss, in field 1.
    match (method, reply) {
        (Method::Get, _) => Answer::of(&[0x08, 3]),
        (Method::Set, _) => Answer::of(&[0x08, 1]),
        // In every `oneof` of these, what is there or done is field 1 and an empty message...
        (_, Reply::Stored(None) | Reply::TtlSet) => Answer::of(&[0x0a, 0]),
        (Method::UpdateTtl, Reply::Missing) => Answer::of(&[0x1a, 0]),
        // ... and what is not is field 2.
        (_, Reply::NotStored | Reply::TtlNotSet | Reply::Missing) => Answer::of(&[0x12, 0]),
        (_, Reply::Stored(Some(hash))) => {
            let mut stored = vec![0x0a];
            put_varint(&mut stored, hash.as_bytes().len() as u64);
            stored.extend_from_slice(hash.as_bytes());
            nested(0x0a, &stored)
        }
        // proto3 leaves zeros out.
        (_, Reply::Integer(0) | Reply::Done | Reply::Found | Reply::FoundWithHash(_)) => Answer::of(&[]),
        (_, Reply::Integer(sum)) => {
            let mut message = vec![0x08];
            put_varint(&mut message, sum.cast_unsigned());
            Answer::of(&message)
        }
        (_, Reply::Remaining(duration)) => {
            let mut found = vec![0x08];
            put_varint(&mut found, u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
            nested(0x0a, &found)
        }
        (_, Reply::Type(item_type)) => nested(
            0x0a,
            match item_type {
                ItemType::Scalar => &[],
                ItemType::Dictionary => &[0x08, 1],
                ItemType::Set => &[0x08, 2],
                ItemType::List => &[0x08, 3],
                ItemType::SortedSet => &[0x08, 4],
            },
        ),
    }
}

fn nested(tag: u8, inner: &[u8]) -> Answer {
    let mut message = vec![tag];
    put_varint(&mut message, inner.len() as u64);
    message.extend_from_slice(inner);
    Answer::of(&message)
}

/// A frame for a message of `message_bytes`, of which `held_bytes` will be put into it.
fn start(message_bytes: usize, held_bytes: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(PREFIX_BYTES + held_bytes);
    frame.push(0);
    // A message is an item, bounded by the limits far below 4 GiB.
    frame.extend_from_slice(&u32::try_from(message_bytes).unwrap_or(u32::MAX).to_be_bytes());
    frame
}

/// Encodes a value read. For `GetWithHash` this is the value alone, see [`found_with_hash`].
pub(crate) fn encode_value(method: Method, value: ValueRef<'_>) -> Answer {
    let bytes = value.as_bytes();
    if method == Method::GetWithHash {
        return Answer { head: Bytes::new(), tail: Some(value.to_bytes()) };
    }
    // GetResponse { result: Hit, cache_body }; an empty body is left out, as proto3 does.
    let body_head = if bytes.is_empty() { 0 } else { 1 + varint_len(bytes.len() as u64) };
    let message_bytes = 2 + body_head + bytes.len();
    let shared = matches!(value, ValueRef::Shared(_));
    let mut head = start(message_bytes, message_bytes - if shared { bytes.len() } else { 0 });
    head.extend_from_slice(&[0x08, 2]);
    if !bytes.is_empty() {
        head.push(0x12);
        put_varint(&mut head, bytes.len() as u64);
    }
    match value {
        ValueRef::Inline(bytes) => {
            head.extend_from_slice(bytes);
            Answer { head: head.into(), tail: None }
        }
        ValueRef::Shared(bytes) => Answer { head: head.into(), tail: Some(bytes.clone()) },
    }
}

/// GetWithHashResponse { found { value, hash } }, with the hash first so that the value need not
/// be copied.
fn found_with_hash(hash: &[u8], value: Answer) -> Answer {
    let value = value.tail.unwrap_or_default();
    let hash_bytes = 1 + varint_len(hash.len() as u64) + hash.len();
    let value_head = 1 + varint_len(value.len() as u64);
    let found_bytes = hash_bytes + value_head + value.len();
    let message_bytes = 1 + varint_len(found_bytes as u64) + found_bytes;
    let mut head = start(message_bytes, message_bytes - value.len());
    head.push(0x0a);
    put_varint(&mut head, found_bytes as u64);
    head.push(0x12);
    put_varint(&mut head, hash.len() as u64);
    head.extend_from_slice(hash);
    head.push(0x0a);
    put_varint(&mut head, value.len() as u64);
    Answer { head: head.into(), tail: Some(value) }
}

/// What a field of a scalar call's message is.
enum Field {
    Key,
    Value,
    Amount,
    Ttl,
    /// One of UpdateTtl's three.
    Change,
    /// One of the conditions; whether it carries something to compare with.
    Condition(bool),
    /// Not this message's: passed over, whatever its wire type.
    Unknown,
}

impl Field {
    fn of(method: Method, number: u32) -> Self {
        use Method::{Increment, Set, SetIf, SetIfHash, SetIfNotExists, UpdateTtl};
        match (number, method) {
            (1, _) => Self::Key,
            (2, Set | SetIf | SetIfHash | SetIfNotExists) => Self::Value,
            (3, Set | SetIf | SetIfHash | SetIfNotExists | Increment) => Self::Ttl,
            (2, Increment) => Self::Amount,
            (2..=4, UpdateTtl) => Self::Change,
            (4 | 6, SetIf) | (8, SetIfHash) => Self::Condition(false),
            (4..=9, SetIf) | (4..=7, SetIfHash) => Self::Condition(true),
            _ => Self::Unknown,
        }
    }
}

/// The fields that scalar messages have. Of one that comes more than once the last counts, as
/// protobuf asks.
#[derive(Default)]
struct Raw<'a> {
    key: &'a [u8],
    body: &'a [u8],
    amount: u64,
    ttl: u64,
    change: Option<(u32, u64)>,
    /// Its field's number, and what it compares with.
    condition: Option<(u32, &'a [u8])>,
}

impl<'a> Raw<'a> {
    fn read(method: Method, message: &'a [u8]) -> Result<Self, Status> {
        let mut raw = Self::default();
        for field in Fields::of(message) {
            let (number, payload) = field.map_err(malformed)?;
            match (Field::of(method, number), payload) {
                (Field::Key, Payload::Bytes(key)) => raw.key = key,
                (Field::Value, Payload::Bytes(body)) => raw.body = body,
                (Field::Amount, Payload::Varint(amount)) => raw.amount = amount,
                (Field::Ttl, Payload::Varint(millis)) => raw.ttl = millis,
                (Field::Change, Payload::Varint(millis)) => raw.change = Some((number, millis)),
                (Field::Condition(carries), Payload::Bytes(condition)) => {
                    let operand = first_bytes(condition, carries)?;
                    // The same condition again is merged with the one before.
                    let before = raw.condition.filter(|(before, _)| *before == number);
                    let operand = operand.or(before.map(|(_, operand)| operand));
                    raw.condition = Some((number, operand.unwrap_or_default()));
                }
                (Field::Unknown, _) => {}
                _ => return Err(wrong_wire_type(number)),
            }
        }
        Ok(raw)
    }

    fn condition(&self) -> Result<Condition<'a>, Status> {
        let (number, operand) = self.condition.ok_or_else(|| lacks("condition: give one of six"))?;
        Ok(match number {
            4 => Condition::Present,
            5 => Condition::PresentAndNotEqual(operand),
            6 => Condition::Absent,
            7 => Condition::Equal(operand),
            8 => Condition::AbsentOrEqual(operand),
            _ => Condition::NotEqual(operand),
        })
    }

    fn hash_condition(&self) -> Result<HashCondition<'a>, Status> {
        let (number, operand) = self.condition.ok_or_else(|| lacks("condition: give one of five"))?;
        Ok(match number {
            4 => HashCondition::PresentAndNotEqual(operand),
            5 => HashCondition::PresentAndEqual(operand),
            6 => HashCondition::AbsentOrEqual(operand),
            7 => HashCondition::AbsentOrNotEqual(operand),
            _ => HashCondition::Unconditional,
        })
    }
}

/// Field 1 of a condition that `carries` one: the value or the hash to compare with.
fn first_bytes(message: &[u8], carries: bool) -> Result<Option<&[u8]>, Status> {
    let mut bytes = None;
    for field in Fields::of(message) {
        match field.map_err(malformed)? {
            (1, Payload::Bytes(value)) if carries => bytes = Some(value),
            (1, _) if carries => return Err(wrong_wire_type(1)),
            _ => {}
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(method: Method, message: &'static [u8]) -> String {
        let message = Bytes::from_static(message);
        match decode(method, &message, Duration::from_secs(60)) {
            Ok((key, command)) => format!("{} {command:?}", key.escape_ascii()),
            Err(status) => format!("{:?}", status.code),
        }
    }

    #[test]
    fn a_field_that_the_message_does_not_have_is_passed_over_whatever_its_wire_type() {
        assert_eq!(decoded(Method::Get, b"\x0a\x01k\x12\x01x\x1d1234\x48\x05"), "k Get");
        assert_eq!(
            decoded(Method::UpdateTtl, b"\x0a\x01k\x20\x05\x2d1234"),
            decoded(Method::UpdateTtl, b"\x0a\x01k\x20\x05")
        );
    }

    #[test]
    fn a_field_of_another_wire_type_is_refused() {
        for (method, message) in [
            (Method::Set, &b"\x0a\x01k\x10\x05\x18\x05"[..]),
            (Method::Get, b"\x08\x01"),
            (Method::Increment, b"\x0a\x01k\x12\x01x\x18\x05"),
            (Method::SetIf, b"\x18\x05\x3a\x02\x08\x01"),
        ] {
            assert_eq!(decoded(method, message), "InvalidArgument", "{method:?}");
        }
    }

    #[test]
    fn a_condition_that_is_no_message_is_refused_even_if_it_carries_nothing() {
        assert_eq!(decoded(Method::SetIf, b"\x18\x05\x22\x01\x08"), "InvalidArgument");
        assert_eq!(decoded(Method::SetIf, b"\x18\x05\x3a\x01\x0a\x32\x00"), "InvalidArgument");
    }

    #[test]
    fn a_condition_that_comes_twice_is_merged() {
        let once = decoded(Method::SetIf, b"\x18\x05\x3a\x03\x0a\x01x");
        assert!(once.contains("Equal([120])"), "{once}");
        assert_eq!(decoded(Method::SetIf, b"\x18\x05\x3a\x03\x0a\x01x\x3a\x00"), once);
    }
}
