//! Who calls, and what that caller may do.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use kura_base::Millis;
use kura_tokens::{Managed, Need, Permissions, Reach};
use parking_lot::RwLock;

use crate::Error;

/// Somebody whose token stood at some time; [`crate::Commands::check`] tells whether it still does.
#[derive(Debug)]
pub struct Session {
    pub(crate) rights: Rights,
    pub(crate) who: Who,
    /// When the token expires.
    pub(crate) expires: Option<Millis>,
    /// The registry's generation when the key was last seen not to be revoked.
    pub(crate) generation: AtomicU64,
}

/// What a session may do.
#[derive(Debug)]
pub(crate) enum Rights {
    /// What the token says.
    Fixed(Arc<Permissions>),
    /// What a role says now.
    OfRole(String, RwLock<Arc<Permissions>>),
}

/// Whose token it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Nobody's: there was none, and none is needed.
    Anonymous,
    /// Nobody's: there was none so far.
    Nobody,
    /// A key's on record, of this id.
    Key(String),
    /// A disposable token's, with the id that its maker chose.
    Disposable(String),
}

impl Session {
    pub(crate) fn anonymous() -> Self {
        Self {
            rights: Rights::Fixed(Arc::new(Permissions::Superuser)),
            who: Who::Anonymous,
            expires: None,
            generation: AtomicU64::new(0),
        }
    }

    pub(crate) fn nobody() -> Self {
        let nothing = Permissions::Explicit(Vec::new());
        Self { rights: Rights::Fixed(Arc::new(nothing)), who: Who::Nobody, ..Self::anonymous() }
    }

    /// Whether this stands for a caller who has shown no credentials yet.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.who == Who::Nobody
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
            Who::Anonymous | Who::Nobody | Who::Key(_) => "",
        }
    }

    fn with_rights<T>(&self, ask: impl FnOnce(&Arc<Permissions>) -> T) -> T {
        match &self.rights {
            Rights::Fixed(permissions) => ask(permissions),
            Rights::OfRole(_, permissions) => ask(&permissions.read()),
        }
    }

    /// Checks that this session may do to some items of `cache` what `need` says. If it may not do
    /// it to all, what is returned has to be asked for each key.
    pub(crate) fn authorize_items(&self, need: Need, cache: &str) -> Result<Option<Arc<Scoped>>, Error> {
        self.with_rights(|rights| match rights.items(need, cache) {
            Reach::All => Ok(None),
            Reach::Some => {
                let (rights, cache) = (rights.clone(), cache.to_owned());
                Ok(Some(Arc::new(Scoped { rights, need, cache })))
            }
            Reach::Nothing => Err(Error::PermissionDenied(match need {
                Need::Read => format!("this API key may not read from cache {cache}"),
                Need::Write => format!("this API key may not write to cache {cache}"),
                Need::ReadWrite => format!("this API key may not both read and write in cache {cache}"),
            })),
        })
    }

    /// Checks that this session may publish to a topic ([`Need::Write`]) or subscribe to it
    /// ([`Need::Read`]), whether or not the cache exists.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`].
    pub fn authorize_topic(&self, need: Need, cache: &str, topic: &str) -> Result<(), Error> {
        if self.with_rights(|rights| rights.allows_topic(need, cache, topic)) {
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
        if self.with_rights(|rights| rights.allows_managing(need, managed)) {
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
