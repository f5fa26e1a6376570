//! What the link's data plane costs: its kernel path and its forwarder over as many routers that only route.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::results::{Origin, Report, Row};
use crate::stats::{Estimate, median};

/// What the program measured: pairs of runs, in turn.
#[derive(Deserialize)]
struct Measured {
    figure: String,
    cores: String,
    pairs: Vec<(f64, f64)>,
}

/// A goal: a ratio not to exceed, or not to fall below.
enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

/// The goal of a figure; none for the routed path against itself, and for the relay that shows what a forwarder costs at
/// the least.
fn goal(figure: &str) -> Option<Goal> {
    match figure {
        "kernel ÷ routed, ping-pong" => Some(Goal::AtMost(1.15)),
        "forwarder ÷ routed, ping-pong" => Some(Goal::AtMost(1.35)),
        "forwarder ÷ kernel, throughput" => Some(Goal::AtLeast(0.6)),
        _ => None,
    }
}

/// How the program ends where the kernel forbids namespaces.
const FORBIDDEN: i32 = 3;

/// Runs the program `netns-test`, which makes the namespaces and the traffic, and makes the report. None where the
/// kernel forbids namespaces; the program has said so.
pub(crate) fn measure(program: &Path, quick: bool) -> anyhow::Result<Option<Report>> {
    let (pairs, millis) = if quick { ("1", "100") } else { ("15", "1000") };
    let state_dir = tempfile::tempdir()?;
    let run = Command::new(program)
        .arg("speed")
        .arg(state_dir.path())
        .args([pairs, millis])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("run {}", program.display()))?;
    if run.status.code() == Some(FORBIDDEN) {
        return Ok(None);
    }
    ensure!(run.status.success(), "{} ended with {}", program.display(), run.status);
    let measured: Vec<Measured> = serde_json::from_slice(&run.stdout).context("read the figures")?;
    let raw: serde_json::Value = serde_json::from_slice(&run.stdout)?;
    Ok(Some(Report {
        name: "link".to_owned(),
        title: "The link's paths over plain routers".to_owned(),
        origin: Origin::here(),
        notes: vec![
            "Routed: four namespaces in a row that only route, without packet filter, address translation or \
             connection tracking. Kernel: as many namespaces, a consumer's router with security groups, the endpoint, \
             the load balancer's node, a provider's router with security groups. Forwarder: the same with a PROXY \
             protocol header, carried by the forwarder between endpoint and node."
                .to_owned(),
            format!(
                "Ping-pong: 64 bytes to and fro on one connection, median of a run. Throughput: one connection, until \
                 all has arrived. Runs of {millis} ms, order alternating. Two cores: the client on one, server and \
                 forwarder on the other."
            ),
        ],
        rows: measured.iter().map(row).collect(),
        raw,
    }))
}

fn row(measured: &Measured) -> Row {
    let ratios: Vec<f64> = measured.pairs.iter().map(|(one, other)| one / other).collect();
    let estimate = Estimate::of(&ratios);
    let unit = if measured.figure.ends_with("throughput") { "Gbit/s" } else { "µs" };
    let of =
        |figure: fn(&(f64, f64)) -> f64| median(&mut measured.pairs.iter().map(figure).collect::<Vec<_>>());
    let goal = goal(&measured.figure);
    let is_control = measured.figure.starts_with("routed");
    let cores = if measured.cores == "One" { "one core" } else { "two cores" };
    Row {
        figure: format!("{}, {cores}{}", measured.figure, if is_control { " (A/A)" } else { "" }),
        value: format!("{:.3}", estimate.median),
        interval: format!("{:.3}–{:.3}", estimate.low, estimate.high),
        goal: match goal {
            Some(Goal::AtMost(limit)) => format!("≤ {limit:.2}"),
            Some(Goal::AtLeast(limit)) => format!("≥ {limit:.2}"),
            None => String::new(),
        },
        met: goal.map(|goal| match goal {
            Goal::AtMost(limit) => estimate.meets(limit),
            Goal::AtLeast(limit) => estimate.reaches(limit),
        }),
        beside: format!("{:.1} and {:.1} {unit}", of(|pair| pair.0), of(|pair| pair.1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(figure: &str, ratio: f64) -> Option<bool> {
        let pairs = vec![(ratio, 1.0); 15];
        row(&Measured { figure: figure.to_owned(), cores: "Two".to_owned(), pairs }).met
    }

    #[test]
    fn each_figure_is_judged_by_its_goal() {
        assert_eq!(judged("kernel ÷ routed, ping-pong", 1.1), Some(true));
        assert_eq!(judged("kernel ÷ routed, ping-pong", 1.2), Some(false));
        assert_eq!(judged("forwarder ÷ routed, ping-pong", 1.3), Some(true));
        assert_eq!(judged("forwarder ÷ kernel, throughput", 0.7), Some(true));
        assert_eq!(judged("forwarder ÷ kernel, throughput", 0.5), Some(false));
        assert_eq!(judged("routed ÷ routed, ping-pong", 3.0), None);
    }
}
