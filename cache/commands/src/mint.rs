//! Tokens that callers make: disposable ones, which only their expiry ends, and API keys with a
//! token to renew them.
//!
//! Who may make what is Momento's table. It knows two more kinds of callers, which this server
//! does not have and therefore refuses as tokens that it never minted: legacy keys, and the
//! session tokens of its console. What only a session token may make there, a superuser's key over
//! the wire, is made here with `kura key create`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kura_tokens::{Claims, Format, Managed, Need, Permissions, fingerprint, mint, verify};

use crate::api_keys::NewKey;
use crate::session::Who;
use crate::sessions::DISPOSABLE_ID_PREFIX;
use crate::{Commands, Error, Session};

/// Longest token id, in characters: Momento's.
const MAX_TOKEN_ID_CHARS: usize = 64;

/// A disposable token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDisposableToken {
    /// What it allows.
    pub permissions: Permissions,
    /// For how many seconds.
    pub lifetime_seconds: u32,
    /// What subscribers are told of who published with it; may be empty.
    pub token_id: String,
}

/// A disposable token.
pub struct DisposableToken {
    /// The token, not wrapped.
    pub api_key: String,
    /// What its clients shall connect to.
    pub endpoint: String,
    /// From which second on it is refused, since the Unix epoch.
    pub expires: u64,
}

/// An API key with a refresh token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiToken {
    /// What it allows.
    pub permissions: Permissions,
    /// For how many seconds; `None` for ever.
    pub lifetime_seconds: Option<u32>,
    /// What its maker calls it; may be empty.
    pub token_id: String,
    /// What its maker says it is for; may be empty.
    pub description: String,
}

/// An API key with its refresh token.
pub struct ApiToken {
    /// The key, not wrapped.
    pub api_key: String,
    /// With it and the key, another key like it can be had.
    pub refresh_token: String,
    /// What its clients shall connect to.
    pub endpoint: String,
    /// From which second on it is refused, since the Unix epoch; `None` for never.
    pub expires: Option<u64>,
}

impl Commands {
    /// Checks that the session may make tokens. Keys that only use data may not, and no disposable
    /// token may, because none can be allowed to manage keys.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn may_mint(&self, session: &Session) -> Result<(), Error> {
        session.authorize_managing(Need::Write, Managed::Keys)
    }

    /// Makes a disposable token. It is not on record: only its expiry ends it, or another signing
    /// secret.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] unless the session may make keys, [`Error::InvalidArgument`].
    pub fn create_disposable_token(
        &self,
        session: &Session,
        new: NewDisposableToken,
    ) -> Result<DisposableToken, Error> {
        self.may_mint(session)?;
        let NewDisposableToken { permissions, lifetime_seconds, token_id } = new;
        check_permissions(&permissions)?;
        if permissions == Permissions::Superuser {
            return Err(invalid("a disposable token cannot be a superuser's; name what it allows"));
        }
        check_token_id(&token_id)?;
        if lifetime_seconds == 0 {
            return Err(invalid("a disposable token must expire: give valid_for_seconds from 1 on"));
        }
        let issued = self.now().epoch_seconds();
        let expires = issued.saturating_add(lifetime_seconds.into());
        let id = format!("{DISPOSABLE_ID_PREFIX}{token_id}");
        let claims = Claims { id, issued, expires: Some(expires), permissions, format: Format::V1 };
        let api_key = mint(&self.sessions.secret, &claims)?;
        Ok(DisposableToken { api_key, endpoint: self.endpoint.clone(), expires })
    }

    /// Makes an API key with a refresh token. It is on record and can be revoked.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] unless the session may make keys, and for a superuser's key to
    /// everyone who came with a token, [`Error::InvalidArgument`], [`Error::LimitReached`],
    /// [`Error::Storage`].
    pub fn create_api_token(
        &self,
        session: &Session,
        new: NewApiToken,
        random: &[u8; 48],
    ) -> Result<ApiToken, Error> {
        self.may_mint(session)?;
        let NewApiToken { permissions, lifetime_seconds, token_id, description } = new;
        if permissions == Permissions::Superuser && session.who != Who::Anonymous {
            return Err(Error::PermissionDenied(
                "a superuser's key is not made over the wire; use `kura key create`".to_owned(),
            ));
        }
        check_permissions(&permissions)?;
        check_token_id(&token_id)?;
        if lifetime_seconds == Some(0) {
            return Err(invalid("an API key cannot be valid for 0 seconds; give 1 or more, or never"));
        }
        let name = [description, token_id].into_iter().find(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "made by GenerateApiToken".to_owned());
        let lifetime = lifetime_seconds.map(u64::from);
        self.add_api_token(name, permissions, Format::V1, lifetime, random)
    }

    /// Makes another API key like this one, good for as long from now on as this one was. This one
    /// stays as it is, so that whoever uses it can be moved to the new one without a gap; its
    /// refresh token too, so that an answer that got lost can be asked for again.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if either does not stand or they do not belong together,
    /// [`Error::InvalidArgument`] for a key that has no refresh token, [`Error::LimitReached`],
    /// [`Error::Storage`].
    pub fn refresh_api_token(
        &self,
        api_key: &str,
        refresh_token: &str,
        random: &[u8; 48],
    ) -> Result<ApiToken, Error> {
        let now = self.now();
        let claims = verify(&self.sessions.secret, api_key, now)?;
        let key = self
            .registry
            .key(&claims.id)
            .filter(|key| key.is_live(now.epoch_seconds()) && key.fingerprint == fingerprint(api_key));
        let key = key.ok_or_else(|| {
            Error::Unauthenticated("the API key is refused: it is disposable or was revoked".to_owned())
        })?;
        let expected = key.refresh.ok_or_else(|| {
            invalid("this API key has no refresh token: only keys of GenerateApiToken have one")
        })?;
        if expected != fingerprint(refresh_token) {
            return Err(Error::Unauthenticated("the refresh token is not that of the API key".to_owned()));
        }
        let lifetime = key.expires.map(|expires| expires - key.created);
        self.add_api_token(key.name.clone(), key.permissions.clone(), key.format, lifetime, random)
    }

    fn add_api_token(
        &self,
        name: String,
        permissions: Permissions,
        format: Format,
        lifetime_seconds: Option<u64>,
        random: &[u8; 48],
    ) -> Result<ApiToken, Error> {
        let now = self.now().epoch_seconds();
        let expires = lifetime_seconds.map(|seconds| now.saturating_add(seconds));
        // The first bytes make the key's id, which is no secret.
        let refresh_token = URL_SAFE_NO_PAD.encode(&random[16..]);
        let refresh = Some(fingerprint(&refresh_token));
        let (api_key, _) = self.add_key(NewKey { name, permissions, format, expires, refresh }, random)?;
        Ok(ApiToken { api_key, refresh_token, endpoint: self.endpoint.clone(), expires })
    }
}

fn check_permissions(permissions: &Permissions) -> Result<(), Error> {
    match permissions {
        Permissions::Superuser => Ok(()),
        Permissions::Explicit(grants) if grants.is_empty() => {
            Err(invalid("the list of permissions is empty: name at least one"))
        }
        Permissions::Explicit(_) => match permissions.clash() {
            Some((first, second)) => Err(invalid(&format!(
                "permissions {} and {} are for the same resource; give one with the role that covers both",
                first + 1,
                second + 1
            ))),
            None => Ok(()),
        },
        Permissions::Role(_) => Err(invalid("a token names its permissions, not a role")),
    }
}

fn check_token_id(id: &str) -> Result<(), Error> {
    let chars = id.chars().count();
    if chars > MAX_TOKEN_ID_CHARS {
        return Err(invalid(&format!(
            "the token id has {chars} characters; at most {MAX_TOKEN_ID_CHARS} are allowed"
        )));
    }
    Ok(())
}

fn invalid(text: &str) -> Error {
    Error::InvalidArgument(format!("Invalid request: {text}"))
}
