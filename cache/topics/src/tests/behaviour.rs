//! One rule at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use super::*;
use crate::TopicError;

#[test]
fn numbers_begin_at_one_and_the_latest_message_comes_first() {
    let topics = topics(Config::default());
    let mut early = subscribe(&topics, "t", 0, 0);
    assert!(drain(&mut early).is_empty());
    assert_eq!(publish(&topics, "t", "a"), (2000, 1));
    assert_eq!(publish(&topics, "t", "b"), (2000, 2));
    assert_eq!(publish(&topics, "other", "x"), (2000, 1));
    assert_eq!(drain(&mut early), ["1:a", "2:b"]);
    assert_eq!(drain(&mut subscribe(&topics, "t", 0, 0)), ["2:b"]);
    assert_eq!(drain(&mut subscribe(&topics, "t", 0, 2000)), ["2:b"]);
}

#[test]
fn resuming_is_inclusive_and_page_zero_is_the_current_one() {
    for page in [0, 2000] {
        let topics = super::topics(Config::default());
        for text in ["a", "b", "c"] {
            publish(&topics, "t", text);
        }
        assert_eq!(drain(&mut subscribe(&topics, "t", 2, page)), ["2:b", "3:c"]);
        assert_eq!(drain(&mut subscribe(&topics, "t", 1, page)), ["1:a", "2:b", "3:c"]);
        // Who has all and asks for what follows waits for it.
        let mut next = subscribe(&topics, "t", 4, page);
        assert!(drain(&mut next).is_empty());
        publish(&topics, "t", "d");
        assert_eq!(drain(&mut next), ["4:d"]);
    }
}

#[test]
fn who_wants_nothing_old_begins_with_the_next_message() {
    let topics = topics(Config::default());
    publish(&topics, "t", "old");
    let subscribe = || topics.subscribe("c", "t", crate::Start::Next, Millis(2_000_000)).unwrap();
    let mut next = subscribe();
    assert!(drain(&mut next).is_empty());
    let position = topics.publish("c", "t", Value::text("new".to_owned()), "", Millis(0)).unwrap();
    assert_eq!((position.sequence, position.subscribers), (2, 1));
    assert_eq!(drain(&mut next), ["2:new"]);
    assert!(drain(&mut subscribe()).is_empty());
    assert_eq!((topics.subscribers("c", "t"), topics.subscribers("c", "none")), (1, 0));
    assert_eq!(topics.subscribed("c"), [("t".into(), 1)]);
    assert!(topics.subscribed("none").is_empty());
}

#[test]
fn an_unknown_place_is_told_and_the_latest_message_follows() {
    let topics = topics(Config::default());
    assert_eq!(drain(&mut subscribe(&topics, "t", 300, 5_435_435)), ["0>0"], "nothing is there yet");
    publish(&topics, "t", "a");
    publish(&topics, "t", "b");
    assert_eq!(drain(&mut subscribe(&topics, "t", 300, 5_435_435)), ["0>1", "2:b"]);
    assert_eq!(drain(&mut subscribe(&topics, "t", 0, 5_435_435)), ["0>1", "2:b"]);
    assert_eq!(drain(&mut subscribe(&topics, "t", 4, 0)), ["0>1", "2:b"]);
    assert_eq!(drain(&mut subscribe(&topics, "t", u64::MAX, u64::MAX)), ["0>1", "2:b"]);
}

#[test]
fn who_falls_behind_the_ring_is_told_and_goes_on_with_the_oldest() {
    // A ring of an eighth of 64 KiB: each message takes 256 bytes and twice its own 44.
    let topics = topics(Config { memory_bytes: 64 << 10, ..Config::default() });
    let text = "x".repeat(44);
    let kept = (8 << 10) / (256 + 88);
    let mut slow = subscribe(&topics, "t", 0, 0);
    let mut slower = subscribe(&topics, "t", 0, 0);
    publish(&topics, "t", &text);
    assert_eq!(drain(&mut slow), [format!("1:{text}")]);
    for _ in 0..50 {
        publish(&topics, "t", &text);
    }
    let oldest = 51 - kept + 1;
    let events = drain(&mut slow);
    assert_eq!(events[..2], [format!("1>{}", oldest - 1), format!("{oldest}:{text}")]);
    assert_eq!(events.len(), 1 + kept);
    assert_eq!(drain(&mut slower)[0], format!("0>{}", oldest - 1));
    assert_eq!(drain(&mut subscribe(&topics, "t", 3, 0))[0], format!("2>{}", oldest - 1));
}

#[test]
fn a_deleted_cache_ends_its_subscriptions_and_later_pages_are_larger() {
    let topics = topics(Config::default());
    let cache = CacheName::parse("c").unwrap();
    let (first, _) = publish(&topics, "t", "a");
    let mut subscription = subscribe(&topics, "t", 0, 0);
    topics.remove_cache(&cache);
    assert_eq!(drain(&mut subscription), ["CacheDeleted"]);
    let value = || Value::text(String::new());
    assert_eq!(topics.publish("c", "t", value(), "", Millis(0)), Err(TopicError::CacheNotFound));
    assert!(topics.subscribe("c", "t", Resume::LATEST, Millis(0)).is_err());
    topics.add_cache(cache);
    let (second, number) = publish(&topics, "t", "b");
    assert!(second > first && number == 1, "{second} {number}");
    assert_eq!(drain(&mut subscription), ["CacheDeleted"], "the new topic is not the old one's");
    drop(subscription);
    assert_eq!(topics.stats().subscriptions, 0);
    assert_eq!(drain(&mut subscribe(&topics, "t", 1, first)), ["0>0", "1:b"]);
    // Also where the clock stands before this process began.
    let early = topics.publish("c", "early", value(), "", Millis(0)).unwrap();
    assert!(early.page > 1000, "{early:?}");
}

#[test]
fn a_server_that_stops_ends_all_and_takes_no_more() {
    let topics = topics(Config::default());
    let mut subscription = subscribe(&topics, "t", 0, 0);
    topics.stop();
    assert_eq!(drain(&mut subscription), ["Stopping"]);
    let refused = topics.subscribe("c", "t", Resume::LATEST, Millis(0)).unwrap_err();
    assert_eq!(refused, TopicError::Stopping);
    publish(&topics, "t", "calls in flight are finished");
}

#[test]
fn subscriptions_are_counted_and_bounded() {
    let topics = topics(Config { max_subscriptions: 2, ..Config::default() });
    let one = subscribe(&topics, "t", 0, 0);
    let _two = subscribe(&topics, "u", 0, 0);
    let refused = topics.subscribe("c", "t", Resume::LATEST, Millis(0)).unwrap_err();
    assert_eq!(refused, TopicError::TooManySubscriptions { limit: 2 });
    drop(one);
    let _three = subscribe(&topics, "t", 0, 0);
    assert_eq!(topics.stats().subscriptions, 2);
}

#[test]
fn topics_used_longest_ago_are_forgotten_and_those_listened_to_keep_their_numbers() {
    let limit = 64 << 10;
    let topics = topics(Config { memory_bytes: limit, ..Config::default() });
    let mut listener = subscribe(&topics, "listened", 0, 0);
    let (page, _) = publish(&topics, "listened", "a");
    assert_eq!(drain(&mut listener), ["1:a"]);
    let (old, _) = publish(&topics, "old", "a");
    for number in 0..1000 {
        publish(&topics, &format!("t{number}"), "x");
        assert!(topics.stats().memory_bytes <= limit as u64);
    }
    let stats = topics.stats();
    assert!(stats.topics < 100 && stats.forgotten_total > 900, "{stats:?}");
    assert_eq!(publish(&topics, "listened", "b"), (page, 2));
    assert_eq!(drain(&mut listener), ["2:b"], "nothing was missed");
    let (new, number) = publish(&topics, "old", "b");
    assert!(new > old && number == 1);
}

#[test]
fn topics_that_nobody_published_to_leave_nothing_behind() {
    let topics = topics(Config::default());
    for number in 0..100 {
        drop(subscribe(&topics, &number.to_string(), 0, 0));
    }
    assert_eq!((topics.stats().topics, topics.stats().memory_bytes), (0, 0));
}

/// Counts how often it wakes somebody.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn who_waits_is_woken_once_for_each_time_of_waiting() {
    let topics = topics(Config::default());
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    let mut subscription = subscribe(&topics, "t", 0, 0);
    let woken = || count.0.load(Ordering::Relaxed);
    assert!(subscription.poll_next(&mut cx).is_pending());
    assert!(subscription.poll_next(&mut cx).is_pending());
    publish(&topics, "t", "a");
    publish(&topics, "t", "b");
    assert_eq!(woken(), 1);
    assert!(subscription.poll_next(&mut cx).is_ready());
    assert!(subscription.poll_next(&mut cx).is_ready());
    assert!(subscription.poll_next(&mut cx).is_pending());
    topics.remove_cache(&CacheName::parse("c").unwrap());
    assert_eq!(woken(), 2);
    drop(subscription);
    assert_eq!(Arc::strong_count(&count), 2, "no waker is left behind");
}
