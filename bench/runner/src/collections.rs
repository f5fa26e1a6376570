//! Collections: what small ones take beside Redis, what an operation on a large one takes, and what large ones
//! do to another key.
//!
//! Kura's store runs inside this process, with the server's allocator; Redis is a process of its own, loaded
//! through a socket. The growth of resident memory is compared, which the protocol has no part in.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use kura_base::{CacheName, Clock, SystemClock, Ttl};
use kura_store::{
    CollectionTtl, Command as Scalar, Data, DictionaryCommand, DictionaryReply, Element, Keyspace,
    LeaderboardCommand, ListCommand, Order, Outcome, Side, SortedSetCommand, Value,
};
use serde_json::json;
use tempfile::TempDir;

use crate::results::{Origin, Report, Row};
use crate::{procfs, server};

/// How many dictionaries the goal is for.
const DICTIONARIES: u32 = 1_000_000;
/// Elements of the large collections.
const ELEMENTS: u32 = 1_000_000;
/// How much another key's p99.9 may grow by.
const GOAL: Duration = Duration::from_millis(1);

/// Measures all three. `redis` is the program to compare with.
pub(crate) fn measure(redis: &Path, quick: bool) -> anyhow::Result<Report> {
    let (dictionaries, elements) =
        if quick { (DICTIONARIES / 20, ELEMENTS / 20) } else { (DICTIONARIES, ELEMENTS) };
    eprintln!("{dictionaries} dictionaries of 4 fields");
    let ours = Store::new()?.resident_per_dictionary(dictionaries)?;
    let theirs = Redis::start(redis)?.map(|redis| redis.resident_per_dictionary(dictionaries)).transpose()?;
    let mut rows = vec![memory_row(ours, theirs.as_ref(), quick)];
    eprintln!("operations on {elements} elements");
    let store = Store::new()?;
    rows.extend(store.operations(elements)?);
    eprintln!("another key beside them");
    let window = if quick { Duration::from_secs(1) } else { Duration::from_secs(10) };
    let (alone, beside) = store.other_key(elements, window)?;
    rows.push(other_key_row(&alone, &beside, quick));
    Ok(Report {
        name: "collections".to_owned(),
        title: "Collections".to_owned(),
        origin: Origin::here(),
        notes: vec![
            format!(
                "{dictionaries} dictionaries named `user:0000000` with 4 fields (name, mail, city, visits; 38 bytes \
                 of fields and values): growth of VmRSS per dictionary. Kura's store in this process, one hour to \
                 live; Redis over a Unix socket, nothing saved, no expiry (one would cost it more)."
            ),
            format!(
                "Operations on collections of {elements} elements, in process, one thread, keys in no order: mean time."
            ),
            "Another key: in process, sets and gets of one 64-byte scalar in turn, each timed, while two other \
             threads serve the large collections (fetched and read to the end, written to, deleted and filled \
             again) and maintain the memory; all on the machine's cores as the kernel places them."
                .to_owned(),
        ],
        rows,
        raw: json!({ "dictionaries": dictionaries, "kura_bytes": ours,
                     "redis": theirs.map(|(bytes, version)| json!({ "bytes": bytes, "version": version })),
                     "alone_nanos": alone.as_json(), "beside_nanos": beside.as_json() }),
    })
}

fn memory_row(ours: f64, theirs: Option<&(f64, String)>, quick: bool) -> Row {
    Row {
        figure: "bytes of a dictionary of 4 short fields".to_owned(),
        value: format!("{ours:.1}"),
        interval: String::new(),
        goal: theirs.filter(|_| !quick).map_or_else(String::new, |(bytes, _)| format!("≤ {bytes:.1}")),
        met: theirs.filter(|_| !quick).map(|(bytes, _)| ours <= *bytes),
        beside: theirs.map_or_else(
            || "no redis-server here to compare with".to_owned(),
            |(bytes, version)| format!("Redis {version} {bytes:.1}"),
        ),
    }
}

fn other_key_row(alone: &Latencies, beside: &Latencies, quick: bool) -> Row {
    let growth = beside.quantile(0.999).saturating_sub(alone.quantile(0.999));
    Row {
        figure: "growth of another key's p99.9, µs".to_owned(),
        value: format!("{:.1}", micros(growth)),
        interval: String::new(),
        goal: if quick { String::new() } else { format!("≤ {}", GOAL.as_micros()) },
        met: (!quick).then_some(growth <= GOAL),
        beside: format!(
            "p50 {:.1} and p99.9 {:.1} alone, {:.1} and {:.1} beside; {} commands on large collections",
            micros(alone.quantile(0.5)),
            micros(alone.quantile(0.999)),
            micros(beside.quantile(0.5)),
            micros(beside.quantile(0.999)),
            beside.commands
        ),
    }
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}

/// What is stored of one user.
fn fields(n: u32) -> [(&'static str, String); 4] {
    [
        ("name", format!("n{n:07}")),
        ("mail", format!("{n:07}@x")),
        ("city", "Kyoto".to_owned()),
        ("visits", (n % 100).to_string()),
    ]
}

/// Kura's store in this process, with one cache.
struct Store {
    data: Arc<Data>,
    cache: Keyspace,
}

impl Store {
    fn new() -> anyhow::Result<Self> {
        let data = Arc::new(Data::new(4 << 30, 7));
        data.add_cache(CacheName::parse("bench")?);
        let cache = data.cache("bench")?;
        Ok(Self { data, cache })
    }

    fn dictionary(&self, name: &[u8], command: DictionaryCommand) -> anyhow::Result<DictionaryReply> {
        done(self.data.dictionary(self.cache, name, command, SystemClock.now())?)
    }

    fn resident_per_dictionary(&self, count: u32) -> anyhow::Result<f64> {
        let pid = std::process::id();
        let idle = procfs::resident_bytes(pid)?;
        for n in 0..count {
            let items =
                fields(n).map(|(field, value)| (Bytes::from_static(field.as_bytes()), value.into())).into();
            let name = format!("user:{n:07}");
            self.dictionary(name.as_bytes(), DictionaryCommand::Set { items, ttl: ttl()? })?;
        }
        let full = procfs::resident_bytes(pid)?;
        for n in (0..count).step_by(997) {
            let name = format!("user:{n:07}");
            let found = self.dictionary(name.as_bytes(), DictionaryCommand::Length)?;
            if !matches!(found, DictionaryReply::Length(4)) {
                bail!("dictionary {name} is not there: {found:?}");
            }
        }
        Ok(full.saturating_sub(idle) as f64 / f64::from(count))
    }

    fn operations(&self, count: u32) -> anyhow::Result<Vec<Row>> {
        let (cache, now) = (self.cache, SystemClock.now());
        let ttl = ttl()?;
        let mut rows = Vec::new();
        let mut row = |figure: &str, took: Duration| {
            rows.push(Row {
                figure: format!("{figure}, µs"),
                value: format!("{:.2}", micros(took) / f64::from(count)),
                interval: String::new(),
                goal: String::new(),
                met: None,
                beside: String::new(),
            });
        };
        let field = |n: u32| Bytes::from(format!("field-{:07}", mixed(n, count)));
        let started = Instant::now();
        for n in 0..count {
            let items = vec![(field(n), Bytes::from_static(b"a value of 20 bytes."))];
            done(self.data.dictionary(cache, b"d", DictionaryCommand::Set { items, ttl }, now)?)?;
        }
        row("set a field of a dictionary growing to its size", started.elapsed());
        let started = Instant::now();
        for n in 0..count {
            done(self.data.dictionary(cache, b"d", DictionaryCommand::Get(vec![field(n)]), now)?)?;
        }
        row("get a field of it", started.elapsed());
        let started = Instant::now();
        for n in 0..count {
            let (value, amount) = (field(n), f64::from(mixed(n, 1000)));
            let command = SortedSetCommand::Increment { value, amount, ttl };
            done(self.data.sorted_set(cache, b"z", command, now)?)?;
        }
        row("increment a score of a sorted set growing to its size", started.elapsed());
        let started = Instant::now();
        for n in 0..count {
            let command = SortedSetCommand::GetRank { value: field(n), order: Order::Descending };
            done(self.data.sorted_set(cache, b"z", command, now)?)?;
        }
        row("rank in it", started.elapsed());
        let started = Instant::now();
        for n in 0..count {
            let element = Element { id: mixed(n, count), score: f64::from(n % 1000), rank: 0 };
            done(self.data.leaderboard(cache, b"b", LeaderboardCommand::Upsert(vec![element]), now)?)?;
        }
        row("upsert an element of a leaderboard growing to its size", started.elapsed());
        let started = Instant::now();
        for n in 0..count {
            let command =
                LeaderboardCommand::Rank { ids: vec![n], order: Order::Ascending, competition: false };
            done(self.data.leaderboard(cache, b"b", command, now)?)?;
        }
        row("rank in it", started.elapsed());
        let push = |side, n| {
            let values = vec![field(n)];
            let command = ListCommand::Push { side, values, truncate_to: 0, ttl };
            done(self.data.list(cache, b"l", command, now)?)
        };
        let started = Instant::now();
        for n in 0..count {
            push(if n % 2 == 0 { Side::Front } else { Side::Back }, n)?;
        }
        row("push to a list growing to its size", started.elapsed());
        Ok(rows)
    }

    /// Times another key's commands, first alone, then beside commands on the large collections.
    fn other_key(&self, count: u32, window: Duration) -> anyhow::Result<(Latencies, Latencies)> {
        server::unpin()?;
        let (stop, commands) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    while self.data.maintain(SystemClock.now(), 1024) {
                        std::thread::yield_now();
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
            let alone = self.time_other_key(window, &commands);
            let load = scope.spawn(|| {
                let served = self.serve_large(count, &stop, &commands);
                commands.fetch_add(u64::from(served.is_err()), Ordering::Relaxed);
                served
            });
            let beside = self.time_other_key(window, &commands);
            stop.store(true, Ordering::Relaxed);
            load.join().map_err(|_| anyhow::anyhow!("the load on large collections panicked"))??;
            Ok((alone?, beside?))
        })
    }

    fn time_other_key(&self, window: Duration, commands: &AtomicU64) -> anyhow::Result<Latencies> {
        let ttl = Ttl::from_millis(3_600_000, Duration::MAX)?;
        let before = commands.load(Ordering::Relaxed);
        let mut nanos = Vec::with_capacity(16 << 20);
        let until = Instant::now() + window;
        let mut at = Instant::now();
        while at < until && nanos.len() < nanos.capacity() {
            let value = Value::Copied(&[7; 64]);
            let command = if nanos.len() % 2 == 0 { Scalar::Set { value, ttl } } else { Scalar::Get };
            self.data.execute(self.cache, b"another", command, SystemClock.now(), |_| ())?;
            let now = Instant::now();
            nanos.push(u32::try_from((now - at).as_nanos()).unwrap_or(u32::MAX));
            // A pause, as between requests: a thread that never waits is descheduled by force.
            std::thread::sleep(Duration::from_micros(20));
            at = Instant::now();
        }
        nanos.sort_unstable();
        Ok(Latencies { nanos, commands: commands.load(Ordering::Relaxed) - before })
    }

    /// Fetches, writes and deletes of large dictionaries until told to stop.
    fn serve_large(&self, count: u32, stop: &AtomicBool, commands: &AtomicU64) -> anyhow::Result<()> {
        let ttl = ttl()?;
        let items: Vec<_> = (0..count)
            .map(|n| (Bytes::from(format!("field-{n:07}")), Bytes::from_static(b"a value of 20 bytes.")))
            .collect();
        let mut turn = 0;
        while !stop.load(Ordering::Relaxed) {
            let name: &[u8] = if turn % 2 == 0 { b"large" } else { b"other" };
            let set = DictionaryCommand::Set { items: items.clone(), ttl };
            self.dictionary(name, set)?;
            for n in 0..20_u32 {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                if let DictionaryReply::Found(found) = self.dictionary(name, DictionaryCommand::Fetch)? {
                    let bytes: usize =
                        found.iter_from(0).map(|(field, value)| field.len() + value.len()).sum();
                    std::hint::black_box(bytes);
                }
                let items = vec![(Bytes::from(n.to_string()), Bytes::new())];
                self.dictionary(name, DictionaryCommand::Set { items, ttl })?;
                commands.fetch_add(2, Ordering::Relaxed);
            }
            self.dictionary(name, DictionaryCommand::Delete)?;
            commands.fetch_add(2, Ordering::Relaxed);
            turn += 1;
        }
        Ok(())
    }
}

/// How long commands took.
struct Latencies {
    /// In nanoseconds, the shortest first.
    nanos: Vec<u32>,
    /// Commands carried out on large collections meanwhile.
    commands: u64,
}

impl Latencies {
    fn quantile(&self, share: f64) -> Duration {
        let at = (self.nanos.len() as f64 * share) as usize;
        Duration::from_nanos(self.nanos.get(at).copied().unwrap_or_default().into())
    }

    fn as_json(&self) -> serde_json::Value {
        let at = |share| self.quantile(share).as_nanos() as u64;
        json!({ "count": self.nanos.len(), "p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": self.nanos.last() })
    }
}

/// A number below `count`, for each number below it another one.
fn mixed(n: u32, count: u32) -> u32 {
    (u64::from(n) * 7_654_321 % u64::from(count)) as u32
}

fn ttl() -> anyhow::Result<CollectionTtl> {
    Ok(CollectionTtl { ttl: Ttl::from_millis(3_600_000, Duration::MAX)?, refresh: false })
}

fn done<R>(outcome: Outcome<R>) -> anyhow::Result<R> {
    Ok(match outcome {
        Outcome::Done(reply) => reply,
        Outcome::Long(long) => long.run()?,
    })
}

/// A Redis of its own.
struct Redis {
    child: Child,
    socket: UnixStream,
    version: String,
    _directory: TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Redis {
    /// Starts it; none if there is no such program.
    fn start(program: &Path) -> anyhow::Result<Option<Self>> {
        let directory = tempfile::Builder::new().prefix("kura-bench-").tempdir()?;
        let path = directory.path().join("redis.sock");
        let Ok(version) = Command::new(program).arg("--version").output() else { return Ok(None) };
        let version = String::from_utf8_lossy(&version.stdout);
        let version =
            version.split("v=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("?").to_owned();
        let mut child = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&path)
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .context("start redis-server")?;
        let until = Instant::now() + Duration::from_secs(10);
        let socket = loop {
            match UnixStream::connect(&path) {
                Ok(socket) => break socket,
                Err(error) if Instant::now() > until => {
                    child.kill().ok();
                    child.wait().ok();
                    return Err(error).context("redis-server does not listen");
                }
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        Ok(Some(Self { child, socket, version, _directory: directory }))
    }

    fn resident_per_dictionary(mut self, count: u32) -> anyhow::Result<(f64, String)> {
        const BATCH: u32 = 1000;
        let idle = procfs::resident_bytes(self.child.id())?;
        let mut answers = BufReader::new(self.socket.try_clone()?);
        for first in (0..count).step_by(BATCH as usize) {
            let mut batch = Vec::new();
            for n in first..first + BATCH {
                let name = format!("user:{n:07}");
                let fields = fields(n);
                let words = fields.iter().flat_map(|(field, value)| [*field, value.as_str()]);
                write!(batch, "*10\r\n")?;
                for word in ["HSET", name.as_str()].into_iter().chain(words) {
                    write!(batch, "${}\r\n{word}\r\n", word.len())?;
                }
            }
            self.socket.write_all(&batch)?;
            let mut answer = [0; 4 * BATCH as usize];
            answers.read_exact(&mut answer)?;
            if answer.chunks(4).any(|answer| answer != b":4\r\n") {
                bail!("Redis did not store: {:?}", String::from_utf8_lossy(&answer[..40]));
            }
        }
        let full = procfs::resident_bytes(self.child.id())?;
        Ok((full.saturating_sub(idle) as f64 / f64::from(count), self.version.clone()))
    }
}
