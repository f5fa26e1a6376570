//! `cargo xtask bench`: build for measuring, then let `kura-bench` do the rest.

use std::{path::Path, time::Duration};

use anyhow::Result;

use crate::{
    process::{Run, Transcript},
    project::{Profile, Project},
    stage::Outcome,
};

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A short form of each measurement: shows that it works, not a figure to quote.
    #[arg(long)]
    quick: bool,
}

/// Builds in release and measures everything.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    let packages =
        ["kura", "kura-bench", "kura-load", "kura-yardstick", "kura-yardstick-protosocket", "kura-netns"];
    let packages = packages.iter().flat_map(|package| ["-p", package]);
    Run::new("cargo").args(["build", "--locked", "--release"]).args(packages).shown()?;
    measure(project, Profile::Release, &project.source("bench/results"), arguments.quick).map(drop)
}

/// The short form, as a stage of `test`, with the programs that are built already; its figures are thrown away.
pub(crate) fn smoke(project: &Project) -> Result<Outcome> {
    let results = project.scratch_dir("bench")?;
    let transcript = measure(project, Profile::Dev, &results.path().join("results"), true)?;
    Ok(Outcome::Passed(transcript.out.into_iter().filter(|line| line.contains(" goal ")).collect()))
}

/// Instructions of the hot paths against the committed counts; builds only what they are made of, for speed.
pub(crate) fn instructions(project: &Project) -> Result<Outcome> {
    Run::new("cargo").args(["build", "--locked", "--release", "-p", "kura-instructions"]).shown()?;
    let transcript = Run::new(project.program(Profile::Release, "kura-instructions")).shown()?;
    let is_verdict = |line: &String| line.starts_with("instructions: ") || line.starts_with("NOTE: ");
    Ok(Outcome::Passed(transcript.out.into_iter().filter(is_verdict).collect()))
}

fn measure(project: &Project, profile: Profile, results: &Path, quick: bool) -> Result<Transcript> {
    let mut run = Run::new(project.program(profile, "kura-bench"));
    run = run.arg("all").arg("--results").arg(results).limit(Duration::from_secs(3 * 3600));
    if quick {
        run = run.arg("--quick");
    }
    run.shown()
}
