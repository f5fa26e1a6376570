//! Resident memory per item, beyond the bytes a user stores.

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use kura_load::client::Pool;
use kura_load::closed;
use kura_load::workload::{Workload, WorkloadSpec};
use serde_json::json;

use crate::procfs;
use crate::results::{Origin, Report, Row};
use crate::server::{Account, Binaries, Kind, Server};

/// Beyond its payload an item may take this many bytes.
const GOAL_BYTES: f64 = 40.0;
/// How many items the goal is for.
const ITEMS: u32 = 1_000_000;

/// Loads the items over the wire and reads what the process grew by.
pub(crate) async fn measure(binaries: &Binaries, quick: bool) -> anyhow::Result<Report> {
    let spec = WorkloadSpec {
        keys: if quick { ITEMS / 5 } else { ITEMS },
        read_percent: 100,
        ..WorkloadSpec::default()
    };
    let payload = (spec.key_bytes + spec.value_bytes) as f64;
    let workload = Arc::new(Workload::new(&spec)?);
    let account = Account::new(Some(&binaries.kura))?;
    let server = Server::start(Kind::Kura { memory: None }, binaries, &account, &[])?;
    server.create_cache().await?;
    let pool = Pool::connect(server.address, 8, &account.identity).await?;
    // Reads that miss bring connections, buffers and the token cache to life but store nothing.
    closed::run_for(&pool, &workload, 32, Duration::from_secs(1), 1).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let idle = procfs::resident_bytes(server.pid())?;
    eprintln!("loading {} items", spec.keys);
    let loaded = closed::preload(&pool, &workload, 32).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let full = procfs::resident_bytes(server.pid())?;
    let check = closed::run_for(&pool, &workload, 8, Duration::from_secs(1), 2).await?;
    if loaded.error_count() + check.error_count() + check.misses > 0 {
        bail!("errors {:?} {:?}, {} items missing", loaded.errors, check.errors, check.misses);
    }
    let beyond = full.saturating_sub(idle) as f64 / f64::from(spec.keys) - payload;
    Ok(Report {
        name: "memory".to_owned(),
        title: "Resident memory per item".to_owned(),
        origin: Origin::here(),
        notes: vec![
            format!(
                "{} items of 16+64 bytes with a TTL of one hour, set over the wire; VmRSS over that of the same \
                 process before, its connections already open; read back afterwards without a miss.",
                spec.keys
            ),
            "Fixed figures from the same kind of machine, not measured here: Redis 134, Valkey 103, memcached 81, \
             segcache 42 bytes."
                .to_owned(),
        ],
        rows: vec![Row {
            figure: "bytes per item beyond its payload".to_owned(),
            value: format!("{beyond:.1}"),
            interval: String::new(),
            goal: if quick { String::new() } else { format!("≤ {GOAL_BYTES:.0}") },
            met: (!quick).then_some(beyond <= GOAL_BYTES),
            beside: format!("resident {:.1} MiB idle, {:.1} MiB full", mebibytes(idle), mebibytes(full)),
        }],
        raw: json!({ "items": spec.keys, "idle_bytes": idle, "full_bytes": full, "load": loaded.summary(),
                     "read_back": check.summary() }),
    })
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
