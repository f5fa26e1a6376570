//! `kura-link`: VPCs, security groups and private endpoints that carry packets, on one Linux machine.
//!
//! This binary is the rim: it draws time and randomness, keeps the journal, and runs what the crates below provide:
//! the wire APIs turn requests into changes, the model says what must stand, `netns` and `dns` make it so.

mod commands;
mod control;
mod dns;
mod flow_log;
mod health;
mod http;
mod journal;
mod keys;
mod link;
mod logging;
mod publish;
mod rim;
mod up;
mod user_data;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// VPCs, security groups and private endpoints that carry packets, on one Linux machine
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    /// What to log to stderr: error, warn, info, debug or trace, also by module (kura_link=debug)
    #[arg(long, global = true, env = "KURA_LINK_LOG", default_value = "info", value_name = "LEVELS")]
    log: String,
    /// Where everything is kept; each state directory is a world of its own
    #[arg(long, global = true, env = "KURA_LINK_STATE_DIR", value_name = "DIR", default_value_os_t = default_state_dir())]
    state_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the daemon: make what was described, and answer the AWS APIs
    Up(up::Up),
    /// Stop the daemon and remove every namespace, rule and process of this state directory
    Down(commands::down::Down),
    /// Show what stands
    Status(commands::status::Status),
    /// Run a command inside an instance
    Exec(commands::exec::Exec),
    /// Show what an instance's user data printed
    Logs(commands::logs::Logs),
    /// Offer a cell to other accounts: load balancers, endpoint services, public records
    Publish(publish::Publication),
    /// Tell where a name leads from an instance, and why
    Trace(commands::trace::TraceCommand),
    /// Show flow records in AWS's default format
    Flows(commands::flows::Flows),
    /// Make and list access keys
    Key(commands::key::KeyCommand),
    /// Hold the namespaces (started by `up`)
    #[command(hide = true)]
    Anchor { held: PathBuf },
    /// Carry connections the kernel cannot (started by `up`)
    #[command(hide = true)]
    Forwarder { held: PathBuf },
}

/// `$XDG_STATE_HOME/kura-link`, else `~/.local/state/kura-link`, else `/var/lib/kura-link`.
fn default_state_dir() -> PathBuf {
    let below = |name: &str, rest: &str| {
        std::env::var_os(name).filter(|dir| !dir.is_empty()).map(|dir| PathBuf::from(dir).join(rest))
    };
    below("XDG_STATE_HOME", "kura-link")
        .or_else(|| below("HOME", ".local/state/kura-link"))
        .unwrap_or_else(|| PathBuf::from("/var/lib/kura-link"))
}

fn main() -> ExitCode {
    let Arguments { log, state_dir, command } = Arguments::parse();
    if let Err(error) = logging::start(&log) {
        eprintln!("kura-link: {error:#}");
        return ExitCode::from(2);
    }
    match run(command, state_dir, &log) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kura-link: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, state_dir: PathBuf, log: &str) -> anyhow::Result<ExitCode> {
    match command {
        Command::Up(up) => up.run(&state_dir, log),
        Command::Down(down) => down.run(&state_dir),
        Command::Status(status) => status.run(&state_dir),
        Command::Exec(exec) => exec.run(&state_dir),
        Command::Logs(logs) => logs.run(&state_dir),
        Command::Publish(publication) => commands::publish::run(&state_dir, publication),
        Command::Trace(trace) => trace.run(&state_dir),
        Command::Flows(flows) => flows.run(&state_dir),
        Command::Key(key) => key.run(&state_dir),
        Command::Anchor { held } => Ok(kura_netns::anchor_main(&held).map(|()| ExitCode::SUCCESS)?),
        Command::Forwarder { held } => Ok(kura_netns::forwarder_main(&held).map(|()| ExitCode::SUCCESS)?),
    }
}
