//! Why a command was refused. Each protocol maps these to its own status, once.

use kura_base::{NameError, TtlError};
use kura_store::{DataError, RegistryError};
use kura_tokens::{MintError, TokenError};

/// Why a command was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No token, or one that does not stand.
    #[error("{0}")]
    Unauthenticated(String),
    /// The token stands but does not reach so far.
    #[error("Insufficient permissions: {0}")]
    PermissionDenied(String),
    /// No cache of that name.
    #[error("Cache not found: {0}")]
    CacheNotFound(String),
    /// A cache of that name is there already.
    #[error("Cache already exists: {0}")]
    CacheExists(String),
    /// No key or role of that id.
    #[error("{0}")]
    NotFound(String),
    /// A role of that name is there already.
    #[error("{0}")]
    AlreadyExists(String),
    /// It is built in and cannot be changed.
    #[error("{0}")]
    BuiltIn(String),
    /// There are as many as may be.
    #[error("{0}")]
    LimitReached(String),
    /// The request contradicts the protocol's rules.
    #[error("{0}")]
    InvalidArgument(String),
    /// The request is sound but the item's state forbids it.
    #[error("{0}")]
    FailedPrecondition(String),
    /// The item is of another type than the command is for.
    #[error("{0}")]
    WrongType(String),
    /// The item is larger than the server takes.
    #[error("item size: {bytes} bytes of key and value; at most {limit} are allowed")]
    ItemTooLarge {
        /// Key and value together, in bytes.
        bytes: u64,
        /// What is allowed, in bytes.
        limit: u64,
    },
    /// One element of a collection is larger than the server takes.
    #[error("element size: {bytes} bytes; at most {limit} are allowed")]
    ElementTooLarge {
        /// The element (of a dictionary: its field or its value), in bytes.
        bytes: usize,
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// As many as the server's configuration allows are there already.
    #[error("{what}: at most {limit} are allowed; delete some or raise {setting}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
        /// The configuration key that holds the limit.
        setting: &'static str,
    },
    /// The published value is larger than the server takes.
    #[error("request limit: the value published has {bytes} bytes; at most {limit} are allowed")]
    MessageTooLarge {
        /// The value, in bytes.
        bytes: usize,
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// As many subscriptions as the server's configuration allows are there already.
    #[error(
        "subscribers: {limit} subscriptions are open, as many as are allowed; end some or raise max-subscriptions"
    )]
    TooManySubscriptions {
        /// How many are allowed.
        limit: usize,
    },
    /// The server stops.
    #[error("the server is stopping; subscribe again")]
    Stopping,
    /// The server could not keep what it must not lose.
    #[error("{0}")]
    Storage(String),
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        match error {
            DataError::CacheNotFound(name) => Self::CacheNotFound(name),
            DataError::NotAnInteger
            | DataError::Overflow { .. }
            | DataError::NotANumber { .. }
            | DataError::EmptiedMeanwhile => Self::FailedPrecondition(error.to_string()),
            DataError::WrongType { .. } => Self::WrongType(error.to_string()),
            DataError::NoRoom { .. } => Self::Storage(error.to_string()),
            DataError::TooLarge(too_large) => {
                Self::ItemTooLarge { bytes: too_large.bytes, limit: too_large.limit }
            }
        }
    }
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::TooManyCaches { limit } => {
                Self::TooMany { what: "caches", limit, setting: "max-caches" }
            }
            RegistryError::TooManyKeys { .. } | RegistryError::TooManyRoles { .. } => {
                Self::LimitReached(error.to_string())
            }
            RegistryError::NoSuchRole { .. } => Self::NotFound(error.to_string()),
            RegistryError::RoleExists { .. } => Self::AlreadyExists(error.to_string()),
            other => Self::Storage(other.to_string()),
        }
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

impl From<TtlError> for Error {
    fn from(error: TtlError) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

impl From<MintError> for Error {
    fn from(error: MintError) -> Self {
        Self::InvalidArgument(error.to_string())
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        Self::Unauthenticated(format!("the API key is refused: {error}"))
    }
}
