//! Stages: named, timed, in order, with a table at the end.

use std::{
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::output::{Stream, in_one_piece, show};

/// A named piece of a long run.
pub(crate) struct Stage<'a> {
    /// What `--only` calls it and the table shows.
    pub(crate) name: String,
    /// Whether it starts what the stage `build` makes.
    pub(crate) with_programs: bool,
    beside: bool,
    run: Box<dyn FnOnce() -> Result<Outcome> + Send + 'a>,
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
    pub(crate) fn new(name: impl Into<String>, run: impl FnOnce() -> Result<Outcome> + Send + 'a) -> Self {
        Self { name: name.into(), with_programs: false, beside: false, run: Box::new(run) }
    }

    /// It starts what the stage `build` makes.
    pub(crate) fn with_programs(mut self) -> Self {
        self.with_programs = true;
        self
    }

    /// It waits more than it works, and so runs beside the others.
    pub(crate) fn beside(mut self) -> Self {
        self.beside = true;
        self
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

/// Runs the stages up to the first failure unless `keep_going`, and prints the table.
///
/// They run in order, but for those that run beside the others: these are put last in the list, and start, in order
/// among themselves, with the first stage after `build`.
pub(crate) fn run_all(stages: Vec<Stage<'_>>, keep_going: bool) -> ExitCode {
    let begin = Instant::now();
    let total = stages.len();
    let failed = AtomicBool::new(false);
    let is_over = || failed.load(Ordering::Relaxed) && !keep_going;
    let run = |stage: Stage<'_>| {
        let line = stage.run();
        failed.fetch_or(line.verdict == FAILED, Ordering::Relaxed);
        line
    };
    let (beside, mut own): (Vec<_>, Vec<_>) = stages.into_iter().partition(|stage| stage.beside);
    let programs = own.iter().position(|stage| stage.name == "build").map_or(0, |at| at + 1);
    let rest = own.split_off(if beside.is_empty() { own.len() } else { programs });

    let mut table: Vec<Line> = own.into_iter().map_while(|stage| (!is_over()).then(|| run(stage))).collect();
    let lane = |stages: Vec<Stage<'_>>| -> Vec<Line> {
        stages.into_iter().map_while(|stage| (!is_over()).then(|| in_one_piece(|| run(stage)))).collect()
    };
    thread::scope(|scope| {
        let beside = scope.spawn(|| lane(beside));
        table.extend(lane(rest));
        match beside.join() {
            Ok(lines) => table.extend(lines),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    print_table(&table, total, begin.elapsed());
    if failed.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

const FAILED: &str = "FAILED";

impl Stage<'_> {
    fn run(self) -> Line {
        let name = self.name;
        show(Stream::Out, format!("\n=== {name}"));
        let start = Instant::now();
        let result = (self.run)();
        let took = start.elapsed();
        let (verdict, remarks) = match result {
            Ok(Outcome::Passed(closing)) => ("ok", closing),
            Ok(Outcome::Nothing(why)) => ("nothing to do", vec![why]),
            Err(error) => {
                let text = format!("{error:#}");
                show(Stream::Err, format!("xtask: {name}: {text}"));
                (FAILED, vec![text.lines().next().unwrap_or_default().to_owned()])
            }
        };
        show(Stream::Out, format!("stage {name} … {} ({verdict})", seconds(took)));
        Line { name, took, verdict, remarks }
    }
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

    #[test]
    fn a_failure_beside_the_others_counts_too() {
        let stages = vec![
            Stage::new("build", || Ok(Outcome::passed())),
            Stage::new("own", || Ok(Outcome::passed())),
            Stage::new("bad", || anyhow::bail!("no")).beside(),
        ];
        assert_eq!(run_all(stages, false), ExitCode::FAILURE);
    }
}
