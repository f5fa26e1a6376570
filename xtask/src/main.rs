//! Everything a developer runs: `cargo xtask test` is what must pass each time, `cargo xtask demo` shows the whole
//! thing working, `soak` and `bench` are the long forms, `deps` checks the picture in ARCHITECTURE.md.
//!
//! One file per idea. [`process`] starts programs and never leaves one behind; [`namespace`] gives a run its own
//! network and its own `/etc/hosts`, so that port 443 and the real names are free to use; [`server`] is a running
//! `kura`; [`setup`] fetches what the runs need into `target/`. The subcommands are built from those.

mod bench;
mod closing;
mod conformance;
mod demo;
mod deps;
mod dialogue;
mod link;
mod namespace;
mod output;
mod process;
mod project;
mod report;
mod server;
mod setup;
mod soak;
mod stage;
mod test;
mod verbose;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;

/// Developer tasks of Kura.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Act out the article on this machine: provider, consumer, stack, clients, lock-down and the performance check.
    ///
    /// Writes target/demo/report.json and index.html. Exits 0 if every step held, 1 if one failed, 3 if one could not
    /// run here.
    Demo(demo::Arguments),
    /// Run everything that must pass before a change goes in.
    Test(test::Arguments),
    /// Check the crates' dependencies against the picture in ARCHITECTURE.md.
    Deps,
    /// Measure against the yardsticks.
    Bench(bench::Arguments),
    /// Run the long forms: many kills, long fuzzing.
    Soak(soak::Arguments),
    /// What runs inside the private namespaces; started by `test`, not by people.
    #[command(hide = true)]
    Inside(namespace::Inside),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let project = Project::find()?;
    match arguments.task {
        Task::Demo(arguments) => demo::run(&project, &arguments),
        Task::Test(arguments) => test::run(&project, &arguments),
        Task::Deps => deps::run(&project).map(|()| ExitCode::SUCCESS),
        Task::Bench(arguments) => bench::run(&project, &arguments).map(|()| ExitCode::SUCCESS),
        Task::Soak(arguments) => soak::run(&project, &arguments),
        Task::Inside(inside) => inside.run(&project),
    }
}
