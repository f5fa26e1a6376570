//! A client, and what the profile says where the command line says nothing.

use clap::ValueEnum;
use clap::builder::NonEmptyStringValueParser;
use kura_wire::{CacheClient, Code, Status};
use prost::Message;

use crate::error::CliError;
use crate::profile::Config;

/// Makes the calls of one command.
pub(crate) struct Caller {
    pub(crate) client: CacheClient,
    pub(crate) config: Config,
}

/// What a command is about, in which cache.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Name of the cache you want to use [default: your profile's default cache]
    #[arg(long, value_name = "CACHE", value_parser = NonEmptyStringValueParser::new())]
    cache: Option<String>,
    /// Name in that cache
    name: String,
}

/// How long a collection is kept after it was written to.
#[derive(Debug, clap::Args)]
pub(crate) struct Lifetime {
    /// Max time that it will be stored in cache (in seconds) [default: your profile's default TTL]
    #[arg(long = "ttl", value_name = "TTL_SECONDS")]
    ttl_seconds: Option<u64>,
    /// Leave one that exists the time it has left
    #[arg(long)]
    keep_ttl: bool,
}

/// From which end ranks are counted.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Order {
    // The lowest score first.
    Ascending,
    // The highest score first.
    Descending,
}

impl Caller {
    /// The cache that was named, or the profile's.
    pub(crate) fn cache(&self, named: Option<String>) -> String {
        named.unwrap_or_else(|| self.config.cache.clone())
    }

    /// The cache, and the name in it.
    pub(crate) fn place(&self, named: Named) -> (String, String) {
        (self.cache(named.cache), named.name)
    }

    /// Milliseconds to live, the most there can be if they cannot be counted.
    pub(crate) fn ttl_milliseconds(&self, seconds: Option<u64>) -> u64 {
        seconds.unwrap_or(self.config.ttl_seconds).saturating_mul(1000)
    }

    /// Milliseconds to live, and whether that is for a collection that exists, too.
    pub(crate) fn lifetime(&self, lifetime: &Lifetime) -> (u64, bool) {
        (self.ttl_milliseconds(lifetime.ttl_seconds), !lifetime.keep_ttl)
    }

    /// Calls a method of the service of items.
    pub(crate) async fn scs<R: Message + Default>(
        &self,
        method: &str,
        cache: &str,
        request: &impl Message,
    ) -> Result<R, CliError> {
        Ok(self.client.call(&format!("/cache_client.Scs/{method}"), cache, request).await?)
    }
}

/// A server that answers with neither a find nor a miss.
pub(crate) fn unreadable(method: &str) -> CliError {
    Status::new(Code::Internal, format!("The response to {method} is neither a find nor a miss")).into()
}
