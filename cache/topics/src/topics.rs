//! Publishing and subscribing, for all threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use kura_base::{CacheName, Millis};
use parking_lot::Mutex;

use crate::log::{Bounds, Cursor};
use crate::state::State;
use crate::topic::Topic;
use crate::{End, Event, Start, Value};

/// Most messages that a topic keeps.
const RING_MESSAGES: usize = 4096;

/// Most bytes that a topic keeps, unless that is over an eighth of what all may take.
const RING_BYTES: usize = 2 << 20;

/// How topics are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bounds what all topics together keep, in bytes: their messages with all that goes with them
    /// and, where nobody listens, the topics themselves.
    pub memory_bytes: usize,
    /// Most subscriptions at a time.
    pub max_subscriptions: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { memory_bytes: 64 << 20, max_subscriptions: 50_000 }
    }
}

/// Where in its topic a message was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The topic's incarnation.
    pub page: u64,
    /// The message's number in it.
    pub sequence: u64,
    /// How many subscriptions the topic had at that moment.
    pub subscribers: usize,
}

/// Why something cannot be published or subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// No cache of that name.
    #[error("there is no such cache")]
    CacheNotFound,
    /// As many subscriptions as are allowed are there already.
    #[error("at most {limit} subscriptions are allowed at a time")]
    TooManySubscriptions {
        /// How many are allowed.
        limit: usize,
    },
    /// The server stops: there are no subscriptions any more.
    #[error("the server is stopping")]
    Stopping,
}

/// What topics hold and have done. Totals only ever rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicStats {
    /// Topics that are there.
    pub topics: u64,
    /// Subscriptions that are there.
    pub subscriptions: u64,
    /// Bytes counted, see [`Config::memory_bytes`].
    pub memory_bytes: u64,
    /// Messages published.
    pub published_total: u64,
    /// Messages handed to subscriptions.
    pub delivered_total: u64,
    /// Discontinuities that subscriptions were told of.
    pub discontinuities_total: u64,
    /// Times that a topic's messages were forgotten to make room.
    pub forgotten_total: u64,
}

/// All topics of all caches.
#[derive(Clone, Debug)]
pub struct Topics(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    bounds: Bounds,
    config: Config,
    delivered: AtomicU64,
    discontinuities: AtomicU64,
}

impl Topics {
    /// No caches and no topics. Pages will be later than `started`, and so later than those of a
    /// process that ended before.
    #[must_use]
    pub fn new(config: Config, started: Millis) -> Self {
        let bounds = Bounds { messages: RING_MESSAGES, bytes: RING_BYTES.min(config.memory_bytes / 8) };
        Self(Arc::new(Shared {
            state: Mutex::new(State::new(started.epoch_seconds())),
            bounds,
            config,
            delivered: AtomicU64::new(0),
            discontinuities: AtomicU64::new(0),
        }))
    }

    /// Adds a cache; one of that name keeps its topics.
    pub fn add_cache(&self, name: CacheName) {
        self.0.state.lock().add_cache(name);
    }

    /// Removes a cache with its topics and ends their subscriptions.
    pub fn remove_cache(&self, name: &CacheName) {
        let topics = self.0.state.lock().remove_cache(name);
        for topic in topics {
            topic.end(End::CacheDeleted).into_iter().for_each(std::task::Waker::wake);
        }
    }

    /// Ends all subscriptions, and those that come.
    pub fn stop(&self) {
        let topics: Vec<_> = {
            let mut state = self.0.state.lock();
            state.stopping = true;
            state.topics().cloned().collect()
        };
        for topic in topics {
            topic.end(End::Stopping).into_iter().for_each(std::task::Waker::wake);
        }
    }

    /// Publishes a message to a topic, which need not be there.
    ///
    /// # Errors
    /// [`TopicError::CacheNotFound`].
    pub fn publish(
        &self,
        cache: &str,
        topic: &str,
        value: Value,
        publisher: &str,
        now: Millis,
    ) -> Result<Position, TopicError> {
        let value = value.kept(self.0.config.memory_bytes);
        let mut state = self.0.state.lock();
        let topic = state.topic(cache, topic, now).ok_or(TopicError::CacheNotFound)?;
        let (sequence, bytes, waiting) = topic.append(value, publisher, self.0.bounds);
        state.published += 1;
        let subscribers = state.used(&topic, bytes);
        state.make_room(self.0.config.memory_bytes);
        drop(state);
        for waker in waiting {
            waker.wake();
        }
        Ok(Position { page: topic.page, sequence, subscribers })
    }

    /// Subscribes to a topic, which need not be there.
    ///
    /// # Errors
    /// [`TopicError`].
    pub fn subscribe(
        &self,
        cache: &str,
        topic: &str,
        start: impl Into<Start>,
        now: Millis,
    ) -> Result<Subscription, TopicError> {
        let mut state = self.0.state.lock();
        if !state.has_cache(cache) {
            return Err(TopicError::CacheNotFound);
        }
        if state.stopping {
            return Err(TopicError::Stopping);
        }
        let limit = self.0.config.max_subscriptions;
        if state.subscriptions >= limit {
            return Err(TopicError::TooManySubscriptions { limit });
        }
        let topic = state.topic(cache, topic, now).ok_or(TopicError::CacheNotFound)?;
        state.joined(&topic);
        let (cursor, place) = topic.enter(start.into());
        Ok(Subscription { topics: self.0.clone(), topic, cursor, place })
    }

    /// The topics of a cache that somebody subscribes to, in no order, and how many do.
    #[must_use]
    pub fn subscribed(&self, cache: &str) -> Vec<(Arc<str>, usize)> {
        self.0.state.lock().subscribed(cache)
    }

    /// How many subscribe to a topic.
    #[must_use]
    pub fn subscribers(&self, cache: &str, topic: &str) -> usize {
        self.0.state.lock().subscribers(cache, topic)
    }

    /// What is held and was done.
    #[must_use]
    pub fn stats(&self) -> TopicStats {
        let state = self.0.state.lock();
        TopicStats {
            topics: state.count() as u64,
            subscriptions: state.subscriptions as u64,
            memory_bytes: state.memory() as u64,
            published_total: state.published,
            delivered_total: self.0.delivered.load(Ordering::Relaxed),
            discontinuities_total: self.0.discontinuities.load(Ordering::Relaxed),
            forgotten_total: state.forgotten,
        }
    }
}

/// A place in a topic. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    topics: Arc<Shared>,
    topic: Arc<Topic>,
    cursor: Cursor,
    place: usize,
}

impl Subscription {
    /// What comes next. Pending, it wakes the task that asked last once there is something; ready
    /// with [`Event::Ended`], it will be for ever.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let event = self.topic.poll(&mut self.cursor, self.place, cx);
        match &event {
            Poll::Ready(Event::Item(_)) => self.topics.delivered.fetch_add(1, Ordering::Relaxed),
            Poll::Ready(Event::Discontinuity(_)) => {
                self.topics.discontinuities.fetch_add(1, Ordering::Relaxed)
            }
            Poll::Ready(Event::Ended(_)) | Poll::Pending => 0,
        };
        event
    }

    /// Whether it has ended; for whoever does not ask for what comes next, having no use for it yet.
    #[must_use]
    pub fn ended(&self) -> Option<End> {
        self.topic.ended()
    }

    /// The topic's incarnation.
    #[cfg(test)]
    pub(crate) fn topic_page(&self) -> u64 {
        self.topic.page
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic.name
    }

    /// The topic's cache.
    #[must_use]
    pub fn cache(&self) -> &CacheName {
        &self.topic.cache
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.topic.leave(self.place);
        let mut state = self.topics.state.lock();
        state.left(&self.topic);
        state.make_room(self.topics.config.memory_bytes);
    }
}
