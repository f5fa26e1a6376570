//! `kura bench check`: what one caller waits for, target beside target.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use kura_check::{Options, Target};

/// Measures.
#[derive(Args)]
pub(crate) struct BenchCommand {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Write and read N items one after another at each target, targets taking turns
    Check(Check),
}

#[derive(Args)]
struct Check {
    /// A way to a server: http://host:port, https://cell-host[:port] or a cell's host; may be repeated
    #[arg(long = "target", value_name = "NAME=URL", required = true, value_parser = Target::parse)]
    targets: Vec<Target>,
    /// Where to connect to a target, instead of the addresses that its names have; the names stay what TLS checks
    #[arg(long = "connect-to", value_name = "NAME=ADDRESS", value_parser = connect_to)]
    connect_to: Vec<(String, IpAddr)>,
    /// Items to write at each target
    #[arg(long, default_value_t = 100, value_name = "N")]
    writes: usize,
    /// Items to read from each target
    #[arg(long, default_value_t = 100, value_name = "N")]
    reads: usize,
    /// The cache to use; created if it is not there
    #[arg(long, default_value = "kura-check", value_name = "NAME")]
    cache: String,
    /// An API key, v1 or v2; better given in the environment than on a command line
    #[arg(long, env = "MOMENTO_API_KEY", hide_env_values = true, value_name = "KEY")]
    api_key: Option<String>,
    /// Certificates (PEM) to trust instead of the machine's own
    #[arg(long, env = "MOMENTO_CA_CERT", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl BenchCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// The first call that failed.
    pub(crate) fn run(self) -> Result<ExitCode> {
        let What::Check(check) = self.command;
        let ca = check
            .ca
            .map(|path| std::fs::read(&path).with_context(|| format!("cannot read --ca {}", path.display())))
            .transpose()?;
        let mut targets: Vec<Target> = check
            .targets
            .into_iter()
            .map(|target| Target { api_key: check.api_key.clone(), ca: ca.clone(), ..target })
            .collect();
        for (name, address) in check.connect_to {
            let target = targets.iter_mut().find(|target| target.name == name);
            let target =
                target.with_context(|| format!("--connect-to {name}={address} names no --target"))?;
            target.address = Some(address);
        }
        let options = Options { targets, writes: check.writes, reads: check.reads, cache: check.cache };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let report = runtime.block_on(kura_check::run(&options))?;
        if check.json {
            println!("{}", report.to_json());
        } else {
            print!("{report}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads `NAME=ADDRESS`.
fn connect_to(text: &str) -> Result<(String, IpAddr), String> {
    let wrong = || format!("{text:?} is not NAME=ADDRESS, such as public=203.0.113.10");
    let (name, address) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name.to_owned(), address.parse().map_err(|_| wrong())?))
}
