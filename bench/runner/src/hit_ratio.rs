//! How often a small cache has what is asked for: look-aside reads of fixed traces, beside what well-known policies
//! would have kept.
//!
//! A Zipf trace is played over the wire. It and three harder ones are played against the store in this process too,
//! and against simulations that may keep as much as the store held at the end.

mod engine;
mod policies;
mod traces;

use std::sync::Arc;

use anyhow::bail;
use kura_load::client::Pool;
use kura_load::trace;
use kura_load::workload::{Workload, WorkloadSpec};
use serde_json::json;

use crate::results::{Origin, Report, Row};
use crate::server::{Account, Binaries, Kind, Server};
use policies::Policy;
use traces::Trace;

/// The least share of reads that find their key, over the wire.
const GOAL: f64 = 0.860;
/// The least of what full-history LFU finds, on the Zipf trace.
const GOAL_OF_LFU: f64 = 0.995;
/// The most that Kura may fall short of the best policy by, on the others.
const SHORT: f64 = 0.01;
/// Reads of a trace.
const REQUESTS: usize = 2_000_000;
/// Memory the server may take for items.
const MEMORY: &str = "8MiB";
/// What of it is for items: topics have half a MiB.
const ITEM_BYTES: u64 = (8 << 20) - (512 << 10);

/// Plays the traces.
pub(crate) async fn measure(binaries: &Binaries, quick: bool) -> anyhow::Result<Report> {
    let requests = if quick { REQUESTS / 10 } else { REQUESTS };
    let (mut rows, mut raw) = (Vec::new(), Vec::new());
    let (row, run) = over_the_wire(binaries, requests, quick).await?;
    rows.push(row);
    raw.push(run);
    for make in [Trace::zipf, Trace::scans, Trace::shifting, Trace::mixed] {
        let compared = Compared::play(&make(requests))?;
        rows.extend(compared.rows(quick));
        raw.push(compared.raw());
    }
    Ok(Report {
        name: "hit-ratio".to_owned(),
        title: format!("Hit ratio with {MEMORY}"),
        origin: Origin::here(),
        notes: vec![
            format!(
                "{requests} reads a trace of keys of 16 bytes, a miss written back. Zipf(1.0) over 200,000 keys with \
                 values of 100 bytes, over the wire with 32 requests in flight, the trace's order kept but for those; \
                 the rest in process, one request after the other. Scan-polluted: a quarter of the requests are scans \
                 of 10,000 over as many other keys. Shifting: every 20,000 requests the keys move down 500 ranks. \
                 Mixed sizes: values of 16 to 4,000 bytes, whatever their popularity."
            ),
            "The policies are simulated with as many items as Kura held at the end; with mixed sizes with as many \
             bytes of keys and values. LFU keeps the counts of what it gave up; S3-FIFO has a small queue of a tenth."
                .to_owned(),
            "Fixed figures, not measured here: Valkey LFU 0.848, segcache S3-FIFO 0.843; no limit at all 0.920."
                .to_owned(),
        ],
        rows,
        raw: json!(raw),
    })
}

async fn over_the_wire(
    binaries: &Binaries,
    requests: usize,
    quick: bool,
) -> anyhow::Result<(Row, serde_json::Value)> {
    let spec = WorkloadSpec {
        keys: 200_000,
        zipf: Some(1.0),
        value_bytes: 100,
        read_percent: 100,
        ..WorkloadSpec::default()
    };
    let workload = Arc::new(Workload::new(&spec)?);
    let account = Account::new(Some(&binaries.kura))?;
    let server = Server::start(Kind::Kura { memory: Some(MEMORY.to_owned()) }, binaries, &account, &[])?;
    server.create_cache().await?;
    let pool = Pool::connect(server.address, 8, &account.identity).await?;
    eprintln!("{requests} look-aside requests over the wire");
    let sample = trace::look_aside(&pool, &workload, trace::draw(&workload, requests, 1), 4).await?;
    if sample.error_count() > 0 || sample.hits + sample.misses != requests as u64 {
        bail!("errors {:?}; {} hits, {} misses", sample.errors, sample.hits, sample.misses);
    }
    let ratio = sample.hits as f64 / requests as f64;
    let row = Row {
        figure: "share of reads that found their key".to_owned(),
        value: format!("{ratio:.4}"),
        interval: String::new(),
        goal: if quick { String::new() } else { format!("≥ {GOAL:.3}") },
        met: (!quick).then_some(ratio >= GOAL),
        beside: format!("{} writes in {:.0} s", sample.misses, sample.elapsed.as_secs_f64()),
    };
    Ok((row, json!({ "requests": requests, "memory": MEMORY, "run": sample.summary() })))
}

/// A trace in Kura and in the simulations.
struct Compared {
    trace: &'static str,
    kura: f64,
    /// What the simulations may hold: items, or bytes of keys and values where sizes differ.
    capacity: u64,
    unit: &'static str,
    policies: Vec<(Policy, f64)>,
}

impl Compared {
    fn play(trace: &Trace) -> anyhow::Result<Self> {
        eprintln!("{} in process", trace.name);
        let played = engine::play(trace, ITEM_BYTES)?;
        let first = trace.value_bytes.first();
        let sizes_differ = trace.value_bytes.iter().any(|bytes| Some(bytes) != first);
        let (capacity, unit) =
            if sizes_differ { (played.payload_bytes, "bytes") } else { (played.items, "items") };
        let weight = |key: u32| match sizes_differ {
            true => engine::KEY_BYTES + u64::from(trace.value_bytes[key as usize]),
            false => 1,
        };
        let policies = Policy::ALL.map(|policy| (policy, policy.hit_ratio(trace, capacity, weight))).to_vec();
        Ok(Self { trace: trace.name, kura: played.hit_ratio, capacity, unit, policies })
    }

    fn rows(&self, quick: bool) -> Vec<Row> {
        let each: Vec<String> =
            self.policies.iter().map(|(policy, ratio)| format!("{} {ratio:.4}", policy.label())).collect();
        let beside = format!("kura {:.4}; {}; {} {}", self.kura, each.join(", "), self.capacity, self.unit);
        let row = |figure: &str, value: String, goal: String, met: bool| Row {
            figure: format!("{}, {figure}", self.trace),
            value,
            interval: String::new(),
            goal: if quick { String::new() } else { goal },
            met: (!quick).then_some(met),
            beside: beside.clone(),
        };
        let best = self.policies.iter().map(|(_, ratio)| *ratio).fold(0.0, f64::max);
        let less = self.kura - best;
        let goal = format!("≥ -{SHORT:.3}");
        let mut rows = vec![row("kura less the best policy", format!("{less:+.4}"), goal, less >= -SHORT)];
        if self.trace == traces::ZIPF {
            let lfu = self.policies.iter().find(|(policy, _)| *policy == Policy::Lfu);
            let of_lfu = self.kura / lfu.map_or(f64::NAN, |(_, ratio)| *ratio);
            let goal = format!("≥ {GOAL_OF_LFU}");
            let met = of_lfu >= GOAL_OF_LFU;
            rows.push(row("kura ÷ full-history LFU", format!("{of_lfu:.4}"), goal, met));
        }
        rows
    }

    fn raw(&self) -> serde_json::Value {
        let policies: serde_json::Map<String, serde_json::Value> =
            self.policies.iter().map(|(policy, ratio)| (policy.label().to_owned(), json!(ratio))).collect();
        json!({ "trace": self.trace, "kura": self.kura, "capacity": self.capacity, "unit": self.unit,
                "policies": policies })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_keeps_up_with_the_policies_on_every_trace() -> anyhow::Result<()> {
        for make in [Trace::zipf, Trace::scans, Trace::shifting, Trace::mixed] {
            let compared = Compared::play(&make(600_000))?;
            for row in compared.rows(false) {
                assert_eq!(row.met, Some(true), "{}: {}; {}", row.figure, row.value, row.beside);
            }
        }
        Ok(())
    }
}
