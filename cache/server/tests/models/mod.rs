//! Random commands on collections, each next to what a plain model says of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a panic is a failure")]

mod dictionary;
mod leaderboard;
mod list;
mod set;
mod sorted_set;

use std::collections::{BTreeMap, HashMap, HashSet};

use fastrand::Rng;
use kura_wire::Code;
use prost::Message;

use crate::common::raw::{Connection, frame};

pub use leaderboard::Boards;

pub const CACHE: &str = "c";
/// So long that nothing ends while a test runs.
pub const TTL: u64 = 600_000;

/// What a name can hold.
#[derive(Clone, Debug)]
pub enum Item {
    Scalar,
    Dictionary(BTreeMap<Vec<u8>, Vec<u8>>),
    Set(HashSet<Vec<u8>>),
    List(Vec<Vec<u8>>),
    SortedSet(HashMap<Vec<u8>, f64>),
}

/// A call: its method and its message.
type Call = (&'static str, Vec<u8>);

fn call(method: &'static str, request: &impl Message) -> Call {
    (method, request.encode_to_vec())
}

/// Makes a call on the test's cache and decodes its answer.
pub async fn ask<A: Message + Default>(
    connection: &Connection,
    method: &str,
    request: &impl Message,
) -> Result<A, Code> {
    let bytes = send(connection, &format!("/cache_client.Scs/{method}"), &request.encode_to_vec()).await?;
    Ok(A::decode(&bytes[..]).unwrap())
}

/// Makes a call on the test's cache; its answer's message.
pub async fn send(connection: &Connection, path: &str, message: &[u8]) -> Result<Vec<u8>, Code> {
    let answer = connection.call(path, &[("cache", CACHE.as_bytes())], frame(message)).await;
    if answer.code != Code::Ok {
        assert!(!answer.words.is_empty(), "{path} says nothing about {:?}", answer.code);
        return Err(answer.code);
    }
    let (head, message) = answer.data.split_first_chunk::<5>().unwrap();
    assert_eq!(u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize, message.len());
    Ok(message.to_vec())
}

/// A cache's items as the model has them.
pub struct World {
    connection: Connection,
    rng: Rng,
    items: HashMap<&'static str, Item>,
}

const NAMES: [&str; 4] = ["a", "b", "c", "some longer name of a collection"];

impl World {
    pub fn new(connection: Connection, seed: u64) -> Self {
        Self { connection, rng: Rng::with_seed(seed), items: HashMap::new() }
    }

    /// One random command, mostly on an item of its own type.
    pub async fn step(&mut self) {
        let name = self.rng.choice(NAMES).unwrap();
        let kind = match self.items.get(name) {
            _ if self.rng.u8(..10) == 0 => self.rng.u8(..5),
            Some(Item::Dictionary(_)) => 0,
            Some(Item::Set(_)) => 1,
            Some(Item::List(_)) => 2,
            Some(Item::SortedSet(_)) => 3,
            Some(Item::Scalar) => 4,
            None => self.rng.u8(..4),
        };
        match kind {
            0 => dictionary::step(self, name).await,
            1 => set::step(self, name).await,
            2 => list::step(self, name).await,
            3 => sorted_set::step(self, name).await,
            _ => self.overwrite_or_delete(name).await,
        }
    }

    /// What is left when a collection has become `item`: an empty one is gone.
    fn put(&mut self, name: &'static str, item: Item) {
        let empty = match &item {
            Item::Scalar => false,
            Item::Dictionary(fields) => fields.is_empty(),
            Item::Set(elements) => elements.is_empty(),
            Item::List(values) => values.is_empty(),
            Item::SortedSet(elements) => elements.is_empty(),
        };
        if empty {
            self.items.remove(name);
        } else {
            self.items.insert(name, item);
        }
    }

    /// Makes a call; if the name holds `other` type it must be refused for that.
    async fn send(&self, (method, message): &Call, other: bool) -> Option<Vec<u8>> {
        let answer = send(&self.connection, &format!("/cache_client.Scs/{method}"), message).await;
        if other {
            assert_eq!(answer, Err(Code::FailedPrecondition), "{method} on another type");
            return None;
        }
        Some(answer.unwrap_or_else(|code| panic!("{method} is refused with {code:?}")))
    }

    async fn overwrite_or_delete(&mut self, name: &'static str) {
        use kura_wire::protos::cache_client as protos;
        let cache_key = name.as_bytes().to_vec();
        if self.rng.bool() {
            let request = protos::SetRequest { cache_key, cache_body: b"7".to_vec(), ttl_milliseconds: TTL };
            ask::<protos::SetResponse>(&self.connection, "Set", &request).await.unwrap();
            self.items.insert(name, Item::Scalar);
        } else {
            let request = protos::DeleteRequest { cache_key };
            ask::<protos::DeleteResponse>(&self.connection, "Delete", &request).await.unwrap();
            self.items.remove(name);
        }
    }

    /// A value that is mostly short and often one that was there before.
    fn element(&mut self) -> Vec<u8> {
        let rng = &mut self.rng;
        match rng.u8(..100) {
            0..60 => format!("e{}", rng.u8(..12)).into_bytes(),
            60..85 => format!("element {}", rng.u16(..3000)).into_bytes(),
            85..90 => rng.i64(-20..20).to_string().into_bytes(),
            90..99 => vec![rng.u8(..); rng.usize(..300)],
            _ => vec![rng.u8(..); rng.usize(100_000..=131_072)],
        }
    }

    fn elements(&mut self) -> Vec<Vec<u8>> {
        let count = match self.rng.u8(..20) {
            0..14 => self.rng.usize(..5),
            14..19 => self.rng.usize(..60),
            _ => self.rng.usize(..3000),
        };
        let mut bytes = 0;
        let mut elements = Vec::new();
        for _ in 0..count {
            let element = self.element();
            bytes += element.len();
            // A request has at most 5 MiB, and some carry two of these.
            if bytes > 2_000_000 {
                break;
            }
            elements.push(element);
        }
        elements
    }

    /// An index around a collection of so many elements.
    fn index(&mut self, length: usize) -> Option<i32> {
        let length = i32::try_from(length).unwrap();
        match self.rng.u8(..8) {
            0 => None,
            1 => Some(*self.rng.choice(&[i32::MIN, -1, 0, 1, i32::MAX]).unwrap()),
            _ => Some(self.rng.i32(-length - 2..=length + 2)),
        }
    }
}

/// The part of `length` elements from `start` up to `end`, negative ones counted from the end.
fn part(length: usize, start: Option<i32>, end: Option<i32>) -> std::ops::Range<usize> {
    let length = i64::try_from(length).unwrap();
    let place = |index: i32| {
        let index = i64::from(index);
        if index < 0 { (length + index).max(0) } else { index.min(length) }
    };
    let start = start.map_or(0, place);
    let end = end.map_or(length, place).max(start);
    usize::try_from(start).unwrap()..usize::try_from(end).unwrap()
}
