//! `kura`: a self-hosted cache that speaks Momento's protocols.
//!
//! This binary is the rim: it reads the command line, the environment and the configuration file,
//! opens sockets and files, draws time and randomness, and hands all of that to the crates below.

mod admin;
mod bench;
mod cache;
mod config;
mod control_socket;
mod hosts;
mod identity;
mod key;
mod logging;
mod serve;

use std::process::ExitCode;
use std::time::Instant;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A self-hosted cache that speaks Momento's protocols
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    /// What to log to stderr: error, warn, info, debug or trace, also by module
    /// (kura=debug,h2=info)
    #[arg(long, global = true, env = "KURA_LOG", default_value = "info", value_name = "LEVELS")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve caches
    Serve(Box<config::Settings>),
    /// Make, list and revoke API keys
    Key(key::KeyCommand),
    /// Create, delete, flush and list caches
    Cache(cache::CacheCommand),
    /// Print the /etc/hosts line for the cell's names
    Hosts(hosts::HostsCommand),
    /// Measure servers as their callers see them
    Bench(bench::BenchCommand),
}

fn main() -> ExitCode {
    let started = Instant::now();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    if let Err(error) = logging::start(&arguments.log) {
        eprintln!("kura: {error}");
        return ExitCode::from(2);
    }
    match run(arguments.command, started) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kura: {error:#}");
            if error.is::<config::Mistakes>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Help as clap prints it; a mistake in one line, so that it is not lost in a log.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that has gone, as in `kura --help | head`, is no mistake.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Its text is the whole help, in which no line is the mistake.
        eprintln!("kura: a command is missing; see --help");
        return ExitCode::from(2);
    }
    let text = error.render().to_string();
    let what = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let what: Vec<&str> = what.filter(|line| !line.is_empty() && !line.starts_with("For more")).collect();
    let what = what.join(" ");
    eprintln!("kura: {}; see --help", what.strip_prefix("error: ").unwrap_or(&what));
    ExitCode::from(2)
}

fn run(command: Command, started: Instant) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(settings) => {
            let config = settings.resolve()?;
            let in_order = serve::run(&config, started)?;
            Ok(if in_order { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Key(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Cache(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Hosts(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Bench(command) => command.run(),
    }
}
