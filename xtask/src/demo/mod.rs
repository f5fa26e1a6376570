//! `cargo xtask demo`: the article, acted out on this machine with packets.
//!
//! A provider offers `kura` on an instance of its VPC; a consumer deploys the article's template with the real `aws`
//! and uses the cache from a host in its own VPC, by the names it always used. [`world`] is the link all of it runs
//! on; [`provider`], [`consumer`] and [`host`] are who acts, [`scene`] is all of them together; [`story`] is the steps
//! in the article's order, made of [`stack`], [`check`], [`lockdown`], [`names`], [`refusals`] and [`flows`]; [`page`]
//! draws what came of it, with [`topology`] and [`chart`]. Nothing leaves the machine, and the host's own network is
//! not touched.

mod aws;
mod chart;
mod check;
mod consumer;
mod flows;
mod host;
mod lockdown;
mod names;
mod page;
mod place;
mod provider;
mod refusals;
mod scene;
mod stack;
mod story;
mod topology;
mod world;

use std::{fs, net::Ipv4Addr, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, ensure};

use self::world::World;
use crate::{
    conformance::CELL,
    namespace::NAMES,
    process::Run,
    project::Project,
    report::{Report, Stopped},
};

/// The cell's address on the link's public side.
const PUBLIC_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);

/// Options of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Deploy this template instead of deploy/consumer.yaml; it has the article's five parameters.
    #[arg(long, value_name = "FILE", value_parser = absolute)]
    template: Option<PathBuf>,
}

/// As seen from where the command was typed: tasks run in the checkout's own directory.
fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path).and_then(fs::canonicalize)
}

/// Plays it, and leaves the report and the page.
pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<ExitCode> {
    let dir = project.target("demo");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut report = Report::begin(&dir.join("report.json"))?;
    let complete = match play(project, arguments, &mut report) {
        Ok(()) => true,
        Err(Stopped::Step) => false,
        Err(Stopped::Report(error)) => return Err(error),
    };
    let code = report.finish(complete)?;
    let page = dir.join("index.html");
    fs::write(&page, page::html(&report.content)?)
        .with_context(|| format!("cannot write {}", page.display()))?;
    println!("{} draws it", page.display());
    Ok(code)
}

/// Every step up to the first that does not hold.
fn play(project: &Project, arguments: &Arguments, report: &mut Report) -> Result<(), Stopped> {
    report.step("Build kura, momento and kura-link in release", |_| {
        let build = Run::new("cargo").args(["build", "--release", "--locked"]);
        build.args(["-p", "kura", "-p", "kura-cli", "-p", "kura-link"]).shown()
    })?;
    let aws = report.step("Fetch aws and the official Python and Node SDKs", |_| world::fetch(project))?;
    let world =
        report.step("Start the link: a new AWS account, and nothing in it", |_| World::up(project, aws))?;

    let (scene, server) = scene::set(&world, report)?;
    story::before(&scene, report)?;
    let template = arguments.template.clone().unwrap_or_else(|| project.source("deploy/consumer.yaml"));
    let deployed = story::deploy(&scene, report, &template)?;
    story::use_it(&scene, report, &deployed)?;
    story::measure(&scene, report)?;
    let counted = story::lock(&scene, report)?;
    story::change(&scene, report, &deployed)?;
    story::evidence(&scene, report, counted)?;
    story::remove(&scene, report, &deployed)?;

    report.step("Stop the server", |_| {
        println!("provider$ kill -TERM <kura>");
        let ended = server.stop()?;
        println!("{ended}");
        ensure!(ended.success(), "the server ended with {ended}");
        Ok(())
    })?;
    report.step("Take the link down: nothing is left", |_| world.down())
}
