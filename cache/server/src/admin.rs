//! What an administrator of a server can do: keys and caches.
//!
//! Each operation exists once, here. A running server performs those that arrive on its control
//! socket; while no server runs, the command line performs them on the data directory itself.

mod protocol;
mod reach;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use kura_base::{CacheName, Clock, Limits, NameError};
use kura_store::{KEY_ID_PREFIX, KeyRecord, Registry, RegistryError};
use kura_tokens::{Claims, Format, MintError, SigningSecret, fingerprint, mint, wrap_v1};
use parking_lot::Mutex;

use crate::identity::{Cell, IdentityError, random_bytes};
pub(crate) use protocol::{Answer, ApiKey, KeyInfo, KeyState, NewKey, NewKeyInfo, Request, unexpected};
pub(crate) use reach::Place;

/// Longest name of a key, in bytes.
const MAX_KEY_NAME_BYTES: usize = 255;

/// A change of a cache that its server must act upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CacheEvent {
    /// It is registered now.
    Created(CacheName),
    /// It is registered no longer; what it held can go.
    Deleted(CacheName),
    /// What it holds is to go; it stays.
    Flushed(CacheName),
}

/// Why an operation was not performed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// The name of a key is empty, too long or unprintable.
    #[error("a key needs a name of 1 to {MAX_KEY_NAME_BYTES} bytes without control characters")]
    KeyName,
    /// The endpoint is no host name with an optional port.
    #[error("{0:?} is no endpoint: give a host name, with or without :port, and no scheme")]
    Endpoint(String),
    /// A V2 key does not carry an endpoint.
    #[error("only a v1 key carries an endpoint; a v2 key is configured together with it")]
    EndpointOfV2,
    /// The key would live too briefly or too long to tell when it expires.
    #[error("a key cannot expire in {0} seconds")]
    Lifetime(u64),
    /// There is no key of this id.
    #[error("there is no key with the id {0:?}; `kura key list` shows them")]
    NoSuchKey(String),
    /// There is no cache of this name.
    #[error("there is no cache named {0}")]
    NoSuchCache(CacheName),
    /// The name of a cache breaks a rule.
    #[error(transparent)]
    CacheName(#[from] NameError),
    /// The token was not minted.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The operating system gives no randomness.
    #[error(transparent)]
    Randomness(#[from] IdentityError),
    /// The registry refused, or could not be written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Everything that operations need.
pub(crate) struct Admin {
    registry: Arc<Registry>,
    secret: SigningSecret,
    cell: Cell,
    clock: Arc<dyn Clock>,
    limits: Limits,
    on_cache_event: Box<dyn Fn(CacheEvent) + Send + Sync>,
    /// Held while a cache changes, so that events are in the order of the changes.
    caches: Mutex<()>,
}

impl Admin {
    /// `on_cache_event` is called after each change of a cache is durable, before its answer, and
    /// for each flush.
    pub(crate) fn new(
        registry: Arc<Registry>,
        secret: SigningSecret,
        cell: Cell,
        clock: Arc<dyn Clock>,
        limits: Limits,
        on_cache_event: impl Fn(CacheEvent) + Send + Sync + 'static,
    ) -> Self {
        let on_cache_event = Box::new(on_cache_event);
        Self { registry, secret, cell, clock, limits, on_cache_event, caches: Mutex::new(()) }
    }

    /// Performs one operation. Blocks for as long as a disk sync takes.
    ///
    /// # Errors
    /// [`AdminError`]; then nothing was changed, except that a failing disk may have kept it.
    pub(crate) fn perform(&self, request: Request) -> Result<Answer, AdminError> {
        match request {
            Request::CreateKey(new) => self.create_key(new).map(Answer::KeyCreated),
            Request::ListKeys => Ok(Answer::Keys(self.list_keys())),
            Request::RevokeKey { id } => {
                self.revoke_key(&id).map(|revoked| Answer::Changed { changed: revoked })
            }
            Request::CreateCache { name } => self
                .create_cache(&CacheName::parse(&name)?)
                .map(|created| Answer::Changed { changed: created }),
            Request::DeleteCache { name } => {
                self.delete_cache(&CacheName::parse(&name)?)?;
                Ok(Answer::Changed { changed: true })
            }
            Request::FlushCache { name } => {
                self.flush_cache(&CacheName::parse(&name)?)?;
                Ok(Answer::Changed { changed: true })
            }
            Request::ListCaches => {
                let names = self.registry.caches();
                Ok(Answer::Caches(names.iter().map(CacheName::to_string).collect()))
            }
        }
    }

    fn create_key(&self, new: NewKey) -> Result<NewKeyInfo, AdminError> {
        let NewKey { name, permissions, format, lifetime_seconds, endpoint } = new;
        if name.trim().is_empty() || name.len() > MAX_KEY_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(AdminError::KeyName);
        }
        let endpoint = match (format, endpoint) {
            (Format::V1, Some(endpoint)) => Some(parse_endpoint(endpoint)?),
            (Format::V1, None) => Some(self.cell.to_string()),
            (Format::V2, Some(_)) => return Err(AdminError::EndpointOfV2),
            (Format::V2, None) => None,
        };
        let created = self.clock.now().epoch_seconds();
        let expires = lifetime_seconds.map(|seconds| expiry(created, seconds)).transpose()?;

        let random: [u8; 8] = random_bytes()?;
        let id = format!("{KEY_ID_PREFIX}{:016x}", u64::from_be_bytes(random));
        let claims = Claims { id: id.clone(), issued: created, expires, permissions, format };
        let token = mint(&self.secret, &claims)?;
        let record = KeyRecord {
            id: id.clone(),
            name: name.clone(),
            permissions: claims.permissions,
            format,
            created,
            expires,
            fingerprint: fingerprint(&token),
            revoked: None,
            refresh: None,
        };
        self.registry.add_key(record, self.limits.max_keys, created)?;
        let api_key = endpoint.as_deref().map_or(token.clone(), |endpoint| wrap_v1(endpoint, &token));
        Ok(NewKeyInfo { id, name, api_key: ApiKey(api_key), endpoint, expires })
    }

    fn list_keys(&self) -> Vec<KeyInfo> {
        let now = self.clock.now().epoch_seconds();
        let mut keys: Vec<_> = self.registry.keys().iter().map(|key| KeyInfo::of(key, now)).collect();
        keys.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        keys
    }

    /// False: it was revoked before.
    fn revoke_key(&self, id: &str) -> Result<bool, AdminError> {
        let revoked = self.registry.revoke_key(id, self.clock.now().epoch_seconds())?;
        if !revoked && self.registry.key(id).is_none() {
            return Err(AdminError::NoSuchKey(id.to_owned()));
        }
        Ok(revoked)
    }

    /// False: it existed before.
    fn create_cache(&self, name: &CacheName) -> Result<bool, AdminError> {
        let _order = self.caches.lock();
        let created = self.registry.create_cache(name, self.limits.max_caches)?;
        if created {
            (self.on_cache_event)(CacheEvent::Created(name.clone()));
        }
        Ok(created)
    }

    fn delete_cache(&self, name: &CacheName) -> Result<(), AdminError> {
        let _order = self.caches.lock();
        if !self.registry.delete_cache(name)? {
            return Err(AdminError::NoSuchCache(name.clone()));
        }
        (self.on_cache_event)(CacheEvent::Deleted(name.clone()));
        Ok(())
    }

    fn flush_cache(&self, name: &CacheName) -> Result<(), AdminError> {
        let _order = self.caches.lock();
        if !self.registry.contains_cache(name.as_str()) {
            return Err(AdminError::NoSuchCache(name.clone()));
        }
        (self.on_cache_event)(CacheEvent::Flushed(name.clone()));
        Ok(())
    }
}

/// When a key made at `created` expires. The year 9999 is the last that dates are printed for.
fn expiry(created: u64, seconds: u64) -> Result<u64, AdminError> {
    const LAST: u64 = 253_402_300_799;
    let expires = created.checked_add(seconds).filter(|expires| *expires <= LAST && seconds > 0);
    expires.ok_or(AdminError::Lifetime(seconds))
}

/// Checks that an endpoint is `host` or `host:port`, as SDKs put service names before it.
pub(crate) fn parse_endpoint(endpoint: String) -> Result<String, AdminError> {
    let (host, port) =
        endpoint.split_once(':').map_or((endpoint.as_str(), None), |(host, port)| (host, Some(port)));
    let port_is_good = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if Cell::parse(host).is_err() || !port_is_good {
        return Err(AdminError::Endpoint(endpoint));
    }
    Ok(endpoint)
}
