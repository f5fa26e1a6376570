//! A server without sockets, the same each time: its clock stands, its seeds and secrets are fixed.

use std::sync::Arc;

use kura_base::{FakeClock, Limits, Millis};
use kura_commands::{Authentication, Commands, Parts};
use kura_store::{Data, Registry, TopicConfig, TopicLog};
use kura_tokens::{
    Access, CacheSelector, Claims, Format, Grant, ItemSelector, Permissions, SigningSecret, mint,
};
use tokio::runtime::{Builder, Runtime};

/// The cache.
pub(crate) const CACHE: &str = "bench";
/// The time.
pub(crate) const NOW: Millis = Millis(1_700_000_000_000);

/// What signs tokens.
pub(crate) fn secret() -> SigningSecret {
    SigningSecret::from_bytes([7; 32])
}

/// A token of about 400 bytes, as usual ones are.
pub(crate) fn token() -> anyhow::Result<String> {
    let grant = |cache: &str| Grant::Items {
        caches: CacheSelector::Named(cache.to_owned()),
        items: ItemSelector::ALL,
        access: Access::ReadWrite,
    };
    let others = (0..3).map(|n| grant(&format!("a-cache-that-nobody-uses-{n}")));
    let ours = Grant::Data { caches: CacheSelector::Named(CACHE.to_owned()), access: Access::ReadWrite };
    let permissions = Permissions::Explicit(std::iter::once(ours).chain(others).collect());
    let expires = Some(NOW.epoch_seconds() + 3600);
    let claims = Claims {
        id: ".bench".to_owned(),
        issued: NOW.epoch_seconds(),
        expires,
        permissions,
        format: Format::V2,
    };
    Ok(mint(&secret(), &claims)?)
}

/// Commands on the cache, which is empty.
pub(crate) fn commands() -> anyhow::Result<Arc<Commands>> {
    let commands = Commands::new(Parts {
        registry: Arc::new(Registry::in_memory()?),
        data: Arc::new(Data::new(256 << 20, 1)),
        topics: TopicLog::new(TopicConfig::default(), NOW),
        secret: secret(),
        endpoint: "cell".to_owned(),
        authentication: Authentication::Optional,
        limits: Limits::default(),
        clock: Arc::new(FakeClock::at(NOW)),
    });
    let superuser = commands.authenticate(b"")?;
    commands.create_cache(&superuser, CACHE)?;
    Ok(Arc::new(commands))
}

/// One thread, as a worker of the server has it.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}
