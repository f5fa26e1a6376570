//! Feeds every parser of bytes from a peer with bytes that no honest peer sends, on stable Rust.
//!
//! A [`Target`] is one parser and what must hold of it for any input: not only that it does not
//! panic, but what it must agree with (prost, an independent decoder, its own encoder), and how
//! much memory and time it may take. A run mutates the files of `corpus/<target>/` with a seeded
//! generator, and keeps each input that made the target do something that it had not done before.
//!
//! Why not libFuzzer: it needs a nightly compiler and its sanitizer. Without coverage counters a
//! target says itself what an input made it do ([`Trace`]): which fields, which error, which
//! outcome. That is coarser than coverage and enough for parsers of this size.
//!
//! What it does not do: an input that ends the process (a stack overflow) is not reported, but it is
//! left in `target/fuzz/<target>/running`.
//!
//! ```
//! let target = kura_fuzz::targets::all().into_iter().find(|target| target.name == "fields").unwrap();
//! assert_eq!(kura_fuzz::execute(&target, b"\x0a\x01k", &mut Default::default()), Ok(true));
//! ```
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a panic is a finding")]

mod corpus;
mod execute;
mod finding;
mod input;
mod mutate;
mod run;
pub mod targets;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

pub use corpus::corpus_of;
pub use execute::{execute, watch_panics};
pub use finding::{Finding, folder};
pub use run::{Report, run};

/// Counts what the process holds, so that a target's memory can be bounded.
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// One parser, and what must hold of it.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is also its corpus's.
    pub name: &'static str,
    /// What must hold, in a line.
    pub holds: &'static str,
    /// Longest input that is made, in bytes.
    pub max_input_bytes: usize,
    /// What one input may make the process hold beyond what it held before, in bytes.
    pub max_memory_bytes: usize,
    /// Pieces that inputs are made of and chance would not find.
    pub pieces: &'static [&'static [u8]],
    /// Panics if what must hold does not.
    pub check: fn(&[u8], &mut Trace<'_>),
}

impl Target {
    /// A target with the bounds that suit most: inputs up to 2 KiB, 256 KiB of memory.
    const fn new(name: &'static str, holds: &'static str, check: fn(&[u8], &mut Trace<'_>)) -> Self {
        Self { name, holds, max_input_bytes: 2048, max_memory_bytes: 256 * 1024, pieces: &[], check }
    }
}

/// What targets have been seen doing, as hashes.
pub type Seen = HashSet<u64>;

/// What an input makes a target do.
pub struct Trace<'a> {
    seen: &'a mut Seen,
    fresh: bool,
}

impl Trace<'_> {
    /// Notes something that the input led to: an error's kind, a field's number. It must have few
    /// values, because an input is kept for each new one.
    pub fn note(&mut self, what: impl Hash) {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        self.fresh |= self.seen.insert(hasher.finish());
    }
}
