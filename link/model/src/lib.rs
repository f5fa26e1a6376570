//! An AWS network as data: events change the state, the state says what must stand.
//!
//! [`apply()`] takes a state and an [`Event`] to the next state, or refuses it with the code and text AWS has for it.
//! [`plan()`] says which namespaces, links, routes, filters, forwarders and names a state stands for, and [`trace()`]
//! what becomes of one connection. All three are functions of their arguments: no clock, no randomness, no socket.
//! Identifiers and times are drawn at the rim and written into the event, so that replaying the events gives the same
//! state and the same plan.
//!
//! It does not know AWS's wire formats, CloudFormation's language or the kernel's calls, only what they mean.
//!
//! ```
//! use kura_model::{AccountId, Event, Health, State, account_changes, apply, plan};
//!
//! let mut state = State::new("ap-northeast-1")?;
//! let mut drawn = 0;
//! let changes = account_changes(&state.zones, |digits| {
//!     drawn += 1;
//!     format!("{drawn:0digits$x}")
//! });
//! for change in changes {
//!     let event = Event { at: 0, account: AccountId::new("000000000000"), change, token: None };
//!     state = apply(&state, &event)?;
//! }
//! // The public side and the router of the default VPC.
//! assert_eq!(plan(&state, &Health::default()).namespaces.len(), 2);
//! # Ok::<(), kura_model::Error>(())
//! ```
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
pub use apply::{apply, follow};
pub use change::*;
pub use cloud::Cloud;
pub use error::Error;
pub use ids::*;
pub use network::{IDLE_TIMEOUT, LINK_LOCAL_RESOLVER, PUBLIC_RANGE, PUBLIC_RESOLVER};
pub use plan::{Health, plan};
pub use query::host_label;
pub use stack::*;
pub use state::*;
pub use trace::*;
