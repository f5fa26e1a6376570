//! From a token to a session, with the signature checked once per token and not per request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kura_base::Millis;
use kura_store::Registry;
use kura_tokens::{Managed, Need, Permissions, Reach, SigningSecret, TokenError};
use parking_lot::RwLock;

use crate::Error;

/// Most tokens remembered as verified. One over it forgets all: verifying again costs
/// microseconds, and whoever has so many tokens does not use each of them often.
const MAX_REMEMBERED: usize = 16_384;

/// What the id in a disposable token begins with; the id that its maker chose follows. Ids of keys
/// begin with [`kura_store::KEY_ID_PREFIX`], so no choice makes a disposable token pass for a key.
pub(crate) const DISPOSABLE_ID_PREFIX: char = '.';

/// Who may come in without a token of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Nobody.
    Required,
    /// Anybody, as superuser; a token that this server minted is enforced all the same, so that
    /// permissions can be tried out locally.
    Optional,
}

/// Somebody whose token stood at some time; [`crate::Commands::check`] tells whether it still does.
#[derive(Debug)]
pub struct Session {
    rights: Arc<Permissions>,
    who: Who,
    /// When the token expires.
    expires: Option<Millis>,
    /// The registry's generation when the key was last seen not to be revoked.
    generation: AtomicU64,
}

/// Whose token it is.
#[derive(Debug, PartialEq, Eq)]
enum Who {
    /// Nobody's: there was none, and none is needed.
    Anonymous,
    /// A key's on record, of this id.
    Key(String),
    /// A disposable token's, with the id that its maker chose.
    Disposable(String),
}

impl Session {
    fn anonymous() -> Self {
        Self {
            rights: Arc::new(Permissions::Superuser),
            who: Who::Anonymous,
            expires: None,
            generation: AtomicU64::new(0),
        }
    }

    /// From when on this session is over; never if there is no time. Streams end then, to the
    /// second; [`crate::Commands::check`] says so too.
    #[must_use]
    pub fn expires(&self) -> Option<Millis> {
        self.expires
    }

    /// What subscribers are told of who published: the id of a disposable token, else nothing.
    #[must_use]
    pub fn publisher_id(&self) -> &str {
        match &self.who {
            Who::Disposable(id) => id,
            Who::Anonymous | Who::Key(_) => "",
        }
    }

    /// Checks that this session may do to some items of `cache` what `need` says. If it may not do
    /// it to all, what is returned has to be asked for each key.
    pub(crate) fn authorize_items(&self, need: Need, cache: &str) -> Result<Option<Arc<Scoped>>, Error> {
        match self.rights.items(need, cache) {
            Reach::All => Ok(None),
            Reach::Some => {
                let (rights, cache) = (self.rights.clone(), cache.to_owned());
                Ok(Some(Arc::new(Scoped { rights, need, cache })))
            }
            Reach::Nothing => Err(Error::PermissionDenied(match need {
                Need::Read => format!("this API key may not read from cache {cache}"),
                Need::Write => format!("this API key may not write to cache {cache}"),
                Need::ReadWrite => format!("this API key may not both read and write in cache {cache}"),
            })),
        }
    }

    /// Checks that this session may publish to a topic ([`Need::Write`]) or subscribe to it
    /// ([`Need::Read`]), whether or not the cache exists.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn authorize_topic(&self, need: Need, cache: &str, topic: &str) -> Result<(), Error> {
        if self.rights.allows_topic(need, cache, topic) {
            return Ok(());
        }
        let what = match need {
            Need::Read => "subscribe to",
            Need::Write => "publish to",
            Need::ReadWrite => "both publish and subscribe to",
        };
        Err(Error::PermissionDenied(format!("this API key may not {what} this topic in cache {cache}")))
    }

    /// Checks that this session may list ([`Need::Read`]) or change ([`Need::Write`]) what is
    /// managed.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn authorize_managing(&self, need: Need, managed: Managed) -> Result<(), Error> {
        if self.rights.allows_managing(need, managed) {
            return Ok(());
        }
        let how = if need == Need::Read { "list" } else { "manage" };
        let what = match managed {
            Managed::Caches => "caches",
            Managed::Keys => "keys, tokens and roles",
        };
        Err(Error::PermissionDenied(format!("this API key may not {how} {what}; use one of role superuser")))
    }
}

/// What a session that does not reach all keys of a cache may do to some.
#[derive(Debug)]
pub(crate) struct Scoped {
    rights: Arc<Permissions>,
    need: Need,
    cache: String,
}

impl Scoped {
    pub(crate) fn authorize(&self, key: &[u8]) -> Result<(), Error> {
        if self.rights.allows_item(self.need, &self.cache, key) {
            return Ok(());
        }
        let what = match self.need {
            Need::Read => "read",
            Need::Write => "write",
            Need::ReadWrite => "both read and write",
        };
        Err(Error::PermissionDenied(format!("this API key may not {what} this key in cache {}", self.cache)))
    }
}

/// The tokens seen so far that stood.
pub(crate) struct Sessions {
    registry: Arc<Registry>,
    secret: SigningSecret,
    authentication: Authentication,
    anonymous: Arc<Session>,
    verified: RwLock<HashMap<Box<[u8]>, Arc<Session>>>,
}

impl Sessions {
    pub(crate) fn new(
        registry: Arc<Registry>,
        secret: SigningSecret,
        authentication: Authentication,
    ) -> Self {
        Self {
            registry,
            secret,
            authentication,
            anonymous: Arc::new(Session::anonymous()),
            verified: RwLock::default(),
        }
    }

    pub(crate) fn authenticate(&self, token: &[u8], now: Millis) -> Result<Arc<Session>, Error> {
        let known = self.verified.read().get(token).cloned();
        if let Some(session) = known {
            return match self.check(&session, now) {
                Ok(()) => Ok(session),
                Err(error) => {
                    self.verified.write().remove(token);
                    Err(error)
                }
            };
        }
        match self.verify(token, now) {
            Ok(session) => {
                let session = Arc::new(session);
                let mut verified = self.verified.write();
                if verified.len() >= MAX_REMEMBERED {
                    verified.clear();
                }
                verified.insert(token.into(), session.clone());
                Ok(session)
            }
            Err(Refusal::NotOurs(_)) if self.authentication == Authentication::Optional => {
                Ok(self.anonymous.clone())
            }
            Err(_) if token.is_empty() => Err(Error::Unauthenticated(
                "the request has no API key: send one in the authorization metadata".to_owned(),
            )),
            Err(Refusal::NotOurs(error) | Refusal::Expired(error)) => Err(error.into()),
            Err(Refusal::Revoked) => Err(revoked()),
        }
    }

    pub(crate) fn check(&self, session: &Session, now: Millis) -> Result<(), Error> {
        if let Some(at) = session.expires
            && now >= at
        {
            return Err(TokenError::Expired { at: at.epoch_seconds() }.into());
        }
        let generation = self.registry.generation();
        if session.generation.load(Ordering::Acquire) == generation {
            return Ok(());
        }
        if let Who::Key(id) = &session.who
            && self.registry.key(id).is_none_or(|key| key.revoked.is_some())
        {
            return Err(revoked());
        }
        session.generation.store(generation, Ordering::Release);
        Ok(())
    }

    fn verify(&self, token: &[u8], now: Millis) -> Result<Session, Refusal> {
        // Read before the key is looked up: a revocation in between is then seen at the next use.
        let generation = self.registry.generation();
        let text = std::str::from_utf8(token)
            .map_err(|_| Refusal::NotOurs(TokenError::Malformed("it is not text")))?;
        let claims = kura_tokens::verify(&self.secret, text, now).map_err(|error| match error {
            TokenError::Expired { .. } => Refusal::Expired(error),
            TokenError::Malformed(_) | TokenError::WrongSignature => Refusal::NotOurs(error),
        })?;
        let who = match claims.id.strip_prefix(DISPOSABLE_ID_PREFIX) {
            // Nothing can revoke it, so one without an end is not to be trusted.
            Some(_) if claims.expires.is_none() => return Err(Refusal::Revoked),
            Some(id) => Who::Disposable(id.to_owned()),
            None => {
                let key = self.registry.key(&claims.id).ok_or(Refusal::Revoked)?;
                if key.revoked.is_some() || key.fingerprint != kura_tokens::fingerprint(text) {
                    return Err(Refusal::Revoked);
                }
                Who::Key(claims.id)
            }
        };
        Ok(Session {
            rights: Arc::new(claims.permissions),
            who,
            expires: claims.expires.map(|seconds| Millis(seconds.saturating_mul(1000))),
            generation: AtomicU64::new(generation),
        })
    }
}

/// Why a token makes no session.
enum Refusal {
    /// This server never minted it.
    NotOurs(TokenError),
    /// It did, for a time that is over.
    Expired(TokenError),
    /// It did, and no longer lists it.
    Revoked,
}

fn revoked() -> Error {
    Error::Unauthenticated(
        "the API key is refused: it was revoked; create another with `kura key create`".to_owned(),
    )
}
