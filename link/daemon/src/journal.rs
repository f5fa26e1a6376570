//! The journal: every event, written down before anything follows from it.
//!
//! A file of lines. The first holds a whole state, each other one an event. A line is its CRC-32C in eight
//! hexadecimal digits, a space, and JSON. An acknowledged event was synced, so only the tail that a crash cut off
//! can be torn: what follows the last sound line is cut away if nothing sound comes after it; damage before sound
//! lines is no crash, and the daemon refuses to start on it.

mod lock;
mod record;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kura_model::{Event, State};

pub use lock::holder;
use record::{Line, line, replay};

/// The journal's file in the state directory.
const FILE: &str = "events.jsonl";
/// A journal with more events than this is begun anew from its state.
const COMPACT_ABOVE_BYTES: u64 = 8 * 1024 * 1024;
/// Begun anew only when the events are this many times the state they follow: a large state is not written often.
const COMPACT_TIMES: u64 = 4;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operating system said no.
    #[error("{path}: {error}")]
    Io {
        /// What was opened, read or written.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// Another daemon has this state directory.
    #[error("{path} is in use by another kura-link (pid {pid}); stop it with `kura-link down`")]
    Held {
        /// The state directory.
        path: PathBuf,
        /// As the other daemon wrote it.
        pid: String,
    },
    /// Something other than a crash damaged the file.
    #[error("{path}, line {line}: {reason}; restore the file from a copy, or start with another --state-dir")]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An earlier failure left the file's end unknown.
    #[error(
        "{path}: a failed write could not be taken back, so no change is taken; see the log, free space, and \
         start the daemon anew"
    )]
    Broken {
        /// The journal.
        path: PathBuf,
    },
}

/// Whether a directory holds a journal, which makes it a state directory.
pub fn is_journal_in(dir: &Path) -> bool {
    dir.join(FILE).is_file()
}

/// The open journal; nobody else has the state directory while it lives.
pub struct Journal {
    file: File,
    dir: PathBuf,
    path: PathBuf,
    /// The length of the state it begins with.
    begin_bytes: u64,
    /// What was synced.
    synced_bytes: u64,
    /// What was written.
    bytes: u64,
    /// Whether the file's end is unknown.
    is_broken: bool,
    _lock: File,
}

impl Journal {
    /// Opens the journal of a state directory and replays it; a new one begins with `fresh`.
    ///
    /// # Errors
    /// [`JournalError`]: in use, unreadable, or damaged.
    pub fn open(dir: &Path, fresh: impl FnOnce() -> State) -> Result<(Self, State), JournalError> {
        let lock = lock::take(dir)?;
        let path = dir.join(FILE);
        let said = |error| JournalError::Io { path: path.clone(), error };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(said)?;
        let replayed = replay(&file, &path)?;
        let length = file.metadata().map_err(said)?.len();
        if replayed.sound_bytes < length {
            tracing::warn!(
                bytes = length - replayed.sound_bytes,
                "the journal's end was cut off in the middle of a line by a crash; nothing in it was acknowledged"
            );
            file.set_len(replayed.sound_bytes).map_err(said)?;
        }
        file.seek(SeekFrom::End(0)).map_err(said)?;
        let mut journal = Self {
            file,
            dir: dir.to_owned(),
            path,
            begin_bytes: replayed.begin_bytes,
            synced_bytes: replayed.sound_bytes,
            bytes: replayed.sound_bytes,
            is_broken: false,
            _lock: lock,
        };
        let is_new = replayed.state.is_none();
        let state = replayed.state.unwrap_or_else(fresh);
        if is_new {
            journal.begin(&state)?;
        }
        journal.compact(&state)?;
        Ok((journal, state))
    }

    /// Appends an event; [`Journal::sync`] makes it last.
    ///
    /// # Errors
    /// What the operating system said; then the file ends as it did before.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        self.check()?;
        let written = line(&Line::Event(event)).and_then(|line| {
            self.file.write_all(&line)?;
            Ok(line.len() as u64)
        });
        match written {
            Ok(bytes) => self.bytes += bytes,
            Err(error) => {
                // A half-written line must not stand before later ones.
                self.cut(self.bytes);
                return Err(self.said(error));
            }
        }
        Ok(())
    }

    /// Returns once everything appended would survive a crash.
    ///
    /// # Errors
    /// What the operating system said. What was appended since the last sync is in doubt then: [`Journal::take_back`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.synced_bytes < self.bytes {
            self.check()?;
            self.file.sync_data().map_err(|error| self.said(error))?;
            self.synced_bytes = self.bytes;
        }
        Ok(())
    }

    /// Removes what was appended since the last sync.
    pub fn take_back(&mut self) {
        if self.synced_bytes < self.bytes {
            self.cut(self.synced_bytes);
        }
    }

    /// Begins anew from `state`, which everything in the journal leads to, where that saves much.
    ///
    /// # Errors
    /// What the operating system said; the journal stands as it was, or takes nothing any more.
    pub fn compact(&mut self, state: &State) -> Result<(), JournalError> {
        let events = self.bytes - self.begin_bytes;
        if events > COMPACT_ABOVE_BYTES && events / COMPACT_TIMES > self.begin_bytes {
            self.begin(state)?;
        }
        Ok(())
    }

    /// Replaces the file by one that begins with `state`.
    fn begin(&mut self, state: &State) -> Result<(), JournalError> {
        let new = self.path.with_extension("new");
        let made = || {
            let dir = File::open(&self.dir)?;
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
            let line = line(&Line::State(state))?;
            file.write_all(&line)?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)?;
            Ok((dir, file, line.len() as u64))
        };
        let (dir, file, bytes) = made().map_err(|error| JournalError::Io { path: new.clone(), error })?;
        self.file = file;
        (self.begin_bytes, self.synced_bytes, self.bytes) = (bytes, bytes, bytes);
        // Until its name is synced, a crash may bring the old file back, so nothing may be added to the new one.
        dir.sync_all().map_err(|error| {
            self.is_broken = true;
            self.said(error)
        })
    }

    /// Makes the file end after `bytes`, or nothing is written to it again.
    fn cut(&mut self, bytes: u64) {
        let cut = self
            .file
            .set_len(bytes)
            .and_then(|()| self.file.seek(SeekFrom::Start(bytes)))
            .and_then(|_| self.file.sync_data());
        self.bytes = bytes;
        if let Err(error) = cut {
            tracing::error!(%error, path = %self.path.display(), "a failed write cannot be taken back");
            self.is_broken = true;
        }
    }

    fn check(&self) -> Result<(), JournalError> {
        if self.is_broken {
            return Err(JournalError::Broken { path: self.path.clone() });
        }
        Ok(())
    }

    fn said(&self, error: io::Error) -> JournalError {
        JournalError::Io { path: self.path.clone(), error }
    }
}
