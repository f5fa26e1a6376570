//! An AWS network as data. Events change the state; the state says what must stand.
//!
//! Pure: no clock, no randomness, no socket. Identifiers and times are drawn at the rim and come in with the event.
#![allow(missing_docs, reason = "fields named as AWS names them; types and rules are documented")]

mod change;
mod cloud;
mod error;
mod ids;
pub mod plan;
mod stack;
mod state;

pub use change::*;
pub use cloud::Cloud;
pub use error::Error;
pub use ids::*;
pub use stack::*;
pub use state::*;
