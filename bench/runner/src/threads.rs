//! What a second thread is worth: the engine and the token cache, driven in process on Zipf keys.
//!
//! An operation is what a front end does for a call but for the protocol: the token is looked up, the cache is
//! found and allowed, and the item is read or written. One thread, two on the same store, and two on a store each
//! take turns; the last tells what this machine gives at best.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kura_base::{Limits, Millis, SystemClock};
use kura_commands::{
    Access, Authentication, CacheSelector, Command, Commands, Grant, Items, NewApiToken, Parts, Permissions,
    Reply, Value,
};
use kura_load::keys::{Popularity, SplitMix, write_key};
use kura_store::{Data, Registry, TopicConfig, TopicLog};
use kura_tokens::SigningSecret;
use serde::Serialize;
use serde_json::json;

use crate::results::{Origin, Report, Row};
use crate::server::{self, CACHE, Core};
use crate::stats::{Estimate, median};

/// How many times the operations of one thread two must do.
const GOAL: f64 = 1.8;
/// Keys, and the exponent of their popularity.
const KEYS: u32 = 1_000_000;
const ZIPF: f64 = 1.0;
/// Keys drawn ahead, which a thread asks for in turn.
const DRAWN: usize = 1 << 17;
/// Operations between two looks at whether time is up.
const BATCH: usize = 256;
/// Rounds of the three.
const ROUNDS: usize = 15;

/// One round, in operations a second.
#[derive(Clone, Copy, Debug, Serialize)]
struct Round {
    one: f64,
    two: f64,
    two_apart: f64,
}

/// Measures all rounds.
pub(crate) fn measure(quick: bool) -> anyhow::Result<Report> {
    let (keys, rounds, window) = match quick {
        true => (KEYS / 20, 3, Duration::from_millis(100)),
        false => (KEYS, ROUNDS, Duration::from_millis(500)),
    };
    eprintln!("one thread and two on {keys} keys");
    let zipf = Popularity::zipf(keys, ZIPF);
    let (shared, other) = (Store::filled(keys)?, Store::filled(keys)?);
    let drawn = [draw(&zipf, 1), draw(&zipf, 2)];
    let cores = [Core::Server, Core::Loader];
    let mut seen = Vec::new();
    for round in 0..rounds {
        let one = drive(&[(&shared, &drawn[round % 2], cores[round % 2])], window)?;
        let with = |second| [(&shared, &drawn[0], cores[0]), (second, &drawn[1], cores[1])];
        let two = drive(&with(&shared), window)?;
        let two_apart = drive(&with(&other), window)?;
        seen.push(Round { one, two, two_apart });
    }
    let nanos = 1e9 / median(&mut seen.iter().map(|round| round.one).collect::<Vec<_>>());
    Ok(Report {
        name: "threads".to_owned(),
        title: "A second thread".to_owned(),
        origin: Origin::here(),
        notes: vec![format!(
            "In process, no protocol: a token is looked up, the cache found, an item read (nine of ten) or written; \
             {keys} keys of 16 bytes by Zipf({ZIPF}), 64-byte values, the same token in both threads. One thread, two \
             on one store and two on a store each in turn, {} ms each, {rounds} rounds; each thread on a core of its \
             own. Two on a store each share nothing: what they fall short of 2 by is the machine's.",
            window.as_millis()
        )],
        rows: vec![
            row(
                "two threads ÷ one, engine and token cache",
                &seen,
                |round| round.two / round.one,
                !quick,
                nanos,
            ),
            row(
                "two threads on a store each ÷ one",
                &seen,
                |round| round.two_apart / round.one,
                false,
                nanos,
            ),
        ],
        raw: json!(seen),
    })
}

fn row(figure: &str, seen: &[Round], ratio: fn(&Round) -> f64, judged: bool, nanos: f64) -> Row {
    let estimate = Estimate::of(&seen.iter().map(ratio).collect::<Vec<_>>());
    Row {
        figure: figure.to_owned(),
        value: format!("{:.3}", estimate.median),
        interval: format!("{:.3}–{:.3}", estimate.low, estimate.high),
        goal: if judged { format!("≥ {GOAL}") } else { String::new() },
        met: judged.then(|| estimate.reaches(GOAL)),
        beside: format!("{nanos:.0} ns an operation in one thread"),
    }
}

/// Keys in the order a thread asks for them.
fn draw(zipf: &Popularity, seed: u64) -> Vec<[u8; 16]> {
    let mut random = SplitMix::new(seed);
    (0..DRAWN).map(|_| key(zipf.draw(&mut random))).collect()
}

fn key(rank: u32) -> [u8; 16] {
    let mut bytes = Vec::with_capacity(16);
    write_key(rank, 16, &mut bytes);
    let mut key = [0; 16];
    key.copy_from_slice(&bytes);
    key
}

/// The operations a second of all threads together, each with its store, its keys and its core.
fn drive(threads: &[(&Store, &Vec<[u8; 16]>, Core)], window: Duration) -> anyhow::Result<f64> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let started = Instant::now();
        let running: Vec<_> = threads
            .iter()
            .map(|&(store, keys, core)| {
                let stop = &stop;
                scope.spawn(move || {
                    server::pin(core)?;
                    store.operate(keys, stop)
                })
            })
            .collect();
        std::thread::sleep(window);
        stop.store(true, Ordering::Relaxed);
        let mut total = 0;
        for thread in running {
            total += thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        }
        Ok(total as f64 / started.elapsed().as_secs_f64())
    })
}

/// Everything behind the front ends, with one cache and one token.
struct Store {
    commands: Commands,
    token: String,
}

impl Store {
    fn filled(keys: u32) -> anyhow::Result<Self> {
        let topics = TopicConfig { memory_bytes: 1 << 20, max_subscriptions: 16 };
        let commands = Commands::new(Parts {
            registry: Arc::new(Registry::in_memory()?),
            data: Arc::new(Data::new(4 << 30, 7)),
            topics: TopicLog::new(topics, Millis(0)),
            secret: SigningSecret::from_bytes([7; 32]),
            endpoint: "cell".to_owned(),
            authentication: Authentication::Optional,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        });
        let anyone = commands.authenticate(b"")?;
        commands.create_cache(&anyone, CACHE)?;
        let of = |name: &str| Grant::Data {
            caches: CacheSelector::Named(name.to_owned()),
            access: Access::ReadWrite,
        };
        let others = (1..=3).map(|number| format!("a-cache-that-no-benchmark-uses-{number}"));
        let grants = std::iter::once(of(CACHE)).chain(others.map(|name| of(&name))).collect();
        let made = commands.create_api_token(
            &anyone,
            NewApiToken {
                permissions: Permissions::Explicit(grants),
                lifetime_seconds: None,
                token_id: String::new(),
                description: "bench".to_owned(),
            },
            &[7; 48],
        )?;
        let store = Self { commands, token: made.api_key };
        (0..keys).try_for_each(|rank| store.write(&key(rank)))?;
        Ok(store)
    }

    /// Operates on the keys in turn until told to stop; how often.
    fn operate(&self, keys: &[[u8; 16]], stop: &AtomicBool) -> anyhow::Result<u64> {
        let mut random = SplitMix::new(10);
        let mut done = 0;
        for batch in keys.chunks(BATCH).cycle() {
            for key in batch {
                if random.below(10) == 0 { self.write(key)? } else { self.read(key)? }
            }
            done += batch.len() as u64;
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(done)
    }

    fn read(&self, key: &[u8]) -> anyhow::Result<()> {
        let session = self.commands.authenticate(self.token.as_bytes())?;
        let cache = self.commands.cache(&session, CACHE, Items::Read)?;
        let mut value = [0; 64];
        let now = self.commands.now();
        let reply = self.commands.execute(cache, key, Command::Get, now, |found| {
            value.copy_from_slice(found.as_bytes());
        })?;
        std::hint::black_box(value);
        ensure!(matches!(reply, Reply::Found), "a key that was stored is not there");
        Ok(())
    }

    fn write(&self, key: &[u8]) -> anyhow::Result<()> {
        let session = self.commands.authenticate(self.token.as_bytes())?;
        let cache = self.commands.cache(&session, CACHE, Items::Write)?;
        let ttl = self.commands.ttl(3_600_000)?;
        let command = Command::Set { value: Value::Copied(&[7; 64]), ttl };
        self.commands.execute(cache, key, command, self.commands.now(), |_| ()).context("set")?;
        Ok(())
    }
}
