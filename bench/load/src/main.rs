//! `kura-load`: drives a server of Momento's gRPC protocol and says how it did.
//!
//! `kura-load --url http://127.0.0.1:8080 --connections 8 --inflight 8 --seconds 5 --preload` keeps 64 requests in
//! flight; `--rate 20000` sends on a schedule instead.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use kura_load::client::{Identity, Pool};
use kura_load::report::Summary;
use kura_load::workload::{Workload, WorkloadSpec};
use kura_load::{closed, open};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drives a server of Momento's gRPC protocol and reports throughput, errors and latencies.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Server to drive: http://HOST:PORT.
    #[arg(long)]
    url: String,
    /// Connections to open.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Requests in flight on each connection.
    #[arg(long, default_value_t = 8)]
    inflight: usize,
    /// Requests a second on a constant schedule, instead of a fixed number in flight.
    #[arg(long)]
    rate: Option<f64>,
    /// How many different keys.
    #[arg(long, default_value_t = 100_000)]
    keys: u32,
    /// Key popularity: a Zipf exponent, or `uniform`.
    #[arg(long, default_value = "uniform", value_parser = popularity)]
    zipf: Popularity,
    /// Length of a key.
    #[arg(long, default_value_t = 16)]
    key_bytes: usize,
    /// Length of a value.
    #[arg(long, default_value_t = 64)]
    value_bytes: usize,
    /// Reads of a hundred operations.
    #[arg(long, default_value_t = 90)]
    read_percent: u32,
    /// Time to live of what is written, in seconds.
    #[arg(long, default_value_t = 3600)]
    ttl: u64,
    /// Length of the measured run, in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Length of the run before it that does not count, in seconds.
    #[arg(long, default_value_t = 0.5)]
    warmup: f64,
    /// Set every key before the run.
    #[arg(long)]
    preload: bool,
    /// Make the cache first.
    #[arg(long)]
    create_cache: bool,
    /// Cache to use.
    #[arg(long, default_value = "bench")]
    cache: String,
    /// File that holds the token.
    #[arg(long, conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Token; without one, 400 bytes that mean nothing.
    #[arg(long, env = "KURA_LOAD_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Where the random draws start.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Report as JSON.
    #[arg(long)]
    json: bool,
}

/// A parsed `--zipf`: none is uniform.
#[derive(Clone, Copy, Debug)]
struct Popularity(Option<f64>);

fn popularity(text: &str) -> Result<Popularity, String> {
    match text.parse::<f64>() {
        Ok(s) if s.is_finite() && s >= 0.0 => Ok(Popularity(Some(s))),
        Err(_) if text == "uniform" => Ok(Popularity(None)),
        _ => Err("a non-negative exponent or `uniform` is needed".to_owned()),
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let summary = runtime.block_on(run(&args))?;
    if args.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        print(&summary);
    }
    Ok(())
}

async fn run(args: &Args) -> anyhow::Result<Summary> {
    let workload = Arc::new(Workload::new(&WorkloadSpec {
        keys: args.keys,
        zipf: args.zipf.0,
        key_bytes: args.key_bytes,
        value_bytes: args.value_bytes,
        read_percent: args.read_percent,
        ttl_milliseconds: args.ttl.saturating_mul(1000),
    })?);
    let pool = Pool::connect(address(&args.url)?, args.connections, &identity(args)?).await?;
    if args.create_cache
        && let [first, ..] = pool.connections()
    {
        first.clone().create_cache().await?;
    }
    if args.preload {
        let sample = closed::preload(&pool, &workload, args.inflight).await?;
        anyhow::ensure!(sample.error_count() == 0, "preloading failed: {:?}", sample.errors);
    }
    let (warmup, measured) = (Duration::from_secs_f64(args.warmup), Duration::from_secs_f64(args.seconds));
    if !warmup.is_zero() {
        closed::run_for(&pool, &workload, args.inflight, warmup, !args.seed).await?;
    }
    let sample = match args.rate {
        Some(rate) => open::run_for(&pool, &workload, rate, measured, args.seed).await?,
        None => closed::run_for(&pool, &workload, args.inflight, measured, args.seed).await?,
    };
    Ok(sample.summary())
}

fn identity(args: &Args) -> anyhow::Result<Identity> {
    let token = match (&args.token_file, &args.token) {
        (Some(path), _) => std::fs::read_to_string(path).context("the token file")?.trim().to_owned(),
        (None, Some(token)) => token.clone(),
        (None, None) => return Ok(Identity::filler(&args.cache, 400)),
    };
    Ok(Identity { token, cache: args.cache.clone() })
}

fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let authority = url.strip_prefix("http://").context("only http:// is spoken")?.trim_end_matches('/');
    authority.to_socket_addrs()?.next().context("the name has no address")
}

fn print(summary: &Summary) {
    println!(
        "{:.0} operations a second: {} in {:.2} s",
        summary.ops_per_second, summary.ops, summary.seconds
    );
    println!("reads: {} hits, {} misses", summary.hits, summary.misses);
    println!(
        "latency µs: p50 {:.0}, p99 {:.0}, p99.9 {:.0}, max {:.0}",
        summary.p50_us, summary.p99_us, summary.p999_us, summary.max_us
    );
    for (kind, count) in &summary.errors {
        println!("errors: {count} × {kind}");
    }
}
