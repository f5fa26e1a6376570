//! kura

mod admin;
mod cache;
#[allow(dead_code, reason = "serving is wired later")]
mod control_socket;
mod hosts;
#[allow(dead_code, reason = "serving is wired later")]
mod identity;
mod key;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "kura", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes, lists and revokes API keys.
    Key(key::KeyCommand),
    /// Creates, deletes and lists caches.
    Cache(cache::CacheCommand),
    /// Prints the /etc/hosts line for the cell's names.
    Hosts(hosts::HostsCommand),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Key(command) => command.run(),
        Command::Cache(command) => command.run(),
        Command::Hosts(command) => command.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "kura: {error:#}");
            ExitCode::FAILURE
        }
    }
}
