//! `momento`: the official command line's grammar, over Kura's own client channel.
//!
//! What users and scripts rely on is kept word for word: commands and flags, the files under
//! `~/.momento`, what is printed where, exit codes. Beyond it an endpoint may be plaintext
//! (`http://host:port`, no key needed) or trusted through a private authority (`--ca`), and
//! `--verbose` says which address a connection really has.
//!
//! Built on `kura-wire` and not on an SDK: a cold call must take a few milliseconds, and SDKs
//! neither speak plaintext nor trust a private authority.
//!
//! One command, one path: `args` reads what was typed, `profile` what was configured, `access`
//! decides from both where to go and with which key, `cache`, `topic` and `configure` act.

mod access;
mod args;
mod cache;
mod configure;
mod error;
mod ini;
mod log;
mod output;
mod profile;
mod prompt;
mod sdk_error;
mod topic;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use kura_base::SystemClock;
use kura_wire::{CacheClient, ChannelOptions, KeepAlive};

use crate::access::Access;
use crate::args::{AccountCommand, Args, Command, Credential};
use crate::error::CliError;
use crate::profile::{Config, Files};

/// How a command ended, when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// As asked.
    Done,
    /// There is no such item: nothing is printed, and the exit code is 1.
    Miss,
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help is an error to clap as well; a closed pipe is none of ours.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    log::init(args.verbose);
    match run(args) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Miss) => ExitCode::FAILURE,
        Err(error) => {
            tracing::warn!(target: "momento", "{error:?}");
            error.print();
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<Outcome, CliError> {
    let Args { profile, ca, command, .. } = args;
    let files = Files::locate()?;
    match command {
        Command::Cache { credential, operation } => {
            let (client, config) = connect(&files, &profile, credential, ca)?;
            block_on(cache::run(&client, &config, operation))
        }
        Command::Topic { credential, operation } => {
            let (client, config) = connect(&files, &profile, credential, ca)?;
            block_on(topic::run(&client, &config, operation))
        }
        Command::Configure(how) => configure::run(&files, &profile, &how, channel_options(ca)?),
        Command::Account { operation: AccountCommand::Signup { .. } } => Err(CliError::new(
            "This command has been decommissioned!\n\
             Please go to the console to sign up for Momento and generate a token:\n\
             https://console.gomomento.com",
        )),
        Command::Preview { .. } => Err(CliError::new(
            "Kura has no preview services: functions, capacity pools, databases and the cloud linter \
             exist at Momento only",
        )),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "momento", &mut script);
            output::bytes(&script).map(|()| Outcome::Done)
        }
    }
}

/// A client for what was typed and configured; nothing is connected yet.
fn connect(
    files: &Files,
    profile: &str,
    credential: Credential,
    ca: Option<std::path::PathBuf>,
) -> Result<(CacheClient, Config), CliError> {
    let credentials = files.credentials(profile, &SystemClock);
    // A profile without credentials is told first, then one without a config, as users know it;
    // but who names a plaintext endpoint needs no credentials.
    let access = access::resolve(credentials, credential.api_key, credential.endpoint)?;
    let config = files.config(profile)?;
    Ok((client(access, channel_options(ca)?)?, config))
}

fn client(access: Access, options: ChannelOptions) -> Result<CacheClient, CliError> {
    let Access { endpoint, token } = access;
    // The words of the official command line, which readers of its output look for.
    tracing::debug!(
        target: "momento::simple_cache_client",
        "connecting to cache endpoint: \"{}\", connecting to control endpoint: \"{}\"",
        endpoint.cache,
        endpoint.control
    );
    CacheClient::new(endpoint, &token, "cli", options).map_err(CliError::from)
}

fn channel_options(ca: Option<std::path::PathBuf>) -> Result<ChannelOptions, CliError> {
    let from_environment = || std::env::var_os("MOMENTO_CA_CERT").filter(|path| !path.is_empty());
    let path = ca.or_else(|| from_environment().map(Into::into));
    let ca = match path {
        None => Vec::new(),
        Some(path) => vec![std::fs::read(&path).map_err(|error| {
            CliError::new(format!("failed to read the CA certificate {}: {error}", path.display()))
        })?],
    };
    // A subscriber must notice that its server is gone; other commands end before the first ping.
    let keep_alive = KeepAlive {
        interval: std::time::Duration::from_secs(5),
        timeout: std::time::Duration::from_secs(10),
    };
    Ok(ChannelOptions { ca, keep_alive: Some(keep_alive), ..ChannelOptions::default() })
}

fn block_on<T>(command: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::new(format!("failed to start: {error}")))?;
    runtime.block_on(command)
}
