//! What a connection takes of a server's memory: while it is used, beside bare tonic, and while it rests.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use kura_load::client::{Pool, Reply};
use kura_load::closed;
use kura_load::socket::Target;
use kura_load::workload::{Workload, WorkloadSpec};
use serde::Serialize;
use serde_json::json;

use crate::procfs;
use crate::results::{Origin, Report, Row};
use crate::server::{Account, Binaries, Kind, Server};
use crate::stats::{Estimate, median};

/// The most of bare tonic's memory that a connection in use may take.
const ACTIVE_GOAL: f64 = 0.7;
/// What a resting connection may take, KiB.
const PLAINTEXT_GOAL: f64 = 16.0;
const TLS_GOAL: f64 = 40.0;
/// Connections in use, and requests in flight on each.
const ACTIVE: usize = 1000;
const INFLIGHT: usize = 8;
/// Connections at rest.
const IDLE: usize = 10_000;
/// Connections that bring a server to life before its memory is read.
const WARM: usize = 8;
/// Rounds of the two servers with connections in use.
const ROUNDS: usize = 5;

/// The memory of a server without and with connections.
#[derive(Clone, Copy, Debug, Serialize)]
struct Growth {
    before: u64,
    after: u64,
    connections: usize,
}

impl Growth {
    fn kibibytes_each(self) -> f64 {
        self.after.saturating_sub(self.before) as f64 / 1024.0 / self.connections as f64
    }
}

/// Measures connections in use and at rest.
pub(crate) async fn measure(binaries: &Binaries, quick: bool) -> anyhow::Result<Report> {
    let (active, idle, rounds, window) = match quick {
        true => (100, 500, 1, Duration::from_millis(500)),
        false => (ACTIVE, IDLE, ROUNDS, Duration::from_secs(3)),
    };
    raise_descriptor_limit(idle)?;
    let account = Account::new(Some(&binaries.kura))?;
    let mut pairs = Vec::new();
    for round in 0..rounds {
        eprintln!("{active} connections in use, round {} of {rounds}", round + 1);
        let used = async |kind| in_use(kind, binaries, &account, active, window).await;
        pairs.push((used(Kind::Kura { memory: None }).await?, used(Kind::Yardstick).await?));
    }
    eprintln!("{idle} connections at rest");
    let plaintext = at_rest(Kind::Kura { memory: None }, binaries, &account, idle).await?;
    let tls = at_rest(Kind::KuraTls, binaries, &account, idle).await?;
    let ratios: Vec<f64> =
        pairs.iter().map(|(kura, tonic)| kura.kibibytes_each() / tonic.kibibytes_each()).collect();
    let ratio = Estimate::of(&ratios);
    let of = |which: fn(&(Growth, Growth)) -> Growth| {
        median(&mut pairs.iter().map(|pair| which(pair).kibibytes_each()).collect::<Vec<_>>())
    };
    Ok(Report {
        name: "connections".to_owned(),
        title: "Memory of a connection".to_owned(),
        origin: Origin::here(),
        notes: vec![format!(
            "Growth of VmRSS by {active} connections with {INFLIGHT} requests in flight on each, read at the end of \
             {} s of load, and by {idle} connections that have been served and rest; all of them are served again \
             afterwards. Before that the server has served {WARM} connections. {rounds} rounds in use, a new server \
             each.",
            window.as_secs_f64()
        )],
        rows: vec![
            Row {
                figure: "active, kura ÷ bare tonic".to_owned(),
                value: format!("{:.3}", ratio.median),
                interval: format!("{:.3}–{:.3}", ratio.low, ratio.high),
                goal: if quick { String::new() } else { format!("≤ {ACTIVE_GOAL:.2}") },
                met: (!quick).then(|| ratio.meets(ACTIVE_GOAL)),
                beside: format!("{:.1} and {:.1} KiB", of(|pair| pair.0), of(|pair| pair.1)),
            },
            idle_row("idle, plaintext, KiB", plaintext, PLAINTEXT_GOAL, quick),
            idle_row("idle, TLS, KiB", tls, TLS_GOAL, quick),
        ],
        raw: json!({ "active": pairs, "idle_plaintext": plaintext, "idle_tls": tls }),
    })
}

fn idle_row(figure: &str, growth: Growth, goal: f64, quick: bool) -> Row {
    let each = growth.kibibytes_each();
    Row {
        figure: figure.to_owned(),
        value: format!("{each:.1}"),
        interval: String::new(),
        goal: if quick { String::new() } else { format!("≤ {goal:.1}") },
        met: (!quick).then_some(each <= goal),
        beside: format!(
            "{} connections; resident {:.1} MiB before, {:.1} MiB with them",
            growth.connections,
            growth.before as f64 / f64::from(1 << 20),
            growth.after as f64 / f64::from(1 << 20)
        ),
    }
}

/// The growth by connections that all have requests in flight.
async fn in_use(
    kind: Kind,
    binaries: &Binaries,
    account: &Account,
    connections: usize,
    window: Duration,
) -> anyhow::Result<Growth> {
    let server = Server::start(kind, binaries, account, &[])?;
    let workload = Arc::new(Workload::new(&WorkloadSpec::default())?);
    let warm = warm(&server, account, &workload).await?;
    let before = procfs::resident_bytes(server.pid())?;
    let pool = Pool::connect(server.target(), connections, &account.identity).await?;
    let load = closed::run_for(&pool, &workload, INFLIGHT, window, 1);
    let pid = server.pid();
    let read = async {
        tokio::time::sleep(window.mul_f64(0.9)).await;
        procfs::resident_bytes(pid)
    };
    let (sample, after) = tokio::join!(load, read);
    let sample = sample?;
    ensure!(sample.error_count() == 0 && sample.misses == 0, "{:?}, {} misses", sample.errors, sample.misses);
    drop(warm);
    Ok(Growth { before, after: after?, connections })
}

/// The growth by connections that have been served once and rest; all are served again.
async fn at_rest(
    kind: Kind,
    binaries: &Binaries,
    account: &Account,
    connections: usize,
) -> anyhow::Result<Growth> {
    let server = Server::start(kind, binaries, account, &[])?;
    let workload = Arc::new(Workload::new(&WorkloadSpec { keys: 1000, ..WorkloadSpec::default() })?);
    let warm = warm(&server, account, &workload).await?;
    let before = procfs::resident_bytes(server.pid())?;
    let pool = serve_each(server.target(), connections, account).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = procfs::resident_bytes(server.pid())?;
    for connection in pool.iter().flat_map(Pool::connections) {
        read(connection.clone()).await?;
    }
    drop(warm);
    Ok(Growth { before, after, connections })
}

async fn serve_each(target: Target, connections: usize, account: &Account) -> anyhow::Result<Vec<Pool>> {
    let mut pools = Vec::with_capacity(connections);
    for number in 0..connections {
        let pool = Pool::connect(target.clone(), 1, &account.identity).await;
        let pool = pool.with_context(|| format!("after {number} connections"))?;
        read(pool.connections().first().context("no connection")?.clone()).await?;
        pools.push(pool);
    }
    Ok(pools)
}

async fn read(mut connection: kura_load::client::Connection) -> anyhow::Result<()> {
    match connection.get(b"a key").await? {
        Reply::Answered(_) => Ok(()),
        Reply::Refused(status) => bail!("a read was refused: grpc-status {status}"),
    }
}

/// A few connections in use, so that what the server takes once is not counted to the many.
async fn warm(server: &Server, account: &Account, workload: &Arc<Workload>) -> anyhow::Result<Pool> {
    let pool = Pool::connect(server.target(), WARM, &account.identity).await?;
    if server.kind.is_kura() {
        server.create_cache().await?;
        let loaded = closed::preload(&pool, workload, INFLIGHT).await?;
        ensure!(loaded.error_count() == 0, "preloading failed: {:?}", loaded.errors);
    }
    closed::run_for(&pool, workload, INFLIGHT, Duration::from_millis(500), 1).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(pool)
}

/// This process has as many connections as the server.
fn raise_descriptor_limit(connections: usize) -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let most = getrlimit(Resource::Nofile).maximum;
    let needed = connections as u64 + 200;
    ensure!(
        most.is_none_or(|most| most >= needed),
        "{needed} open files are needed and {most:?} allowed: raise the hard limit, `ulimit -Hn`"
    );
    Ok(setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?)
}
