//! The article's performance check, by the public path and by the endpoint: 100 writes, then 100 reads.
//!
//! `momento`'s channel is measured from one host, a call on each path in turn. The SDKs know one endpoint each, so
//! their public path is that of a host in a VPC without endpoints, at as many hops; the two take turns, process by
//! process, the order alternating.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    CELL, PUBLIC_ADDRESS,
    host::{Host, Way},
    world::World,
};
use crate::{
    project::Project,
    report::{Comparison, Times},
    server::authority,
    setup,
};

/// The article's numbers.
const ITEMS: &str = "100";

/// Rounds of each client. Odd: there is a middle one.
const ROUNDS: usize = 15;

/// One check takes a second.
const LIMIT: Duration = Duration::from_secs(120);

/// An official SDK, used as published.
#[derive(Clone, Copy)]
pub(crate) enum Sdk {
    Python,
    Node,
}

/// `kura bench check` on the host, which calls as `momento` does.
pub(crate) fn momento(world: &World<'_>, host: &Host, key: &str) -> Result<Comparison> {
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        // Each is the first of the two as often as the other.
        let order = if round % 2 == 0 { [Way::Public, Way::Private] } else { [Way::Private, Way::Public] };
        let mut run = host.client(world, "kura").args(["bench", "check"]);
        for way in order {
            run = run.args(["--target", &format!("{}=https://{CELL}", way.name())]).args(way.connect_to());
        }
        let run = run.args(["--writes", ITEMS, "--reads", ITEMS, "--json"]).env("MOMENTO_API_KEY", key);
        let said = host.show(&run.limit(LIMIT))?;
        let answer: Value = serde_json::from_str(&said.out.join("\n")).context("the check's JSON")?;
        let of = |way: Way| -> Result<Times> {
            let target = answer["targets"][way.name()].clone();
            let address = target["address"].as_str().unwrap_or_default();
            let is_public = address.starts_with(&format!("{PUBLIC_ADDRESS}:"));
            ensure!(is_public == (way == Way::Public), "the {} path went to {address}", way.name());
            serde_json::from_value(target).context("the check's times")
        };
        rounds.push((of(Way::Public)?, of(Way::Private)?));
    }
    Ok(compared("momento", &rounds))
}

/// The SDK's own check, in turn on a host without endpoints and on one with them.
pub(crate) fn sdk(
    world: &World<'_>,
    sdk: Sdk,
    public: &Host,
    private: &Host,
    key: &str,
) -> Result<Comparison> {
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let (first, second) = if round % 2 == 0 { (public, private) } else { (private, public) };
        let (first, second) = (once(world, sdk, first, key)?, once(world, sdk, second, key)?);
        rounds.push(if round % 2 == 0 { (first, second) } else { (second, first) });
    }
    Ok(compared(sdk.name(), &rounds))
}

fn once(world: &World<'_>, sdk: Sdk, host: &Host, key: &str) -> Result<Times> {
    let authority = authority(&world.data());
    let run = world.inside(&host.instance).args(sdk.command(world.project)?);
    let run = run
        .env("KURA_MODE", "v2")
        .env("KURA_API_KEY", key)
        .env("KURA_ENDPOINT", CELL)
        .env("KURA_CA", &authority)
        .env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", &authority)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let said = host.show(&run.limit(LIMIT))?;
    ensure!(said.out.iter().any(|line| line == "foo: bar"), "a get after a set should give bar");
    let last = said.out.last().context("it printed nothing")?;
    serde_json::from_str(last).with_context(|| format!("its last line has no times: {last}"))
}

impl Sdk {
    /// What the report calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
        }
    }

    fn command(self, project: &Project) -> Result<Vec<std::path::PathBuf>> {
        Ok(match self {
            Self::Python => vec![setup::python(project)?, project.source("conformance/python/check.py")],
            Self::Node => vec!["node".into(), setup::node(project)?.join("check.mjs")],
        })
    }
}

/// The middle of (public, private) rounds, shown.
///
/// A busy moment of the machine falls on both ways of a round, so rounds are compared and not all times with all: of
/// the writes, and of the reads, that round counts whose ratio is the median.
fn compared(client: &str, rounds: &[(Times, Times)]) -> Comparison {
    let writes = middle(rounds.iter().map(|(public, private)| (public.writes_ms, private.writes_ms)));
    let reads = middle(rounds.iter().map(|(public, private)| (public.reads_ms, private.reads_ms)));
    let public = Times { writes_ms: writes.0, reads_ms: reads.0 };
    let private = Times { writes_ms: writes.1, reads_ms: reads.1 };
    let (ratio_writes, ratio_reads) = (rounded(writes.1 / writes.0), rounded(reads.1 / reads.0));
    println!("\n{client}, {ITEMS} calls each: the median of {} rounds", rounds.len());
    println!("{:<9} {:>10} {:>10}", "", "writes ms", "reads ms");
    for (way, times) in [("public", public), ("private", private)] {
        println!("{way:<9} {:>10.3} {:>10.3}", times.writes_ms, times.reads_ms);
    }
    println!("{:<9} {ratio_writes:>10.3} {ratio_reads:>10.3}", "ratio");
    Comparison { public, private, ratio_writes, ratio_reads }
}

/// The pair whose ratio is the median.
fn middle(pairs: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let mut sorted: Vec<(f64, f64)> = pairs.collect();
    sorted.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let (public, private) = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    (rounded(public), rounded(private))
}

/// To a thousandth.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_with_the_median_ratio_counts() {
        let times = |ms: f64| Times { writes_ms: ms, reads_ms: ms / 2.0 };
        let rounds = [(times(10.0), times(30.0)), (times(900.0), times(990.0)), (times(11.0), times(9.0))];
        let found = compared("x", &rounds);
        assert_eq!((found.public, found.private), (times(900.0), times(990.0)));
        assert_eq!((found.ratio_writes, found.ratio_reads), (1.1, 1.1));
    }
}
