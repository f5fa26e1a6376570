//! Collections.

mod window;

pub use window::{Elements, Fields, Scored};
