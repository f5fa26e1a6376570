//! `cargo xtask test`: what must pass each time, stage by stage.

use std::{process::ExitCode, time::Duration};

use anyhow::{Result, bail};

use crate::{
    bench,
    closing::closing_lines,
    conformance::{self, Client},
    deps, link,
    process::Run,
    project::{Profile, Project},
    setup,
    stage::{Outcome, Stage, run_all},
};

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only this stage, or this family of stages (`conformance`, `conformance-node`); may be repeated.
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// Go on after a failure.
    #[arg(long)]
    keep_going: bool,
    /// Print the names of the stages and stop.
    #[arg(long)]
    list: bool,
}

/// Runs the stages; the exit code says whether all of them held.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let mut stages = stages(project);
    if arguments.list {
        stages.iter().for_each(|stage| println!("{}", stage.name));
        return Ok(ExitCode::SUCCESS);
    }
    for wanted in &arguments.only {
        if !stages.iter().any(|stage| stage.is(wanted)) {
            let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
            bail!("no stage {wanted}; there are {}", names.join(", "));
        }
    }
    if !arguments.only.is_empty() {
        let is_wanted = |stage: &Stage<'_>| arguments.only.iter().any(|wanted| stage.is(wanted));
        let with_programs = stages.iter().any(|stage| is_wanted(stage) && stage.with_programs);
        stages.retain(|stage| is_wanted(stage) || with_programs && stage.name == "build");
    }
    Ok(run_all(stages, arguments.keep_going))
}

/// All of them: cheap ones first, so that a slip is told early.
fn stages(project: &Project) -> Vec<Stage<'_>> {
    let mut stages = vec![
        Stage::new("setup", || setup::everything(project).map(|()| Outcome::passed())),
        Stage::new("fmt", fmt),
        Stage::new("deps", || deps::run(project).map(|()| Outcome::passed())),
        Stage::new("deny", || deny(project)),
        Stage::new("build", build),
        Stage::new("clippy", clippy),
        Stage::new("doc", doc),
        Stage::new("unit", unit).with_programs(),
        Stage::new("fuzz", || fuzz(project)).with_programs(),
        Stage::new("bench", || bench::smoke(project)).with_programs(),
        Stage::new("instructions", || bench::instructions(project)),
    ];
    for client in Client::ALL {
        for &mode in client.modes() {
            let name = format!("conformance-{}-{}", client.name(), mode.name());
            let stage = Stage::new(name, move || conformance::stage(project, client, mode));
            stages.push(stage.with_programs().beside());
        }
    }
    stages.push(Stage::new("link-wire", || link::wire(project)).with_programs().beside());
    stages.push(Stage::new("link-oracle", || link::oracle(project)).beside());
    stages.push(Stage::new("link-packets", || link::packets(project)).with_programs().beside());
    stages
}

/// Cargo without a terminal or a person.
fn cargo() -> Run {
    Run::new("cargo").env("CI", "true")
}

fn fmt() -> Result<Outcome> {
    cargo().args(["fmt", "--all", "--check"]).shown()?;
    Ok(Outcome::passed())
}

fn clippy() -> Result<Outcome> {
    cargo()
        .args(["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"])
        .shown()?;
    Ok(Outcome::passed())
}

fn doc() -> Result<Outcome> {
    let doc = || cargo().args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
    doc().arg("--lib").env("RUSTDOCFLAGS", "-D warnings").shown()?;
    // In programs doc comments are also help texts, which name addresses such as [::]:8443 and are no Markdown.
    let flags = "-D warnings -A rustdoc::bare-urls -A rustdoc::broken-intra-doc-links";
    doc().arg("--bins").env("RUSTDOCFLAGS", flags).shown()?;
    Ok(Outcome::passed())
}

fn deny(project: &Project) -> Result<Outcome> {
    let program = setup::cargo_deny(project)?;
    let deny = || Run::new(&program).limit(Duration::from_secs(300));
    let transcript = deny().args(["--offline", "check", "bans", "licenses", "sources"]).shown()?;
    let mut remarks: Vec<String> = transcript.all.last().cloned().into_iter().collect();
    // Advisories live in a repository of their own, which is not always within reach.
    if deny().args(["fetch", "db"]).limit(Duration::from_secs(60)).output().is_ok() {
        deny().args(["--offline", "check", "advisories"]).shown()?;
        remarks.push("advisories ok".to_owned());
    } else {
        remarks.push("advisories not checked: the database could not be fetched".to_owned());
    }
    Ok(Outcome::Passed(remarks))
}

/// The programs that other stages start, and the tests. All at once: cargo builds a dependency anew for each choice of
/// packages that asks for other features of it, and puts the programs in the same place each time.
fn build() -> Result<Outcome> {
    cargo().args(["build", "--workspace", "--all-targets", "--locked"]).shown()?;
    Ok(Outcome::passed())
}

/// Unit, integration and documentation tests.
fn unit() -> Result<Outcome> {
    let transcript = cargo().args(["test", "--workspace", "--locked", "--no-fail-fast"]).shown()?;
    Ok(Outcome::Passed(closing_lines(&transcript.all)))
}

fn fuzz(project: &Project) -> Result<Outcome> {
    // A fixed seed: a change is not to fail for what another one did. `soak` draws new ones.
    let options = ["--seconds", "2", "--seed", "1"];
    let transcript = Run::new(project.program(Profile::Dev, "kura-fuzz")).args(options).shown()?;
    Ok(Outcome::Passed(transcript.out.last().cloned().into_iter().collect()))
}
