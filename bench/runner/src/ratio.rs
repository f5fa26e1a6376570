//! CPU per operation of a server over that of a yardstick, by pairs of short runs.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use kura_load::driver::Driver;
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

/// How comparisons are made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Only these shapes; none for those of the comparison.
    pub(crate) shapes: Vec<Shape>,
    /// Pairs a row.
    pub(crate) pairs: usize,
    /// Length of one run of a pair.
    pub(crate) window: Duration,
    /// Only the yardstick against itself.
    pub(crate) only_aa: bool,
    /// Count instructions too.
    pub(crate) instructions: bool,
}

/// One server over another.
#[derive(Clone, Debug)]
pub(crate) struct Contest {
    /// File name of its report.
    pub(crate) name: &'static str,
    /// Heading of its table.
    pub(crate) title: &'static str,
    /// Who is compared.
    pub(crate) subject: Kind,
    /// With whom.
    pub(crate) yardstick: Kind,
    /// The shapes of load, each a row.
    pub(crate) rows: Vec<Goal>,
    /// What is asked.
    pub(crate) spec: WorkloadSpec,
    /// What a reader must know of it.
    pub(crate) note: String,
}

/// A row of a [`Contest`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// Load.
    pub(crate) shape: Shape,
    /// The ratio not to exceed; none if none is set.
    pub(crate) ratio: Option<f64>,
    /// What the yardstick cost on the machines that the goal was set on, µs per operation.
    pub(crate) expected_us: Option<f64>,
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
    driver: Driver,
    workload: Arc<Workload>,
    inflight: usize,
}

impl Driven {
    async fn run(&mut self, window: Duration, seed: u64) -> anyhow::Result<Run> {
        let before = procfs::cpu_time(self.server.pid())?;
        let sample = self.driver.run_for(&self.workload, self.inflight, window, seed).await?;
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

/// Gives a server the cache and the keys that the load reads, if it stores any.
pub(crate) async fn prepare(
    server: &Server,
    driver: &mut Driver,
    workload: &Arc<Workload>,
) -> anyhow::Result<()> {
    if !server.kind.stores() {
        return Ok(());
    }
    server.create_cache().await?;
    let sample = driver.preload(workload, 8).await?;
    if sample.error_count() > 0 {
        bail!("preloading failed: {:?}", sample.errors);
    }
    Ok(())
}

/// Runs a contest: every shape, and the yardstick against itself. Makes its report.
pub(crate) async fn measure(contest: &Contest, plan: &Plan, binaries: &Binaries) -> anyhow::Result<Report> {
    let subjects = match plan.only_aa {
        true => vec![&contest.yardstick],
        false => vec![&contest.subject, &contest.yardstick],
    };
    let keys = subjects.iter().any(|kind| kind.is_kura()).then_some(binaries.kura.as_path());
    let arena = Arena { plan, contest, binaries, accounts: [Account::new(keys)?, Account::new(keys)?] };
    let chosen = |goal: &&Goal| plan.shapes.is_empty() || plan.shapes.contains(&goal.shape);
    let goals: Vec<&Goal> = contest.rows.iter().filter(chosen).collect();
    if goals.is_empty() {
        bail!("{} has none of the shapes {:?}", contest.name, plan.shapes);
    }
    let (mut rows, mut raw, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let steal = procfs::steal_ticks();
    for goal in &goals {
        let mut seen = Vec::new();
        for &kind in &subjects {
            let (shape, yardstick) = (goal.shape, contest.yardstick.label());
            eprintln!("{} over {yardstick}, {shape}, {} pairs", kind.label(), plan.pairs);
            let pairs = arena.compare(kind, shape).await?;
            rows.push(row(contest, kind, goal, &pairs));
            seen.extend(pairs.iter().map(|pair| pair.yardstick.cpu_us_per_op));
            raw.push(json!({ "subject": kind.label(), "shape": shape, "pairs": pairs }));
        }
        notes
            .extend(goal.expected_us.map(|us| yardstick_note(&contest.yardstick, goal.shape, us, &mut seen)));
    }
    if plan.instructions {
        for goal in &goals {
            let (shape, account) = (goal.shape, &arena.accounts[0]);
            let counted = instructions::count(&subjects, binaries, account, shape, &contest.spec).await;
            notes.push(instructions_note(shape, &counted));
            raw.push(json!({ "instructions": counted.as_ref().ok(), "shape": shape }));
        }
    }
    notes.push(contest.note.clone());
    notes.push(format!(
        "One core for the server, one for the loader; {} s runs, order alternating; 16-byte keys, 64-byte values, \
         90:10; a token of {} bytes, which Kura checks. Steal during the runs: {} ticks.",
        plan.window.as_secs_f64(),
        arena.accounts[0].identity.token.len(),
        procfs::steal_ticks() - steal
    ));
    Ok(Report {
        name: contest.name.to_owned(),
        title: contest.title.to_owned(),
        origin: Origin::here(),
        notes,
        rows,
        raw: raw.into(),
    })
}

/// Where pairs are run.
struct Arena<'a> {
    plan: &'a Plan,
    contest: &'a Contest,
    binaries: &'a Binaries,
    /// One for either side: no two servers can have the same directory.
    accounts: [Account; 2],
}

impl Arena<'_> {
    async fn compare(&self, kind: &Kind, shape: Shape) -> anyhow::Result<Vec<Pair>> {
        let (plan, yardstick) = (self.plan, &self.contest.yardstick);
        let [ours, theirs] = &self.accounts;
        let mut pairs = Vec::with_capacity(plan.pairs);
        while pairs.len() < plan.pairs {
            let round = pairs.len() / PAIRS_A_ROUND;
            let count = PAIRS_A_ROUND.min(plan.pairs - pairs.len());
            let (mut subject, mut yardstick) = if round.is_multiple_of(2) {
                let subject = self.start(kind, ours, shape).await?;
                (subject, self.start(yardstick, theirs, shape).await?)
            } else {
                let yardstick = self.start(yardstick, theirs, shape).await?;
                (self.start(kind, ours, shape).await?, yardstick)
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

    async fn start(&self, kind: &Kind, account: &Account, shape: Shape) -> anyhow::Result<Driven> {
        let server = Server::start(kind.clone(), self.binaries, account, &[])?;
        let mut driver = server.driver(shape.connections, account).await?;
        let workload = Arc::new(Workload::new(&self.contest.spec)?);
        prepare(&server, &mut driver, &workload).await?;
        let mut driven = Driven { server, driver, workload, inflight: shape.inflight };
        driven.run(self.plan.window.min(Duration::from_millis(500)), 0).await?;
        Ok(driven)
    }
}

fn row(contest: &Contest, kind: &Kind, goal: &Goal, pairs: &[Pair]) -> Row {
    let ratios: Vec<f64> =
        pairs.iter().map(|pair| pair.subject.cpu_us_per_op / pair.yardstick.cpu_us_per_op).collect();
    let estimate = Estimate::of(&ratios);
    let of = |figure: fn(&Pair) -> f64| median(&mut pairs.iter().map(figure).collect::<Vec<_>>());
    let control = *kind == contest.yardstick;
    let judged = goal.ratio.filter(|_| !control);
    Row {
        figure: format!(
            "{} ÷ {}, {}{}",
            kind.label(),
            contest.yardstick.label(),
            goal.shape,
            if control { " (A/A)" } else { "" }
        ),
        value: format!("{:.3}", estimate.median),
        interval: format!("{:.3}–{:.3}", estimate.low, estimate.high),
        goal: judged.map_or_else(String::new, |ratio| format!("≤ {ratio:.2}")),
        met: judged.map(|ratio| estimate.meets(ratio)),
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
fn yardstick_note(kind: &Kind, shape: Shape, expected_us: f64, seen: &mut [f64]) -> String {
    let seen = median(seen);
    let off = (seen / expected_us - 1.0) * 100.0;
    let verdict = if off.abs() <= 25.0 {
        "within the 25 % allowed"
    } else {
        "**outside the 25 % allowed**: how many requests a wake-up finds decides how many system calls they share, and \
         that follows the machine and what else runs on it; both servers of a pair see the same"
    };
    format!("{} at {shape} took {seen:.2} µs, {off:+.0} % from {expected_us} µs: {verdict}.", kind.label())
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
        let note =
            |us| yardstick_note(&Kind::Yardstick, Shape { connections: 8, inflight: 8 }, 12.9, &mut [us]);
        assert!(note(12.0).contains("within"));
        assert!(note(20.0).contains("outside"));
    }
}
