//! How long a command takes over RESP when the server is not at its limit, beside Redis.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use kura_load::driver::Driver;
use kura_load::report::Summary;
use kura_load::workload::Workload;
use serde_json::json;

use crate::contests;
use crate::procfs;
use crate::ratio::{Shape, prepare};
use crate::results::{Origin, Report, Row};
use crate::server::{Account, Binaries, Kind, Server};
use crate::stats::{Estimate, median};

/// Kura's p99 over Redis' at most.
const GOAL: f64 = 1.15;
/// Share of Redis' peak that is offered to both.
const SHARE: f64 = 0.4;
/// Connections that requests go over in turn.
const SHAPE: Shape = Shape { connections: 64, inflight: 1 };
/// Runs of either.
const RUNS: usize = 9;

/// Finds Redis' peak and offers a part of it to both in turn.
pub(crate) async fn measure(binaries: &Binaries, version: &str, quick: bool) -> anyhow::Result<Report> {
    let contest = contests::resp(version);
    let (runs, window) = if quick { (3, Duration::from_millis(300)) } else { (RUNS, Duration::from_secs(4)) };
    let account = Account::new(Some(&binaries.kura))?;
    let workload = Arc::new(Workload::new(&contest.spec)?);
    let mut redis = start(&contest.yardstick, binaries, &account, &workload).await?;
    let mut kura = start(&contest.subject, binaries, &account, &workload).await?;
    let mut peaks = Vec::new();
    for seed in 0..3 {
        let window = window.min(Duration::from_secs(1));
        let sample = redis.1.run_for(&workload, SHAPE.inflight, window, seed).await?;
        peaks.push(sample.ops_per_second());
    }
    let peak = median(&mut peaks);
    let rate = peak * SHARE;
    let steal = procfs::steal_ticks();
    let mut raw = Vec::new();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..runs {
        let seed = run as u64 + 1;
        let steal = procfs::steal_ticks();
        let (kura, redis) = if run % 2 == 0 {
            let kura = offer(&mut kura, &workload, rate, window, seed).await?;
            (kura, offer(&mut redis, &workload, rate, window, seed).await?)
        } else {
            let redis = offer(&mut redis, &workload, rate, window, seed).await?;
            (offer(&mut kura, &workload, rate, window, seed).await?, redis)
        };
        raw.push(json!({ "kura": kura, "redis": redis, "steal_ticks": procfs::steal_ticks() - steal }));
        ours.push(kura);
        theirs.push(redis);
    }
    let steal = procfs::steal_ticks() - steal;
    let rows = vec![
        row("p99", |run| run.p99_us, &ours, &theirs, Some(GOAL)),
        row("p99.9", |run| run.p999_us, &ours, &theirs, None),
        row("p50", |run| run.p50_us, &ours, &theirs, None),
    ];
    Ok(Report {
        name: "latency".to_owned(),
        title: "RESP: latency at a steady rate, over Redis".to_owned(),
        origin: Origin::here(),
        notes: vec![
            format!(
                "Open loop at {rate:.0} requests a second, {:.0} % of the {peak:.0} that Redis answered in a closed \
                 loop at {SHAPE}; over {} connections in turn, {} s a run, order alternating. Latency counts from \
                 the time a request was due. Steal during the runs: {steal} ticks.",
                SHARE * 100.0,
                SHAPE.connections,
                window.as_secs_f64()
            ),
            contest.note,
        ],
        rows,
        raw: raw.into(),
    })
}

async fn start(
    kind: &Kind,
    binaries: &Binaries,
    account: &Account,
    workload: &Arc<Workload>,
) -> anyhow::Result<(Server, Driver)> {
    let server = Server::start(kind.clone(), binaries, account, &[])?;
    let mut driver = server.driver(SHAPE.connections, account).await?;
    prepare(&server, &mut driver, workload).await?;
    driver.run_for(workload, SHAPE.inflight, Duration::from_millis(300), 0).await?;
    Ok((server, driver))
}

async fn offer(
    (server, driver): &mut (Server, Driver),
    workload: &Arc<Workload>,
    rate: f64,
    window: Duration,
    seed: u64,
) -> anyhow::Result<Summary> {
    let sample = driver.run_open(workload, rate, window, seed).await?;
    if sample.error_count() > 0 || sample.misses > 0 {
        bail!("{}: errors {:?}, {} misses", server.kind.label(), sample.errors, sample.misses);
    }
    Ok(sample.summary())
}

fn row(
    name: &str,
    figure: fn(&Summary) -> f64,
    ours: &[Summary],
    theirs: &[Summary],
    goal: Option<f64>,
) -> Row {
    let ratios: Vec<f64> =
        ours.iter().zip(theirs).map(|(ours, theirs)| figure(ours) / figure(theirs)).collect();
    let estimate = Estimate::of(&ratios);
    let of = |runs: &[Summary]| median(&mut runs.iter().map(figure).collect::<Vec<_>>());
    Row {
        figure: format!("kura ÷ Redis, {name}"),
        value: format!("{:.3}", estimate.median),
        interval: format!("{:.3}–{:.3}", estimate.low, estimate.high),
        goal: goal.map_or_else(String::new, |goal| format!("≤ {goal:.2}")),
        met: goal.map(|goal| estimate.meets(goal)),
        beside: format!("{:.0} µs and {:.0} µs, medians of {} runs", of(ours), of(theirs), ours.len()),
    }
}
