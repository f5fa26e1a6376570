//! `kura-load`: drives a server of Momento's protocols or of RESP and says how it did.
//!
//! `kura-load --url http://127.0.0.1:8080 --connections 8 --inflight 8 --seconds 5 --preload` keeps 64 requests in
//! flight; `--rate 20000` sends on a schedule instead. `--url resp://127.0.0.1:6379` pipelines `--inflight` commands.

use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use kura_load::bare;
use kura_load::client::Identity;
use kura_load::driver::{Driver, Protocol};
use kura_load::report::Summary;
use kura_load::socket::{Target, Tls};
use kura_load::workload::{Workload, WorkloadSpec};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drives a server and reports throughput, errors and latencies.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Server to drive: http://HOST:PORT for gRPC, resp://, protosocket://; over TLS https://, resps://,
    /// protosockets://.
    #[arg(long)]
    url: String,
    /// Certificates to trust (PEM), for TLS.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// The name that the server's certificate has to have [default: the url's].
    #[arg(long)]
    server_name: Option<String>,
    /// Connections to open.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Requests in flight on each connection: on RESP and protosocket sent together.
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
    /// Time to live of what is written, in seconds; with RESP, 0 is none.
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
    /// Token; without one, 400 bytes that mean nothing, and to RESP none.
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
    let (protocol, target) = target(args)?;
    let identity = identity(args, protocol)?;
    let mut driver = Driver::connect(&target, protocol, args.connections, identity.as_ref()).await?;
    if args.create_cache {
        let Driver::Grpc(pool) = &driver else { bail!("caches are made over gRPC") };
        pool.connections().first().context("no connection")?.clone().create_cache().await?;
    }
    if args.preload {
        let sample = driver.preload(&workload, args.inflight).await?;
        anyhow::ensure!(sample.error_count() == 0, "preloading failed: {:?}", sample.errors);
    }
    let (warmup, measured) = (Duration::from_secs_f64(args.warmup), Duration::from_secs_f64(args.seconds));
    if !warmup.is_zero() {
        driver.run_for(&workload, args.inflight, warmup, !args.seed).await?;
    }
    let sample = match args.rate {
        Some(rate) => driver.run_open(&workload, rate, measured, args.seed).await?,
        None => driver.run_for(&workload, args.inflight, measured, args.seed).await?,
    };
    Ok(sample.summary())
}

/// RESP needs no token where everybody may come in, as to Redis.
const RESP: Protocol = Protocol::Bare(bare::Protocol::Resp);

fn identity(args: &Args, protocol: Protocol) -> anyhow::Result<Option<Identity>> {
    let token = match (&args.token_file, &args.token) {
        (Some(path), _) => std::fs::read_to_string(path).context("the token file")?.trim().to_owned(),
        (None, Some(token)) => token.clone(),
        (None, None) if protocol == RESP => return Ok(None),
        (None, None) => return Ok(Some(Identity::filler(&args.cache, 400))),
    };
    Ok(Some(Identity { token, cache: args.cache.clone() }))
}

/// What the url says: a protocol, an address, and whether over TLS.
fn target(args: &Args) -> anyhow::Result<(Protocol, Target)> {
    const SCHEMES: [(&str, Protocol, bool); 6] = [
        ("http", Protocol::Grpc, false),
        ("https", Protocol::Grpc, true),
        ("resp", RESP, false),
        ("resps", RESP, true),
        ("protosocket", Protocol::Bare(bare::Protocol::Protosocket), false),
        ("protosockets", Protocol::Bare(bare::Protocol::Protosocket), true),
    ];
    let url = &args.url;
    let (scheme, rest) = url.split_once("://").with_context(|| format!("{url:?} is no url"))?;
    let Some((_, protocol, secured)) = SCHEMES.into_iter().find(|(name, ..)| *name == scheme) else {
        bail!("{scheme}:// is not spoken, only {}", SCHEMES.map(|(name, ..)| name).join(", "));
    };
    let authority = rest.trim_end_matches('/');
    let address = authority.to_socket_addrs()?.next().context("the name has no address")?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let tls = match (secured, &args.ca_file) {
        (true, Some(file)) => Some(Tls::trusting(file, args.server_name.as_deref().unwrap_or(host))?),
        (true, None) => bail!("{scheme}:// needs --ca-file"),
        (false, _) => None,
    };
    Ok((protocol, Target { address, tls, send_buffer: None }))
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
