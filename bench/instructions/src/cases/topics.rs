//! A message on its way to all subscribers of a connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::ensure;
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
        let delivered = move |count: u64, commands: &kura_commands::Commands| {
            commands.topic_stats().delivered_total >= count
        };
        Ok(Box::new(move || {
            runtime.block_on(async {
                while commands.topic_stats().subscriptions < SUBSCRIBERS {
                    tokio::task::yield_now().await;
                }
                for message in 1..=MESSAGES {
                    let value = TopicValue::binary(Bytes::from_static(&VALUE));
                    commands.publish(&session, CACHE, TOPIC, value)?;
                    while !delivered(message * SUBSCRIBERS, &commands) {
                        tokio::task::yield_now().await;
                    }
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

/// The bytes of a client that subscribes.
async fn subscribe() -> anyhow::Result<Vec<Bytes>> {
    let mut client = Client::connect(&front(&world::commands()?)).await?;
    let request = [field(1, CACHE.as_bytes()), field(2, TOPIC.as_bytes())].concat();
    let mut streams = Vec::new();
    for _ in 0..SUBSCRIBERS {
        streams.push(client.begin("/cache_client.pubsub.Pubsub/Subscribe", &request).await?.await?);
    }
    client.recorded()
}
