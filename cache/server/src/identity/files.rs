//! The data directory, and files in it that only their owner may read.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Cell;

/// The certificate that clients trust.
pub(super) const CA_CERTIFICATE: &str = "ca.pem";
/// Its private key.
pub(super) const CA_KEY: &str = "ca-key.pem";
/// The server's certificate.
pub(super) const CERTIFICATE: &str = "cert.pem";
/// Its private key.
pub(super) const KEY: &str = "key.pem";
/// What signs tokens: 32 random bytes.
pub(super) const SIGNING_SECRET: &str = "signing.key";
/// Caches and keys.
pub(super) const REGISTRY: &str = "registry.redb";
/// The host name of the cell, for commands that run while no server does.
const CELL: &str = "cell";

/// Longest file that is read. None of ours comes near; a certificate chain of a user's might
/// have some ten kilobytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why a server has no identity. Each text names the file, and holds all there is to say: none has
/// a source that would be told once more after it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {error}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{}: {reason}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Others could read or replace what must be private.
    #[error("{} is open to other users (mode {mode:o}); close it with: chmod {wanted} {}", path.display(), path.display())]
    TooOpen {
        /// Which file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What to pass to `chmod`.
        wanted: &'static str,
    },
    /// The data directory belongs to someone else.
    #[error(
        "{} belongs to user {owner}; run this command as that user, so that the server can read what it writes",
        path.display()
    )]
    ForeignDirectory {
        /// The data directory.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no random bytes")]
    Randomness,
}

impl IdentityError {
    pub(super) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), error }
    }

    pub(super) fn content(path: &Path, reason: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), reason: reason.into() }
    }
}

/// Where a server keeps its data if it is not told.
pub(crate) fn default_data_dir() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/lib/kura"));
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let shared = set("XDG_DATA_HOME").filter(|path| path.is_absolute());
    let shared = shared.or_else(|| Some(set("HOME")?.join(".local/share")));
    Some(shared?.join("kura"))
}

/// A directory that is there and that no other user can write to.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// Creates the directory (mode 0700), or takes the one that is there. An empty one becomes
    /// 0700 as well; one with something in it keeps its mode, unless others can write to it,
    /// which is refused.
    pub(crate) fn open_or_create(path: &Path) -> Result<Self, IdentityError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| IdentityError::io("create", path, error))?;
        let failed = |error| IdentityError::io("use", path, error);
        let mode = fs::metadata(path).map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            if fs::read_dir(path).map_err(failed)?.next().is_none() {
                fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
            } else if mode & 0o022 != 0 {
                return Err(IdentityError::TooOpen { path: path.to_owned(), mode, wanted: "0700" });
            }
        }
        Ok(Self(path.to_owned()))
    }

    /// Refuses a directory of another user: what root leaves there, the server cannot read.
    pub(crate) fn must_be_own(&self) -> Result<(), IdentityError> {
        let metadata = fs::metadata(&self.0);
        let owner = metadata.map_err(|error| IdentityError::io("use", &self.0, error))?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            return Err(IdentityError::ForeignDirectory { path: self.0.clone(), owner });
        }
        Ok(())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes down which cell the server of this directory is.
    pub(crate) fn remember_cell(&self, cell: &Cell) -> Result<(), IdentityError> {
        if remembered_cell(&self.0)?.as_ref() == Some(cell) {
            return Ok(());
        }
        write_private(&self.file(CELL), format!("{cell}\n").as_bytes())
    }
}

/// Which cell the server of this directory is, if one was ever started.
pub(crate) fn remembered_cell(data_dir: &Path) -> Result<Option<Cell>, IdentityError> {
    let path = data_dir.join(CELL);
    let Some(text) = read(&path)? else { return Ok(None) };
    let cell = std::str::from_utf8(&text).ok().and_then(|text| Cell::parse(text.trim_end()).ok());
    let wrong = || IdentityError::content(&path, "it holds no host name; remove it, it is made again");
    Ok(Some(cell.ok_or_else(wrong)?))
}

/// Reads a file that only its owner may read; `None` if there is none.
pub(super) fn read_private(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    let Some(content) = read(path)? else { return Ok(None) };
    let mode = fs::metadata(path).map_err(|error| IdentityError::io("read", path, error))?.mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(IdentityError::TooOpen { path: path.to_owned(), mode, wanted: "0600" });
    }
    Ok(Some(content))
}

/// Reads a file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, IdentityError> {
    let failed = |error| IdentityError::io("read", path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut content = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut content).map_err(failed)?;
    Ok(Some(content))
}

/// Writes a file of mode 0600 that appears whole or not at all, also if the machine stops.
pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), IdentityError> {
    let write = || -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut prefix = OsString::from(path.file_name().unwrap_or_default());
        prefix.push("-new-");
        let mut file = tempfile::Builder::new().prefix(&prefix).tempfile_in(directory)?;
        // Not through the wrapper, which would put its passing name into the error.
        file.as_file_mut().write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|failed| failed.error)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(|error| IdentityError::io("write", path, error))
}
