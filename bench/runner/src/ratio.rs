//! CPU per operation of a server over that of the bare tonic yardstick, by pairs of short runs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use kura_load::client::{Identity, Pool};
use kura_load::closed;
use kura_load::workload::{Workload, WorkloadSpec};
use serde::Serialize;
use serde_json::json;

use crate::instructions::{self, Instructions};
use crate::procfs;
use crate::results::{Origin, Report, Row};
use crate::server::{Account, Binaries, Kind, Server};
use crate::stats::{Estimate, median};

/// How long a server may go on with what it does after the last answer before its account is read.
const SETTLE: Duration = Duration::from_millis(5);
/// Pairs until both servers are started anew, the other one first: where a process happens to lie in memory, and
/// which of two was first, is worth a few percent and must not stay the same for a whole row.
const PAIRS_A_ROUND: usize = 4;
/// What bare tonic costs on the machines the goals were set on, 8×8, µs per operation.
const EXPECTED_YARDSTICK_US: f64 = 12.9;

/// Connections times requests in flight on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shape {
    /// Connections.
    pub(crate) connections: usize,
    /// Requests in flight on each.
    pub(crate) inflight: usize,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |part: &str| part.parse().ok().filter(|&count: &usize| (1..=10_000).contains(&count));
        text.split_once('x')
            .and_then(|(connections, inflight)| {
                Some(Self { connections: parse(connections)?, inflight: parse(inflight)? })
            })
            .ok_or_else(|| format!("{text:?} is no shape; 8x8 is one"))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}×{}", self.connections, self.inflight)
    }
}

/// How the comparison is made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The shapes of load, each a row.
    pub(crate) shapes: Vec<Shape>,
    /// Pairs a row.
    pub(crate) pairs: usize,
    /// Length of one run of a pair.
    pub(crate) window: Duration,
    /// The ratio not to exceed.
    pub(crate) goal: f64,
    /// Only the yardstick against itself.
    pub(crate) only_aa: bool,
    /// Count instructions too.
    pub(crate) instructions: bool,
}

/// One run: CPU and throughput of one server.
#[derive(Clone, Copy, Debug, Serialize)]
struct Run {
    cpu_us_per_op: f64,
    ops: u64,
    ops_per_second: f64,
    p99_us: f64,
}

/// One run of each of two servers, right after each other.
#[derive(Clone, Copy, Debug, Serialize)]
struct Pair {
    subject: Run,
    yardstick: Run,
}

/// A server with the loader's connections to it.
struct Driven {
    server: Server,
    pool: Pool,
    workload: Arc<Workload>,
    inflight: usize,
}

impl Driven {
    async fn start(server: Server, shape: Shape, identity: &Identity) -> anyhow::Result<Self> {
        let workload = Arc::new(Workload::new(&WorkloadSpec::default())?);
        let pool = Pool::connect(server.address, shape.connections, identity).await?;
        prepare(&server, &pool, &workload).await?;
        Ok(Self { server, pool, workload, inflight: shape.inflight })
    }

    async fn run(&self, window: Duration, seed: u64) -> anyhow::Result<Run> {
        let before = procfs::cpu_time(self.server.pid())?;
        let sample = closed::run_for(&self.pool, &self.workload, self.inflight, window, seed).await?;
        tokio::time::sleep(SETTLE).await;
        let cpu = procfs::cpu_time(self.server.pid())?.saturating_sub(before);
        if sample.error_count() > 0 || sample.misses > 0 {
            bail!("{}: errors {:?}, {} misses", self.server.kind.label(), sample.errors, sample.misses);
        }
        let summary = sample.summary();
        Ok(Run {
            cpu_us_per_op: cpu.as_secs_f64() * 1e6 / sample.ops.max(1) as f64,
            ops: sample.ops,
            ops_per_second: summary.ops_per_second,
            p99_us: summary.p99_us,
        })
    }
}

/// Gives a server the cache and the keys that the load reads; the yardstick needs neither.
pub(crate) async fn prepare(server: &Server, pool: &Pool, workload: &Arc<Workload>) -> anyhow::Result<()> {
    if server.kind == Kind::Yardstick {
        return Ok(());
    }
    server.create_cache().await?;
    let sample = closed::preload(pool, workload, 64usize.div_ceil(pool.connections().len())).await?;
    if sample.error_count() > 0 {
        bail!("preloading failed: {:?}", sample.errors);
    }
    Ok(())
}

/// Measures every shape, and the yardstick against itself, and makes the report.
pub(crate) async fn measure(plan: &Plan, binaries: &Binaries) -> anyhow::Result<Report> {
    let account = Account::new((!plan.only_aa).then_some(binaries.kura.as_path()))?;
    let subjects = match plan.only_aa {
        true => vec![Kind::Yardstick],
        false => vec![Kind::Kura { memory: None }, Kind::Yardstick],
    };
    let (mut rows, mut raw, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let steal = procfs::steal_ticks();
    for &shape in &plan.shapes {
        for kind in &subjects {
            eprintln!("{} over bare tonic, {shape}, {} pairs", kind.label(), plan.pairs);
            let pairs = compare(plan, binaries, &account, kind, shape).await?;
            rows.push(row(plan, kind, shape, &pairs));
            raw.push(json!({ "subject": kind.label(), "shape": shape, "pairs": pairs }));
        }
    }
    notes.push(yardstick_note(&plan.shapes, &raw));
    if plan.instructions {
        for &shape in &plan.shapes {
            let counted = instructions::count(&subjects, binaries, &account, shape).await;
            notes.push(instructions_note(shape, &counted));
            raw.push(json!({ "instructions": counted.as_ref().ok(), "shape": shape }));
        }
    }
    notes.push(format!(
        "One core for the server, one for the loader; {} s runs, order alternating; 16-byte keys, 64-byte values, \
         90:10, a token of {} bytes to both. Kura checks it, the yardstick does not. Steal during the runs: {} ticks.",
        plan.window.as_secs_f64(),
        account.identity.token.len(),
        procfs::steal_ticks() - steal
    ));
    Ok(Report {
        name: "ratio".to_owned(),
        title: "Server CPU per operation over bare tonic".to_owned(),
        origin: Origin::here(),
        notes,
        rows,
        raw: raw.into(),
    })
}

async fn compare(
    plan: &Plan,
    binaries: &Binaries,
    account: &Account,
    kind: &Kind,
    shape: Shape,
) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::with_capacity(plan.pairs);
    while pairs.len() < plan.pairs {
        let round = pairs.len() / PAIRS_A_ROUND;
        let count = PAIRS_A_ROUND.min(plan.pairs - pairs.len());
        let start = async |kind: &Kind| {
            let server = Server::start(kind.clone(), binaries, account, &[])?;
            let driven = Driven::start(server, shape, &account.identity).await?;
            driven.run(plan.window.min(Duration::from_millis(500)), 0).await?;
            anyhow::Ok(driven)
        };
        let (subject, yardstick) = if round.is_multiple_of(2) {
            let subject = start(kind).await?;
            (subject, start(&Kind::Yardstick).await?)
        } else {
            let yardstick = start(&Kind::Yardstick).await?;
            (start(kind).await?, yardstick)
        };
        for _ in 0..count {
            let seed = pairs.len() as u64 + 1;
            pairs.push(if pairs.len().is_multiple_of(2) {
                let subject = subject.run(plan.window, seed).await?;
                Pair { subject, yardstick: yardstick.run(plan.window, seed).await? }
            } else {
                let yardstick = yardstick.run(plan.window, seed).await?;
                Pair { subject: subject.run(plan.window, seed).await?, yardstick }
            });
        }
    }
    Ok(pairs)
}

fn row(plan: &Plan, kind: &Kind, shape: Shape, pairs: &[Pair]) -> Row {
    let ratios: Vec<f64> =
        pairs.iter().map(|pair| pair.subject.cpu_us_per_op / pair.yardstick.cpu_us_per_op).collect();
    let estimate = Estimate::of(&ratios);
    let of = |figure: fn(&Pair) -> f64| median(&mut pairs.iter().map(figure).collect::<Vec<_>>());
    let judged = *kind != Kind::Yardstick;
    Row {
        figure: format!("{} ÷ bare tonic, {shape}{}", kind.label(), if judged { "" } else { " (A/A)" }),
        value: format!("{:.3}", estimate.median),
        interval: format!("{:.3}–{:.3}", estimate.low, estimate.high),
        goal: if judged { format!("≤ {:.2}", plan.goal) } else { String::new() },
        met: judged.then(|| estimate.meets(plan.goal)),
        beside: format!(
            "{:.2} µs and {:.2} µs CPU; {:.0} and {:.0} operations a second",
            of(|pair| pair.subject.cpu_us_per_op),
            of(|pair| pair.yardstick.cpu_us_per_op),
            of(|pair| pair.subject.ops_per_second),
            of(|pair| pair.yardstick.ops_per_second),
        ),
    }
}

/// Says whether the yardstick itself is as expected: a slow one would flatter Kura.
fn yardstick_note(shapes: &[Shape], raw: &[serde_json::Value]) -> String {
    let eight = Shape { connections: 8, inflight: 8 };
    let mut seen: Vec<f64> = raw
        .iter()
        .filter(|row| row["shape"] == json!(eight))
        .flat_map(|row| row["pairs"].as_array().into_iter().flatten())
        .filter_map(|pair| pair["yardstick"]["cpu_us_per_op"].as_f64())
        .collect();
    if !shapes.contains(&eight) {
        return "8×8 was not measured, so the yardstick is not checked against 12.9 µs.".to_owned();
    }
    let seen = median(&mut seen);
    let off = (seen / EXPECTED_YARDSTICK_US - 1.0) * 100.0;
    let verdict = if off.abs() <= 25.0 {
        "within the 25 % allowed"
    } else {
        "**outside the 25 % allowed**: how many requests a wake-up finds decides how many system calls they share, and \
         that follows the machine and what else runs on it; both servers of a pair see the same"
    };
    format!("Bare tonic at 8×8 took {seen:.2} µs, {off:+.0} % from {EXPECTED_YARDSTICK_US} µs: {verdict}.")
}

fn instructions_note(shape: Shape, counted: &anyhow::Result<Vec<Instructions>>) -> String {
    match counted {
        Ok(counted) => {
            let each: Vec<String> = counted
                .iter()
                .map(|count| format!("{} {:.0} ({})", count.server, count.per_op, count.instrument))
                .collect();
            format!("User-mode instructions per operation at {shape}: {}.", each.join(", "))
        }
        Err(error) => format!("User-mode instructions at {shape} could not be counted: {error:#}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_parsed_and_printed() {
        assert_eq!("64x1".parse(), Ok(Shape { connections: 64, inflight: 1 }));
        assert_eq!("64x1".parse::<Shape>().map(|shape| shape.to_string()), Ok("64×1".to_owned()));
        for wrong in ["", "8", "0x8", "8x", "8x99999"] {
            assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_yardstick_out_of_bounds_is_told() {
        let shape = Shape { connections: 8, inflight: 8 };
        let raw = |us: f64| json!({ "shape": shape, "pairs": [{ "yardstick": { "cpu_us_per_op": us } }] });
        assert!(yardstick_note(&[shape], &[raw(12.0)]).contains("within"));
        assert!(yardstick_note(&[shape], &[raw(20.0)]).contains("outside"));
        assert!(yardstick_note(&[], &[]).contains("not measured"));
    }
}
