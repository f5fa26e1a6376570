//! What commands on collections refuse before they reach the store, each beside what is still taken.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kura_base::{Limits, Millis, SystemClock, Ttl};
use kura_commands::{
    Aggregate, Authentication, Cache, CollectionTtl, Commands, DictionaryCommand, Element, Error, Items,
    LeaderboardCommand, ListCommand, Order, Outcome, Parts, ScoreBound, ScoreRange, SetCommand, Side,
    SortedSetCommand, SortedSetFetch, Source,
};
use kura_store::{Data, Registry, TopicConfig, TopicLog};
use kura_tokens::SigningSecret;

struct Server {
    commands: Commands,
    cache: Cache,
}

impl Server {
    fn new() -> Self {
        let commands = Commands::new(Parts {
            registry: Arc::new(Registry::in_memory().unwrap()),
            data: Arc::new(Data::new(64 << 20, 1)),
            topics: TopicLog::new(TopicConfig::default(), Millis(0)),
            secret: SigningSecret::from_bytes([1; 32]),
            endpoint: "cell".to_owned(),
            authentication: Authentication::Optional,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        });
        let superuser = commands.authenticate(b"").unwrap();
        commands.create_cache(&superuser, "cache").unwrap();
        let cache = commands.cache(&superuser, "cache", Items::ReadWrite).unwrap();
        Self { commands, cache }
    }

    fn dictionary(&self, name: &[u8], command: DictionaryCommand) -> Result<(), Error> {
        run(self.commands.dictionary(self.cache.clone(), name, command, self.commands.now()))
    }

    fn set(&self, command: SetCommand) -> Result<(), Error> {
        run(self.commands.set(self.cache.clone(), b"s", command, self.commands.now()))
    }

    fn list(&self, command: ListCommand) -> Result<(), Error> {
        run(self.commands.list(self.cache.clone(), b"l", command, self.commands.now()))
    }

    fn sorted_set(&self, command: SortedSetCommand) -> Result<(), Error> {
        run(self.commands.sorted_set(self.cache.clone(), b"z", command, self.commands.now()))
    }

    fn leaderboard(&self, command: LeaderboardCommand) -> Result<(), Error> {
        run(self.commands.leaderboard(self.cache.clone(), b"b", command, self.commands.now()))
    }
}

fn run<R>(outcome: Result<Outcome<R>, Error>) -> Result<(), Error> {
    match outcome? {
        Outcome::Done(_) => Ok(()),
        Outcome::Long(long) => long.run().map(drop),
    }
}

fn ttl() -> CollectionTtl {
    CollectionTtl { ttl: Ttl::from_millis(60_000, Duration::MAX).unwrap(), refresh: false }
}

fn invalid(result: Result<(), Error>) {
    assert!(matches!(result, Err(Error::InvalidArgument(_))), "{result:?}");
}

#[test]
fn names_have_at_least_one_byte() {
    let server = Server::new();
    invalid(server.dictionary(b"", DictionaryCommand::Length));
    invalid(server.dictionary(&[b'n'; 65_536], DictionaryCommand::Length));
    server.dictionary(&[b'n'; 65_535], DictionaryCommand::Length).unwrap();
}

#[test]
fn elements_have_at_most_128_kib() {
    let server = Server::new();
    let bytes = |len| Bytes::from(vec![7; len]);
    type Put<'a> = &'a dyn Fn(Bytes) -> Result<(), Error>;
    let field = |field| {
        let items = vec![(field, Bytes::new())];
        server.dictionary(b"d", DictionaryCommand::Set { items, ttl: ttl() })
    };
    let value = |value| {
        let items = vec![(Bytes::new(), value)];
        server.dictionary(b"d", DictionaryCommand::Set { items, ttl: ttl() })
    };
    let counter =
        |field| server.dictionary(b"d2", DictionaryCommand::Increment { field, amount: 1, ttl: ttl() });
    let element = |element| server.set(SetCommand::Add { elements: vec![element], ttl: ttl() });
    let pushed = |value| {
        let (side, values) = (Side::Back, vec![value]);
        server.list(ListCommand::Push { side, values, truncate_to: 0, ttl: ttl() })
    };
    let scored =
        |value| server.sorted_set(SortedSetCommand::Put { elements: vec![(value, 1.0)], ttl: ttl() });
    let increment = |value| server.sorted_set(SortedSetCommand::Increment { value, amount: 1.0, ttl: ttl() });
    let all: [Put<'_>; 7] = [&field, &value, &counter, &element, &pushed, &scored, &increment];
    for put in all {
        put(bytes(131_072)).unwrap();
        let refused = put(bytes(131_073));
        assert!(
            matches!(refused, Err(Error::ElementTooLarge { bytes: 131_073, limit: 131_072 })),
            "{refused:?}"
        );
    }
}

#[test]
fn scores_bounds_and_weights_are_numbers() {
    let server = Server::new();
    let put = |score| {
        let elements = vec![(Bytes::from_static(b"v"), score)];
        server.sorted_set(SortedSetCommand::Put { elements, ttl: ttl() })
    };
    let fetch = |min, max| {
        let which = SortedSetFetch::ByScore { min, max, offset: 0, count: None };
        server.sorted_set(SortedSetCommand::Fetch { which, order: Order::Ascending })
    };
    let union = |weights: &[f64]| {
        let source = |weight: &f64| Source { name: Bytes::from_static(b"z"), weight: *weight };
        let (sources, ttl) = (weights.iter().map(source).collect(), ttl().ttl);
        server.sorted_set(SortedSetCommand::UnionStore { sources, aggregate: Aggregate::Sum, ttl })
    };
    put(f64::INFINITY).unwrap();
    invalid(put(f64::NAN));
    fetch(ScoreBound::Inclusive(2.0), ScoreBound::Exclusive(1.0)).unwrap();
    invalid(fetch(ScoreBound::Exclusive(f64::NAN), ScoreBound::Unbounded));
    invalid(fetch(ScoreBound::Unbounded, ScoreBound::Inclusive(f64::NAN)));
    union(&[1.0; 128]).unwrap();
    invalid(union(&[]));
    invalid(union(&[1.0; 129]));
    invalid(union(&[f64::INFINITY]));
    invalid(union(&[f64::NAN]));
}

#[test]
fn leaderboards_take_8192_at_once() {
    let server = Server::new();
    let upsert = |count: u32, score| {
        let elements = (0..count).map(|id| Element { id, score, rank: 0 }).collect();
        server.leaderboard(LeaderboardCommand::Upsert(elements))
    };
    let by_rank =
        |start, end| server.leaderboard(LeaderboardCommand::ByRank { start, end, order: Order::Ascending });
    let by_score = |min, limit| {
        let (range, order) = (ScoreRange { min, max: None }, Order::Ascending);
        server.leaderboard(LeaderboardCommand::ByScore { range, offset: 0, limit, order })
    };
    let rank = |count| {
        let (order, competition) = (Order::Ascending, false);
        server.leaderboard(LeaderboardCommand::Rank { ids: (0..count).collect(), order, competition })
    };
    upsert(8192, 1.0).unwrap();
    invalid(upsert(8193, 1.0));
    invalid(upsert(0, 1.0));
    invalid(upsert(1, f64::NAN));
    by_rank(1, 8193).unwrap();
    invalid(by_rank(0, 8193));
    invalid(by_rank(0, 0));
    invalid(by_rank(2, 1));
    by_score(Some(1.0), 8192).unwrap();
    invalid(by_score(Some(1.0), 8193));
    invalid(by_score(Some(f64::NAN), 1));
    rank(8192).unwrap();
    invalid(rank(8193));
    server.leaderboard(LeaderboardCommand::Remove((0..8192).collect())).unwrap();
    invalid(server.leaderboard(LeaderboardCommand::Remove((0..8193).collect())));
    invalid(server.leaderboard(LeaderboardCommand::Remove(Vec::new())));
}
