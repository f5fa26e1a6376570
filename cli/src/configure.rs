//! `momento configure`: asks, checks, writes the profile, then makes its default cache.

use std::io::{BufRead, Write};

use kura_wire::{CacheClient, ChannelOptions, Code, Created, Endpoint, Key};

use crate::access::{self, Credentials};
use crate::args::ConfigureArgs;
use crate::error::CliError;
use crate::output::note;
use crate::profile::{Config, Files};
use crate::prompt::Prompt;
use crate::{Outcome, block_on};

const DEFAULT_CACHE: &str = "default-cache";
const DEFAULT_TTL_SECONDS: u64 = 600;

/// Runs the command. Nothing is written unless the credentials can be read back.
pub(crate) fn run(
    files: &Files,
    profile: &str,
    how: &ConfigureArgs,
    options: ChannelOptions,
) -> Result<Outcome, CliError> {
    let mut prompt = Prompt::new(std::io::stdin().lock(), std::io::stdout().lock());
    let credentials = match &how.local {
        Some(address) => local(address)?,
        None => ask_credentials(&mut prompt, files, profile, how)?,
    };
    let access = access::resolve(Ok(credentials.clone()), None, None)?;
    let known = files.config(profile).ok();
    let config = match how.quick || how.local.is_some() {
        true => known.unwrap_or(Config { cache: DEFAULT_CACHE.to_owned(), ttl_seconds: DEFAULT_TTL_SECONDS }),
        false => ask_config(&mut prompt, known)?,
    };
    files.set_config(profile, &config)?;
    files.set_credentials(profile, &credentials)?;
    let client = crate::client(access, options)?;
    block_on(make_default_cache(&client, &config)).map(|()| Outcome::Done)
}

/// A plaintext server, given as `host:port` or as a whole URL.
fn local(address: &str) -> Result<Credentials, CliError> {
    let endpoint = match address.contains("://") {
        true => address.to_owned(),
        false => format!("http://{address}"),
    };
    match Endpoint::parse(&endpoint) {
        Ok(parsed) if parsed.is_plaintext() => Ok(Credentials::Plaintext { endpoint }),
        Ok(_) => Err(CliError::new("--local is for a plaintext server; for TLS run 'momento configure'")),
        Err(status) => Err(CliError::new(status.message)),
    }
}

fn ask_credentials<R: BufRead, W: Write>(
    prompt: &mut Prompt<R, W>,
    files: &Files,
    profile: &str,
    how: &ConfigureArgs,
) -> Result<Credentials, CliError> {
    if how.api_key_and_endpoint {
        return ask_key_and_endpoint(prompt);
    }
    if how.disposable_token {
        return ask_token(prompt);
    }
    let mut answer = None;
    if let Ok(existing) = files.profile_credentials(profile) {
        note(&format!(
            "Found existing credentials for profile '{profile}', do you wish to use those values? (y/n)"
        ));
        let use_existing = prompt.ask("Use existing credentials", "y")?;
        match use_existing.to_lowercase().as_str() {
            "y" | "yes" => return Ok(existing),
            "n" | "no" => {}
            // Who pastes a key here means it.
            _ => answer = Some(use_existing),
        }
    }
    // The forms of keys tell themselves apart; only a v2 key needs an endpoint beside it.
    let key = match answer {
        Some(key) => key,
        None => {
            note(
                "Please paste your Momento API key: a v2 key, a disposable auth token or a legacy v1 API key.",
            );
            note("  - A local server without keys: press enter, then give http://host:port as the endpoint.");
            note("");
            prompt.ask("API Key", "")?
        }
    };
    match Key::parse(&key) {
        Ok(Key::V1 { .. }) => Ok(Credentials::Token(key)),
        Ok(Key::V2(_)) | Err(_) => ask_endpoint(prompt, key),
    }
}

fn ask_key_and_endpoint<R: BufRead, W: Write>(prompt: &mut Prompt<R, W>) -> Result<Credentials, CliError> {
    note("Please paste your Momento API Key v2 and endpoint.");
    note("");
    let key = prompt.ask("API Key", "")?;
    ask_endpoint(prompt, key)
}

fn ask_endpoint<R: BufRead, W: Write>(
    prompt: &mut Prompt<R, W>,
    key: String,
) -> Result<Credentials, CliError> {
    let endpoint = prompt.ask("Endpoint", "")?;
    let parsed = Endpoint::parse(&endpoint).map_err(|status| CliError::new(status.message))?;
    match key.is_empty() && parsed.is_plaintext() {
        true => Ok(Credentials::Plaintext { endpoint }),
        false => Ok(Credentials::V2 { key, endpoint }),
    }
}

fn ask_token<R: BufRead, W: Write>(prompt: &mut Prompt<R, W>) -> Result<Credentials, CliError> {
    note("Please paste your Momento disposable auth token or legacy v1 API key.");
    note("");
    Ok(Credentials::Token(prompt.ask("Disposable Auth Token", "")?))
}

fn ask_config<R: BufRead, W: Write>(
    prompt: &mut Prompt<R, W>,
    known: Option<Config>,
) -> Result<Config, CliError> {
    let (cache, ttl) = match known {
        Some(known) => (known.cache, known.ttl_seconds),
        None => (DEFAULT_CACHE.to_owned(), DEFAULT_TTL_SECONDS),
    };
    let cache = prompt.ask("Default Cache", &cache)?;
    let ttl = prompt.ask("Default Ttl Seconds", &ttl.to_string())?;
    let ttl_seconds = ttl.parse().map_err(|error| CliError::new(format!("failed to parse ttl: {error}")))?;
    Ok(Config { cache, ttl_seconds })
}

async fn make_default_cache(client: &CacheClient, config: &Config) -> Result<(), CliError> {
    let Config { cache, ttl_seconds } = config;
    match client.create_cache(cache).await {
        Ok(Created::New) => {
            note(&format!("{cache} successfully created as the default with default TTL of {ttl_seconds}s"));
            Ok(())
        }
        Ok(Created::Existed) => {
            note(&format!("{cache} is the default with default TTL of {ttl_seconds}s"));
            Ok(())
        }
        // A key that may not make caches may do with one that is there.
        Err(status) if status.code == Code::PermissionDenied => match client.list_caches().await {
            Ok(names) if names.contains(cache) => {
                note(&format!("{cache} is the default with default TTL of {ttl_seconds}s"));
                Ok(())
            }
            _ => Err(CliError::new(format!(
                "Insufficient permissions to create the default cache {cache}. The profile is saved; if the cache \
                 does not exist, create it with a key that may"
            ))
            .with_details(format!("{status:?}"))),
        },
        Err(status) => Err(status.into()),
    }
}
