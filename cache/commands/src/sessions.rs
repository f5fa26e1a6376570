//! From a token to a session, with the signature checked once per token and not per request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kura_base::{Millis, Stripes};
use kura_store::Registry;
use kura_tokens::{Permissions, SigningSecret, TokenError};
use parking_lot::RwLock;

use crate::session::{Rights, Who};
use crate::{Error, Session, roles};

/// Most tokens that a thread remembers as verified. One over it forgets all: verifying again costs
/// microseconds, and whoever has so many tokens does not use each of them often.
const MAX_REMEMBERED: usize = 4096;

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

/// The tokens seen so far that stood.
pub(crate) struct Sessions {
    registry: Arc<Registry>,
    pub(crate) secret: SigningSecret,
    authentication: Authentication,
    anonymous: Arc<Session>,
    pub(crate) nobody: Arc<Session>,
    /// Each thread has sessions of its own: even counting a reader of a lock, or a holder of a
    /// session, that another thread uses too costs more than finding it.
    verified: Stripes<RwLock<Verified>>,
}

/// Sessions by their tokens.
type Verified = HashMap<Box<[u8]>, Arc<Session>>;

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
            nobody: Arc::new(Session::nobody()),
            verified: Stripes::default(),
        }
    }

    pub(crate) fn authenticate(&self, token: &[u8], now: Millis) -> Result<Arc<Session>, Error> {
        let verified = self.verified.mine();
        let known = verified.read().get(token).cloned();
        if let Some(session) = known {
            return match self.check(&session, now) {
                Ok(()) => Ok(session),
                Err(error) => {
                    verified.write().remove(token);
                    Err(error)
                }
            };
        }
        match self.verify(token, now) {
            Ok(session) => {
                let session = Arc::new(session);
                let mut verified = verified.write();
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
        // Read before the key and its role are looked up: what changes in between is then seen at
        // the next use.
        let generation = self.registry.generation();
        if session.generation.load(Ordering::Acquire) == generation {
            return Ok(());
        }
        if let Who::Key(id) = &session.who
            && self.registry.key(id).is_none_or(|key| key.revoked.is_some())
        {
            return Err(revoked());
        }
        if let Rights::OfRole(id, permissions) = &session.rights {
            // Both change under one lock: what another thread read earlier must not pass for current.
            let mut held = permissions.write();
            *held = Arc::new(roles::permissions(&self.registry, id));
            session.generation.store(generation, Ordering::Release);
            return Ok(());
        }
        session.generation.store(generation, Ordering::Release);
        Ok(())
    }

    fn verify(&self, token: &[u8], now: Millis) -> Result<Session, Refusal> {
        // Read before the key is looked up, as in `check`.
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
        let rights = match claims.permissions {
            Permissions::Role(id) => {
                let permissions = RwLock::new(Arc::new(roles::permissions(&self.registry, &id)));
                Rights::OfRole(id, permissions)
            }
            fixed => Rights::Fixed(Arc::new(fixed)),
        };
        Ok(Session {
            rights,
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
