//! Why the registry could not be opened or changed. Each text names the file.

use std::io;
use std::path::{Path, PathBuf};

/// Why a call of the registry failed. Each text holds all there is to say: none has a source that
/// would be told once more after it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Another process has the file open.
    #[error("{} is in use by another process: a kura server runs on this data directory", path.display())]
    Locked {
        /// The registry's file.
        path: PathBuf,
    },
    /// The disk has no room left. Nothing was changed; the next change tries again.
    #[error("{} cannot be written: the disk is full", path.display())]
    DiskFull {
        /// The registry's file.
        path: PathBuf,
    },
    /// The file cannot be opened, read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The registry's file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The file is damaged, or no registry at all.
    #[error("{} is damaged or not a registry of kura: {reason}. Restore it from a backup", path.display())]
    Corrupt {
        /// The registry's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file was written by a later version of Kura.
    #[error(
        "{} was written by a later version of kura (format {found}; this one knows {known})", path.display()
    )]
    NewerVersion {
        /// The registry's file.
        path: PathBuf,
        /// The format that it has.
        found: u64,
        /// The latest format that this version reads.
        known: u64,
    },
    /// There are as many caches as the server allows.
    #[error("there are {limit} caches already, which is the limit")]
    TooManyCaches {
        /// The most there may be.
        limit: usize,
    },
    /// There are as many keys as the server allows.
    #[error("there are {limit} keys already, which is the limit; revoke one that is not needed")]
    TooManyKeys {
        /// The most there may be that were neither revoked nor have expired.
        limit: usize,
    },
    /// There are as many roles as the server allows.
    #[error("there are {limit} roles already, which is the limit; delete one that is not needed")]
    TooManyRoles {
        /// The most there may be.
        limit: usize,
    },
    /// There is a role of this name.
    #[error("there is a role named {name} already")]
    RoleExists {
        /// The name.
        name: String,
    },
    /// There is no role of this id.
    #[error("there is no role with the id {id}")]
    NoSuchRole {
        /// The id.
        id: String,
    },
    /// There is a key of this id.
    #[error("there is a key with the id {id} already")]
    KeyExists {
        /// The id.
        id: String,
    },
}

impl RegistryError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::Corrupt { path, reason: source.to_string() }
            }
            _ => Self::Io { path, error: source },
        }
    }

    pub(super) fn corrupt(path: &Path, reason: impl ToString) -> Self {
        Self::Corrupt { path: path.to_owned(), reason: reason.to_string() }
    }

    /// Tells apart what a user can do something about.
    pub(super) fn from_redb(path: &Path, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::Locked { path: path.to_owned() },
            redb::Error::Io(source) => Self::io(path, source),
            error @ (redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::RepairAborted
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)) => Self::corrupt(path, error),
            other => Self::Io { path: path.to_owned(), error: io::Error::other(other) },
        }
    }
}
