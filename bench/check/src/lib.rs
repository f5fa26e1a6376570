//! The performance check of everyday users: N writes and N reads, one after another, a target
//! beside another.
//!
//! This is no benchmark of a server's capacity: with one call in flight at a time it measures
//! what one caller waits for, through whatever lies between. It uses the channel of the
//! `momento` command line. Targets take turns call by call, so that whatever disturbs the machine
//! disturbs all of them alike. Every read is compared with what was written.

mod report;

use std::time::{Duration, Instant};

use kura_wire::{CacheClient, ChannelOptions, Code, Endpoint, Key, Status};

pub use report::{Report, Share, TargetReport};

/// Long enough for any check, short enough to leave nothing behind.
const TTL: Duration = Duration::from_secs(600);

/// One way to a server.
#[derive(Clone, Debug)]
pub struct Target {
    /// What the report calls it.
    pub name: String,
    /// `http://host:port`, `https://cell-host[:port]` or the cell's host alone.
    pub url: String,
}

impl std::str::FromStr for Target {
    type Err = String;

    /// Reads `NAME=URL`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, url)) if !name.is_empty() && !url.is_empty() => {
                Ok(Self { name: name.to_owned(), url: url.to_owned() })
            }
            _ => Err(format!("{text:?} is no target; give NAME=URL, such as local=http://127.0.0.1:8080")),
        }
    }
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The ways to compare; at least one.
    pub targets: Vec<Target>,
    /// Writes to each.
    pub writes: usize,
    /// Reads from each.
    pub reads: usize,
    /// The cache to use; it is created if it is not there.
    pub cache: String,
    /// An API key, v1 or v2; none for a plaintext server.
    pub api_key: Option<String>,
    /// Certificates in PEM form to trust instead of the machine's own.
    pub ca: Vec<Vec<u8>>,
}

/// Why a check ended early, naming the target.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A call failed.
    #[error("target {target}: {status}")]
    Call {
        /// The target's name.
        target: String,
        /// What the server, or the way to it, said.
        status: Status,
    },
    /// A read gave something else than what was written.
    #[error("target {target}: key {key} was written and then read differently")]
    Lost {
        /// The target's name.
        target: String,
        /// The key.
        key: String,
    },
    /// The API key is none.
    #[error("the API key is neither a v1 nor a v2 key")]
    Key,
}

/// Runs the check.
///
/// # Errors
/// The first thing that failed; nothing is measured around a failure.
pub async fn run(options: &Options) -> Result<Report, CheckError> {
    let token = match &options.api_key {
        None => String::new(),
        Some(text) => Key::parse(text).map_err(|_| CheckError::Key)?.authorization().to_owned(),
    };
    let mut clients = Vec::new();
    for target in &options.targets {
        let told = |status| CheckError::Call { target: target.name.clone(), status };
        let endpoint = Endpoint::parse(&target.url).map_err(told)?;
        let channel = ChannelOptions { ca: options.ca.clone(), ..ChannelOptions::default() };
        let client = CacheClient::new(endpoint, &token, "check", channel).map_err(told)?;
        prepare(&client, &options.cache).await.map_err(told)?;
        clients.push((target, client));
    }
    let mut shares = vec![(Vec::new(), Vec::new()); clients.len()];
    for number in 0..options.writes {
        for ((target, client), (writes, _)) in clients.iter().zip(&mut shares) {
            let (key, value) = item(number);
            let began = Instant::now();
            let written = client.set(&options.cache, key.as_bytes(), value.as_bytes(), TTL).await;
            writes.push(began.elapsed());
            written.map_err(|status| CheckError::Call { target: target.name.clone(), status })?;
        }
    }
    for number in 0..options.reads {
        for ((target, client), (_, reads)) in clients.iter().zip(&mut shares) {
            // More reads than writes go round again.
            let (key, value) = item(number % options.writes.max(1));
            let began = Instant::now();
            let read = client.get(&options.cache, key.as_bytes()).await;
            reads.push(began.elapsed());
            let read = read.map_err(|status| CheckError::Call { target: target.name.clone(), status })?;
            if options.writes > 0 && read.as_deref() != Some(value.as_bytes()) {
                return Err(CheckError::Lost { target: target.name.clone(), key });
            }
        }
    }
    Ok(Report::new(clients.iter().map(|(target, _)| target.name.clone()).zip(shares)))
}

/// Connects, and makes sure that the cache is there. A key that may not create caches is fine as
/// long as the cache exists: the first write tells.
async fn prepare(client: &CacheClient, cache: &str) -> Result<(), Status> {
    client.connect().await?;
    match client.create_cache(cache).await {
        Ok(_) => Ok(()),
        Err(status) if status.code == Code::PermissionDenied => Ok(()),
        Err(status) => Err(status),
    }
}

fn item(number: usize) -> (String, String) {
    (format!("kura-check-key-{number}"), format!("kura-check-value-{number}"))
}
