//! The commands on items, by what they work on.

pub(crate) mod bits;
pub(crate) mod chance;
pub(crate) mod expiry;
pub(crate) mod hashes;
pub(crate) mod keys;
pub(crate) mod lcs;
pub(crate) mod lists;
pub(crate) mod moves;
pub(crate) mod scans;
pub(crate) mod set_algebra;
pub(crate) mod sets;
pub(crate) mod sorted_set_algebra;
pub(crate) mod sorted_sets;
pub(crate) mod sorting;
pub(crate) mod strings;
