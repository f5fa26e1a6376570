//! Topics as a client sees them, by gRPC and HTTP, next to a plain model that forgets nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::http::Response;
use common::{Server, within};
use fastrand::Rng;
use kura_wire::protos::cache_client::pubsub::{
    SubscriptionItem, subscription_item::Kind as Item, topic_value::Kind as Value,
};
use kura_wire::{CacheClient, Code, Streaming};
use serde_json::Value as Json;

const TOPICS: [&str; 3] = ["a", "b/c", "ü"];
/// What the topics may take, of which each keeps an eighth; so none is ever forgotten.
const MEMORY: &str = "1MiB";
const RING_BYTES: usize = (1 << 20) / 8;

/// What a subscriber is told.
#[derive(Debug)]
enum Told {
    Message { number: u64, page: u64, value: Value },
    Gap { last: u64, new: u64, page: u64 },
}

/// One topic since its cache was made.
#[derive(Default)]
struct Topic {
    messages: Vec<Value>,
    /// The page that was told last, and whether it can change no more: a message had been published.
    page: u64,
    is_fixed: bool,
}

impl Topic {
    fn published(&self) -> u64 {
        self.messages.len() as u64
    }

    fn saw(&mut self, page: u64) {
        assert!(
            if self.is_fixed { page == self.page } else { page >= self.page },
            "{page} after {}",
            self.page
        );
        self.page = page;
        self.is_fixed = self.published() > 0;
    }

    /// Whether the messages from this one on are more than a topic keeps, as the server counts them, so that
    /// a reader may have missed it.
    fn may_have_lost(&self, number: u64) -> bool {
        let memory = |value: &Value| {
            let bytes = match value {
                Value::Text(text) => text.len(),
                Value::Binary(bytes) => bytes.len(),
            };
            // A large one has whole pages of its own; those above 128 KiB, of which there are none, had more.
            let taken = if bytes < 8192 { bytes } else { bytes.next_multiple_of(4096) };
            256 + taken + bytes.min(4096)
        };
        let kept = self.messages.iter().skip(usize::try_from(number).unwrap() - 1);
        kept.map(memory).sum::<usize>() > RING_BYTES
    }
}

/// A reader's place: the number that it must get next, and whether it must be told of a gap before.
#[derive(Debug)]
struct Place {
    next: u64,
    is_unknown: bool,
}

impl Place {
    /// Where a subscription begins.
    fn of(topic: &Topic, sequence: u64, asked: u64) -> Self {
        let known = asked == 0 || asked == topic.page;
        let is_unknown = !known || sequence > topic.published() + 1;
        let latest = topic.published().max(1);
        Self { next: if is_unknown || sequence == 0 { latest } else { sequence }, is_unknown }
    }

    /// Whether there is something for it.
    fn is_due(&self, topic: &Topic) -> bool {
        self.is_unknown || self.next <= topic.published()
    }

    /// Takes what a reader is told, and says whether it has lost messages; panics if it must not be told that.
    fn take(&mut self, topic: &mut Topic, told: Told) -> bool {
        match told {
            Told::Message { number, page, value } => {
                assert!(!self.is_unknown, "{number} comes before a gap is told");
                assert_eq!(number, self.next, "of {}", topic.published());
                topic.saw(page);
                assert!(topic.messages[usize::try_from(number).unwrap() - 1] == value, "another value");
                self.next += 1;
                false
            }
            Told::Gap { last, new, page } => {
                topic.saw(page);
                let expected = if self.is_unknown { 0 } else { self.next - 1 };
                assert_eq!(last, expected, "{new} {self:?}");
                let is_lost = new >= self.next;
                assert!(is_lost || self.is_unknown && new + 1 == self.next, "{last}>{new} at {self:?}");
                if is_lost {
                    assert!(topic.may_have_lost(self.next), "{last}>{new}, although all of it is kept");
                    assert!(new < topic.published(), "{last}>{new}: the newest message is lost");
                }
                *self = Self { next: new + 1, is_unknown: false };
                is_lost
            }
        }
    }
}

/// An open subscription.
struct Reader {
    stream: Streaming<SubscriptionItem>,
    topic: &'static str,
    place: Place,
}

impl Reader {
    async fn next(&mut self) -> Result<Told, Code> {
        loop {
            let message = within(self.stream.message()).await.map_err(|status| status.code)?;
            match message.unwrap().kind.unwrap() {
                Item::Heartbeat(_) => {}
                Item::Item(item) => {
                    assert_eq!(item.publisher_id, "");
                    let value = item.value.unwrap().kind.unwrap();
                    return Ok(Told::Message {
                        number: item.topic_sequence_number,
                        page: item.sequence_page,
                        value,
                    });
                }
                Item::Discontinuity(gap) => {
                    let (last, new) = (gap.last_topic_sequence, gap.new_topic_sequence);
                    return Ok(Told::Gap { last, new, page: gap.new_sequence_page });
                }
            }
        }
    }
}

struct World {
    server: Server,
    client: CacheClient,
    rng: Rng,
    topics: HashMap<&'static str, Topic>,
    readers: Vec<Reader>,
    /// Gaps that readers were told of.
    gaps: usize,
}

impl World {
    async fn step(&mut self) {
        let topic = *self.rng.choice(&TOPICS).unwrap();
        match self.rng.u8(..100) {
            0..45 => self.publish(topic).await,
            45..57 => self.subscribe(topic).await,
            57..80 => self.read().await,
            80..93 => self.poll(topic).await,
            93..98 if !self.readers.is_empty() => {
                let who = self.rng.usize(..self.readers.len());
                self.readers.swap_remove(who);
            }
            98.. if self.rng.u8(..4) == 0 => self.delete_cache().await,
            _ => {}
        }
    }

    fn value(&mut self) -> Value {
        let length = match self.rng.u8(..10) {
            0 => 0,
            1..7 => self.rng.usize(..60),
            7 | 8 => self.rng.usize(..9000),
            _ => self.rng.usize(9000..=102_400),
        };
        if self.rng.bool() {
            Value::Binary((0..length).map(|_| self.rng.u8(..)).collect())
        } else {
            Value::Text("ß\n\"".repeat(length / 4))
        }
    }

    async fn publish(&mut self, topic: &'static str) {
        let value = self.value();
        let (header, body) = match &value {
            Value::Text(text) => {
                let of_text = ["text/plain; charset=utf-8", "application/x-www-form-urlencoded"];
                (*self.rng.choice(&of_text).unwrap(), text.as_bytes())
            }
            Value::Binary(bytes) => ("application/octet-stream", &bytes[..]),
        };
        match self.rng.u8(..3) {
            0 => self.client.publish("c", topic, value.clone()).await.unwrap(),
            version => {
                let answer =
                    self.http(version == 1, "POST", &path(topic), &[("content-type", header)], body).await;
                assert_eq!((answer.status, answer.text()), (204, ""), "{answer:?}");
            }
        }
        self.topics.entry(topic).or_default().messages.push(value);
    }

    async fn http(
        &self,
        first: bool,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        if first {
            self.server.http1(method, path, headers, body)
        } else {
            self.server.http2(method, path, headers, body).await
        }
    }

    /// Where to begin: with the latest, near the end, at the beginning, on a page that is or never was.
    fn begin(&mut self, topic: &'static str) -> (u64, u64) {
        let (rng, topic) = (&mut self.rng, self.topics.entry(topic).or_default());
        let sequence = match rng.u8(..8) {
            0..3 => 0,
            3..6 => (topic.published() + 3).saturating_sub(rng.u64(..12)),
            6 => 1,
            _ => *rng.choice(&[topic.published() + 1, u64::MAX, 1000]).unwrap(),
        };
        let page = match rng.u8(..6) {
            0 => topic.page.max(1) + 1_000_000,
            1 => 1,
            2..4 if topic.is_fixed => topic.page,
            _ => 0,
        };
        (sequence, page)
    }

    async fn subscribe(&mut self, topic: &'static str) {
        if self.readers.len() >= 12 {
            return;
        }
        let (sequence, page) = self.begin(topic);
        let mut stream = self.client.subscribe("c", topic, sequence, page).await.unwrap();
        let first = within(stream.message()).await.unwrap().unwrap();
        assert!(matches!(first.kind, Some(Item::Heartbeat(_))), "{first:?}");
        let place = Place::of(&self.topics[topic], sequence, page);
        self.readers.push(Reader { stream, topic, place });
    }

    /// One reads some of what there is for it.
    async fn read(&mut self) {
        let most = self.rng.usize(1..20);
        let Some(reader) = self.rng.choice(&mut self.readers) else { return };
        let topic = self.topics.get_mut(reader.topic).unwrap();
        for _ in 0..most {
            if !reader.place.is_due(topic) {
                break;
            }
            let told = reader.next().await.unwrap();
            self.gaps += usize::from(reader.place.take(topic, told));
        }
    }

    /// A long poll; one for which there is nothing yet waits for a message that is published meanwhile.
    async fn poll(&mut self, name: &'static str) {
        let (sequence, page) = self.begin(name);
        let mut place = Place::of(&self.topics[name], sequence, page);
        let query = match (sequence, page) {
            (0, 0) if self.rng.bool() => path(name),
            _ => format!("{}?sequence_number={sequence}&sequence_page={page}", path(name)),
        };
        let answer = if place.is_due(&self.topics[name]) {
            let first = self.rng.bool();
            self.http(first, "GET", &query, &[], b"").await
        } else {
            let value = Value::Text("awaited".to_owned());
            let publish = self.client.publish("c", name, value.clone());
            let (answer, published) = tokio::join!(self.server.http2("GET", &query, &[], b""), publish);
            published.unwrap();
            self.topics.get_mut(name).unwrap().messages.push(value);
            answer
        };
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{answer:?}");
        let answer = answer.json();
        let items = answer["items"].as_array().unwrap();
        assert!(!items.is_empty());
        for item in items {
            place.take(self.topics.get_mut(name).unwrap(), told(item));
        }
    }

    /// Its subscriptions end, after what they were sent before, and its topics begin anew with larger pages.
    async fn delete_cache(&mut self) {
        self.client.delete_cache("c").await.unwrap();
        for mut reader in self.readers.drain(..) {
            let topic = self.topics.get_mut(reader.topic).unwrap();
            let end = loop {
                match reader.next().await {
                    Ok(told) => self.gaps += usize::from(reader.place.take(topic, told)),
                    Err(code) => break code,
                }
            };
            assert_eq!(end, Code::NotFound);
        }
        for topic in TOPICS {
            let gone = self.http(true, "GET", &path(topic), &[], b"").await;
            assert_eq!((gone.status, gone.text()), (404, "Cache Not Found"));
        }
        for topic in self.topics.values_mut() {
            // A page that was told of messages does not come again.
            let page = if topic.is_fixed { topic.page + 1 } else { topic.page };
            *topic = Topic { page, ..Topic::default() };
        }
        self.client.create_cache("c").await.unwrap();
    }
}

fn path(topic: &str) -> String {
    let escaped: String = topic.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("/topics/c/{escaped}")
}

/// An event as HTTP tells it.
fn told(event: &Json) -> Told {
    let number = |of: &Json, name: &str| of[name].as_u64().unwrap_or_else(|| panic!("no {name} in {event}"));
    if let Some(gap) = event.get("discontinuity") {
        let (last, new) = (number(gap, "last_topic_sequence"), number(gap, "new_topic_sequence"));
        return Told::Gap { last, new, page: number(gap, "new_sequence_page") };
    }
    let item = &event["item"];
    let value = match (item["value"]["text"].as_str(), item["value"]["binary"].as_str()) {
        (Some(text), None) => Value::Text(text.to_owned()),
        (None, Some(bytes)) => Value::Binary(STANDARD.decode(bytes).unwrap()),
        _ => panic!("no value in {event}"),
    };
    let (number, page) = (number(item, "topic_sequence_number"), number(item, "sequence_page"));
    Told::Message { number, page, value }
}

#[tokio::test]
async fn topics_do_what_a_plain_model_does_by_grpc_and_http() {
    let server = Server::local(&["--topic-memory", MEMORY]);
    let client = server.client("");
    client.create_cache("c").await.unwrap();
    let (topics, readers) = (HashMap::new(), Vec::new());
    let mut world = World { server, client, rng: Rng::with_seed(common::seed()), topics, readers, gaps: 0 };
    for _ in 0..5000 {
        world.step().await;
    }
    // All that is left is read by everybody.
    for reader in &mut world.readers {
        let topic = world.topics.get_mut(reader.topic).unwrap();
        while reader.place.is_due(topic) {
            let told = reader.next().await.unwrap();
            world.gaps += usize::from(reader.place.take(topic, told));
        }
    }
    println!("slow readers were told {} times that they lost messages", world.gaps);
}
