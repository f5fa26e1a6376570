//! What all front ends hold their peers to, together.
//!
//! A [`Budget`] bounds the bytes of large messages that the whole process holds at a time, whichever
//! protocol they come in; a [`Pace`] bounds how slowly one body may come; a [`Drain`] tells all
//! connections that the server stops. None knows a protocol: each front end tells its peer in its own
//! words.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let budget = kura_front::Budget::new(8 << 20);
//! let room = budget.reserve(5 << 20).await;
//! drop(room);
//! # });
//! ```

mod budget;
mod drain;
mod pace;

pub use budget::{Budget, FREE_BYTES, Reserved};
pub use drain::{Drain, DrainSignal, drain};
pub use pace::Pace;
