//! The journal: every event, written down before anything follows from it.
//!
//! A file of lines. The first holds a whole state, each other one an event. A line is its CRC-32C in eight
//! hexadecimal digits, a space, and JSON. An acknowledged event was synced, so only the tail that a crash cut off
//! can be torn: what follows the last sound line is cut away if nothing sound comes after it; damage before sound
//! lines is no crash, and the daemon refuses to start on it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kura_model::{Event, State, apply};
use serde::{Deserialize, Serialize};

/// The journal's file in the state directory.
const FILE: &str = "events.jsonl";
/// The file whose lock a running daemon holds, and which tells its process id.
const LOCK: &str = "lock";
/// A journal longer than this is begun anew from its state at the next start.
const COMPACT_ABOVE_BYTES: u64 = 8 * 1024 * 1024;

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
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    State(Box<State>),
    Event(Box<Event>),
}

/// The open journal; nobody else has the state directory while it lives.
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Written and not yet synced.
    dirty: bool,
    _lock: File,
}

impl Journal {
    /// Opens the journal of a state directory and replays it; a new one begins with `fresh`.
    ///
    /// # Errors
    /// [`JournalError`]: in use, unreadable, or damaged.
    pub fn open(dir: &Path, fresh: impl FnOnce() -> State) -> Result<(Self, State), JournalError> {
        let lock = lock(dir)?;
        let path = dir.join(FILE);
        let said = |error| JournalError::Io { path: path.clone(), error };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(said)?;
        let (state, sound) = replay(&file, &path)?;
        let length = file.metadata().map_err(said)?.len();
        if sound < length {
            tracing::warn!(
                bytes = length - sound,
                "the journal's end was cut off in the middle of a line by a crash; nothing in it was acknowledged"
            );
            file.set_len(sound).map_err(said)?;
        }
        file.seek(SeekFrom::End(0)).map_err(said)?;
        let compact = state.is_none() || length > COMPACT_ABOVE_BYTES;
        let state = state.unwrap_or_else(fresh);
        let mut journal = Self { file, path, dirty: false, _lock: lock };
        if compact {
            journal.begin(dir, &state)?;
        }
        Ok((journal, state))
    }

    /// Appends an event; [`Journal::sync`] makes it last.
    ///
    /// # Errors
    /// What the operating system said; then the file ends as it did before.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let line = line(&Record::Event(Box::new(event.clone())));
        let before = self.file.stream_position();
        let wrote = line.and_then(|line| self.file.write_all(&line));
        if wrote.is_err()
            && let Ok(before) = before
        {
            // A half-written line must not stand before later ones.
            let _ = self.file.set_len(before).and_then(|()| self.file.seek(SeekFrom::Start(before)));
        }
        wrote.map_err(|error| self.said(error))?;
        self.dirty = true;
        Ok(())
    }

    /// Returns once everything appended would survive a crash.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.dirty {
            self.file.sync_data().map_err(|error| self.said(error))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Replaces the file by one that begins with `state`.
    fn begin(&mut self, dir: &Path, state: &State) -> Result<(), JournalError> {
        let new = self.path.with_extension("new");
        let made = || {
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&line(&Record::State(Box::new(state.clone())))?)?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)?;
            File::open(dir)?.sync_all()?;
            Ok(file)
        };
        self.file = made().map_err(|error| JournalError::Io { path: new.clone(), error })?;
        Ok(())
    }

    fn said(&self, error: io::Error) -> JournalError {
        JournalError::Io { path: self.path.clone(), error }
    }
}

/// Takes the state directory, or tells who has it.
fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join(LOCK);
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
pub fn holder(dir: &Path) -> Option<u32> {
    let mut file = File::open(dir.join(LOCK)).ok()?;
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut pid = String::new();
    file.read_to_string(&mut pid).ok()?;
    pid.trim().parse().ok()
}

/// The state a journal leads to, `None` for an empty one, and how many bytes of it are sound.
fn replay(mut file: &File, path: &Path) -> Result<(Option<State>, u64), JournalError> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| JournalError::Io { path: path.to_owned(), error })?;
    let damaged = |line, reason: String| JournalError::Damaged { path: path.to_owned(), line, reason };
    let mut state = None;
    let mut sound = 0;
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').zip(1..);
    for (line, number) in &mut lines {
        let record = match parse(line) {
            Ok(record) => record,
            // Sound lines after a broken one: the broken one was once whole and acknowledged.
            Err(reason) if lines.any(|(later, _)| parse(later).is_ok()) => {
                return Err(damaged(number, reason));
            }
            Err(_) => break,
        };
        state = Some(match (record, state) {
            (Record::State(begin), None) => *begin,
            (Record::State(_), Some(_)) => return Err(damaged(number, "a second beginning".to_owned())),
            (Record::Event(_), None) => {
                return Err(damaged(number, "an event before the beginning".to_owned()));
            }
            (Record::Event(event), Some(state)) => {
                apply(&state, &event).map_err(|refused| damaged(number, refused.to_string()))?
            }
        });
        sound += line.len() as u64;
    }
    Ok((state, sound))
}

fn line(record: &Record) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(record)?;
    let mut line = format!("{:08x} ", crc32c::crc32c(&json)).into_bytes();
    line.extend_from_slice(&json);
    line.push(b'\n');
    Ok(line)
}

fn parse(line: &[u8]) -> Result<Record, String> {
    let text = line.strip_suffix(b"\n").ok_or("the line does not end")?;
    let (sum, json) = text.split_at_checked(9).ok_or("the line is too short")?;
    let sum = std::str::from_utf8(sum).ok().and_then(|sum| u32::from_str_radix(sum.trim_end(), 16).ok());
    if sum != Some(crc32c::crc32c(json)) {
        return Err("its checksum does not match".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}
