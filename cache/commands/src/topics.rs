//! Publishing to topics and subscribing to them.

use std::sync::Arc;
use std::task::{Context, Poll};

use kura_base::Millis;
use kura_store::{Discontinuity, End, Event, Message, Start, TopicError, TopicStats, TopicValue};
use kura_tokens::Need;

use crate::{Commands, Error, Session};

impl Commands {
    /// Publishes a value to a topic; all who listen get it, whoever they are and in one order. How
    /// many subscriptions there were at that moment.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::CacheNotFound`], [`Error::InvalidArgument`] for the
    /// topic's name, [`Error::MessageTooLarge`].
    pub fn publish(
        &self,
        session: &Session,
        cache: &str,
        topic: &str,
        value: TopicValue,
    ) -> Result<usize, Error> {
        self.check_topic(session, Need::Write, cache, topic)?;
        let (bytes, limit) = (value.bytes().len(), self.limits.max_topic_value_bytes);
        if bytes > limit {
            return Err(Error::MessageTooLarge { bytes, limit });
        }
        let published = self.topics.publish(cache, topic, value, session.publisher_id(), self.now());
        published.map(|position| position.subscribers).map_err(|error| refused(error, cache))
    }

    /// Subscribes to a topic.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::CacheNotFound`], [`Error::InvalidArgument`] for the
    /// topic's name, [`Error::TooManySubscriptions`], [`Error::Stopping`].
    pub fn subscribe(
        &self,
        session: &Arc<Session>,
        cache: &str,
        topic: &str,
        start: impl Into<Start>,
    ) -> Result<Subscription, Error> {
        self.check_topic(session, Need::Read, cache, topic)?;
        let inner = self.topics.subscribe(cache, topic, start, self.now());
        let inner = inner.map_err(|error| refused(error, cache))?;
        Ok(Subscription { inner, session: session.clone() })
    }

    /// Checks what [`subscribe`](Self::subscribe) checks, but for how many there may be.
    ///
    /// # Errors
    /// As there.
    pub fn check_subscribe(&self, session: &Session, cache: &str, topic: &str) -> Result<(), Error> {
        self.check_topic(session, Need::Read, cache, topic)
    }

    /// The topics of a cache that somebody subscribes to and that the session may subscribe to, in order, with
    /// the number of those who do.
    ///
    /// # Errors
    /// [`Error::CacheNotFound`].
    pub fn subscribed_topics(&self, session: &Session, cache: &str) -> Result<Vec<(Arc<str>, usize)>, Error> {
        self.data.cache(cache)?;
        let mut topics = self.topics.subscribed(cache);
        topics.retain(|(topic, _)| session.authorize_topic(Need::Read, cache, topic).is_ok());
        topics.sort_unstable();
        Ok(topics)
    }

    /// How many subscribe to a topic.
    ///
    /// # Errors
    /// As of [`subscribe`](Self::subscribe).
    pub fn topic_subscribers(&self, session: &Session, cache: &str, topic: &str) -> Result<usize, Error> {
        self.check_topic(session, Need::Read, cache, topic)?;
        Ok(self.topics.subscribers(cache, topic))
    }

    /// Ends all subscriptions with [`Error::Stopping`]; no more can be made.
    pub fn end_subscriptions(&self) {
        self.topics.stop();
    }

    /// What topics hold and have done.
    #[must_use]
    pub fn topic_stats(&self) -> TopicStats {
        self.topics.stats()
    }

    /// Whether a subscription's session still stands, and may still read its topic: a role can lose that.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::PermissionDenied`].
    pub fn check_subscription(&self, subscription: &Subscription) -> Result<(), Error> {
        let Subscription { inner, session } = subscription;
        self.check(session)?;
        session.authorize_topic(Need::Read, inner.cache().as_str(), inner.topic())
    }

    fn check_topic(&self, session: &Session, need: Need, cache: &str, topic: &str) -> Result<(), Error> {
        session.authorize_topic(need, cache, topic)?;
        self.data.cache(cache)?;
        if topic.is_empty() {
            return Err(Error::InvalidArgument(
                "Invalid topic name: it is empty; give it at least one character".to_owned(),
            ));
        }
        let limit = self.limits.max_topic_name_bytes;
        if topic.len() > limit {
            return Err(Error::InvalidArgument(format!(
                "Invalid topic name: it has {} bytes; at most {limit} are allowed",
                topic.len()
            )));
        }
        Ok(())
    }
}

fn refused(error: TopicError, cache: &str) -> Error {
    match error {
        TopicError::CacheNotFound => Error::CacheNotFound(cache.to_owned()),
        TopicError::TooManySubscriptions { limit } => Error::TooManySubscriptions { limit },
        TopicError::Stopping => Error::Stopping,
    }
}

/// Somebody's place in a topic. Dropping it ends the subscription.
///
/// Whoever holds one asks [`Commands::check_subscription`] now and then whether its session still stands, at
/// the latest when [`Session::expires`] says so: a place in a topic knows no time.
#[derive(Debug)]
pub struct Subscription {
    inner: kura_store::Subscription,
    session: Arc<Session>,
}

/// What comes to a subscription.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// The next message.
    Item(Arc<Message>),
    /// Messages before the next one are missing.
    Discontinuity(Discontinuity),
}

impl Subscription {
    /// What comes next. Pending, it wakes the task that asked last once there is something.
    ///
    /// # Errors
    /// Why nothing more will come: [`Error::CacheNotFound`], [`Error::Stopping`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Delivery, Error>> {
        self.inner.poll_next(cx).map(|event| match event {
            Event::Item(message) => Ok(Delivery::Item(message)),
            Event::Discontinuity(gap) => Ok(Delivery::Discontinuity(gap)),
            Event::Ended(end) => Err(self.why(end)),
        })
    }

    /// Why nothing more will come, if so. [`poll_next`](Self::poll_next) says it too, but whoever
    /// cannot pass on what it has yet does not ask for more.
    #[must_use]
    pub fn ended(&self) -> Option<Error> {
        self.inner.ended().map(|end| self.why(end))
    }

    fn why(&self, end: End) -> Error {
        match end {
            End::CacheDeleted => Error::CacheNotFound(self.inner.cache().to_string()),
            End::Stopping => Error::Stopping,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// When it must end, if at any time.
    #[must_use]
    pub fn expires(&self) -> Option<Millis> {
        self.session.expires()
    }
}
