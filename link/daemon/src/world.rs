//! The state, and the only way it changes: event, journal, state.

use std::path::Path;

use kura_model::{AccountId, Cloud, Error, Event, State, Timestamp, apply};

use crate::journal::{Journal, JournalError};
use crate::rim;

/// Everything that exists, and where its changes are written down.
pub struct World {
    state: State,
    journal: Journal,
    /// The state of the last sync, once it is not the present one.
    synced: Option<State>,
    /// Why something since the last sync could not be written.
    failed: Option<JournalError>,
    /// Grows with every change.
    version: u64,
}

impl World {
    /// Opens a state directory; a new one begins with an empty region.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open(dir: &Path, region: &str) -> Result<Self, WorldError> {
        let fresh = State::new(region)?;
        let (journal, state) = Journal::open(dir, || fresh)?;
        if state.region != region {
            return Err(WorldError::OtherRegion { has: state.region, asked: region.to_owned() });
        }
        Ok(Self { state, journal, synced: None, failed: None, version: 0 })
    }

    /// For tests of what a journal's failures do.
    #[cfg(test)]
    pub fn journal(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// Grows with every change, so that two states can be told apart.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns once every change so far would survive a crash. Nothing may follow from a change before that: no
    /// answer, and nothing in the kernel.
    ///
    /// # Errors
    /// What the operating system said. Then all changes since the last sync are taken back, so that the state is
    /// never ahead of what is written.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        let written = self.failed.take().map_or_else(|| self.journal.sync(), Err);
        let before = self.synced.take();
        if written.is_err() {
            self.journal.take_back();
            if let Some(before) = before {
                self.state = before;
                self.version += 1;
            }
            return written;
        }
        if let Err(error) = self.journal.compact(&self.state) {
            tracing::warn!(%error, "the journal could not be begun anew; it grows on");
        }
        Ok(())
    }

    /// Makes all changes of `work` and syncs them, or makes none.
    ///
    /// # Errors
    /// What the state refused or the journal could not take.
    pub fn together<T>(&mut self, work: impl FnOnce(&mut dyn Cloud) -> Result<T, Error>) -> Result<T, Error> {
        let mut draft = Draft { state: self.state.clone(), now: self.now(), events: Vec::new() };
        let done = work(&mut draft)?;
        let committed = draft.events.into_iter().try_for_each(|event| self.commit(event));
        self.sync().map_err(unwritten)?;
        committed.map(|()| done)
    }
}

fn unwritten(error: impl std::fmt::Display) -> Error {
    Error::new("InternalError", format!("the change could not be written down, and was not made: {error}"))
}

/// Gives an account what a new AWS account has, if it has nothing of it yet.
///
/// # Errors
/// What the state refused or the journal could not take.
pub fn open_account(cloud: &mut dyn Cloud, account: &AccountId) -> Result<(), Error> {
    if cloud.state().default_vpc(account).is_some() {
        return Ok(());
    }
    let zones = cloud.state().zones.clone();
    let changes = kura_model::account_changes(&zones, |count| cloud.hex(count));
    changes.into_iter().try_for_each(|change| cloud.change(account, change, None))
}

/// Changes that were not made yet.
struct Draft {
    state: State,
    now: Timestamp,
    events: Vec<Event>,
}

impl Cloud for Draft {
    fn state(&self) -> &State {
        &self.state
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn hex(&mut self, count: usize) -> String {
        rim::hex(count)
    }

    fn commit(&mut self, event: Event) -> Result<(), Error> {
        self.state = apply(&self.state, &event)?;
        self.events.push(event);
        Ok(())
    }
}

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The region is not one.
    #[error("{0}")]
    Region(#[from] Error),
    /// What is kept is of another region.
    #[error(
        "this state directory is of region {has}, not {asked}; give --region {has} or another --state-dir"
    )]
    OtherRegion {
        /// The region of the state.
        has: String,
        /// The region of the command line.
        asked: String,
    },
}

impl Cloud for World {
    fn state(&self) -> &State {
        &self.state
    }

    fn now(&self) -> Timestamp {
        rim::now()
    }

    fn hex(&mut self, count: usize) -> String {
        rim::hex(count)
    }

    fn commit(&mut self, event: Event) -> Result<(), Error> {
        if let Some(failed) = &self.failed {
            return Err(unwritten(failed));
        }
        let state = apply(&self.state, &event)?;
        if let Err(error) = self.journal.append(&event) {
            let refused = unwritten(&error);
            self.failed = Some(error);
            return Err(refused);
        }
        let before = std::mem::replace(&mut self.state, state);
        self.synced.get_or_insert(before);
        self.version += 1;
        Ok(())
    }
}
