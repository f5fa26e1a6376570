//! What those who turn requests into changes may do, whoever keeps the state.

use crate::{AccountId, Change, Error, Event, State, Timestamp, Token};

/// The state and the one way to change it.
pub trait Cloud {
    /// Everything that exists.
    fn state(&self) -> &State;

    /// The time of the request.
    fn now(&self) -> Timestamp;

    /// `count` random lower-case hexadecimal digits: an identifier's tail has 17.
    fn hex(&mut self, count: usize) -> String;

    /// Applies an event, written down and synced when this returns.
    ///
    /// # Errors
    /// When the state refuses it ([`apply`](crate::apply())); code `InternalError` when it could not be written.
    fn commit(&mut self, event: Event) -> Result<(), Error>;

    /// Commits a change of an account at the time of the request.
    ///
    /// # Errors
    /// As [`Cloud::commit`].
    fn change(&mut self, account: &AccountId, change: Change, token: Option<Token>) -> Result<(), Error> {
        let event = Event { at: self.now(), account: account.clone(), change, token };
        self.commit(event)
    }
}
