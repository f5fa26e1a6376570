//! Stages: named, timed, in order, with a table at the end.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;

/// A named piece of a long run.
pub(crate) struct Stage<'a> {
    /// What `--only` calls it and the table shows.
    pub(crate) name: String,
    /// Does it.
    pub(crate) run: Box<dyn FnOnce() -> Result<Outcome> + 'a>,
}

/// How a stage that did not fail ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It held; the runners' closing lines.
    Passed(Vec<String>),
    /// There was nothing to do, and why.
    Nothing(String),
}

impl Outcome {
    /// It held, and there is nothing to add.
    pub(crate) fn passed() -> Self {
        Self::Passed(Vec::new())
    }
}

impl<'a> Stage<'a> {
    /// A stage called `name` that does `run`.
    pub(crate) fn new(name: impl Into<String>, run: impl FnOnce() -> Result<Outcome> + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// Whether `--only wanted` means this stage: its name, or the first words of it.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        self.name == wanted || self.name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('-'))
    }
}

struct Line {
    name: String,
    took: Duration,
    verdict: &'static str,
    remarks: Vec<String>,
}

/// Runs the stages in order, up to the first failure unless `keep_going`, and prints the table.
pub(crate) fn run_all(stages: Vec<Stage<'_>>, keep_going: bool) -> ExitCode {
    let begin = Instant::now();
    let total = stages.len();
    let mut table = Vec::new();
    let mut failures = 0;
    for stage in stages {
        let name = stage.name;
        println!("\n=== {name}");
        let start = Instant::now();
        let result = (stage.run)();
        let took = start.elapsed();
        let (verdict, remarks) = match result {
            Ok(Outcome::Passed(closing)) => ("ok", closing),
            Ok(Outcome::Nothing(why)) => ("nothing to do", vec![why]),
            Err(error) => {
                failures += 1;
                eprintln!("xtask: {name}: {error:#}");
                let text = format!("{error:#}");
                ("FAILED", vec![text.lines().next().unwrap_or_default().to_owned()])
            }
        };
        println!("stage {name} … {} ({verdict})", seconds(took));
        table.push(Line { name, took, verdict, remarks });
        if failures > 0 && !keep_going {
            break;
        }
    }
    print_table(&table, total, begin.elapsed());
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_table(table: &[Line], total: usize, took: Duration) {
    println!("\n{:<28} {:>9}  result", "stage", "time");
    for line in table {
        println!("{:<28} {:>9}  {}", line.name, seconds(line.took), line.verdict);
        for remark in &line.remarks {
            println!("{:<28} {:>9}    {remark}", "", "");
        }
    }
    let left = total - table.len();
    if left > 0 {
        println!("{left} more not run");
    }
    println!("{:<28} {:>9}", "total", seconds(took));
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_a_stage_or_a_family_of_stages() {
        let stage = Stage::new("conformance-node-v1", || Ok(Outcome::passed()));
        assert!(stage.is("conformance") && stage.is("conformance-node") && stage.is("conformance-node-v1"));
        assert!(!stage.is("conf") && !stage.is("node"));
    }

    #[test]
    fn a_failure_stops_the_rest() {
        let stages =
            || vec![Stage::new("bad", || anyhow::bail!("no")), Stage::new("next", || Ok(Outcome::passed()))];
        assert_eq!(run_all(stages(), false), ExitCode::FAILURE);
        assert_eq!(run_all(stages(), true), ExitCode::FAILURE);
        assert_eq!(run_all(stages().split_off(1), false), ExitCode::SUCCESS);
    }
}
