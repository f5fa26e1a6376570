//! A message on its way to all subscribers of a connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{bail, ensure};
use bytes::Bytes;
use kura_commands::TopicValue;
use kura_front_grpc::{drain, serve};

use super::calls::{Client, field, front};
use super::{Ready, VALUE};
use crate::script::Script;
use crate::world::{self, CACHE};

/// Streams on the connection.
const SUBSCRIBERS: u64 = 100;
const MESSAGES: u64 = 100;
/// Messages delivered.
pub(crate) const OPERATIONS: u64 = SUBSCRIBERS * MESSAGES;
const TOPIC: &str = "topic";
/// Turns of the runtime that the server may take to come further: hundreds of times what it does.
const MOST_TURNS: u32 = 100_000;

pub(super) fn fan_out() -> anyhow::Result<Ready> {
    let runtime = Arc::new(world::runtime()?);
    let pieces = Arc::new(runtime.block_on(subscribe())?);
    Ok(Box::new(move || {
        let commands = world::commands()?;
        let front = front(&commands);
        let (script, told) = Script::http2(pieces.clone());
        told.stays.store(true, Ordering::Relaxed);
        let (drain, signal) = drain();
        let session = commands.authenticate(b"")?;
        let runtime = runtime.clone();
        let serving = runtime.spawn(serve(script, front, signal));
        Ok(Box::new(move || {
            runtime.block_on(async {
                until("subscriptions", SUBSCRIBERS, || commands.topic_stats().subscriptions).await?;
                for message in 1..=MESSAGES {
                    let value = TopicValue::binary(Bytes::from_static(&VALUE));
                    commands.publish(&session, CACHE, TOPIC, value)?;
                    let delivered = || commands.topic_stats().delivered_total;
                    until("deliveries", message * SUBSCRIBERS, delivered).await?;
                }
                drain.end();
                serving.await??;
                let bytes = told.answered.load(Ordering::Relaxed);
                ensure!(bytes > OPERATIONS * VALUE.len() as u64, "messages were not sent");
                Ok(())
            })
        }))
    }))
}

/// Lets the server work until it has come so far.
async fn until(what: &str, wanted: u64, there: impl Fn() -> u64) -> anyhow::Result<()> {
    for _ in 0..MOST_TURNS {
        if there() >= wanted {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    bail!("{} of {wanted} {what} after {MOST_TURNS} turns", there())
}

/// The bytes of a client that subscribes.
async fn subscribe() -> anyhow::Result<Vec<Bytes>> {
    let mut client = Client::connect(&front(&world::commands()?)).await?;
    let request = [field(1, CACHE.as_bytes()), field(2, TOPIC.as_bytes())].concat();
    let mut streams = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let answer = client.begin("/cache_client.pubsub.Pubsub/Subscribe", &request).await?.await?;
        // An answer that has its status at its beginning is a refusal.
        ensure!(!answer.headers().contains_key("grpc-status"), "not subscribed: {:?}", answer.headers());
        streams.push(answer);
    }
    client.recorded()
}
