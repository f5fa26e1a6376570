//! Twice what a server can do, for a minute: how much of it is still answered in time, and how soon all is well again.

mod calls;
mod quota;
mod schedule;
mod streams;

use std::slice::from_ref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use kura_load::bare::Protocol;
use kura_load::client::Pool;
use kura_load::socket::Target;
use kura_load::workload::{Workload, WorkloadSpec};
use rustix::time::{ClockId, Timespec, clock_gettime};
use serde_json::json;
use tokio::sync::Semaphore;

use self::quota::Quota;
use self::schedule::{Phase, Schedule, Tally};
use crate::procfs;
use crate::ratio::prepare;
use crate::results::{Origin, Report, Row};
use crate::server::{Account, Binaries, Kind, Server};

/// Of its peak, a server must still answer this share in time.
const GOAL: f64 = 0.80;
/// How long after the load has fallen all must be well again.
const RECOVERY: Duration = Duration::from_secs(2);
/// The load before and after, of the peak.
const CALM: f64 = 0.5;
/// The load meanwhile, of the peak.
const OVERLOAD: f64 = 2.0;

/// What a sender's buffer is on a network: ten segments of 1,448 bytes and what the kernel adds to them. On loopback,
/// whose segments have 64 KiB, it would be 2.5 MB, and so many requests that none of their callers waits for.
const SEND_BUFFER: u32 = 87_040;

/// A protocol, how it is driven, and how long its callers wait.
struct Case {
    name: &'static str,
    kind: Kind,
    connections: usize,
    /// Requests in flight on each when the peak is looked for.
    inflight: usize,
    deadline: Duration,
    /// Requests that may wait at a connection before it can take them.
    most_waiting: usize,
    /// What the server has of a core, percent.
    percent: u32,
}

/// As many as wait where clients bound what they hold.
const FEW: usize = 100;
/// gRPC calls that they have open on a connection.
const STREAMS: usize = 100;
/// Where they do not, and only the deadline ends the waiting.
const ANY: usize = usize::MAX;

/// The Rust SDK's deadline is 500 ms in its low-latency configuration, and 1.1 s in the one for a region.
const CASES: [Case; 7] = [
    Case::new("gRPC", Kind::Kura { memory: None }, (8, 64), 500, FEW, 50),
    Case::new("gRPC", Kind::Kura { memory: None }, (64, 8), 1100, FEW, 20),
    Case::new("gRPC", Kind::Kura { memory: None }, (8, 64), 500, ANY, 20),
    Case::new("protosocket", Kind::KuraProtosocket, (8, 256), 500, FEW, 50),
    Case::new("RESP", Kind::KuraResp, (8, 256), 500, FEW, 50),
    Case::new("RESP", Kind::KuraResp, (50, 64), 1100, FEW, 50),
    Case::new("RESP", Kind::KuraResp, (8, 256), 500, ANY, 50),
];

impl Case {
    const fn new(
        name: &'static str,
        kind: Kind,
        shape: (usize, usize),
        deadline_millis: u64,
        most_waiting: usize,
        percent: u32,
    ) -> Self {
        let deadline = Duration::from_millis(deadline_millis);
        Self { name, kind, connections: shape.0, inflight: shape.1, deadline, most_waiting, percent }
    }

    /// How much of its peak a server of even speed that answers at once can answer in time where every request may
    /// wait at its client, first come, first served. The longer that goes on, the older is what stands in front: by as
    /// much as comes more than goes. Once it is as old as its caller waits, what is sent has no time left.
    fn most_in_time(&self, length: Duration) -> f64 {
        let until_old = self.deadline.as_secs_f64() * OVERLOAD / (OVERLOAD - 1.0);
        (until_old / length.as_secs_f64()).min(1.0)
    }

    fn title(&self) -> String {
        let waiting = if self.most_waiting == ANY { "any may wait" } else { "few may wait" };
        format!("{} {}×{}, {waiting}", self.name, self.connections, self.inflight)
    }
}

/// How long each part takes.
struct Lengths {
    peak: Duration,
    before: Duration,
    overload: Duration,
    after: Duration,
}

/// Offers every protocol twice its peak.
pub(crate) async fn measure(binaries: &Binaries, only: Option<&str>, quick: bool) -> anyhow::Result<Report> {
    let seconds = Duration::from_secs;
    let lengths = match quick {
        true => Lengths { peak: seconds(1), before: seconds(1), overload: seconds(3), after: seconds(3) },
        false => Lengths { peak: seconds(5), before: seconds(5), overload: seconds(60), after: seconds(8) },
    };
    let account = Account::new(Some(&binaries.kura))?;
    let (mut rows, mut raw, mut made_by) = (Vec::new(), Vec::new(), "");
    for case in CASES.iter().filter(|case| only.is_none_or(|only| case.name.eq_ignore_ascii_case(only))) {
        eprintln!("{}: twice its peak", case.title());
        let run = run(case, &lengths, binaries, &account).await?;
        rows.extend(run.rows(case, quick));
        raw.push(run.to_json(case));
        made_by = run.made_by;
    }
    ensure!(
        !rows.is_empty(),
        "no protocol {}; there are gRPC, protosocket and RESP",
        only.unwrap_or_default()
    );
    Ok(Report {
        name: "overload".to_owned(),
        title: "Twice the peak, with a part of a core".to_owned(),
        origin: Origin::here(),
        notes: vec![format!(
            "The server has a part of a core ({made_by}), so small that the loader can ask for twice what it does. Its peak is what the closed loop of the row reaches. Then \
             requests come on a schedule: half of the peak for {} s, twice the peak for {} s, half of it for {} s. A \
             caller gives up at its deadline, counted from when the request was due: one that was not sent by then \
             never is, a gRPC call that was is reset. gRPC callers wait for a stream as hyper has them wait; where few may wait, a caller that finds {FEW} requests waiting \
             at its connection gives up at once. In time: answered within the deadline. All is well again {} s after the \
             load has fallen, if whatever is due from then on is answered in time. The machine's load in the minute \
             before the end: {}.",
            lengths.before.as_secs(),
            lengths.overload.as_secs(),
            lengths.after.as_secs(),
            RECOVERY.as_secs(),
            procfs::load()
        )],
        rows,
        raw: json!(raw),
    })
}

struct Run {
    /// Requests a second.
    peak: f64,
    /// Before, meanwhile, the first moments after, and then.
    phases: Vec<(Phase, Tally)>,
    /// What server and loader took of a core, from the first request to the last answer.
    busy: [f64; 2],
    made_by: &'static str,
}

async fn run(case: &Case, lengths: &Lengths, binaries: &Binaries, account: &Account) -> anyhow::Result<Run> {
    let server = Server::start(case.kind.clone(), binaries, account, &[])?;
    let quota = Quota::of(case.percent, server.pid())?;
    let workload = Arc::new(Workload::new(&WorkloadSpec { keys: 10_000, ..WorkloadSpec::default() })?);
    let mut driver = server.driver(case.connections, account).await?;
    prepare(&server, &mut driver, &workload).await?;
    let sample = driver.run_for(&workload, case.inflight, lengths.peak, 1).await?;
    ensure!(sample.error_count() == 0, "the peak had errors: {:?}", sample.errors);
    drop(driver);
    let peak = sample.ops_per_second();
    let schedule = Arc::new(lengths.schedule(peak, case));
    let (address, identity) = (server.target().address, &account.identity);
    let bare = |protocol| {
        let connections = case.connections as u64;
        streams::offer(address, protocol, connections, identity, &workload, &schedule)
    };
    let busy = || anyhow::Ok((procfs::cpu_time(server.pid())?, clock_gettime(ClockId::ProcessCPUTime)));
    let (start, before) = (Instant::now(), busy()?);
    let tallies = match case.kind {
        Kind::KuraResp => bare(Protocol::Resp).await?,
        Kind::KuraProtosocket => bare(Protocol::Protosocket).await?,
        _ => {
            let target = Target { send_buffer: Some(SEND_BUFFER), ..Target::from(address) };
            let pool =
                Pool::connect_with(target, case.connections, from_ref(identity), case.deadline).await?;
            calls::offer(&pool, &workload, &schedule).await?
        }
    };
    let (after, took) = (busy()?, start.elapsed().as_secs_f64());
    let loader = |time: Timespec| time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    let busy = [(after.0 - before.0).as_secs_f64() / took, (loader(after.1) - loader(before.1)) / took];
    let made_by = quota.made_by();
    drop(server);
    drop(quota);
    Ok(Run { peak, phases: schedule.phases.iter().copied().zip(tallies).collect(), busy, made_by })
}

impl Lengths {
    fn schedule(&self, peak: f64, case: &Case) -> Schedule {
        let phase = |share: f64, length| Phase { rate: peak * share, length };
        let phases = vec![
            phase(CALM, self.before),
            phase(OVERLOAD, self.overload),
            phase(CALM, RECOVERY),
            phase(CALM, self.after.saturating_sub(RECOVERY)),
        ];
        let most_open = if case.most_waiting == FEW { STREAMS } else { Semaphore::MAX_PERMITS };
        Schedule { phases, deadline: case.deadline, most_waiting: case.most_waiting, most_open }
    }
}

impl Run {
    fn rows(&self, case: &Case, quick: bool) -> Vec<Row> {
        let [_, (overload, meanwhile), (_, at_once), (_, after)] = &self.phases[..] else {
            return Vec::new();
        };
        let goodput = meanwhile.good as f64 / overload.length.as_secs_f64() / self.peak;
        let share = |tally: &Tally| tally.good as f64 / tally.offered.max(1) as f64;
        let name = case.title();
        let refused: u64 = meanwhile.refused.values().sum();
        let judged = |met: bool| (!quick).then_some(met);
        let (goal, met, bound) = match (case.most_waiting, &case.kind) {
            // A goal that no server reaches says nothing of this one. gRPC callers take back what they give up, so there
            // one that reads fast enough can.
            (ANY, Kind::KuraResp) => {
                let most = case.most_in_time(overload.length);
                (
                    String::new(),
                    None,
                    format!("a server of even speed that answers at once reaches {most:.3}; "),
                )
            }
            _ => (format!("≥ {GOAL:.2}"), judged(goodput >= GOAL), String::new()),
        };
        vec![
            Row {
                figure: format!("{name}: answered in time at twice the peak, of the peak"),
                value: format!("{goodput:.3}"),
                interval: String::new(),
                goal,
                met,
                beside: format!(
                    "{bound}peak {:.0} a second; offered {}, in time {}, late {}, never sent {}, refused {refused}; p99 of \
                     those in time {:.0} ms of {} ms; {} % of a core for the server, over all phases {:.2} used, and \
                     {:.2} by the loader",
                    self.peak,
                    meanwhile.offered,
                    meanwhile.good,
                    meanwhile.late,
                    meanwhile.unsent,
                    meanwhile.quantile(0.99).as_secs_f64() * 1000.0,
                    case.deadline.as_millis(),
                    case.percent,
                    self.busy[0],
                    self.busy[1],
                ),
            },
            Row {
                figure: format!("{name}: answered in time from 2 s after it"),
                value: format!("{:.4}", share(after)),
                interval: String::new(),
                goal: "1".to_owned(),
                met: judged(after.good == after.offered),
                beside: format!(
                    "p99 {:.0} ms; of the 2 s before {:.3}",
                    after.quantile(0.99).as_secs_f64() * 1000.0,
                    share(at_once)
                ),
            },
        ]
    }

    fn to_json(&self, case: &Case) -> serde_json::Value {
        let phases: Vec<_> = self
            .phases
            .iter()
            .map(|(phase, tally)| json!({ "rate": phase.rate, "seconds": phase.length, "tally": tally.to_json() }))
            .collect();
        json!({ "case": case.title(),
                "percent": case.percent, "busy": self.busy,
                "deadline_ms": case.deadline.as_millis() as u64, "peak": self.peak, "phases": phases })
    }
}
