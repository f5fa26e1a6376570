//! `kura-bench`: measures Kura against a bare tonic server and against its own limits, and writes the figures down.
//!
//! Servers run on the machine's first core, the loader on its second. `kura-bench all` makes every figure;
//! `--quick` makes short ones that judge nothing but the ratio.

mod collections;
mod hit_ratio;
mod instructions;
mod link;
mod memory;
mod procfs;
mod ratio;
mod results;
mod server;
mod stats;
mod topics;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::ratio::{Plan, Shape};
use crate::results::Report;
use crate::server::{Binaries, Core};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Kura and writes the figures down.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum What {
    /// CPU per operation over the bare tonic yardstick.
    Ratio(RatioArgs),
    /// Resident memory per item.
    Memory,
    /// Hit ratio on a Zipf trace with little memory.
    HitRatio,
    /// Time from publishing to delivery, and what subscriptions cost.
    Topics,
    /// Memory and speed of collections, beside Redis.
    Collections {
        /// The Redis to compare with.
        #[arg(long, default_value = "redis-server")]
        redis: PathBuf,
    },
    /// Latency and throughput of the link's paths; needs the right to make network namespaces.
    Link {
        /// The program that makes namespaces and traffic [default: beside this program].
        #[arg(long)]
        netns_test: Option<PathBuf>,
    },
    /// Everything.
    All(RatioArgs),
}

#[derive(Debug, Args)]
struct RatioArgs {
    /// Connections times requests in flight on each.
    #[arg(long, value_delimiter = ',', default_value = "8x8,64x1")]
    shape: Vec<Shape>,
    /// Pairs of runs a row.
    #[arg(long, default_value_t = 15)]
    pairs: usize,
    /// The ratio not to exceed.
    #[arg(long, default_value_t = 1.15)]
    goal: f64,
    /// Only the yardstick against itself, without Kura.
    #[arg(long)]
    only_aa: bool,
    /// Do not count instructions.
    #[arg(long)]
    no_instructions: bool,
}

#[derive(Debug, Args)]
struct Common {
    /// The server [default: beside this program].
    #[arg(long, global = true)]
    kura: Option<PathBuf>,
    /// The bare tonic server [default: beside this program].
    #[arg(long, global = true)]
    yardstick: Option<PathBuf>,
    /// Short runs.
    #[arg(long, global = true)]
    quick: bool,
    /// Where figures are written; their table goes beside it.
    #[arg(long, global = true, default_value = "bench/results")]
    results: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let binaries = binaries(&cli.common)?;
    server::pin(Core::Loader)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&cli, &binaries))
}

async fn run(cli: &Cli, binaries: &Binaries) -> anyhow::Result<()> {
    let common = &cli.common;
    match &cli.what {
        What::Ratio(args) => finish(common, &ratio::measure(&plan(args, common.quick), binaries).await?),
        What::Memory => finish(common, &memory::measure(binaries, common.quick).await?),
        What::HitRatio => finish(common, &hit_ratio::measure(binaries, common.quick).await?),
        What::Topics => finish(common, &topics::measure(binaries, common.quick).await?),
        What::Collections { redis } => finish(common, &collections::measure(redis, common.quick)?),
        What::Link { netns_test } => measure_link(common, netns_test.as_deref()),
        What::All(args) => {
            finish(common, &ratio::measure(&plan(args, common.quick), binaries).await?)?;
            if args.only_aa {
                return Ok(());
            }
            finish(common, &memory::measure(binaries, common.quick).await?)?;
            finish(common, &hit_ratio::measure(binaries, common.quick).await?)?;
            finish(common, &topics::measure(binaries, common.quick).await?)?;
            finish(common, &collections::measure(Path::new("redis-server"), common.quick)?)?;
            measure_link(common, None)
        }
    }
}

fn measure_link(common: &Common, program: Option<&Path>) -> anyhow::Result<()> {
    let beside = std::env::current_exe().context("where this program is")?.with_file_name("netns-test");
    match link::measure(program.unwrap_or(&beside), common.quick)? {
        Some(report) => finish(common, &report),
        None => {
            println!("The link's paths: not measured, this user may not make namespaces here");
            Ok(())
        }
    }
}

fn finish(common: &Common, report: &Report) -> anyhow::Result<()> {
    println!("{}", report.title);
    for row in &report.rows {
        let verdict = row.met.map_or("", |met| if met { ", met" } else { ", NOT met" });
        println!(
            "  {}: {} [{}] goal {}{verdict}; {}",
            row.figure, row.value, row.interval, row.goal, row.beside
        );
    }
    for note in &report.notes {
        println!("  {note}");
    }
    report.save(&common.results)
}

fn plan(args: &RatioArgs, quick: bool) -> Plan {
    Plan {
        shapes: args.shape.clone(),
        pairs: if quick { args.pairs.min(3) } else { args.pairs }.max(1),
        window: if quick { Duration::from_millis(300) } else { Duration::from_secs(1) },
        goal: args.goal,
        only_aa: args.only_aa,
        instructions: !(quick || args.no_instructions),
    }
}

fn binaries(common: &Common) -> anyhow::Result<Binaries> {
    let own = std::env::current_exe().context("where this program is")?;
    let beside = |name: &str| own.with_file_name(name);
    Ok(Binaries {
        kura: common.kura.clone().unwrap_or_else(|| beside("kura")),
        yardstick: common.yardstick.clone().unwrap_or_else(|| beside("yardstick-tonic")),
    })
}
