//! User-mode instructions per operation: steadier than time, blind to the kernel.
//!
//! From the processor's counters through `perf stat` where the machine has them; a virtual machine often has not,
//! and then from two runs under valgrind that differ only in how much they were asked.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use kura_load::workload::{Workload, WorkloadSpec};
use rustix::process::{Pid, Signal};
use serde::Serialize;

use crate::ratio::{Shape, prepare};
use crate::server::{Account, Binaries, Kind, Server};

/// valgrind with everything off but the count.
const VALGRIND: [&str; 4] =
    ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"];

/// A count and where it is from.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Instructions {
    /// Whose.
    pub(crate) server: String,
    /// Instructions per operation.
    pub(crate) per_op: f64,
    /// What counted them.
    pub(crate) instrument: &'static str,
}

/// Counts for each of the servers, at one shape of load; `spec` says what is asked.
pub(crate) async fn count(
    kinds: &[&Kind],
    binaries: &Binaries,
    account: &Account,
    shape: Shape,
    spec: &WorkloadSpec,
) -> anyhow::Result<Vec<Instructions>> {
    let mut counted = Vec::new();
    // A few keys: what is counted must not depend on how many were preloaded.
    let workload = Arc::new(Workload::new(&WorkloadSpec { keys: 1000, ..spec.clone() })?);
    for &kind in kinds {
        let server = kind.label().to_owned();
        let counts = match by_counter(kind, binaries, account, shape, &workload).await {
            Ok(per_op) => Instructions { server, per_op, instrument: "perf" },
            Err(_) => {
                let (start, short) = by_valgrind(kind, binaries, account, shape, &workload, 1.0).await?;
                let (end, long) = by_valgrind(kind, binaries, account, shape, &workload, 4.0).await?;
                ensure!(long > short && end > start, "the longer run did not do more");
                Instructions { server, per_op: (end - start) / (long - short), instrument: "valgrind" }
            }
        };
        counted.push(counts);
    }
    Ok(counted)
}

async fn by_counter(
    kind: &Kind,
    binaries: &Binaries,
    account: &Account,
    shape: Shape,
    workload: &Arc<Workload>,
) -> anyhow::Result<f64> {
    let server = Server::start(kind.clone(), binaries, account, &[])?;
    let mut driver = server.driver(shape.connections, account).await?;
    prepare(&server, &mut driver, workload).await?;
    let perf = Command::new("perf")
        .args(["stat", "-x,", "-e", "instructions:u", "-p"])
        .arg(server.pid().to_string())
        .stderr(Stdio::piped())
        .spawn()
        .context("perf is not installed")?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sample = driver.run_for(workload, shape.inflight, Duration::from_secs(1), 1).await;
    let pid = Pid::from_raw(perf.id() as i32).context("perf has no process id")?;
    rustix::process::kill_process(pid, Signal::INT).ok();
    let output = perf.wait_with_output()?;
    let total =
        parse_perf(&String::from_utf8_lossy(&output.stderr)).context("no instruction counter here")?;
    Ok(total / sample?.ops.max(1) as f64)
}

/// The instructions of a whole run of `seconds`, and its operations.
async fn by_valgrind(
    kind: &Kind,
    binaries: &Binaries,
    account: &Account,
    shape: Shape,
    workload: &Arc<Workload>,
    seconds: f64,
) -> anyhow::Result<(f64, f64)> {
    let server = Server::start(kind.clone(), binaries, account, &VALGRIND).context("valgrind")?;
    let mut driver = server.driver(shape.connections, account).await?;
    prepare(&server, &mut driver, workload).await?;
    let window = Duration::from_secs_f64(seconds);
    let sample = driver.run_for(workload, shape.inflight, window, 1).await?;
    if sample.error_count() > 0 {
        bail!("errors under valgrind: {:?}", sample.errors);
    }
    drop(driver);
    let text = server.stop().await?;
    Ok((parse_valgrind(&text).context("valgrind said no total")?, sample.ops as f64))
}

/// The count of perf's line `1234,,instructions:u,…`; none for `<not supported>`.
fn parse_perf(text: &str) -> Option<f64> {
    text.lines().find(|line| line.contains("instructions"))?.split(',').next()?.parse().ok()
}

/// The count of valgrind's line `==7== I   refs:      1,234`.
fn parse_valgrind(text: &str) -> Option<f64> {
    let (_, count) = text.lines().rev().find(|line| line.contains("refs:"))?.split_once("refs:")?;
    count.replace(',', "").trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perf_and_valgrind_are_read() {
        assert_eq!(parse_perf("123456,,instructions:u,99,100.00,,\n"), Some(123_456.0));
        assert_eq!(parse_perf("<not supported>,,instructions:u,0,100.00,,\n"), None);
        assert_eq!(parse_valgrind("==7== \n==7== I refs:        8,123,456\n"), Some(8_123_456.0));
        assert_eq!(parse_valgrind("==7== no such line\n"), None);
    }
}
