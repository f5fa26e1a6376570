//! One daemon a state directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::JournalError;

/// The file whose lock a running daemon holds, and which tells its process id.
const FILE: &str = "lock";

/// Takes the state directory, or tells who has it.
///
/// # Errors
/// [`JournalError::Held`], or what the operating system said.
pub(super) fn take(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join(FILE);
    let said = |error| JournalError::Io { path: path.clone(), error };
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(said)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(error)) => return Err(said(error)),
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(said)?;
            return Err(JournalError::Held { path: dir.to_owned(), pid: pid.trim().to_owned() });
        }
    }
    let tell = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    tell.map_err(said)?;
    Ok(file)
}

/// The process id of the daemon that has a state directory, if one has.
///
/// # Errors
/// What the operating system said of the lock, but for its not being there.
pub fn holder(dir: &Path) -> Result<Option<u32>, JournalError> {
    let path = dir.join(FILE);
    let said = |error| JournalError::Io { path: path.clone(), error };
    let mut file = match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(said)?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::Error(error)) => Err(said(error)),
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(said)?;
            // Empty for the moment between its being taken and its telling by whom.
            Ok(Some(pid.trim().parse().unwrap_or(0)))
        }
    }
}
