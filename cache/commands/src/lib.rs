//! Every command passes here: authenticate, authorize, check limits, execute.
//!
//! Front ends decode their protocol, call [`Commands`], and map [`Error`] to their own status in
//! one exhaustive match. They see neither the store nor a token's inside.
//!
//! The order of checks is Momento's: who are you (UNAUTHENTICATED), may you (PERMISSION_DENIED),
//! is there such a cache (NOT_FOUND), is the request sound (INVALID_ARGUMENT and limits). A bad
//! token on a cache that does not exist therefore answers UNAUTHENTICATED.

mod api_keys;
mod caches;
mod changes;
mod collections;
mod error;
mod items;
mod lease;
mod mint;
mod roles;
mod session;
mod sessions;
mod signing_keys;
mod topics;

use std::sync::Arc;

use kura_base::{Clock, Limits, Millis};
use kura_store::{Data, Registry, TopicLog};
use kura_tokens::SigningSecret;
use parking_lot::Mutex;

pub use api_keys::ApiKeyInfo;
pub use collections::{Long, Outcome};
pub use error::Error;
pub use items::{Cache, Items};
pub use kura_store::{
    Action, Aggregate, Change, Collection, CollectionTtl, Command, Condition, Dictionary, DictionaryCommand,
    DictionaryReply, Discontinuity, Element, Elements, Fields, Hash, HashCondition, Item, ItemType,
    LeaderboardCommand, LeaderboardReply, List, ListCommand, ListReply, ListSpan, Message, Order, Reply,
    Resume, ScoreBound, ScoreRange, Scored, Set, SetCommand, SetReply, Side, SortedSet, SortedSetCommand,
    SortedSetFetch, SortedSetReply, Source, Stats, TopicStats, TopicValue, TtlChange, Value, ValueRef, Work,
};
pub use kura_tokens::rules::PermissionSet;
pub use kura_tokens::{Access, CacheSelector, Grant, ItemSelector, Managed, NameSelector, Need, Permissions};
pub use lease::Lease;
pub use mint::{ApiToken, DisposableToken, NewApiToken, NewDisposableToken};
pub use roles::{Deletion, NewRole, Role, RoleKind};
pub use session::Session;
pub use sessions::Authentication;
pub use signing_keys::CreatedSigningKey;
pub use topics::{Delivery, Subscription};

/// What the commands need to run.
pub struct Parts {
    /// Caches, keys and revocations.
    pub registry: Arc<Registry>,
    /// The items.
    pub data: Arc<Data>,
    /// What was published.
    pub topics: TopicLog,
    /// What signs this server's tokens.
    pub secret: SigningSecret,
    /// What clients of a token that is made here shall connect to, as `host` or `host:port`.
    pub endpoint: String,
    /// Who may come in without a token.
    pub authentication: Authentication,
    /// What is refused.
    pub limits: Limits,
    /// The current time.
    pub clock: Arc<dyn Clock>,
}

/// The one way from a front end to the store.
pub struct Commands {
    registry: Arc<Registry>,
    data: Arc<Data>,
    topics: TopicLog,
    sessions: sessions::Sessions,
    endpoint: String,
    limits: Limits,
    clock: Arc<dyn Clock>,
    /// Held while caches come and go, so that the registry and the items agree.
    cache_changes: Mutex<()>,
}

impl Commands {
    /// Puts the parts together; the caches in the registry are there at once, empty.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        for cache in parts.registry.caches() {
            parts.topics.add_cache(cache.clone());
            parts.data.add_cache(cache);
        }
        Self {
            sessions: sessions::Sessions::new(parts.registry.clone(), parts.secret, parts.authentication),
            endpoint: parts.endpoint,
            registry: parts.registry,
            data: parts.data,
            topics: parts.topics,
            limits: parts.limits,
            clock: parts.clock,
            cache_changes: Mutex::new(()),
        }
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// What is refused.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Checks a token as it stands in the request.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] says why.
    pub fn authenticate(&self, token: &[u8]) -> Result<Arc<Session>, Error> {
        self.sessions.authenticate(token, self.now())
    }

    /// The session of a caller whose credentials come later, with the request. It may do nothing.
    #[must_use]
    pub fn nobody(&self) -> Arc<Session> {
        self.sessions.nobody.clone()
    }

    /// Whether a session found earlier still stands: not expired, not revoked. Costs two
    /// comparisons unless a revocation happened since.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] says why not.
    pub fn check(&self, session: &Session) -> Result<(), Error> {
        self.check_at(session, self.now())
    }

    /// The same at a time that was just taken.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_at(&self, session: &Session, now: Millis) -> Result<(), Error> {
        self.sessions.check(session, now)
    }
}
