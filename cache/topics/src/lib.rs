//! Topics: what is published to one is delivered to all who listen, in one order.
//!
//! A topic keeps its newest messages in a ring, once for all its subscribers: a [`Subscription`]
//! is a place in the ring, so it costs little, and a slow one costs no more than a fast one. Who
//! falls behind the ring's end is told so by a [`Discontinuity`] and goes on with the oldest
//! message that is kept; publishers never wait.
//!
//! Memory is bounded three times: a ring's messages and bytes, the bytes of all topics together,
//! and the number of subscriptions. When topics need more room than there is, those are forgotten
//! that nobody used for the longest time; one that somebody listens to loses its messages only.
//!
//! The crate is pure: no runtime, no clock, no socket. Whoever waits for a message leaves a
//! [`Waker`](std::task::Waker), as with any future. It does not know permissions, protocols or
//! limits on names and values; it keeps nothing on disk, so a topic begins anew with the process.
//!
//! ```
//! use std::task::{Context, Poll, Waker};
//!
//! use kura_base::{CacheName, Millis};
//! use kura_topics::{Config, Event, Resume, Topics, Value};
//!
//! let topics = Topics::new(Config::default(), Millis(0));
//! topics.add_cache(CacheName::parse("shop").unwrap());
//! topics.publish("shop", "orders", Value::text("paid".to_owned()), "", Millis(5_000)).unwrap();
//!
//! let mut orders = topics.subscribe("shop", "orders", Resume::LATEST, Millis(6_000)).unwrap();
//! let mut context = Context::from_waker(Waker::noop());
//! let Poll::Ready(Event::Item(message)) = orders.poll_next(&mut context) else { panic!() };
//! assert_eq!((message.page, message.sequence), (5, 1));
//! assert_eq!(&message.value.bytes()[..], b"paid");
//! assert!(orders.poll_next(&mut context).is_pending());
//! ```

#![forbid(unsafe_code)]

mod log;
mod message;
mod state;
mod topic;
mod topics;

#[cfg(test)]
mod tests;

pub use log::{Discontinuity, Resume, Start};
pub use message::{Message, Value};
pub use topic::{End, Event};
pub use topics::{Config, Position, Subscription, TopicError, TopicStats, Topics};
