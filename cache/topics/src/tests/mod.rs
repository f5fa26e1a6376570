mod behaviour;
mod model;

use std::task::{Context, Poll, Waker};

use kura_base::{CacheName, Millis};

use crate::{Config, Event, Resume, Subscription, Topics, Value};

/// Topics with a cache `c`, at second 1000.
fn topics(config: Config) -> Topics {
    let topics = Topics::new(config, Millis(1_000_000));
    topics.add_cache(CacheName::parse("c").unwrap());
    topics
}

/// Publishes a text to a topic of `c`; its page and number.
fn publish(topics: &Topics, topic: &str, text: &str) -> (u64, u64) {
    let position = topics.publish("c", topic, Value::text(text.to_owned()), "", Millis(2_000_000)).unwrap();
    (position.page, position.sequence)
}

fn subscribe(topics: &Topics, topic: &str, sequence: u64, page: u64) -> Subscription {
    topics.subscribe("c", topic, Resume { sequence, page }, Millis(2_000_000)).unwrap()
}

/// What there is now, as text: `1:a` for an item, `3>7` for a discontinuity.
fn drain(subscription: &mut Subscription) -> Vec<String> {
    let mut all = Vec::new();
    while let Poll::Ready(event) = subscription.poll_next(&mut Context::from_waker(Waker::noop())) {
        match event {
            Event::Item(message) => {
                let text = std::str::from_utf8(message.value.bytes()).unwrap();
                all.push(format!("{}:{text}", message.sequence));
            }
            Event::Discontinuity(gap) => all.push(format!("{}>{}", gap.last_sequence, gap.new_sequence)),
            Event::Ended(end) => {
                all.push(format!("{end:?}"));
                break;
            }
        }
    }
    all
}
