//! `momento cache …`.

use std::time::Duration;

use crate::answer::Answer;
use crate::args::CacheCommand;
use crate::caller::Caller;
use crate::error::CliError;
use crate::input;

/// Runs one command. The notes are those of the official command line, under its modules' names;
/// as there, only what is UTF-8 is printed as text (`is_printed_text`).
pub(crate) async fn run(
    caller: &Caller,
    command: CacheCommand,
    is_printed_text: bool,
) -> Result<Answer, CliError> {
    let Caller { client, config } = caller;
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
            let rows = names.into_iter().map(|name| vec![name.into()]).collect();
            return Ok(Answer::Many("caches", &["name"], rows));
        }
        CacheCommand::Flush(name) => {
            calling("flushing cache...");
            client.flush_cache(&name.get()).await?;
        }
        CacheCommand::Set { item, value, value_flag, stdin: _, ttl_seconds } => {
            let (cache, key) = item.get(&config.cache);
            let value = value.or(value_flag).map_or_else(input::stdin, |value| Ok(value.into_bytes()))?;
            let ttl = Duration::from_secs(ttl_seconds.unwrap_or(config.ttl_seconds));
            doing("setting", &key, "into", &cache);
            calling("setting...");
            client.set(&cache, key.as_bytes(), &value, ttl).await?;
        }
        CacheCommand::Get(item) => {
            let (cache, key) = item.get(&config.cache);
            doing("getting", &key, "from", &cache);
            calling("getting...");
            let Some(value) = client.get(&cache, key.as_bytes()).await? else {
                tracing::debug!(target: "momento::commands::cache::cache_cli", "cache miss");
                return Ok(Answer::Miss);
            };
            if is_printed_text && let Err(error) = std::str::from_utf8(&value) {
                return Err(CliError::new("item is not a utf-8 string (SDK TypeError from: unknown source)")
                    .with_details(error.to_string()));
            }
            return Ok(Answer::One("value", value.into()));
        }
        CacheCommand::DeleteItem(item) => {
            let (cache, key) = item.get(&config.cache);
            doing("deleting", &key, "from", &cache);
            calling("deleting...");
            client.delete(&cache, key.as_bytes()).await?;
        }
    }
    Ok(Answer::Done)
}

fn calling(note: &str) {
    tracing::debug!(target: "momento::utils::client", "{note}");
}

fn doing(what: &str, key: &str, into: &str, cache: &str) {
    tracing::debug!(target: "momento::commands::cache::cache_cli", "{what} key: {key} {into} cache: {cache}");
}
