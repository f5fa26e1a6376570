//! Publishing and subscribing: a channel is the topic of its name in the connection's cache.

use std::sync::Arc;

use bytes::Bytes;
use kura_commands::{Lease, Session, Start, TopicValue};

use crate::Front;
use crate::call::Answer;
use crate::caller::{Caller, no_authentication};
use crate::described::{shown, unknown_subcommand};
use crate::glob;
use crate::parse::Arguments;
use crate::reply::{Failure, Reply};
use crate::subscriptions::Kind;

/// The name of a topic.
fn topic(channel: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(channel).map_err(|_| {
        Failure::said(format!(
            "ERR Invalid topic name: '{}' is no UTF-8, and a topic's name is",
            shown(channel)
        ))
    })
}

impl Caller {
    fn known(&self) -> Result<&Arc<Session>, Failure> {
        self.lease.as_ref().map(Lease::session).ok_or_else(no_authentication)
    }

    /// A text if it is one, else bytes: clients of Redis do not say which they mean. The answer is
    /// the number of subscriptions, over all protocols, at that moment.
    pub(crate) fn publish(&self, front: &Front, arguments: Arguments<'_>) -> Result<Reply, Failure> {
        let value = match std::str::from_utf8(arguments.get(1)) {
            Ok(text) => TopicValue::text(text.to_owned()),
            Err(_) => TopicValue::binary(Bytes::copy_from_slice(arguments.get(1))),
        };
        let topic = topic(arguments.get(0))?;
        let heard = front.commands.publish(self.known()?, &self.cache, topic, value)?;
        Ok(Reply::count(heard as u64))
    }

    /// All or none: the first that is refused leaves things as they were.
    pub(crate) fn subscribe(
        &mut self,
        front: &Front,
        kind: Kind,
        arguments: Arguments<'_>,
    ) -> Result<Reply, Failure> {
        let session = self.known()?;
        let channels = arguments.to_owned();
        for channel in &channels {
            front.commands.check_subscribe(session, &self.cache, topic(channel)?)?;
        }
        let mut begun: Vec<Option<kura_commands::Subscription>> = Vec::with_capacity(channels.len());
        let mut new = std::collections::HashSet::new();
        for channel in &channels {
            let wanted = !self.subscriptions.contains(kind, channel) && new.insert(channel);
            let subscribe = || {
                front
                    .commands
                    .subscribe(session, &self.cache, topic(channel)?, Start::Next)
                    .map_err(Failure::from)
            };
            begun.push(wanted.then(subscribe).transpose()?);
        }
        let mut count = self.subscriptions.count(kind);
        let mut told = Vec::with_capacity(channels.len());
        for (channel, subscription) in channels.iter().zip(begun) {
            if let Some(subscription) = subscription {
                self.subscriptions.add(kind, channel.clone(), subscription);
                count += 1;
            }
            told.push((Some(channel.clone()), count));
        }
        let name = if kind == Kind::Channel { "subscribe" } else { "ssubscribe" };
        Ok(Reply::Confirmed(name, told))
    }

    /// Ends the subscriptions named, or all if none is.
    pub(crate) fn unsubscribe(&mut self, kind: Kind, arguments: Arguments<'_>) -> Reply {
        let channels = match arguments.is_empty() {
            true => self.subscriptions.channels(kind),
            false => arguments.to_owned(),
        };
        let mut count = self.subscriptions.count(kind);
        let mut told = Vec::with_capacity(channels.len().max(1));
        if channels.is_empty() {
            told.push((None, count));
        }
        for channel in channels {
            count -= u64::from(self.subscriptions.remove(kind, &channel));
            told.push((Some(channel), count));
        }
        Reply::Confirmed(if kind == Kind::Channel { "unsubscribe" } else { "sunsubscribe" }, told)
    }

    /// There are no subscriptions to patterns, so there is nothing to end.
    pub(crate) fn punsubscribe(&self, arguments: Arguments<'_>) -> Reply {
        let count = self.subscriptions.count(Kind::Channel);
        let mut told: Vec<_> =
            arguments.to_owned().into_iter().map(|pattern| (Some(pattern), count)).collect();
        if told.is_empty() {
            told.push((None, count));
        }
        Reply::Confirmed("punsubscribe", told)
    }

    pub(crate) fn pubsub(&self, front: &Front, arguments: Arguments<'_>) -> Result<Answer, Failure> {
        let (commands, session, rest) = (&front.commands, self.known()?, arguments.from(1));
        match (arguments.get(0).to_ascii_uppercase().as_slice(), rest.len()) {
            (b"CHANNELS" | b"SHARDCHANNELS", 0 | 1) => {
                glob::check(rest.get(0))?;
                let pattern = (!rest.is_empty()).then(|| Bytes::copy_from_slice(rest.get(0)));
                let (commands, session, cache) = (commands.clone(), session.clone(), self.cache.clone());
                // There may be tens of thousands.
                Ok(Answer::Later(Box::new(move || {
                    let mut topics = commands.subscribed_topics(&session, &cache)?;
                    topics.retain(|(topic, _)| {
                        pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, topic.as_bytes()))
                    });
                    Ok(Reply::Array(topics.into_iter().map(|(topic, _)| Reply::text(&*topic)).collect()))
                })))
            }
            (b"NUMSUB" | b"SHARDNUMSUB", _) => {
                let mut told = Vec::with_capacity(2 * rest.len());
                for channel in rest.iter() {
                    let count = commands.topic_subscribers(session, &self.cache, topic(channel)?)?;
                    told.extend([Reply::Bytes(Bytes::copy_from_slice(channel)), Reply::count(count as u64)]);
                }
                Ok(Reply::Array(told).into())
            }
            (b"NUMPAT", 0) => Ok(Reply::Integer(0).into()),
            (b"CHANNELS" | b"SHARDCHANNELS" | b"NUMPAT", _) => {
                Err(Failure::said("ERR wrong number of arguments for 'pubsub' command"))
            }
            (other, _) => Err(unknown_subcommand("PUBSUB", other)),
        }
    }
}
