//! Acknowledged changes of the registry survive `kill -9`.
//!
//! This test starts itself as a child process that changes a registry as fast as it can and
//! prints each change once it is acknowledged, kills the child at some point, and looks for
//! everything that was printed.

#![expect(clippy::unwrap_used, reason = "test code outside of test functions")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use kura_base::CacheName;
use kura_store::{KeyRecord, Registry};
use kura_tokens::{Format, Permissions};

/// Where the child finds its registry; also tells it that it is the child.
const REGISTRY: &str = "KURA_TEST_KILL_REGISTRY";
/// With which number the child goes on.
const NEXT: &str = "KURA_TEST_KILL_NEXT";

/// What there should be: caches, and keys with whether they are revoked.
#[derive(Debug, Default, PartialEq)]
struct State {
    caches: BTreeMap<String, ()>,
    keys: BTreeMap<String, bool>,
}

/// The change with this number. Each is found by its number alone, so that the parent knows
/// which one was under way.
enum Change {
    CreateCache(String),
    DeleteCache(String),
    AddKey(String),
    RevokeKey(String),
}

impl Change {
    fn numbered(n: u64) -> Self {
        let (round, step) = (n / 4, n % 4);
        match step {
            0 => Self::CreateCache(format!("cache-{round}")),
            1 => Self::AddKey(format!("key-{round}")),
            2 if round % 2 == 0 => Self::DeleteCache(format!("cache-{}", round / 2)),
            2 => Self::AddKey(format!("key-{round}-more")),
            _ => Self::RevokeKey(format!("key-{}", round / 2)),
        }
    }

    fn make(&self, registry: &Registry) {
        match self {
            Self::CreateCache(name) => {
                registry.create_cache(&CacheName::parse(name).unwrap(), 1_000_000).unwrap();
            }
            Self::DeleteCache(name) => {
                registry.delete_cache(&CacheName::parse(name).unwrap()).unwrap();
            }
            Self::AddKey(id) => {
                let key = KeyRecord {
                    id: id.clone(),
                    name: id.clone(),
                    permissions: Permissions::Superuser,
                    format: Format::V2,
                    created: 0,
                    expires: None,
                    fingerprint: [1; 32],
                    revoked: None,
                    refresh: None,
                };
                // It is there already if the previous child died before it said so.
                let _ = registry.add_key(key, 1_000_000, 0);
            }
            Self::RevokeKey(id) => {
                registry.revoke_key(id, 1).unwrap();
            }
        }
    }

    fn apply(&self, state: &mut State) {
        match self {
            Self::CreateCache(name) => {
                state.caches.insert(name.clone(), ());
            }
            Self::DeleteCache(name) => {
                state.caches.remove(name);
            }
            Self::AddKey(id) => {
                state.keys.entry(id.clone()).or_insert(false);
            }
            Self::RevokeKey(id) => {
                if let Some(revoked) = state.keys.get_mut(id) {
                    *revoked = true;
                }
            }
        }
    }
}

fn state_of(registry: &Registry) -> State {
    State {
        caches: registry.caches().iter().map(|name| (name.to_string(), ())).collect(),
        keys: registry.keys().iter().map(|key| (key.id.clone(), key.revoked.is_some())).collect(),
    }
}

/// The child process of the test below; does nothing when it is run for itself.
#[test]
fn child() {
    let Some(path) = std::env::var_os(REGISTRY) else { return };
    let first: u64 = std::env::var(NEXT).unwrap().parse().unwrap();
    let registry = Registry::open(Path::new(&path)).unwrap();
    let mut out = std::io::stdout();
    for n in first.. {
        Change::numbered(n).make(&registry);
        writeln!(out, "\nacknowledged {n}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn acknowledged_changes_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.redb");
    let mut state = State::default();
    let mut next = 0;
    for microseconds in [0, 700, 9_000, 60_000, 200_000] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(REGISTRY, &path)
            .env(NEXT, next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut numbers = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let first = numbers.next().expect("the child makes changes");
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(microseconds));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        for n in std::iter::once(first).chain(numbers) {
            assert_eq!(n, next);
            Change::numbered(n).apply(&mut state);
            next += 1;
        }
        killer.join().unwrap();

        let found = state_of(&Registry::open(&path).unwrap());
        if found != state {
            Change::numbered(next).apply(&mut state);
            assert_eq!(found, state, "after change {next}");
        }
    }
    assert!(next > 20, "only {next} changes were made");
}
