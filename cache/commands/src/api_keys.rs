//! API keys of a role: made, listed and revoked over the wire. `kura key` works on the same keys.

use kura_store::{KEY_ID_PREFIX, KeyRecord};
use kura_tokens::{Claims, Format, Managed, Need, Permissions, fingerprint, mint};

use crate::{Commands, Error, Session, roles};

/// Longest description of a key, in bytes: as long as the name that `kura key` gives.
pub(crate) const MAX_DESCRIPTION_BYTES: usize = 255;

/// Last second at which a key can expire: the end of the year 9999, the last that dates are
/// printed for.
const LAST_EXPIRY: u64 = 253_402_300_799;

/// What is known of a key; nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyInfo {
    /// Which key it is.
    pub id: String,
    /// What its maker says it is for.
    pub description: String,
    /// Its role; none for a key with grants of its own.
    pub role: Option<String>,
    /// When it was made, in seconds since the Unix epoch.
    pub issued: u64,
    /// From which second on it is refused, since the Unix epoch; `None` for never.
    pub expires: Option<u64>,
}

impl ApiKeyInfo {
    pub(crate) fn of(key: &KeyRecord) -> Self {
        Self {
            id: key.id.clone(),
            description: key.name.clone(),
            role: match &key.permissions {
                Permissions::Superuser => Some(roles::OWNER.to_owned()),
                Permissions::Role(id) => Some(id.clone()),
                Permissions::Explicit(_) => None,
            },
            issued: key.created,
            expires: key.expires,
        }
    }
}

/// A key to be put on record.
pub(crate) struct NewKey {
    pub(crate) name: String,
    pub(crate) permissions: Permissions,
    pub(crate) format: Format,
    pub(crate) expires: Option<u64>,
    /// The SHA-256 of its refresh token, if it has one.
    pub(crate) refresh: Option<[u8; 32]>,
}

impl Commands {
    /// Makes a key of a role that is good until second `expires` since the Unix epoch, or for
    /// ever; the token itself is told this once.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::InvalidArgument`], [`Error::NotFound`] for the role,
    /// [`Error::LimitReached`], [`Error::Storage`].
    pub fn create_api_key(
        &self,
        session: &Session,
        role: &str,
        description: &str,
        expires: Option<u64>,
        random: &[u8; 48],
    ) -> Result<(String, ApiKeyInfo), Error> {
        session.authorize_managing(Need::Write, Managed::Keys)?;
        self.must_have_role(role)?;
        let key = NewKey {
            name: description.to_owned(),
            permissions: Permissions::Role(role.to_owned()),
            format: Format::V2,
            expires,
            refresh: None,
        };
        let (token, key) = self.add_key(key, random)?;
        Ok((token, ApiKeyInfo::of(&key)))
    }

    /// The keys after `after` in order of their ids that are good, at most `limit`, and whether
    /// there are more.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn list_api_keys(
        &self,
        session: &Session,
        after: &str,
        limit: usize,
    ) -> Result<(Vec<ApiKeyInfo>, bool), Error> {
        session.authorize_managing(Need::Read, Managed::Keys)?;
        let now = self.now().epoch_seconds();
        let keys = self.registry.keys();
        let mut keys = keys.iter().filter(|key| key.id.as_str() > after && key.is_live(now));
        let page = keys.by_ref().take(limit).map(|key| ApiKeyInfo::of(key)).collect();
        Ok((page, keys.next().is_some()))
    }

    /// Revokes a key; when this returns, nobody is authenticated by it any more.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`], [`Error::NotFound`] also if it was revoked before,
    /// [`Error::Storage`].
    pub fn revoke_api_key(&self, session: &Session, id: &str) -> Result<(), Error> {
        session.authorize_managing(Need::Write, Managed::Keys)?;
        if self.registry.revoke_key(id, self.now().epoch_seconds())? {
            return Ok(());
        }
        Err(Error::NotFound(format!("there is no API key with the id {id}")))
    }

    /// Mints a key's token and puts the key on record, with an id from the random bytes.
    pub(crate) fn add_key(&self, new: NewKey, random: &[u8; 48]) -> Result<(String, KeyRecord), Error> {
        let NewKey { name, permissions, format, expires, refresh } = new;
        if name.trim().is_empty() || name.len() > MAX_DESCRIPTION_BYTES || name.chars().any(char::is_control)
        {
            return Err(Error::InvalidArgument(format!(
                "Invalid description: give it 1 to {MAX_DESCRIPTION_BYTES} bytes without control characters"
            )));
        }
        let now = self.now().epoch_seconds();
        if let Some(at) = expires.filter(|at| *at <= now || *at > LAST_EXPIRY) {
            return Err(Error::InvalidArgument(format!(
                "Invalid expiry: {at}; give a second after {now} and up to {LAST_EXPIRY}, or never"
            )));
        }
        let [a, b, c, d, e, f, g, h, ..] = *random;
        let id = format!("{KEY_ID_PREFIX}{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        let claims = Claims { id, issued: now, expires, permissions, format };
        let token = mint(&self.sessions.secret, &claims)?;
        let record = KeyRecord {
            id: claims.id,
            name,
            permissions: claims.permissions,
            format,
            created: now,
            expires,
            fingerprint: fingerprint(&token),
            revoked: None,
            refresh,
        };
        self.registry.add_key(record.clone(), self.limits.max_keys, now)?;
        Ok((token, record))
    }
}
