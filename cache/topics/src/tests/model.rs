//! Random histories against a plain model that forgets nothing.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// What can happen. Topics are small numbers; subscriptions are chosen by position.
#[derive(Clone, Debug)]
enum Step {
    Publish {
        topic: u8,
        bytes: usize,
    },
    /// From so many before the next number (negative: beyond it), on the page before, of now or unknown.
    Subscribe {
        topic: u8,
        back: i64,
        page: Page,
    },
    Latest {
        topic: u8,
    },
    Read {
        who: usize,
        most: usize,
    },
    Leave {
        who: usize,
    },
    DeleteCache,
}

#[derive(Clone, Copy, Debug)]
enum Page {
    Current,
    Named,
    Stale,
}

fn step() -> impl Strategy<Value = Step> {
    let topic = 0..14_u8;
    let page = prop_oneof![Just(Page::Current), Just(Page::Named), Just(Page::Stale)];
    prop_oneof![
        12 => (topic.clone(), 0..3000_usize).prop_map(|(topic, bytes)| Step::Publish { topic, bytes }),
        2 => (topic.clone(), -3..12_i64, page)
            .prop_map(|(topic, back, page)| Step::Subscribe { topic, back, page }),
        2 => topic.prop_map(|topic| Step::Latest { topic }),
        8 => (any::<usize>(), 0..8_usize).prop_map(|(who, most)| Step::Read { who, most }),
        2 => any::<usize>().prop_map(|who| Step::Leave { who }),
        1 => Just(Step::DeleteCache),
    ]
}

/// A subscription and what its reader knows.
struct Reader {
    subscription: Subscription,
    topic: String,
    page: u64,
    /// The number that must come next, where it is known.
    next: Option<u64>,
    /// What a discontinuity may say of the past.
    last: u64,
    /// Whether a discontinuity must be the first to come.
    unknown: bool,
    ended: bool,
}

/// Every message ever published, by page and topic, in order.
#[derive(Default)]
struct Model {
    messages: HashMap<(u64, String), Vec<usize>>,
    pages: HashMap<String, u64>,
    readers: Vec<Reader>,
}

impl Model {
    fn read(&mut self, who: usize, most: usize) {
        let reader = &mut self.readers[who];
        for _ in 0..most {
            let Poll::Ready(event) = reader.subscription.poll_next(&mut Context::from_waker(Waker::noop()))
            else {
                assert!(!reader.ended && !reader.unknown);
                let published = self.messages.get(&(reader.page, reader.topic.clone())).map_or(0, Vec::len);
                assert_eq!(reader.last as usize, published, "waits although there is more");
                return;
            };
            match event {
                Event::Item(message) => {
                    assert!(!reader.ended && !reader.unknown);
                    assert!(reader.next.is_none_or(|next| next == message.sequence), "{message:?}");
                    let bytes =
                        self.messages[&(message.page, reader.topic.clone())][message.sequence as usize - 1];
                    assert_eq!((message.page, message.value.bytes().len()), (reader.page, bytes));
                    (reader.last, reader.next) = (message.sequence, Some(message.sequence + 1));
                }
                Event::Discontinuity(gap) => {
                    assert!(!reader.ended);
                    let last = if reader.unknown { 0 } else { reader.last };
                    let before_latest = reader.next.is_none() && gap.last_sequence + 1 == last;
                    assert!(gap.last_sequence == last || before_latest, "{gap:?} after {last}");
                    assert!(reader.unknown || gap.new_sequence > gap.last_sequence, "{gap:?}");
                    assert_eq!(gap.new_page, reader.page);
                    (reader.last, reader.next) = (gap.new_sequence, Some(gap.new_sequence + 1));
                    reader.unknown = false;
                }
                Event::Ended(_) => {
                    assert!(reader.ended);
                    return;
                }
            }
        }
    }

    fn subscribe(&mut self, topics: &Topics, topic: u8, back: Option<i64>, page: Page) {
        let topic = topic.to_string();
        let current = self.pages.get(&topic).copied().unwrap_or_default();
        let published = self.messages.get(&(current, topic.clone())).map_or(0, Vec::len) as u64;
        let sequence = back.map_or(0, |back| (published as i64 + 1 - back).max(0) as u64);
        let asked = match page {
            Page::Current => 0,
            Page::Named => current,
            Page::Stale => current + 1_000_000,
        };
        let subscription = subscribe(topics, &topic, sequence, asked);
        // Only the topic itself tells its page before the first message.
        let page = subscription.topic_page();
        let published = if page == current { published } else { 0 };
        let known = asked == 0 || asked == page;
        let unknown = !known || sequence > published + 1;
        // Who asks for the latest, or stands at an unknown place, begins before the newest message,
        // or behind it if that was forgotten.
        let next = (!unknown && sequence > 0).then_some(sequence);
        let last = next.map_or(published, |next| next - 1);
        self.pages.insert(topic.clone(), page);
        self.readers.push(Reader { subscription, topic, page, next, last, unknown, ended: false });
    }
}

proptest! {
    #[test]
    fn readers_miss_nothing_that_they_are_not_told_of(steps in prop::collection::vec(step(), 1..250)) {
        let limit = 48 << 10;
        let topics = topics(Config { memory_bytes: limit, max_subscriptions: 1000 });
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Publish { topic, bytes } => {
                    let topic = topic.to_string();
                    let (page, sequence) = publish(&topics, &topic, &"x".repeat(bytes));
                    let before = model.pages.insert(topic.clone(), page).unwrap_or_default();
                    prop_assert!(page >= before);
                    let messages = model.messages.entry((page, topic)).or_default();
                    messages.push(bytes);
                    prop_assert_eq!(sequence as usize, messages.len());
                }
                Step::Subscribe { topic, back, page } => model.subscribe(&topics, topic, Some(back), page),
                Step::Latest { topic } => model.subscribe(&topics, topic, None, Page::Current),
                Step::Read { who, most } if !model.readers.is_empty() => {
                    let who = who % model.readers.len();
                    model.read(who, most);
                }
                Step::Leave { who } if !model.readers.is_empty() => {
                    let who = who % model.readers.len();
                    model.readers.swap_remove(who);
                }
                Step::DeleteCache => {
                    topics.remove_cache(&CacheName::parse("c").unwrap());
                    topics.add_cache(CacheName::parse("c").unwrap());
                    model.readers.iter_mut().for_each(|reader| reader.ended = true);
                }
                Step::Read { .. } | Step::Leave { .. } => {}
            }
            let stats = topics.stats();
            prop_assert!(stats.memory_bytes <= limit as u64, "{stats:?}");
            prop_assert_eq!(stats.subscriptions as usize, model.readers.len());
        }
        for who in 0..model.readers.len() {
            model.read(who, usize::MAX);
        }
        model.readers.clear();
        prop_assert!(topics.stats().memory_bytes <= limit as u64);
        topics.remove_cache(&CacheName::parse("c").unwrap());
        prop_assert_eq!((topics.stats().topics, topics.stats().memory_bytes), (0, 0));
    }
}
