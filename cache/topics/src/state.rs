//! All topics by cache and name, and which of them are forgotten first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kura_base::{CacheName, Millis};

use crate::topic::Topic;

/// What a topic takes beyond its messages and its name, in bytes.
const TOPIC_BYTES: usize = 512;

/// Everything that changes when topics come and go. Whoever holds its lock may take a topic's, not
/// the other way round.
#[derive(Debug, Default)]
pub(crate) struct State {
    caches: HashMap<CacheName, HashMap<Arc<str>, Entry>>,
    /// Topics that hold memory, by when they were last used. It is what may be forgotten.
    order: BTreeMap<u64, Arc<Topic>>,
    /// Uses so far.
    uses: u64,
    /// The memory of all entries together.
    memory: usize,
    /// No topic that has gone had a larger page.
    last_page: u64,
    pub(crate) subscriptions: usize,
    pub(crate) stopping: bool,
    pub(crate) published: u64,
    pub(crate) forgotten: u64,
}

/// A topic as all of them together see it.
#[derive(Debug)]
struct Entry {
    topic: Arc<Topic>,
    subscribers: usize,
    /// Its key in the order.
    used: u64,
    /// What is counted for it: its messages and, unless somebody listens, itself. The number of
    /// topics that somebody listens to is bounded by the number of subscriptions.
    memory: usize,
}

impl State {
    /// No topics; their pages will be over `last_page`.
    pub(crate) fn new(last_page: u64) -> Self {
        Self { last_page, ..Self::default() }
    }

    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    pub(crate) fn count(&self) -> usize {
        self.caches.values().map(HashMap::len).sum()
    }

    pub(crate) fn add_cache(&mut self, name: CacheName) {
        self.caches.entry(name).or_default();
    }

    /// Removes a cache; its topics.
    pub(crate) fn remove_cache(&mut self, name: &CacheName) -> Vec<Arc<Topic>> {
        let entries = self.caches.remove(name).unwrap_or_default();
        entries.into_values().map(|entry| self.gone(entry)).collect()
    }

    pub(crate) fn has_cache(&self, name: &str) -> bool {
        self.caches.contains_key(name)
    }

    /// Every topic.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.caches.values().flat_map(HashMap::values).map(|entry| &entry.topic)
    }

    /// The topic of this name, made now if need be. None: there is no such cache.
    pub(crate) fn topic(&mut self, cache: &str, name: &str, now: Millis) -> Option<Arc<Topic>> {
        let (key, _) = self.caches.get_key_value(cache)?;
        let cache = key.clone();
        let topics = self.caches.get_mut(&cache)?;
        if let Some(entry) = topics.get(name) {
            return Some(entry.topic.clone());
        }
        let name: Arc<str> = name.into();
        let page = now.epoch_seconds().max(self.last_page + 1);
        let topic = Arc::new(Topic::new(cache, name.clone(), page));
        topics.insert(name, Entry { topic: topic.clone(), subscribers: 0, used: 0, memory: 0 });
        Some(topic)
    }

    /// The topics of a cache that somebody subscribes to, and how many do.
    pub(crate) fn subscribed(&self, cache: &str) -> Vec<(Arc<str>, usize)> {
        let entries = self.caches.get(cache).into_iter().flatten();
        let subscribed = entries.filter(|(_, entry)| entry.subscribers > 0);
        subscribed.map(|(name, entry)| (name.clone(), entry.subscribers)).collect()
    }

    /// How many subscribe to a topic.
    pub(crate) fn subscribers(&self, cache: &str, name: &str) -> usize {
        self.caches.get(cache).and_then(|topics| topics.get(name)).map_or(0, |entry| entry.subscribers)
    }

    /// Notes that a topic is used now and that its messages take `messages` bytes; how many
    /// subscribe to it.
    pub(crate) fn used(&mut self, topic: &Arc<Topic>, messages: usize) -> usize {
        let mut subscribers = 0;
        self.update(topic, |entry| {
            subscribers = entry.subscribers;
            messages
        });
        subscribers
    }

    /// Notes a new subscriber.
    pub(crate) fn joined(&mut self, topic: &Arc<Topic>) {
        self.subscriptions += 1;
        self.update(topic, |entry| {
            entry.subscribers += 1;
            entry.topic.bytes()
        });
    }

    /// Notes that a subscriber has gone. A topic without messages is then of use to nobody.
    pub(crate) fn left(&mut self, topic: &Arc<Topic>) {
        self.subscriptions -= 1;
        self.update(topic, |entry| {
            entry.subscribers -= 1;
            entry.topic.bytes()
        });
        if self.entry(topic).is_some_and(|entry| entry.subscribers == 0 && entry.topic.is_fresh()) {
            self.remove(topic);
        }
    }

    /// Forgets the topics that were used longest ago until what is held fits.
    pub(crate) fn make_room(&mut self, limit: usize) {
        while self.memory > limit
            && let Some((_, topic)) = self.order.first_key_value()
        {
            let topic = topic.clone();
            self.forgotten += 1;
            if self.entry(&topic).is_some_and(|entry| entry.subscribers > 0) {
                topic.forget();
                self.update(&topic, |_| 0);
            } else {
                self.remove(&topic);
            }
        }
    }

    fn remove(&mut self, topic: &Topic) {
        let entry = self.caches.get_mut(&topic.cache).and_then(|topics| topics.remove(&topic.name));
        if let Some(entry) = entry {
            self.gone(entry);
        }
    }

    /// Takes back what was noted of an entry.
    fn gone(&mut self, entry: Entry) -> Arc<Topic> {
        self.order.remove(&entry.used);
        self.memory -= entry.memory;
        self.last_page = self.last_page.max(entry.topic.page);
        entry.topic
    }

    /// The entry of a topic, unless the topic has been removed or replaced.
    fn entry(&mut self, topic: &Topic) -> Option<&mut Entry> {
        let entry = self.caches.get_mut(&topic.cache)?.get_mut(&topic.name)?;
        std::ptr::eq(&*entry.topic, topic).then_some(entry)
    }

    /// Changes an entry and counts anew: `change` says what its messages take.
    fn update(&mut self, topic: &Arc<Topic>, change: impl FnOnce(&mut Entry) -> usize) {
        self.uses += 1;
        let now = self.uses;
        let Some(entry) = self.entry(topic) else { return };
        let messages = change(entry);
        let itself = if entry.subscribers == 0 { TOPIC_BYTES + entry.topic.name.len() } else { 0 };
        let before = (entry.used, entry.memory);
        (entry.used, entry.memory) = (now, messages + itself);
        let after = entry.memory;
        self.order.remove(&before.0);
        self.memory = self.memory - before.1 + after;
        if after > 0 {
            self.order.insert(now, topic.clone());
        }
    }
}
