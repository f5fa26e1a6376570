//! How soon a server that is started answers, and what it holds in memory before anybody uses it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kura_load::client::{Identity, Pool, Reply};
use kura_load::socket::{Target, Tls};
use serde::Serialize;
use serde_json::json;

use crate::procfs;
use crate::results::{Origin, Report, Row};
use crate::server::{self, Account, Binaries, CACHE, Core};
use crate::stats::{Estimate, median};

/// How many times as long as bare tonic a local server may take.
const LOCAL_GOAL: f64 = 2.0;
/// How long a secured server with a data directory may take, milliseconds.
const SECURED_GOAL_MS: f64 = 30.0;
/// How much more anonymous memory than bare tonic an idle local server may hold, MiB.
const MEMORY_GOAL_MIB: f64 = 6.0;
/// Rounds of the three servers, the order alternating.
const ROUNDS: usize = 15;
/// How long a server may take at most.
const LIMIT: Duration = Duration::from_secs(60);
/// Pause between two tries to connect.
const PAUSE: Duration = Duration::from_micros(100);
/// How long a server is left alone before its memory is read.
const IDLE: Duration = Duration::from_millis(300);

/// One start.
#[derive(Clone, Copy, Debug, Serialize)]
struct Start {
    millis: f64,
    /// Anonymous resident bytes once it has been left alone.
    anonymous_bytes: u64,
}

/// The starts of a round.
#[derive(Clone, Copy, Debug, Serialize)]
struct Round {
    yardstick: Start,
    local: Start,
    secured: Start,
}

/// Starts each server in turn.
pub(crate) async fn measure(binaries: &Binaries, quick: bool) -> anyhow::Result<Report> {
    let account = Account::new(Some(&binaries.kura))?;
    // The first start makes the certificate.
    start(Server::Secured, binaries, &account).await?;
    let rounds = if quick { 2 } else { ROUNDS };
    eprintln!("{rounds} starts of bare tonic, kura --local and kura with TLS");
    let mut seen = Vec::new();
    for round in 0..rounds {
        let yardstick = async || start(Server::Yardstick, binaries, &account).await;
        let local = async || start(Server::Local, binaries, &account).await;
        let secured = start(Server::Secured, binaries, &account).await?;
        seen.push(if round % 2 == 0 {
            let yardstick = yardstick().await?;
            Round { yardstick, local: local().await?, secured }
        } else {
            let local = local().await?;
            Round { yardstick: yardstick().await?, local, secured }
        });
    }
    Ok(Report {
        name: "start".to_owned(),
        title: "Start, and memory of an idle server".to_owned(),
        origin: Origin::here(),
        notes: vec![format!(
            "From the program's start to its first answer, connecting every {} µs until it is there; {rounds} rounds, \
             the order alternating; server on one core, client on the other. Bare tonic answers a read, `kura serve \
             --local` makes a cache, and `kura serve` with a data directory and its certificate from before answers a \
             read over TLS, the handshake included. Memory: RssAnon, {} ms after that answer.",
            PAUSE.as_micros(),
            IDLE.as_millis()
        )],
        rows: rows(&seen, !quick),
        raw: json!(seen),
    })
}

fn rows(seen: &[Round], judged: bool) -> Vec<Row> {
    let estimate = |figure: fn(&Round) -> f64| Estimate::of(&seen.iter().map(figure).collect::<Vec<_>>());
    let of = |figure: fn(&Round) -> f64| median(&mut seen.iter().map(figure).collect::<Vec<_>>());
    let row = |figure: &str, estimate: Estimate, places: usize, goal: f64, met: bool, beside: String| Row {
        figure: figure.to_owned(),
        value: format!("{:.places$}", estimate.median),
        interval: format!("{:.places$}–{:.places$}", estimate.low, estimate.high),
        goal: if judged { format!("≤ {goal:.1}") } else { String::new() },
        met: judged.then_some(met),
        beside,
    };
    let ratio = estimate(|round| round.local.millis / round.yardstick.millis);
    let secured = estimate(|round| round.secured.millis);
    let more =
        estimate(|round| mebibytes(round.local.anonymous_bytes) - mebibytes(round.yardstick.anonymous_bytes));
    vec![
        row(
            "kura --local ÷ bare tonic, start to first answer",
            ratio,
            2,
            LOCAL_GOAL,
            ratio.meets(LOCAL_GOAL),
            format!("{:.1} and {:.1} ms", of(|round| round.local.millis), of(|round| round.yardstick.millis)),
        ),
        row(
            "kura secured, start to first answer, ms",
            secured,
            1,
            SECURED_GOAL_MS,
            secured.median <= SECURED_GOAL_MS,
            String::new(),
        ),
        row(
            "anonymous MiB, kura --local less bare tonic, idle",
            more,
            2,
            MEMORY_GOAL_MIB,
            more.median <= MEMORY_GOAL_MIB,
            format!(
                "{:.2} and {:.2} MiB; secured {:.2} MiB",
                of(|round| mebibytes(round.local.anonymous_bytes)),
                of(|round| mebibytes(round.yardstick.anonymous_bytes)),
                of(|round| mebibytes(round.secured.anonymous_bytes))
            ),
        ),
    ]
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Yardstick,
    Local,
    Secured,
}

/// Starts a server, waits for its first answer, leaves it alone for a while, and ends it.
async fn start(server: Server, binaries: &Binaries, account: &Account) -> anyhow::Result<Start> {
    let address = server::free_address()?;
    let listen = address.to_string();
    let line: Vec<OsString> = match server {
        Server::Yardstick => vec![binaries.yardstick.clone().into(), "--listen".into(), listen.into()],
        Server::Local => {
            let kura = binaries.kura.clone().into();
            let flags = ["serve", "--local", "--log", "warn", "--local-listen"].map(OsString::from);
            [kura].into_iter().chain(flags).chain([listen.into()]).collect()
        }
        Server::Secured => {
            let kura = binaries.kura.clone().into();
            let flags = ["serve", "--log", "warn", "--protosocket-listen", "off", "--admin-listen"];
            let admin = server::free_address()?.to_string();
            let rest = [admin.into(), "--tls-listen".into(), listen.into(), "--data-dir".into()];
            let flags = flags.map(OsString::from).into_iter().chain(rest);
            [kura].into_iter().chain(flags).chain([account.data_dir().into()]).collect()
        }
    };
    let started = Instant::now();
    let child = Running(server::spawn(Core::Server, Command::new(&line[0]).args(&line[1..]))?);
    let ca = account.data_dir().join("ca.pem");
    let pool = connect(address.into(), (server == Server::Secured).then_some(&*ca), account, started).await?;
    let mut connection = pool.connections().first().context("no connection")?.clone();
    match server {
        Server::Local => connection.create_cache().await?,
        Server::Yardstick | Server::Secured => {
            let reply = connection.get(b"a key").await?;
            if let Reply::Refused(status) = reply {
                bail!("{server:?} refused its first call: grpc-status {status}");
            }
        }
    }
    let millis = started.elapsed().as_secs_f64() * 1000.0;
    tokio::time::sleep(IDLE).await;
    Ok(Start { millis, anonymous_bytes: procfs::anonymous_bytes(child.0.id())? })
}

/// Connects as soon as the server lets one.
async fn connect(
    mut target: Target,
    ca: Option<&Path>,
    account: &Account,
    started: Instant,
) -> anyhow::Result<Pool> {
    let identity = if ca.is_some() { account.identity.clone() } else { Identity::filler(CACHE, 400) };
    loop {
        if let Some(ca) = ca.filter(|ca| target.tls.is_none() && ca.exists()) {
            target.tls = Some(Tls::trusting(ca, server::NAME)?);
        }
        if ca.is_none() || target.tls.is_some() {
            match Pool::connect(target.clone(), 1, &identity).await {
                Ok(pool) => return Ok(pool),
                Err(error) if started.elapsed() > LIMIT => return Err(error).context("it never came up"),
                Err(_) => {}
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// A process, ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
