//! `target/demo/report.json`: what held, step by step, what was seen of the network, and the check's figures.
//!
//! The file is written after every step and says `"ok": false` until the last one has held, so a run that is cut short
//! leaves a truthful report behind.

use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// The exit code of a demo with a step that could not run.
const NOT_RUN: u8 = 3;

/// Why a step does not hold.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It ran and came out wrong.
    Failed(anyhow::Error),
    /// It could not run here.
    Skipped(String),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// What a client took for its writes and reads, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Times {
    pub(crate) writes_ms: f64,
    pub(crate) reads_ms: f64,
}

/// One client's times by both ways, each the median of several rounds, and private ÷ public.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Comparison {
    pub(crate) public: Times,
    pub(crate) private: Times,
    pub(crate) ratio_writes: f64,
    pub(crate) ratio_reads: f64,
}

/// One thing that was shown.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Step {
    pub(crate) n: usize,
    pub(crate) title: String,
    pub(crate) ok: bool,
}

/// The file's content; what was not reached is left out.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Content {
    pub(crate) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skipped: Option<String>,
    pub(crate) steps: Vec<Step>,
    #[serde(flatten)]
    pub(crate) seen: Seen,
    /// By client.
    pub(crate) check: BTreeMap<String, Comparison>,
}

/// What was seen of the network, from inside the consumer's instance.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Seen {
    /// The cache name's addresses without endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolved_before: Option<Vec<Ipv4Addr>>,
    /// The cache name's addresses with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resolved_after: Option<Vec<Ipv4Addr>>,
    /// Whether a cache get over TLS comes back by the public address, while everything may leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_reachable_before_lockdown: Option<bool>,
    /// The same once only the endpoints' group may be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_reachable_after_lockdown: Option<bool>,
    /// The same by the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_reachable_after_lockdown: Option<bool>,
    /// Packets of the instance that left by the internet gateway, up to the lock-down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) packets_to_public_before_lockdown: Option<u64>,
    /// Those that left since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) packets_to_public_after_lockdown: Option<u64>,
    /// Those that its groups refused since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) packets_refused_after_lockdown: Option<u64>,
}

/// A run that does not go on.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A step did not hold; the report says which.
    Step,
    /// The report cannot be written.
    Report(anyhow::Error),
}

/// A report that is being written.
#[derive(Debug)]
pub(crate) struct Report {
    path: PathBuf,
    pub(crate) content: Content,
}

impl Report {
    /// A new one at `path`.
    pub(crate) fn begin(path: &Path) -> Result<Self> {
        let report = Self { path: path.to_owned(), content: Content::default() };
        report.write()?;
        Ok(report)
    }

    /// Does a step and notes how it came out and what it saw; what it made, if it held.
    pub(crate) fn step<T, E: Into<Trouble>>(
        &mut self,
        title: &str,
        run: impl FnOnce(&mut Seen) -> Result<T, E>,
    ) -> Result<T, Stopped> {
        let n = self.content.steps.len() + 1;
        println!("\n[{n}] {title}");
        let made = match run(&mut self.content.seen).map_err(Into::into) {
            Ok(made) => Ok(made),
            Err(Trouble::Failed(error)) => {
                println!("    failed: {error:#}");
                Err(Stopped::Step)
            }
            Err(Trouble::Skipped(reason)) => {
                println!("    could not run: {reason}");
                self.content.skipped.get_or_insert(reason);
                Err(Stopped::Step)
            }
        };
        self.content.steps.push(Step { n, title: title.to_owned(), ok: made.is_ok() });
        self.write().map_err(Stopped::Report)?;
        made
    }

    /// Notes what `client` took by both ways.
    pub(crate) fn measured(&mut self, client: &str, comparison: Comparison) {
        self.content.check.insert(client.to_owned(), comparison);
    }

    /// Writes the verdict on a run that was played to its end, or was not; the exit code that goes with it.
    pub(crate) fn finish(&mut self, complete: bool) -> Result<ExitCode> {
        let held = !self.content.steps.is_empty() && self.content.steps.iter().all(|step| step.ok);
        self.content.ok = complete && held;
        self.write()?;
        println!("\n{} says ok: {}", self.path.display(), self.content.ok);
        Ok(match (self.content.ok, &self.content.skipped) {
            (true, _) => ExitCode::SUCCESS,
            (false, Some(_)) => ExitCode::from(NOT_RUN),
            (false, None) => ExitCode::FAILURE,
        })
    }

    fn write(&self) -> Result<()> {
        let mut text = serde_json::to_string(&self.content)?;
        text.push('\n');
        fs::write(&self.path, text).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> (tempfile::TempDir, PathBuf, Report) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        let report = Report::begin(&path).unwrap();
        (dir, path, report)
    }

    #[test]
    fn a_report_has_exactly_the_promised_form() {
        let (_dir, path, mut report) = begun();
        let look = |seen: &mut Seen| {
            seen.resolved_before = Some(vec![Ipv4Addr::new(203, 0, 113, 10)]);
            seen.resolved_after = Some(vec![Ipv4Addr::new(172, 31, 11, 59)]);
            seen.public_reachable_before_lockdown = Some(true);
            seen.public_reachable_after_lockdown = Some(false);
            seen.private_reachable_after_lockdown = Some(true);
            seen.packets_to_public_before_lockdown = Some(40);
            seen.packets_to_public_after_lockdown = Some(0);
            seen.packets_refused_after_lockdown = Some(3);
            anyhow::Ok(())
        };
        report.step("look", look).unwrap();
        let (public, private) =
            (Times { writes_ms: 10.0, reads_ms: 8.0 }, Times { writes_ms: 11.0, reads_ms: 8.0 });
        report.measured("momento", Comparison { public, private, ratio_writes: 1.1, ratio_reads: 1.0 });
        assert_eq!(report.finish(true).unwrap(), ExitCode::SUCCESS);
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            "{\"ok\":true,\"steps\":[{\"n\":1,\"title\":\"look\",\"ok\":true}],\
             \"resolved_before\":[\"203.0.113.10\"],\"resolved_after\":[\"172.31.11.59\"],\
             \"public_reachable_before_lockdown\":true,\"public_reachable_after_lockdown\":false,\
             \"private_reachable_after_lockdown\":true,\"packets_to_public_before_lockdown\":40,\
             \"packets_to_public_after_lockdown\":0,\"packets_refused_after_lockdown\":3,\
             \"check\":{\"momento\":{\"public\":{\"writes_ms\":10.0,\"reads_ms\":8.0},\
             \"private\":{\"writes_ms\":11.0,\"reads_ms\":8.0},\"ratio_writes\":1.1,\"ratio_reads\":1.0}}}\n"
        );
    }

    #[test]
    fn a_step_that_could_not_run_is_not_held() {
        let (_dir, path, mut report) = begun();
        report.step("a", |_| anyhow::Ok(())).unwrap();
        let stopped = report.step::<(), _>("b", |_| Err(Trouble::Skipped("no node here".to_owned())));
        assert!(matches!(stopped, Err(Stopped::Step)));
        assert_eq!(report.finish(true).unwrap(), ExitCode::from(NOT_RUN));
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains("\"ok\":false,\"skipped\":\"no node here\""), "{text}");
    }

    #[test]
    fn a_run_cut_short_never_says_ok() {
        let (_dir, path, mut report) = begun();
        report.step("a", |_| anyhow::Ok(())).unwrap();
        assert!(fs::read_to_string(path).unwrap().starts_with("{\"ok\":false"));
        report.step::<(), _>("b", |_| Err(anyhow::anyhow!("wrong"))).unwrap_err();
        assert_eq!(report.finish(true).unwrap(), ExitCode::FAILURE);
    }
}
