//! What becomes of the cost over bare tonic as there are more items, caches and connections.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use kura_load::client::{DEADLINE, Identity, Pool};
use kura_load::closed;
use kura_load::workload::{Workload, WorkloadSpec};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::procfs;
use crate::results::{Origin, Report, Row};
use crate::server::{Account, Binaries, CACHE, Kind, Server};
use crate::stats::{Estimate, median};

/// How many times its value at 8×8 a ratio may become.
pub(crate) const GOAL: f64 = 1.25;
/// Pairs of runs a point.
const PAIRS: usize = 15;
/// How long a server may go on with what it does after the last answer before its account is read.
const SETTLE: Duration = Duration::from_millis(5);

/// How much there is of everything at one point.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    /// The curves that it lies on: `items`, `caches`, `connections`.
    pub(crate) axes: Vec<String>,
    items: u32,
    caches: u32,
    connections: u32,
    /// Requests in flight on each connection.
    inflight: u32,
    /// CPU µs per operation, Kura's and bare tonic's, run by run.
    pairs: Vec<(f64, f64)>,
    /// Of their ratio.
    pub(crate) estimate: Estimate,
}

impl Point {
    /// How many there are of what an axis counts.
    pub(crate) fn count(&self, axis: &str) -> u32 {
        match axis {
            "items" => self.items,
            "caches" => self.caches,
            _ => self.connections,
        }
    }
}

/// A point to be measured: its axes, items, caches, connections and requests in flight on each.
type Wanted = (&'static [&'static str], u32, u32, u32, u32);

/// The first is what the others are compared with.
const POINTS: [Wanted; 8] = [
    (&["items", "caches"], 100_000, 1, 8, 8),
    (&["items"], 1_000, 1, 8, 8),
    (&["items"], 10_000_000, 1, 8, 8),
    (&["caches"], 100_000, 30, 8, 8),
    (&["caches"], 100_000, 1_000, 8, 8),
    (&["connections"], 100_000, 1, 64, 1),
    (&["connections"], 100_000, 1, 500, 1),
    (&["connections"], 100_000, 1, 4_000, 1),
];
/// The same in short.
const QUICK_POINTS: [Wanted; 4] = [
    (&["items", "caches"], 10_000, 1, 8, 8),
    (&["items"], 1_000, 1, 8, 8),
    (&["caches"], 10_000, 20, 8, 8),
    (&["connections"], 10_000, 1, 200, 1),
];

/// Measures all points.
pub(crate) async fn measure(binaries: &Binaries, quick: bool) -> anyhow::Result<Report> {
    let account = Account::of_all_caches(&binaries.kura)?;
    let (wanted, pairs, window): (&[Wanted], _, _) = match quick {
        true => (&QUICK_POINTS, 2, Duration::from_millis(100)),
        false => (&POINTS, PAIRS, Duration::from_millis(500)),
    };
    let mut points = Vec::new();
    for wanted in wanted {
        points.push(point(wanted, binaries, &account, pairs, window).await?);
    }
    let base = points.first().context("no point")?.estimate.median;
    Ok(Report {
        name: "growth".to_owned(),
        title: "Cost over bare tonic as work grows".to_owned(),
        origin: Origin::here(),
        notes: vec![format!(
            "Server CPU per operation over bare tonic's at the same shape, as in the table of ratios, {pairs} pairs of \
             {} ms a row on one start of each server; the value is that ratio over its value at 8×8 with 100,000 items \
             in one cache, {base:.3}. Items are of 16+64 bytes; of many caches each has the same keys, and every \
             request is for another cache.",
            window.as_millis()
        )],
        rows: points.iter().skip(1).map(|point| row(point, base, quick)).collect(),
        raw: json!(points),
    })
}

fn row(point: &Point, base: f64, quick: bool) -> Row {
    let over = |value: f64| value / base;
    let Point { items, caches, connections, inflight, estimate, pairs, .. } = point;
    let Estimate { median: middle, low, high } = *estimate;
    let relative = Estimate { median: over(middle), low: over(low), high: over(high) };
    let of = |figure: fn(&(f64, f64)) -> f64| median(&mut pairs.iter().map(figure).collect::<Vec<_>>());
    let figure = match point.axes.first().map(String::as_str) {
        Some("items") => format!("{} items, over that at 8×8", grouped(*items)),
        Some("caches") => format!("{} caches, over that at 8×8", grouped(*caches)),
        _ => format!("{} connections, over that at 8×8", grouped(*connections)),
    };
    Row {
        figure,
        value: format!("{:.3}", relative.median),
        interval: format!("{:.3}–{:.3}", relative.low, relative.high),
        goal: if quick { String::new() } else { format!("≤ {GOAL}") },
        met: (!quick).then(|| relative.meets(GOAL)),
        beside: format!(
            "{middle:.3}; {:.2} µs and {:.2} µs CPU at {connections}×{inflight}",
            of(|pair| pair.0),
            of(|pair| pair.1)
        ),
    }
}

/// A number with its thousands apart.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

async fn point(
    &(axes, items, caches, connections, inflight): &Wanted,
    binaries: &Binaries,
    account: &Account,
    count: usize,
    window: Duration,
) -> anyhow::Result<Point> {
    eprintln!("{items} items in {caches} caches, {connections}×{inflight}");
    let spec = WorkloadSpec { keys: items / caches, ..WorkloadSpec::default() };
    let workload = Arc::new(Workload::new(&spec)?);
    let identities: Vec<Identity> = (0..caches)
        .map(|number| match number {
            0 => account.identity.clone(),
            _ => Identity { cache: format!("{CACHE}-{number}"), ..account.identity.clone() },
        })
        .collect();
    let start = async |kind| {
        let server = Server::start(kind, binaries, account, &[])?;
        if server.kind != Kind::Yardstick {
            for identity in &identities {
                fill(&server, identity, &workload).await?;
            }
        }
        let pool = Pool::connect_with(server.address, connections as usize, &identities, DEADLINE).await?;
        closed::run_for(&pool, &workload, inflight as usize, window, 0).await?;
        anyhow::Ok((server, pool))
    };
    let kura = start(Kind::Kura { memory: None }).await?;
    let tonic = start(Kind::Yardstick).await?;
    let mut pairs = Vec::new();
    for seed in 1..=count as u64 {
        let run = async |(server, pool): &(Server, Pool)| {
            let before = procfs::cpu_time(server.pid())?;
            let sample = closed::run_for(pool, &workload, inflight as usize, window, seed).await?;
            tokio::time::sleep(SETTLE).await;
            let cpu = procfs::cpu_time(server.pid())?.saturating_sub(before);
            if sample.error_count() > 0 || sample.misses > 0 {
                bail!("{}: errors {:?}, {} misses", server.kind.label(), sample.errors, sample.misses);
            }
            anyhow::Ok(cpu.as_secs_f64() * 1e6 / sample.ops.max(1) as f64)
        };
        pairs.push(if seed % 2 == 0 {
            let ours = run(&kura).await?;
            (ours, run(&tonic).await?)
        } else {
            let theirs = run(&tonic).await?;
            (run(&kura).await?, theirs)
        });
    }
    let ratios: Vec<f64> = pairs.iter().map(|(ours, theirs)| ours / theirs).collect();
    let axes = axes.iter().map(|&axis| axis.to_owned()).collect();
    Ok(Point { axes, items, caches, connections, inflight, pairs, estimate: Estimate::of(&ratios) })
}

/// Makes a cache and writes all keys to it.
async fn fill(server: &Server, identity: &Identity, workload: &Arc<Workload>) -> anyhow::Result<()> {
    server.create_cache_named(&identity.cache).await?;
    let pool = Pool::connect(server.address, 1, identity).await?;
    let sample = closed::preload(&pool, workload, 64).await?;
    if sample.error_count() > 0 {
        bail!("filling cache {} failed: {:?}", identity.cache, sample.errors);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1000, 10_000_000].map(grouped), ["0", "999", "1,000", "10,000,000"]);
    }

    #[test]
    fn a_point_is_judged_by_the_first() {
        let point = Point {
            axes: vec!["caches".to_owned()],
            items: 1000,
            caches: 1000,
            connections: 8,
            inflight: 8,
            pairs: vec![(9.9, 10.0)],
            estimate: Estimate { median: 0.99, low: 0.95, high: 1.0 },
        };
        let row_over = |base| row(&point, base, false);
        assert_eq!((row_over(0.9).value.as_str(), row_over(0.9).met), ("1.100", Some(true)));
        assert_eq!((row_over(0.7).value.as_str(), row_over(0.7).met), ("1.414", Some(false)));
        assert_eq!(row_over(0.9).figure, "1,000 caches, over that at 8×8");
    }
}
