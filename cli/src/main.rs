//! `momento`: the official command line's grammar, over Kura's own client channel.
//!
//! What users and scripts rely on is kept word for word: commands and flags, the files under
//! `~/.momento`, what is printed where, exit codes. Beyond it an endpoint may be plaintext
//! (`http://host:port`, no key needed) or trusted through a private authority (`--ca`), and
//! `--verbose` says which address a connection really has.
//!
//! Collections and leaderboards are commands, too; `--json` makes every answer readable for
//! programs, `--stdin` and `--output` carry any bytes.
//!
//! Built on `kura-wire` and not on an SDK: a cold call must take a few milliseconds, and SDKs
//! neither speak plaintext nor trust a private authority.
//!
//! One command, one path: `args` reads what was typed, `profile` what was configured, `access`
//! decides from both where to go and with which key, `cache`, `topic`, `dictionary` and so on make
//! one call and an `answer`, `output` writes it. `configure` goes its own way.

mod access;
mod answer;
mod args;
mod cache;
mod caller;
mod configure;
mod dictionary;
mod error;
mod ini;
mod input;
mod leaderboard;
mod list;
mod log;
mod output;
mod profile;
mod prompt;
mod sdk_error;
mod set;
mod sorted_set;
mod topic;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use kura_base::SystemClock;
use kura_wire::{CacheClient, ChannelOptions, KeepAlive};

use crate::access::Access;
use crate::answer::Answer;
use crate::args::{AccountCommand, Args, Command, Common, Credential, Deferred, Group};
use crate::caller::Caller;
use crate::error::CliError;
use crate::output::Output;
use crate::profile::Files;

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
        Command::Cache(Deferred(Group { common, operation })) => {
            let printed = common.printing.is_printed_text();
            ask(&files, &profile, common, ca, async |caller| cache::run(caller, operation, printed).await)
        }
        Command::Dictionary(Deferred(Group { common, operation })) => {
            ask(&files, &profile, common, ca, async |caller| dictionary::run(caller, operation).await)
        }
        Command::List(Deferred(Group { common, operation })) => {
            ask(&files, &profile, common, ca, async |caller| list::run(caller, operation).await)
        }
        Command::Set(Deferred(Group { common, operation })) => {
            ask(&files, &profile, common, ca, async |caller| set::run(caller, operation).await)
        }
        Command::SortedSet(Deferred(Group { common, operation })) => {
            ask(&files, &profile, common, ca, async |caller| sorted_set::run(caller, operation).await)
        }
        Command::Leaderboard(Deferred(Group { common, operation })) => {
            ask(&files, &profile, common, ca, async |caller| leaderboard::run(caller, operation).await)
        }
        Command::Topic(Deferred(Group { common, operation })) => {
            let caller = connect(&files, &profile, common.credential, ca)?;
            let mut output = Output::open(common.printing)?;
            block_on(topic::run(&caller, operation, &mut output))
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

/// Makes the call of one command, and writes its answer.
fn ask(
    files: &Files,
    profile: &str,
    common: Common,
    ca: Option<std::path::PathBuf>,
    command: impl AsyncFnOnce(&Caller) -> Result<Answer, CliError>,
) -> Result<Outcome, CliError> {
    let caller = connect(files, profile, common.credential, ca)?;
    let mut output = Output::open(common.printing)?;
    let answer = block_on(command(&caller))?;
    output.answer(&answer)
}

/// A client for what was typed and configured; nothing is connected yet.
fn connect(
    files: &Files,
    profile: &str,
    credential: Credential,
    ca: Option<std::path::PathBuf>,
) -> Result<Caller, CliError> {
    let credentials = files.credentials(profile, &SystemClock);
    // A profile without credentials is told first, then one without a config, as users know it;
    // but who names a plaintext endpoint needs no credentials.
    let access = access::resolve(credentials, credential.api_key, credential.endpoint)?;
    let config = files.config(profile)?;
    Ok(Caller { client: client(access, channel_options(ca)?)?, config })
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
