//! Those who change things while the server is killed, and what they remember.

mod caches;
mod keys;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use caches::Caches;
pub use keys::{Keys, list_keys};

/// What is known of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Acknowledged to be there.
    There,
    /// Acknowledged to be gone, or never asked for.
    Gone,
    /// A change of it was under way when the server died: either is right.
    Open,
}

/// Changes acknowledged in a round so far.
pub type Progress = Arc<AtomicU64>;
