//! The calls and their times.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kura_base::{Clock, SystemClock};
use kura_wire::{CacheClient, ChannelOptions, Code, Endpoint, Key, Status};

use crate::report::{Phase, Report, TargetReport};
use crate::{CheckError, Options, Target};

/// How long the items live: longer than a check, short enough to leave nothing behind.
const TTL: Duration = Duration::from_secs(600);

/// Makes the check. Needs a tokio runtime.
///
/// Connections are made, and the cache created, before the first call is timed. Items are
/// deleted afterwards as far as the key may.
///
/// # Errors
/// [`CheckError`]: the first call that fails ends the check.
pub async fn run(options: &Options) -> Result<Report, CheckError> {
    check_options(options)?;
    let run_id = SystemClock.now().0;
    let mut lanes = Vec::new();
    for (index, target) in options.targets.iter().enumerate() {
        lanes.push(Lane::open(target, format!("kura-check-{run_id}-{index}"), &options.cache).await?);
    }
    for item in 0..options.writes {
        for lane in in_turn(&mut lanes, item) {
            lane.write(item).await?;
        }
    }
    for read in 0..options.reads {
        for lane in in_turn(&mut lanes, read) {
            lane.read(read % options.writes).await?;
        }
    }
    for lane in &lanes {
        lane.clean(options.writes).await;
    }
    Ok(Report::new(options.writes, options.reads, lanes.into_iter().map(Lane::report).collect()))
}

fn check_options(options: &Options) -> Result<(), CheckError> {
    let targets = &options.targets;
    let repeated =
        |(at, target): (usize, &Target)| targets.iter().take(at).any(|other| other.name == target.name);
    if targets.is_empty() || targets.iter().enumerate().any(repeated) {
        return Err(CheckError::Targets);
    }
    if options.reads > 0 && options.writes == 0 {
        return Err(CheckError::NothingToRead);
    }
    Ok(())
}

/// Each lane once, beginning with another each time: being first is no target's lot.
fn in_turn(lanes: &mut [Lane], round: usize) -> impl Iterator<Item = &mut Lane> {
    let (before, from) = lanes.split_at_mut(round % lanes.len().max(1));
    from.iter_mut().chain(before)
}

/// One target under check.
struct Lane {
    name: String,
    url: String,
    client: CacheClient,
    address: SocketAddr,
    cache: String,
    prefix: String,
    writes: Vec<Duration>,
    reads: Vec<Duration>,
}

impl Lane {
    async fn open(target: &Target, prefix: String, cache: &str) -> Result<Self, CheckError> {
        let failed = |what: &str, status| call_failed(&target.name, what, status);
        let endpoint = Endpoint::parse(&target.url).map_err(|status| failed("reading the URL", status))?;
        let key = target.api_key.as_deref().unwrap_or_default();
        // An enveloped key is opened; any other is sent as it is.
        let token = Key::parse(key).map_or_else(|_| key.to_owned(), |key| key.authorization().to_owned());
        let ca = target.ca.iter().cloned().collect();
        let options = ChannelOptions { ca, address: target.address, ..ChannelOptions::default() };
        let client = CacheClient::new(endpoint, &token, "check", options);
        let client = client.map_err(|status| failed("using the key", status))?;
        let created = client.create_cache(cache).await.map(drop);
        let may_not_create = matches!(&created, Err(status) if status.code == Code::PermissionDenied);
        if !may_not_create {
            created.map_err(|status| failed("creating the cache", status))?;
        }
        let address = client.connect().await.map_err(|status| failed("connecting", status))?.peer();
        let lane = Self {
            name: target.name.clone(),
            url: target.url.clone(),
            client,
            address,
            cache: cache.to_owned(),
            prefix,
            writes: Vec::new(),
            reads: Vec::new(),
        };
        // One untimed call: the first on a connection also exchanges HTTP/2's settings.
        match lane.client.get(cache, lane.prefix.as_bytes()).await {
            Err(status) if may_not_create && status.code == Code::NotFound => {
                Err(CheckError::NoCache { target: lane.name, cache: cache.to_owned() })
            }
            Err(status) => Err(call_failed(&lane.name, "the first read", status)),
            Ok(_) => Ok(lane),
        }
    }

    fn key(&self, item: usize) -> String {
        format!("{}-{item}", self.prefix)
    }

    fn value(&self, item: usize) -> String {
        format!("{} of {}", self.key(item), self.name)
    }

    async fn write(&mut self, item: usize) -> Result<(), CheckError> {
        let (key, value) = (self.key(item), self.value(item));
        let start = Instant::now();
        let written = self.client.set(&self.cache, key.as_bytes(), value.as_bytes(), TTL).await;
        self.writes.push(start.elapsed());
        written.map_err(|status| call_failed(&self.name, &format!("write {item}"), status))
    }

    async fn read(&mut self, item: usize) -> Result<(), CheckError> {
        let key = self.key(item);
        let start = Instant::now();
        let read = self.client.get(&self.cache, key.as_bytes()).await;
        self.reads.push(start.elapsed());
        let wrong = |found| Err(CheckError::WrongValue { target: self.name.clone(), item, found });
        match read {
            Ok(Some(value)) if value == self.value(item).as_bytes() => Ok(()),
            Ok(Some(_)) => wrong("another value"),
            Ok(None) => wrong("nothing"),
            Err(status) => Err(call_failed(&self.name, &format!("read {item}"), status)),
        }
    }

    /// The items expire anyway: a failure here is nobody's.
    async fn clean(&self, items: usize) {
        for item in 0..items {
            if self.client.delete(&self.cache, self.key(item).as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn report(self) -> TargetReport {
        TargetReport {
            name: self.name,
            url: self.url,
            address: self.address.to_string(),
            writes: Phase::of(&self.writes),
            reads: Phase::of(&self.reads),
        }
    }
}

fn call_failed(target: &str, what: &str, status: Status) -> CheckError {
    CheckError::Call { target: target.to_owned(), what: what.to_owned(), status }
}
