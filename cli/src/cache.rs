//! `momento cache …`.

use std::time::Duration;

use kura_wire::CacheClient;

use crate::args::CacheCommand;
use crate::error::CliError;
use crate::profile::Config;
use crate::{Outcome, output};

/// Runs one command. The notes are those of the official command line, under its modules' names.
pub(crate) async fn run(
    client: &CacheClient,
    config: &Config,
    command: CacheCommand,
) -> Result<Outcome, CliError> {
    match command {
        CacheCommand::Create(name) => {
            let name = name.get();
            calling("creating cache...");
            client.create_cache(&name).await?;
            tracing::debug!(target: "momento", "created cache {name}");
        }
        CacheCommand::Delete(name) => {
            let name = name.get();
            calling("deleting cache...");
            client.delete_cache(&name).await?;
            tracing::debug!(target: "momento", "deleted cache {name}");
        }
        CacheCommand::List {} => {
            calling("listing caches...");
            let names = client.list_caches().await?;
            let lines: String = names.into_iter().map(|name| name + "\n").collect();
            output::bytes(lines.as_bytes())?;
        }
        CacheCommand::Flush(name) => {
            calling("flushing cache...");
            client.flush_cache(&name.get()).await?;
        }
        CacheCommand::Set { item, value, value_flag, ttl_seconds } => {
            let (cache, key) = item.get(&config.cache);
            let value = value.or(value_flag).unwrap_or_default();
            let ttl = Duration::from_secs(ttl_seconds.unwrap_or(config.ttl_seconds));
            doing("setting", &key, "into", &cache);
            calling("setting...");
            client.set(&cache, key.as_bytes(), value.as_bytes(), ttl).await?;
        }
        CacheCommand::Get(item) => {
            let (cache, key) = item.get(&config.cache);
            doing("getting", &key, "from", &cache);
            calling("getting...");
            let Some(value) = client.get(&cache, key.as_bytes()).await? else {
                tracing::debug!(target: "momento::commands::cache::cache_cli", "cache miss");
                return Ok(Outcome::Miss);
            };
            let value = String::from_utf8(value).map_err(|error| {
                CliError::new("item is not a utf-8 string (SDK TypeError from: unknown source)")
                    .with_details(error.utf8_error().to_string())
            })?;
            output::line(&value)?;
        }
        CacheCommand::DeleteItem(item) => {
            let (cache, key) = item.get(&config.cache);
            doing("deleting", &key, "from", &cache);
            calling("deleting...");
            client.delete(&cache, key.as_bytes()).await?;
        }
    }
    Ok(Outcome::Done)
}

fn calling(note: &str) {
    tracing::debug!(target: "momento::utils::client", "{note}");
}

fn doing(what: &str, key: &str, into: &str, cache: &str) {
    tracing::debug!(target: "momento::commands::cache::cache_cli", "{what} key: {key} {into} cache: {cache}");
}
