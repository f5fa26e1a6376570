//! `target/demo/report.json`: what held, step by step, and the check's figures.
//!
//! The file is written after every step and says `"ok": false` until the last one has held, so a run that is cut short
//! leaves a truthful report behind.

use std::{
    collections::BTreeMap,
    fs,
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

/// One thing that was shown.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Step {
    n: usize,
    title: String,
    ok: bool,
}

/// The file's content.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
struct Content {
    ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    steps: Vec<Step>,
    /// By client, then by target.
    check: BTreeMap<String, BTreeMap<String, Times>>,
}

/// A report that is being written.
#[derive(Debug)]
pub(crate) struct Report {
    path: PathBuf,
    content: Content,
}

impl Report {
    /// A new one at `path`.
    pub(crate) fn begin(path: &Path) -> Result<Self> {
        let report = Self { path: path.to_owned(), content: Content::default() };
        report.write()?;
        Ok(report)
    }

    /// The one at `path`, to go on with.
    pub(crate) fn resume(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let content =
            serde_json::from_str(&text).with_context(|| format!("{} is no report", path.display()))?;
        Ok(Self { path: path.to_owned(), content })
    }

    /// Does a step and notes how it came out; what it made, if it held.
    pub(crate) fn step<T>(
        &mut self,
        title: &str,
        run: impl FnOnce() -> Result<T, Trouble>,
    ) -> Result<Option<T>> {
        let n = self.content.steps.len() + 1;
        println!("\n[{n}] {title}");
        let made = match run() {
            Ok(made) => Some(made),
            Err(Trouble::Failed(error)) => {
                println!("    failed: {error:#}");
                None
            }
            Err(Trouble::Skipped(reason)) => {
                println!("    could not run: {reason}");
                self.content.skipped.get_or_insert(reason);
                None
            }
        };
        self.content.steps.push(Step { n, title: title.to_owned(), ok: made.is_some() });
        self.write()?;
        Ok(made)
    }

    /// Notes what `client` took against `target`.
    pub(crate) fn measured(&mut self, client: &str, target: &str, times: Times) {
        self.content.check.entry(client.to_owned()).or_default().insert(target.to_owned(), times);
    }

    /// Writes the verdict; the exit code that goes with it.
    ///
    /// A step that failed weighs more than one that could not run.
    pub(crate) fn finish(mut self, complete: bool) -> Result<ExitCode> {
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

    /// Whether every step so far held.
    pub(crate) fn holds(&self) -> bool {
        self.content.steps.iter().all(|step| step.ok)
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
        report.step("start the server", || Ok(())).unwrap();
        report.measured("momento", "public", Times { writes_ms: 12.5, reads_ms: 11.0 });
        assert_eq!(report.finish(true).unwrap(), ExitCode::SUCCESS);
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            "{\"ok\":true,\"steps\":[{\"n\":1,\"title\":\"start the server\",\"ok\":true}],\
             \"check\":{\"momento\":{\"public\":{\"writes_ms\":12.5,\"reads_ms\":11.0}}}}\n"
        );
    }

    #[test]
    fn a_step_that_could_not_run_is_not_held() {
        let (_dir, path, mut report) = begun();
        report.step("a", || Ok(())).unwrap();
        report.step::<()>("b", || Err(Trouble::Skipped("no node here".to_owned()))).unwrap();
        assert_eq!(report.finish(true).unwrap(), ExitCode::from(NOT_RUN));
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains("\"ok\":false,\"skipped\":\"no node here\""), "{text}");
    }

    #[test]
    fn a_run_cut_short_never_says_ok() {
        let (_dir, path, mut report) = begun();
        report.step("a", || Ok(())).unwrap();
        drop(report);
        let mut report = Report::resume(&path).unwrap();
        assert!(!report.content.ok);
        report.step::<()>("b", || Err(anyhow::anyhow!("wrong").into())).unwrap();
        assert!(!report.holds());
        assert_eq!(report.finish(true).unwrap(), ExitCode::FAILURE);
    }
}
