//! Publishing and subscribing: decoded with momento-protos' types, encoded once for all who listen.

use std::sync::Arc;

use bytes::Bytes;
use kura_base::Limits;
use kura_commands::{Commands, Delivery, Message, Resume, Session, Subscription, TopicValue};
use kura_wire::protos::cache_client::pubsub::{self, subscription_item, topic_value};
use kura_wire::{Code, FRAME_HEADER_BYTES, Status};
use prost::Message as _;

use crate::error::status;
use crate::fields::{put_varint, varint_len};
use crate::message::decode;
use crate::scalar::Answer;

/// A value at least this long follows its message's head as it is, shared by all; a shorter one is
/// copied into the head, which spares a frame. Messages are counted accordingly.
const SHARED_BYTES: usize = 4096;

/// Nothing to say, but the stream works: an empty message in field 3, framed.
pub(crate) const HEARTBEAT: &[u8] = &[0, 0, 0, 0, 2, 0x1a, 0];

/// Room in a message for what is neither value nor topic: the cache's name and framing.
const BESIDE_BYTES: usize = 16 * 1024;

/// Largest message of these calls. It is decoded before it is known who may use the topic, so it
/// is not to be a large one.
pub(crate) fn max_message_bytes(limits: &Limits) -> usize {
    limits.max_request_bytes.min(limits.max_topic_value_bytes + limits.max_topic_name_bytes + BESIDE_BYTES)
}

/// Carries out `Publish`.
pub(crate) fn publish(commands: &Commands, session: &Session, message: &Bytes) -> Result<Answer, Status> {
    let request: pubsub::PublishRequest = decode(message)?;
    let value = match request.value.and_then(|value| value.kind) {
        Some(topic_value::Kind::Text(text)) => TopicValue::text(text),
        Some(topic_value::Kind::Binary(bytes)) => TopicValue::binary(bytes.into()),
        None => {
            return Err(Status::new(
                Code::InvalidArgument,
                "the request lacks its value: give text or binary, which may be empty",
            ));
        }
    };
    commands.publish(session, &request.cache_name, &request.topic, value).map_err(|error| status(&error))?;
    Ok(Answer::of(&[]))
}

/// Carries out `Subscribe`, up to the first message.
pub(crate) fn subscribe(
    commands: &Commands,
    session: &Arc<Session>,
    message: &Bytes,
) -> Result<Subscription, Status> {
    let request: pubsub::SubscriptionRequest = decode(message)?;
    let resume = Resume { sequence: request.resume_at_topic_sequence_number, page: request.sequence_page };
    commands.subscribe(session, &request.cache_name, &request.topic, resume).map_err(|error| status(&error))
}

/// A framed `_SubscriptionItem`: its head, and the value behind it if that is long.
pub(crate) fn encode(delivery: &Delivery) -> (Bytes, Bytes) {
    match delivery {
        Delivery::Item(message) => {
            let value = message.value.bytes();
            let tail = if value.len() < SHARED_BYTES { Bytes::new() } else { value.clone() };
            (message.encoded(head).clone(), tail)
        }
        Delivery::Discontinuity(gap) => {
            let item = pubsub::SubscriptionItem {
                kind: Some(subscription_item::Kind::Discontinuity(pubsub::Discontinuity {
                    last_topic_sequence: gap.last_sequence,
                    new_topic_sequence: gap.new_sequence,
                    new_sequence_page: gap.new_page,
                })),
            };
            (Answer::of(&item.encode_to_vec()).head, Bytes::new())
        }
    }
}

/// An item up to its value, and a short value with it. The value is the message's last field, so
/// that a long one can follow.
fn head(message: &Message) -> Bytes {
    let value = message.value.bytes();
    // TopicValue: text is field 1, binary is field 2.
    let kind = if message.value.is_text() { 0x0a } else { 0x12 };
    let value_field = 1 + varint_len(value.len() as u64) + value.len();
    // TopicItem: sequence 1, value 2, publisher 3, page 4.
    let publisher = match message.publisher.len() {
        0 => 0,
        length => 1 + varint_len(length as u64) + length,
    };
    let item = 1
        + varint_len(message.sequence)
        + publisher
        + 1
        + varint_len(message.page)
        + 1
        + varint_len(value_field as u64)
        + value_field;
    let whole = 1 + varint_len(item as u64) + item;
    let copied = if value.len() < SHARED_BYTES { &value[..] } else { &[] };

    let mut head = Vec::with_capacity(FRAME_HEADER_BYTES + whole - value.len() + copied.len());
    head.push(0);
    head.extend_from_slice(&u32::try_from(whole).unwrap_or(u32::MAX).to_be_bytes());
    head.push(0x0a);
    put_varint(&mut head, item as u64);
    head.push(0x08);
    put_varint(&mut head, message.sequence);
    if publisher > 0 {
        head.push(0x1a);
        put_varint(&mut head, message.publisher.len() as u64);
        head.extend_from_slice(message.publisher.as_bytes());
    }
    head.push(0x20);
    put_varint(&mut head, message.page);
    head.push(0x12);
    put_varint(&mut head, value_field as u64);
    head.push(kind);
    put_varint(&mut head, value.len() as u64);
    head.extend_from_slice(copied);
    head.into()
}
