//! The server is killed in the middle of hundreds of changes, started again on the same data
//! directory, and everything that it had acknowledged is found.
//!
//! `KURA_KILLS` says how often (20), `KURA_KILLS_SEED` repeats the choices of a run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is a failure of the test")]

mod common;
mod kills_support;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::Server;
use fastrand::Rng;
use kills_support::{Caches, Keys, Progress};
use kura_base::{Clock, SystemClock};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Callers of CreateCache and DeleteCache, all at once: four connections with 64 calls each.
const CONNECTIONS: usize = 4;
const CALLS: usize = 64;
/// Callers of the control socket, and of the program `kura key`.
const SOCKETS: usize = 6;
const PROGRAMS: usize = 2;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}")))
}

#[tokio::test]
async fn acknowledged_changes_survive_kills() {
    let rounds = setting("KURA_KILLS").unwrap_or(20);
    let seed = setting("KURA_KILLS_SEED").unwrap_or_else(|| SystemClock.now().0);
    println!("kills: seed {seed}");
    let mut random = Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut caches: Vec<Caches> = (0..CONNECTIONS * CALLS).map(|n| Caches::new(n, random.u64(..))).collect();
    let mut keys: Vec<Keys> = (0..SOCKETS + PROGRAMS).map(|n| Keys::new(n, random.u64(..))).collect();
    let mut server = start(dir.path());
    for round in 1..=rounds {
        let moment = Moment { acknowledged: random.u64(..40), micros: random.u64(..10_000) };
        (caches, keys) = change_and_kill(&mut server, dir.path(), caches, keys, moment).await;
        server = start(dir.path());
        let client = server.client("");
        let found = client.list_caches().await.unwrap();
        let listed = kills_support::list_keys(dir.path()).await;
        let mut lost: Vec<String> = caches.iter_mut().flat_map(|own| own.compare(&found)).collect();
        for own in &mut keys {
            lost.extend(own.compare(&listed));
        }
        if let Some(own) = keys.get(random.usize(..SOCKETS)) {
            lost.extend(own.try_out(&server).await);
        }
        assert!(lost.is_empty(), "seed {seed}, round {round}, killed after {moment:?}:\n{}", lost.join("\n"));
    }
    let changes: u64 = caches.iter().map(|own| own.acknowledged).sum();
    let changed_keys: u64 = keys.iter().map(|own| own.acknowledged).sum();
    assert!(changes > rounds && changed_keys > rounds, "{changes} and {changed_keys} changes are few");
    let acknowledged = changes + changed_keys;
    println!("kills: {rounds} rounds, {acknowledged} acknowledged changes, 0 lost");
}

fn start(data_dir: &Path) -> Server {
    Server::local(&["--data-dir", data_dir.to_str().unwrap()])
}

/// When the server is killed: whatever the disk's speed, in the middle of changes.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// After so many changes of a round have been acknowledged, but at the latest after 3 s.
    acknowledged: u64,
    /// And so much later, in microseconds.
    micros: u64,
}

impl Moment {
    async fn reached(self, progress: &Progress) {
        let acknowledged = async {
            while progress.load(Ordering::Relaxed) < self.acknowledged {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = timeout(Duration::from_secs(3), acknowledged).await;
        tokio::time::sleep(Duration::from_micros(self.micros)).await;
    }
}

/// Everybody changes what is theirs until the server is killed at that moment.
async fn change_and_kill(
    server: &mut Server,
    data_dir: &Path,
    caches: Vec<Caches>,
    keys: Vec<Keys>,
    moment: Moment,
) -> (Vec<Caches>, Vec<Keys>) {
    let progress = Progress::default();
    let mut cache_tasks = JoinSet::new();
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = std::sync::Arc::new(server.client(""));
        client.connect().await.unwrap();
        clients.push(client);
    }
    for (own, client) in caches.into_iter().zip(clients.into_iter().cycle()) {
        cache_tasks.spawn(own.change(client, progress.clone()));
    }
    let mut key_tasks = JoinSet::new();
    for (number, own) in keys.into_iter().enumerate() {
        let data_dir = data_dir.to_owned();
        if number < SOCKETS {
            key_tasks.spawn(own.change_over_socket(data_dir, progress.clone()));
        } else {
            key_tasks.spawn(own.change_by_program(data_dir, progress.clone()));
        }
    }
    moment.reached(&progress).await;
    server.kill();
    (cache_tasks.join_all().await, key_tasks.join_all().await)
}
