//! How often a small cache has what is asked for: a Zipf trace, look-aside, over the wire.

use std::sync::Arc;

use anyhow::bail;
use kura_load::client::Pool;
use kura_load::trace;
use kura_load::workload::{Workload, WorkloadSpec};
use serde_json::json;

use crate::results::{Origin, Report, Row};
use crate::server::{Account, Binaries, Kind, Server};

/// The least share of reads that find their key.
const GOAL: f64 = 0.850;
/// Reads of the trace the goal is for.
const REQUESTS: usize = 2_000_000;
/// Memory the server may take for items.
const MEMORY: &str = "8MiB";

/// Plays the trace against Kura.
pub(crate) async fn measure(binaries: &Binaries, quick: bool) -> anyhow::Result<Report> {
    let spec = WorkloadSpec {
        keys: 200_000,
        zipf: Some(1.0),
        value_bytes: 100,
        read_percent: 100,
        ..WorkloadSpec::default()
    };
    let requests = if quick { REQUESTS / 5 } else { REQUESTS };
    let workload = Arc::new(Workload::new(&spec)?);
    let account = Account::new(Some(&binaries.kura))?;
    let server = Server::start(Kind::Kura { memory: Some(MEMORY.to_owned()) }, binaries, &account, &[])?;
    server.create_cache().await?;
    let pool = Pool::connect(server.address, 8, &account.identity).await?;
    eprintln!("{requests} look-aside requests");
    let sample = trace::look_aside(&pool, &workload, trace::draw(&workload, requests, 1), 4).await?;
    if sample.error_count() > 0 || sample.hits + sample.misses != requests as u64 {
        bail!("errors {:?}; {} hits, {} misses", sample.errors, sample.hits, sample.misses);
    }
    let ratio = sample.hits as f64 / requests as f64;
    Ok(Report {
        name: "hit-ratio".to_owned(),
        title: format!("Hit ratio with {MEMORY}"),
        origin: Origin::here(),
        notes: vec![
            format!(
                "Zipf(1.0) over 200,000 keys of 16 bytes with values of 100; {requests} reads, a miss written \
                 back; 32 in flight, the trace's order kept but for those."
            ),
            "Fixed figures, not measured here: Valkey LFU 0.848; no limit at all 0.920.".to_owned(),
        ],
        rows: vec![Row {
            figure: "share of reads that found their key".to_owned(),
            value: format!("{ratio:.4}"),
            interval: String::new(),
            goal: if quick { String::new() } else { format!("≥ {GOAL:.3}") },
            met: (!quick).then_some(ratio >= GOAL),
            beside: format!("{} writes in {:.0} s", sample.misses, sample.elapsed.as_secs_f64()),
        }],
        raw: json!({ "requests": requests, "memory": MEMORY, "run": sample.summary() }),
    })
}
