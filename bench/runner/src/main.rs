//! `kura-bench`: measures Kura against bare servers, Redis and its own limits, and writes the figures down.
//!
//! Servers run on the machine's first core, the loader on its second. `kura-bench all` makes every figure;
//! `--quick` makes short ones that judge nothing but the ratio.

mod collections;
mod connections;
mod contests;
mod growth;
mod hit_ratio;
mod instructions;
mod latency;
mod link;
mod memory;
mod overload;
mod plots;
mod procfs;
mod ratio;
mod results;
mod server;
mod start;
mod stats;
mod summary;
mod threads;
mod topics;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::ratio::{Contest, Plan, Shape};
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
    /// CPU per operation over TLS, over that in plaintext.
    Tls(RatioArgs),
    /// CPU per operation over the bare protosocket-rpc yardstick.
    Protosocket(RatioArgs),
    /// CPU per operation of RESP over Redis.
    Resp(RatioArgs),
    /// Latency of RESP at a steady rate, beside Redis.
    Latency,
    /// Resident memory per item.
    Memory,
    /// Hit ratios with little memory, beside simulated policies.
    HitRatio,
    /// What a second thread is worth to the engine and the token cache.
    Threads,
    /// Time from start to first answer, and memory of an idle server.
    Start,
    /// Memory of a connection, in use and at rest.
    Connections,
    /// The ratio as items, caches and connections grow.
    Growth,
    /// Time from publishing to delivery, and what subscriptions cost.
    Topics,
    /// Memory and speed of collections, beside Redis.
    Collections,
    /// Latency and throughput of the link's paths; needs the right to make network namespaces.
    Link {
        /// The program that makes namespaces and traffic [default: beside this program].
        #[arg(long)]
        netns_test: Option<PathBuf>,
    },
    /// Twice the peak, with half of a core.
    Overload {
        /// Only this protocol.
        #[arg(long)]
        only: Option<String>,
    },
    /// Everything.
    All(RatioArgs),
}

#[derive(Debug, Args)]
struct RatioArgs {
    /// Only these of a comparison's shapes: connections times requests in flight on each, as 8x8,64x1.
    #[arg(long, value_delimiter = ',')]
    shape: Vec<Shape>,
    /// Pairs of runs a row.
    #[arg(long, default_value_t = 15)]
    pairs: usize,
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
    /// The bare protosocket-rpc server [default: beside this program].
    #[arg(long, global = true)]
    yardstick_protosocket: Option<PathBuf>,
    /// The Redis to compare with; what needs one is left out where there is none.
    #[arg(long, global = true, default_value = "redis-server")]
    redis: PathBuf,
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
        What::Ratio(args) => contest(common, args, &contests::grpc(), binaries).await,
        What::Tls(args) => contest(common, args, &contests::tls(), binaries).await,
        What::Protosocket(args) => contest(common, args, &contests::protosocket(), binaries).await,
        What::Resp(args) => beside_redis(common, args, binaries).await,
        What::Latency => latency(common, binaries).await,
        What::Memory => finish(common, &memory::measure(binaries, common.quick).await?),
        What::HitRatio => finish(common, &hit_ratio::measure(binaries, common.quick).await?),
        What::Threads => finish(common, &threads::measure(common.quick)?),
        What::Start => finish(common, &start::measure(binaries, common.quick).await?),
        What::Connections => finish(common, &connections::measure(binaries, common.quick).await?),
        What::Growth => finish(common, &growth::measure(binaries, common.quick).await?),
        What::Topics => finish(common, &topics::measure(binaries, common.quick).await?),
        What::Collections => finish(common, &collections::measure(&common.redis, common.quick)?),
        What::Overload { only } => {
            finish(common, &overload::measure(binaries, only.as_deref(), common.quick).await?)
        }
        What::Link { netns_test } => measure_link(common, netns_test.as_deref()),
        What::All(args) => {
            contest(common, args, &contests::grpc(), binaries).await?;
            if args.only_aa {
                return Ok(());
            }
            contest(common, args, &contests::tls(), binaries).await?;
            contest(common, args, &contests::protosocket(), binaries).await?;
            beside_redis(common, args, binaries).await?;
            latency(common, binaries).await?;
            finish(common, &memory::measure(binaries, common.quick).await?)?;
            finish(common, &hit_ratio::measure(binaries, common.quick).await?)?;
            finish(common, &threads::measure(common.quick)?)?;
            finish(common, &start::measure(binaries, common.quick).await?)?;
            finish(common, &connections::measure(binaries, common.quick).await?)?;
            finish(common, &growth::measure(binaries, common.quick).await?)?;
            finish(common, &topics::measure(binaries, common.quick).await?)?;
            finish(common, &collections::measure(&common.redis, common.quick)?)?;
            measure_link(common, None)
        }
    }
}

async fn contest(
    common: &Common,
    args: &RatioArgs,
    contest: &Contest,
    binaries: &Binaries,
) -> anyhow::Result<()> {
    finish(common, &ratio::measure(contest, &plan(args, common.quick), binaries).await?)
}

async fn beside_redis(common: &Common, args: &RatioArgs, binaries: &Binaries) -> anyhow::Result<()> {
    match server::redis_version(&common.redis) {
        Some(version) => contest(common, args, &contests::resp(&version), binaries).await,
        None => left_out(common, "RESP over Redis"),
    }
}

async fn latency(common: &Common, binaries: &Binaries) -> anyhow::Result<()> {
    match server::redis_version(&common.redis) {
        Some(version) => finish(common, &latency::measure(binaries, &version, common.quick).await?),
        None => left_out(common, "RESP's latency beside Redis"),
    }
}

fn left_out(common: &Common, what: &str) -> anyhow::Result<()> {
    println!("{what}: not measured, there is no {} here (--redis PATH)", common.redis.display());
    Ok(())
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
        protosocket: common.yardstick_protosocket.clone().unwrap_or_else(|| beside("yardstick-protosocket")),
        redis: common.redis.clone(),
    })
}
