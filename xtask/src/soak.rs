//! `cargo xtask soak`: the long forms of what `test` runs in short, too long for every change.

use std::{process::ExitCode, thread, time::Duration};

use anyhow::{Result, anyhow, bail};

use crate::{
    closing::closing_lines,
    process::{Run, Transcript},
    project::{Profile, Project},
    stage::{Outcome, Stage, run_all},
};

/// How long a run takes unless `--minutes` says otherwise.
const MINUTES: u64 = 10;
/// Kills of a server that fit in a minute, about.
const KILLS_A_MINUTE: u64 = 100;

/// A long run: its name, what it shows, and how.
struct Long {
    name: &'static str,
    shows: &'static str,
    /// The programs for so many minutes: groups one after the other, a group's programs at the same time.
    programs: fn(&Project, minutes: u64) -> Vec<Vec<Run>>,
    /// Not run unless this file is there.
    needs: &'static str,
}

const LONG: [Long; 6] = [
    Long {
        name: "kills",
        shows: "every acknowledged change survives kills in the middle of changes, 100 a minute",
        programs: |_, minutes| {
            let rounds = (minutes * KILLS_A_MINUTE).to_string();
            vec![vec![release_test("kura", "kills").env("KURA_KILLS", rounds)]]
        },
        needs: "cache/server/tests/kills.rs",
    },
    Long {
        name: "storm",
        shows: "memory stays within its bound whatever is written",
        programs: |_, minutes| {
            let seconds = (minutes * 60).to_string();
            vec![vec![release_test("kura", "storm").env("KURA_STORM_SECONDS", seconds)]]
        },
        needs: "cache/server/tests/storm.rs",
    },
    Long {
        name: "overload",
        shows: "at twice its peak, for a minute each, a server answers at least 80 % of it in time",
        programs: |project, _| {
            let build = ["build", "--locked", "--release", "-p", "kura", "-p", "kura-bench"];
            let measure = Run::new(project.program(Profile::Release, "kura-bench"));
            vec![vec![Run::new("cargo").args(build)], vec![measure.arg("overload")]]
        },
        needs: "bench/runner/src/overload.rs",
    },
    Long {
        name: "cold",
        shows: "a cold `momento cache get` of a release build takes less than 15 ms, also over TLS",
        programs: |_, _| vec![vec![release_test("kura-cli", "with_kura").args(["--test-threads", "1"])]],
        needs: "cli/tests/with_kura.rs",
    },
    Long {
        name: "fuzz",
        shows: "every parser keeps to what must hold of it, two at a time",
        programs: |project, minutes| {
            // Not --release: arithmetic that overflows is to be found.
            let build = ["build", "--locked", "--package", "kura-fuzz"];
            let seconds = (minutes * 60).to_string();
            let half = |part| {
                let fuzz = Run::new(project.program(Profile::Dev, "kura-fuzz"));
                fuzz.args(["--seconds", &seconds, "--part", part])
            };
            vec![vec![Run::new("cargo").args(build)], vec![half("1/2"), half("2/2")]]
        },
        needs: "fuzz/Cargo.toml",
    },
    Long {
        name: "ignored",
        shows: "the tests that are too slow for every change",
        programs: |_, _| {
            let test = ["test", "--release", "--workspace", "--locked", "--", "--ignored"];
            vec![vec![Run::new("cargo").args(test)]]
        },
        needs: "Cargo.toml",
    },
];

/// A package's test program, built for speed; what it says is shown.
fn release_test(package: &str, test: &str) -> Run {
    let test = ["test", "--release", "--locked", "--package", package, "--test", test, "--", "--nocapture"];
    Run::new("cargo").args(test)
}

/// Options of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only this one; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How long `kills`, `storm` and each target of `fuzz` run; the others take what they take.
    #[arg(long, value_name = "N", default_value_t = MINUTES, value_parser = clap::value_parser!(u64).range(1..=600))]
    minutes: u64,
    /// Print what there is and stop.
    #[arg(long)]
    list: bool,
}

/// Runs the long forms one after the other, all of them even if one fails.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        LONG.iter().for_each(|long| println!("{:<10} {}", long.name, long.shows));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = arguments.only.iter().find(|only| LONG.iter().all(|long| long.name != *only)) {
        bail!("no long run {unknown}; see --list");
    }
    let chosen = LONG
        .iter()
        .filter(|long| arguments.only.is_empty() || arguments.only.iter().any(|only| only == long.name));
    let stage = |long: &'static Long| Stage::new(long.name, || long.run(project, arguments.minutes));
    Ok(run_all(chosen.map(stage).collect(), true))
}

impl Long {
    fn run(&self, project: &Project, minutes: u64) -> Result<Outcome> {
        if !project.source(self.needs).exists() {
            return Ok(Outcome::Nothing(format!("{} is not there", self.needs)));
        }
        let mut remarks = Vec::new();
        for group in (self.programs)(project, minutes) {
            for transcript in together(group)? {
                remarks.extend(self.remarks(transcript.all));
            }
        }
        Ok(Outcome::Passed(remarks))
    }

    /// What a program said at its end, and what it says of this run, such as `kills: 1000 rounds, …`.
    fn remarks(&self, said: Vec<String>) -> Vec<String> {
        let mut remarks = closing_lines(&said);
        let own = format!("{}: ", self.name);
        let is_verdict =
            |line: &str| line.starts_with(&own) || line.contains(" executions, ") || line.contains(" goal ");
        remarks.extend(said.into_iter().filter(|line| is_verdict(line)));
        remarks
    }
}

/// Runs programs at the same time, each to its end; fails if one of them does.
fn together(programs: Vec<Run>) -> Result<Vec<Transcript>> {
    let shown = |program: Run| program.limit(Duration::from_secs(12 * 3600)).shown();
    thread::scope(|scope| {
        let running: Vec<_> =
            programs.into_iter().map(|program| scope.spawn(move || shown(program))).collect();
        let ended: Vec<_> = running
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| Err(anyhow!("the thread that ran a program broke off")))
            })
            .collect();
        ended.into_iter().collect()
    })
}
