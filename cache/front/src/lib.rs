//! What all front ends share: the bounds on what peers make the server hold, and the way in which
//! connections learn that it stops.
//!
//! It knows no protocol and no command. One [`Budget`] is for all connections of all protocols;
//! [`Pace`] says when a message that is on its way comes too slowly, [`Patience`] when an answer is
//! read too slowly; [`stream`] has what bare streams need against peers that wait; [`Received`] says
//! since when bytes have waited; [`Proxied`] is what a load balancer says before a connection;
//! [`Connections`] counts; [`drain()`] makes the two ends of a drain.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let budget = kura_front::Budget::new(1 << 20);
//! let whole = budget.reserve(1 << 20).await;
//! drop(whole);
//! budget.reserve(1 << 20).await;
//! # });
//! ```

mod budget;
mod connections;
mod drain;
mod pace;
mod patience;
mod proxy;
mod received;
pub mod stream;

pub use budget::{Budget, FREE_BYTES, Reserved};
pub use connections::{Connections, Open};
pub use drain::{Drain, DrainSignal, Reached, drain};
pub use pace::Pace;
pub use patience::Patience;
pub use proxy::{BadHeader, Proxied};
pub use received::Received;
