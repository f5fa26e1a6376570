//! An AWS network as data. Events change the state; the state says what must stand.
//!
//! Pure: no clock, no randomness, no socket. Identifiers and times are drawn at the rim and come in with the event.
#![allow(missing_docs, reason = "fields named as AWS names them; types and rules are documented")]

mod account;
mod apply;
mod change;
mod cloud;
mod error;
mod ids;
mod network;
pub mod plan;
mod query;
mod region;
mod stack;
mod state;
mod trace;

pub use account::account_changes;
pub use apply::apply;
pub use change::*;
pub use cloud::Cloud;
pub use error::Error;
pub use ids::*;
pub use network::{LINK_LOCAL_RESOLVER, PUBLIC_RANGE, PUBLIC_RESOLVER};
pub use plan::{Health, plan};
pub use stack::*;
pub use state::*;
pub use trace::*;
