//! A caller of `kura key create` and `kura key revoke`, through the socket or by the program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::Ordering;

use kura_wire::Code;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use fastrand::Rng;

use super::{Known, Progress};
use crate::common::{Server, kura};

/// Keys that one caller has live at a time; over it, it revokes one.
const LIVE: usize = 4;

/// One caller, and what it was told of its keys.
pub struct Keys {
    /// Its keys' names begin so.
    prefix: String,
    own: BTreeMap<String, (Known, String)>,
    random: Rng,
    /// Changes that were acknowledged.
    pub acknowledged: u64,
}

impl Keys {
    pub fn new(number: usize, seed: u64) -> Self {
        let prefix = format!("caller-{number}");
        Self { prefix, own: BTreeMap::new(), random: Rng::with_seed(seed), acknowledged: 0 }
    }

    /// Makes and revokes keys on one connection to the control socket, until it breaks.
    pub async fn change_over_socket(mut self, data_dir: PathBuf, progress: Progress) -> Self {
        let Ok(stream) = UnixStream::connect(data_dir.join("kura.sock")).await else { return self };
        let (read, mut write) = stream.into_split();
        let mut answers = BufReader::new(read).lines();
        loop {
            let revoked = self.next_to_revoke();
            let request = match &revoked {
                Some(id) => json!({"revoke_key": {"id": id}}),
                None => json!({"create_key": {
                    "name": self.prefix, "permissions": "s", "format": "v2",
                    "lifetime_seconds": null, "endpoint": null,
                }}),
            };
            if write.write_all(format!("{request}\n").as_bytes()).await.is_err() {
                return self;
            }
            let Ok(Some(answer)) = answers.next_line().await else { return self };
            let answer: Value = serde_json::from_str(&answer).unwrap();
            match revoked {
                Some(id) => {
                    assert_eq!(answer["done"]["changed"]["changed"], true, "{answer}");
                    self.revoked(&id);
                }
                None => self.created(&answer["done"]["key_created"]),
            }
            progress.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes and revokes a few keys with `kura key`: on the data directory once no server runs.
    pub async fn change_by_program(mut self, data_dir: PathBuf, progress: Progress) -> Self {
        for _ in 0..3 {
            let revoked = self.next_to_revoke();
            let mut command = tokio::process::Command::from(kura());
            command.stderr(Stdio::null()).args(["key", "--data-dir"]).arg(&data_dir);
            match &revoked {
                Some(id) => command.args(["revoke", id]),
                None => command.args(["create", "--json", "--name", &self.prefix]),
            };
            let output = command.output().await.unwrap();
            // The server may have died before it answered.
            match revoked {
                _ if !output.status.success() => continue,
                Some(id) => self.revoked(&id),
                None => self.created(&serde_json::from_slice(&output.stdout).unwrap()),
            }
            progress.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    /// A live key to revoke, open from now on; none if there are few.
    fn next_to_revoke(&mut self) -> Option<String> {
        let live = self.own.values().filter(|(known, _)| *known == Known::There).count();
        if live < LIVE {
            return None;
        }
        let chosen = self.random.usize(..live);
        let mut live = self.own.iter_mut().filter(|(_, (known, _))| *known == Known::There);
        let (id, (known, _)) = live.nth(chosen)?;
        *known = Known::Open;
        Some(id.clone())
    }

    fn created(&mut self, key: &Value) {
        let text = |field: &str| key[field].as_str().unwrap_or_else(|| panic!("{field} in {key}")).to_owned();
        self.own.insert(text("id"), (Known::There, text("api_key")));
        self.acknowledged += 1;
    }

    fn revoked(&mut self, id: &str) {
        self.own.get_mut(id).unwrap().0 = Known::Gone;
        self.acknowledged += 1;
    }

    /// What `listed`, all keys by id with whether they live, contradicts; what was open is known
    /// then.
    pub fn compare(&mut self, listed: &BTreeMap<String, bool>) -> Vec<String> {
        let mut lost = Vec::new();
        for (id, (known, _)) in &mut self.own {
            let is = if listed.get(id) == Some(&true) { Known::There } else { Known::Gone };
            if *known != Known::Open && *known != is {
                lost.push(format!("{id} is {is:?}, acknowledged was {known:?}"));
            }
            *known = is;
        }
        lost
    }

    /// Calls the server with a live and with a revoked key; what was not as it should be.
    pub async fn try_out(&self, server: &Server) -> Vec<String> {
        let mut wrong = Vec::new();
        for wanted in [Known::There, Known::Gone] {
            let Some((id, (_, key))) = self.own.iter().rev().find(|(_, (known, _))| *known == wanted) else {
                continue;
            };
            let answer = server.client(key).list_caches().await;
            let fits = match &answer {
                Ok(_) => wanted == Known::There,
                Err(status) => wanted == Known::Gone && status.code == Code::Unauthenticated,
            };
            if !fits {
                wrong.push(format!("{id} is {wanted:?}, and a call with it gives {answer:?}"));
            }
        }
        wrong
    }
}

/// All keys by id, and whether they live.
pub async fn list_keys(data_dir: &Path) -> BTreeMap<String, bool> {
    let mut command = tokio::process::Command::from(kura());
    let output = command.args(["key", "list", "--json", "--data-dir"]).arg(data_dir).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let keys: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    keys.iter().map(|key| (key["id"].as_str().unwrap().to_owned(), key["state"] == "live")).collect()
}
