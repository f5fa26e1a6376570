//! The control plane's signing keys: made, listed and revoked as Momento's SDKs ask.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kura_store::SigningKeyRecord;
use kura_tokens::{Managed, Need};

use crate::{Commands, Error, Session};

/// Longest life of a signing key: ten years, in minutes.
const MAX_TTL_MINUTES: u32 = 10 * 366 * 24 * 60;

/// A signing key just made; its secret is told this once.
pub struct CreatedSigningKey {
    /// A JSON Web Key (RFC 7517) with `kid`, `kty` oct and `alg` HS256.
    pub jwk: String,
    /// When it expires, in seconds since the epoch.
    pub expires: u64,
}

impl Commands {
    /// Makes a signing key from 48 random bytes: 16 for its id, 32 for its secret.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::InvalidArgument`] for the time to live,
    /// [`Error::Storage`].
    pub fn create_signing_key(
        &self,
        session: &Session,
        ttl_minutes: u32,
        random: &[u8; 48],
    ) -> Result<CreatedSigningKey, Error> {
        session.authorize_managing(Need::Write, Managed::Keys)?;
        if ttl_minutes == 0 || ttl_minutes > MAX_TTL_MINUTES {
            return Err(Error::InvalidArgument(format!(
                "Invalid ttl_minutes: {ttl_minutes}; give 1 to {MAX_TTL_MINUTES} minutes"
            )));
        }
        let (id, secret) = random.split_at(16);
        let secret: [u8; 32] = std::array::from_fn(|at| secret[at]);
        let key_id = URL_SAFE_NO_PAD.encode(id);
        let now = self.now();
        let expires = now.plus(Duration::from_secs(u64::from(ttl_minutes) * 60)).epoch_seconds();
        let jwk = serde_json::json!({
            "kty": "oct", "use": "sig", "alg": "HS256", "kid": key_id, "k": URL_SAFE_NO_PAD.encode(secret),
        })
        .to_string();
        self.registry
            .create_signing_key(SigningKeyRecord { key_id, expires, secret }, now.epoch_seconds())?;
        Ok(CreatedSigningKey { jwk, expires })
    }

    /// The signing keys after `after` that have not expired, at most `limit`, as id and expiry
    /// in seconds since the epoch, and whether there are more.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn list_signing_keys(
        &self,
        session: &Session,
        after: &str,
        limit: usize,
    ) -> Result<(Vec<(String, u64)>, bool), Error> {
        session.authorize_managing(Need::Read, Managed::Keys)?;
        let now = self.now().epoch_seconds();
        let mut keys: Vec<(String, u64)> = self
            .registry
            .signing_keys()
            .iter()
            .filter(|key| key.expires > now && key.key_id.as_str() > after)
            .map(|key| (key.key_id.clone(), key.expires))
            .collect();
        keys.sort();
        let more = keys.len() > limit;
        keys.truncate(limit);
        Ok((keys, more))
    }

    /// Revokes a signing key; one that is not there is fine, the outcome is the same.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::Storage`].
    pub fn revoke_signing_key(&self, session: &Session, key_id: &str) -> Result<(), Error> {
        session.authorize_managing(Need::Write, Managed::Keys)?;
        self.registry.revoke_signing_key(key_id)?;
        Ok(())
    }
}
