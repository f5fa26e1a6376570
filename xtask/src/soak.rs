//! `cargo xtask soak`: the long forms of what `test` runs in short, too long for every change.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, bail};

use crate::{
    closing::closing_lines,
    process::Run,
    project::Project,
    stage::{Outcome, Stage, run_all},
};

/// A long run: its name, what it shows, and the command.
struct Long {
    name: &'static str,
    shows: &'static str,
    command: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
    /// Not run unless this file is there.
    needs: &'static str,
}

const LONG: &[Long] = &[
    Long {
        name: "kills",
        shows: "every acknowledged change survives 1,000 kills in the middle of changes",
        command: &[
            "cargo",
            "test",
            "--release",
            "--locked",
            "--package",
            "kura",
            "--test",
            "kills",
            "--",
            "--nocapture",
        ],
        env: &[("KURA_KILLS", "1000")],
        needs: "cache/server/tests/kills.rs",
    },
    Long {
        name: "cold",
        shows: "a cold `momento cache get` of a release build takes less than 15 ms, also over TLS",
        command: &[
            "cargo",
            "test",
            "--release",
            "--locked",
            "--package",
            "kura-cli",
            "--test",
            "with_kura",
            "--",
            "--nocapture",
            "--test-threads",
            "1",
        ],
        env: &[],
        needs: "cli/tests/with_kura.rs",
    },
    Long {
        name: "fuzz",
        shows: "every parser keeps to what must hold of it, ten minutes each",
        // Not --release: arithmetic that overflows is to be found.
        command: &["cargo", "run", "--locked", "--package", "kura-fuzz", "--", "--seconds", "600"],
        env: &[],
        needs: "fuzz/Cargo.toml",
    },
    Long {
        name: "ignored",
        shows: "the tests that are too slow for every change",
        command: &["cargo", "test", "--release", "--workspace", "--locked", "--", "--ignored"],
        env: &[],
        needs: "Cargo.toml",
    },
];

/// Options of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only this one; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
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
    let stages = chosen.map(|long| Stage::new(long.name, || long.run(project))).collect();
    Ok(run_all(stages, true))
}

impl Long {
    fn run(&self, project: &Project) -> Result<Outcome> {
        if !project.source(self.needs).exists() {
            return Ok(Outcome::Nothing(format!("{} is not there", self.needs)));
        }
        let Some((program, args)) = self.command.split_first() else { bail!("{} has no command", self.name) };
        let mut run = Run::new(program).args(args).limit(Duration::from_secs(6 * 3600));
        for (name, value) in self.env {
            run = run.env(name, value);
        }
        let said = run.shown()?.all;
        let mut remarks = closing_lines(&said);
        // What it says of itself, such as `kills: 1000 rounds, …`.
        let own = format!("{}: ", self.name);
        remarks.extend(said.into_iter().filter(|line| line.starts_with(&own)));
        Ok(Outcome::Passed(remarks))
    }
}
