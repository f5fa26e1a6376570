//! Random commands on collections and leaderboards against plain models of them.
//!
//! Sizes cross the border between small collections and large ones, and calls the one between
//! what is done at once and what takes long.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod model;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kura_base::{CacheName, Millis, Ttl};
use kura_store::{
    CollectionTtl, Command, Data, DataError, DictionaryCommand, DictionaryReply, ItemType, Keyspace,
    ListCommand, ListReply, ListSpan, Outcome, Reply, SetCommand, SetReply, Side, SortedSetCommand,
    SortedSetReply, Value,
};

const NOW: Millis = Millis(1_700_000_000_000);

struct Store {
    data: Arc<Data>,
    cache: Keyspace,
    now: Millis,
}

impl Store {
    fn new() -> Self {
        let data = Arc::new(Data::new(64 << 20, 7));
        data.add_cache(CacheName::parse("c-1").unwrap());
        let cache = data.cache("c-1").unwrap();
        Self { data, cache, now: NOW }
    }

    fn scalar(&self, key: &[u8], command: Command<'_>) -> Result<Reply, DataError> {
        self.data.execute(self.cache, key, command, self.now, |_| ())
    }

    fn dictionary(&self, name: &[u8], command: DictionaryCommand) -> Result<DictionaryReply, DataError> {
        finished(self.data.dictionary(self.cache, name, command, self.now)?)
    }

    fn set(&self, name: &[u8], command: SetCommand) -> Result<SetReply, DataError> {
        finished(self.data.set(self.cache, name, command, self.now)?)
    }

    fn list(&self, name: &[u8], command: ListCommand) -> Result<ListReply, DataError> {
        finished(self.data.list(self.cache, name, command, self.now)?)
    }

    fn sorted_set(&self, name: &[u8], command: SortedSetCommand) -> Result<SortedSetReply, DataError> {
        finished(self.data.sorted_set(self.cache, name, command, self.now)?)
    }
}

fn finished<R>(outcome: Outcome<R>) -> Result<R, DataError> {
    match outcome {
        Outcome::Done(reply) => Ok(reply),
        Outcome::Long(long) => long.run(),
    }
}

fn ttl(millis: u64) -> Ttl {
    Ttl::from_millis(millis, Duration::from_secs(1_000_000)).unwrap()
}

fn for_long() -> CollectionTtl {
    CollectionTtl { ttl: ttl(60_000), refresh: false }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[test]
fn a_collection_keeps_its_time_unless_asked_to_refresh_it() {
    let mut store = Store::new();
    let set = |store: &Store, millis, refresh| {
        let items = vec![(bytes("f"), bytes("v"))];
        let command = DictionaryCommand::Set { items, ttl: CollectionTtl { ttl: ttl(millis), refresh } };
        store.dictionary(b"d", command).unwrap();
    };
    set(&store, 1000, false);
    store.now = Millis(NOW.0 + 500);
    set(&store, 60_000, false);
    store.now = Millis(NOW.0 + 999);
    assert!(matches!(store.dictionary(b"d", DictionaryCommand::Length), Ok(DictionaryReply::Length(1))));
    store.now = Millis(NOW.0 + 1000);
    assert!(matches!(store.dictionary(b"d", DictionaryCommand::Fetch), Ok(DictionaryReply::Missing)));
    set(&store, 1000, false);
    set(&store, 60_000, true);
    store.now = Millis(NOW.0 + 60_999);
    assert!(matches!(store.dictionary(b"d", DictionaryCommand::Length), Ok(DictionaryReply::Length(1))));
}

#[test]
fn a_command_on_another_type_is_refused_and_changes_nothing() {
    let store = Store::new();
    let push = |name: &[u8]| {
        let (side, values) = (kura_store::Side::Back, vec![bytes("v")]);
        store.list(name, ListCommand::Push { side, values, truncate_to: 0, ttl: for_long() })
    };
    push(b"l").unwrap();
    store.scalar(b"s", Command::Set { value: Value::Copied(b"v"), ttl: ttl(1000) }).unwrap();

    let wrong = |error: DataError, found, wanted| {
        assert_eq!(error, DataError::WrongType { found, wanted });
        assert!(error.to_string().starts_with("wrong type: the item is a "), "{error}");
    };
    wrong(push(b"s").unwrap_err(), ItemType::Scalar, ItemType::List);
    let error = store.dictionary(b"l", DictionaryCommand::Delete).unwrap_err();
    wrong(error, ItemType::List, ItemType::Dictionary);
    wrong(store.set(b"l", SetCommand::Length).unwrap_err(), ItemType::List, ItemType::Set);
    let pop = SetCommand::Pop { count: 1, seed: 1 };
    wrong(store.set(b"s", pop).unwrap_err(), ItemType::Scalar, ItemType::Set);
    let error = store.sorted_set(b"l", SortedSetCommand::Length).unwrap_err();
    wrong(error, ItemType::List, ItemType::SortedSet);
    let condition = kura_store::Condition::Absent;
    for command in [
        Command::Get,
        Command::GetWithHash,
        Command::Increment { amount: 1, ttl: ttl(1000) },
        Command::SetIf { value: Value::Copied(b"v"), ttl: ttl(1000), condition },
        Command::SetIfHash {
            value: Value::Copied(b"v"),
            ttl: ttl(1000),
            condition: kura_store::HashCondition::Unconditional,
        },
    ] {
        wrong(store.scalar(b"l", command).unwrap_err(), ItemType::List, ItemType::Scalar);
    }

    // What does not look at the value works on all types.
    assert_eq!(store.scalar(b"l", Command::ItemGetType), Ok(Reply::Type(ItemType::List)));
    assert_eq!(store.scalar(b"l", Command::Exists), Ok(Reply::Found));
    let change = kura_store::TtlChange::OverwriteTo(ttl(5000));
    assert_eq!(store.scalar(b"l", Command::UpdateTtl(change)), Ok(Reply::TtlSet));
    assert!(matches!(store.scalar(b"l", Command::ItemGetTtl), Ok(Reply::Remaining(_))));
    assert_eq!(store.scalar(b"l", Command::Delete), Ok(Reply::Done));
    assert!(matches!(store.list(b"l", ListCommand::Length), Ok(ListReply::Missing)));
    push(b"l").unwrap();
    store.scalar(b"l", Command::Set { value: Value::Copied(b"v"), ttl: ttl(1000) }).unwrap();
    assert_eq!(store.scalar(b"l", Command::ItemGetType), Ok(Reply::Type(ItemType::Scalar)));
}

#[test]
fn flushing_a_cache_takes_its_collections_and_boards() {
    let store = Store::new();
    let element = kura_store::Element { id: 1, score: 1.0, rank: 0 };
    let upsert = kura_store::LeaderboardCommand::Upsert(vec![element]);
    store.data.leaderboard(store.cache, b"b", upsert, NOW).unwrap();
    assert_eq!(store.scalar(b"b", Command::Exists), Ok(Reply::Missing), "a board is no item");
    store.data.add_cache(CacheName::parse("c-2").unwrap());
    store.data.add_cache(CacheName::parse("c-1").unwrap());
    let cache = store.data.cache("c-1").unwrap();
    for cache in [cache, store.cache] {
        let length = store.data.leaderboard(cache, b"b", kura_store::LeaderboardCommand::Length, NOW);
        let reply = finished(length.unwrap()).unwrap();
        assert_eq!(reply, kura_store::LeaderboardReply::Length(0));
    }
}

#[test]
fn what_waited_while_its_cache_was_flushed_is_told_so_and_leaves_nothing() {
    let store = Store::new();
    let elements: Vec<_> = (0..100_000_u32).map(|n| Bytes::copy_from_slice(&n.to_be_bytes())).collect();
    let add = SetCommand::Add { elements, ttl: for_long() };
    let Outcome::Long(long) = store.data.set(store.cache, b"s", add, NOW).unwrap() else {
        panic!("a hundred thousand elements were added at once")
    };
    store.data.add_cache(CacheName::parse("c-1").unwrap());
    while store.data.maintain(NOW, 1000) {}
    let before = store.data.stats();
    assert!(matches!(long.run(), Err(DataError::EmptiedMeanwhile)));
    assert_eq!(store.data.stats().items, before.items);
}

#[test]
fn erasing_takes_what_lies_in_two_ranges_once() {
    let store = Store::new();
    let values = (0..10).map(|n| bytes(&n.to_string())).collect();
    let push = ListCommand::Push { side: Side::Back, values, truncate_to: 0, ttl: for_long() };
    store.list(b"l", push).unwrap();
    // The first reaches over the second into the third.
    let erase = ListCommand::Erase(vec![(1, 5), (2, 1), (4, 4)]);
    assert!(matches!(store.list(b"l", erase).unwrap(), ListReply::Length(3)));
    let all = ListCommand::Fetch(ListSpan { start: None, end: None });
    let ListReply::Found(found) = store.list(b"l", all).unwrap() else { panic!("a list is there") };
    assert!(found.iter_from(0).eq([b"0", b"8", b"9"]));
}

#[test]
fn a_sample_holds_what_it_shows_without_copying_it() {
    let store = Store::new();
    let elements: Vec<_> = (0..200_u8).map(|n| Bytes::from(vec![n; 100_000])).collect();
    store.set(b"s", SetCommand::Add { elements, ttl: for_long() }).unwrap();
    let before = store.data.stats().collection_bytes;
    let samples: Vec<_> =
        (0..20).map(|seed| store.set(b"s", SetCommand::Sample { limit: 199, seed }).unwrap()).collect();
    let held = store.data.stats().collection_bytes - before;
    assert!(held < 1 << 20, "{held} bytes more for twenty samples of 20 MB");
    for sample in &samples {
        let SetReply::Found(sample) = sample else { panic!("{sample:?}") };
        let distinct: std::collections::BTreeSet<_> = sample.iter_from(0).map(|element| element[0]).collect();
        assert_eq!((sample.len(), distinct.len()), (199, 199));
    }
}

#[test]
fn infinite_scores_are_scores_and_what_is_no_number_is_not() {
    use kura_store::{Aggregate, ScoreBound, Source};
    let store = Store::new();
    let put = |name: &[u8], elements: &[(&str, f64)]| {
        let elements = elements.iter().map(|(value, score)| (bytes(value), *score)).collect();
        store.sorted_set(name, SortedSetCommand::Put { elements, ttl: for_long() }).unwrap();
    };
    put(b"z", &[("high", f64::INFINITY), ("low", f64::NEG_INFINITY), ("zero", -0.0)]);
    let length = |min, max| match store.sorted_set(b"z", SortedSetCommand::LengthByScore { min, max }) {
        Ok(SortedSetReply::Length(length)) => length,
        other => panic!("{other:?}"),
    };
    use ScoreBound::{Exclusive, Inclusive, Unbounded};
    assert_eq!(length(Unbounded, Unbounded), 3);
    assert_eq!(length(Inclusive(0.0), Inclusive(f64::INFINITY)), 2);
    assert_eq!(length(Exclusive(f64::NEG_INFINITY), Exclusive(f64::INFINITY)), 1);
    assert_eq!(length(Inclusive(1.0), Inclusive(0.0)), 0);
    let increment = |value: &str, amount| {
        let (value, ttl) = (bytes(value), for_long());
        store.sorted_set(b"z", SortedSetCommand::Increment { value, amount, ttl })
    };
    assert!(matches!(increment("high", f64::NEG_INFINITY), Err(DataError::NotANumber { .. })));
    assert!(matches!(increment("high", 1.0), Ok(SortedSetReply::Score(f64::INFINITY))));
    let union = |weight, aggregate| {
        let source = |weight| Source { name: bytes("z"), weight };
        let sources = vec![source(weight), source(-weight)];
        let store_it = SortedSetCommand::UnionStore { sources, aggregate, ttl: ttl(1000) };
        assert!(matches!(store.sorted_set(b"u", store_it), Ok(SortedSetReply::Length(3))));
        let values = ["high", "low", "zero"].map(bytes).to_vec();
        match store.sorted_set(b"u", SortedSetCommand::GetScore(values)).unwrap() {
            SortedSetReply::Scores(scores) => {
                scores.into_iter().map(|score| score.unwrap().to_string()).collect::<Vec<_>>().join(" ")
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(union(0.0, Aggregate::Sum), "0 0 0", "neither NaN nor -0");
    assert_eq!(union(2.0, Aggregate::Sum), "0 0 0", "infinity less infinity");
    assert_eq!(union(2.0, Aggregate::Min), "-inf -inf 0");
    assert_eq!(union(2.0, Aggregate::Max), "inf inf 0");
}
