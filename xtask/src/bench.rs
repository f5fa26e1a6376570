//! `cargo xtask bench`: build for measuring, then let the measuring program in `bench/` do the rest.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{
    process::Run,
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

/// Builds in release and runs the measurements.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<()> {
    measure(project, arguments.quick).map(drop)
}

/// The short form, as a stage of `test`.
pub(crate) fn smoke(project: &Project) -> Result<Outcome> {
    measure(project, true)?;
    Ok(Outcome::passed())
}

fn measure(project: &Project, quick: bool) -> Result<()> {
    build_release()?;
    let mut run = Run::new(project.program(Profile::Release, "kura-load"));
    run = run.arg("report").limit(Duration::from_secs(3 * 3600));
    if quick {
        run = run.arg("--quick");
    }
    run.shown().context("the measurement")?;
    Ok(())
}

/// Everything users and measurements run.
pub(crate) fn build_release() -> Result<()> {
    Run::new("cargo")
        .args(["build", "--release", "--locked"])
        .args(["-p", "kura", "-p", "kura-cli", "-p", "kura-load", "-p", "kura-yardstick"])
        .shown()
        .map(drop)
}
