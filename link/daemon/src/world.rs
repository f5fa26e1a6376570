//! The state, and the only way it changes: event, journal, state.

use std::path::Path;

use kura_model::{AccountId, Cloud, Error, Event, State, Timestamp, apply};

use crate::journal::{Journal, JournalError};
use crate::rim;

/// Everything that exists, and where its changes are written down.
pub struct World {
    state: State,
    journal: Journal,
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
        Ok(Self { state, journal, version: 0 })
    }

    /// Grows with every change, so that two states can be told apart.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns once every change so far would survive a crash. Nothing may follow from a change before that: no
    /// answer, and nothing in the kernel.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.journal.sync()
    }

    /// Makes all changes of `work`, or none.
    ///
    /// # Errors
    /// What the state refused or the journal could not take.
    pub fn together<T>(&mut self, work: impl FnOnce(&mut dyn Cloud) -> Result<T, Error>) -> Result<T, Error> {
        let mut draft = Draft { state: self.state.clone(), now: self.now(), events: Vec::new() };
        let done = work(&mut draft)?;
        draft.events.into_iter().try_for_each(|event| self.commit(event))?;
        Ok(done)
    }
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
        let state = apply(&self.state, &event)?;
        self.journal.append(&event).map_err(|error| Error::new("InternalError", error.to_string()))?;
        self.state = state;
        self.version += 1;
        Ok(())
    }
}
