//! The performance check of the article: so many writes, then so many reads, one after another.
//!
//! It answers one question: what does each way to a cache cost its user? So it calls as
//! `momento` calls, over the same client channel, one call at a time, and with several targets it
//! makes one call on each in turn, so that a busy moment of the machine falls on all of them.
//! It is no load generator: `kura-load` is.
//!
//! ```no_run
//! # async fn example() -> Result<(), kura_check::CheckError> {
//! let options = kura_check::Options {
//!     targets: vec![kura_check::Target::parse("local=http://127.0.0.1:8080")?],
//!     ..kura_check::Options::default()
//! };
//! let report = kura_check::run(&options).await?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```

mod report;
mod run;

pub use report::{Phase, Ratios, Report, TargetReport};
pub use run::run;

use std::net::IpAddr;

use kura_wire::Status;

/// What to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whom to call; at least one, with names of their own.
    pub targets: Vec<Target>,
    /// Writes to make on each target.
    pub writes: usize,
    /// Reads to make on each target, of what was written, from the first item on and again.
    pub reads: usize,
    /// The cache to use; it is created if it is absent and the key may.
    pub cache: String,
}

impl Default for Options {
    /// The article's numbers: 100 writes, then 100 reads; in the cache `kura-check`.
    fn default() -> Self {
        Self { targets: Vec::new(), writes: 100, reads: 100, cache: "kura-check".to_owned() }
    }
}

/// One way to a cache.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// What the report calls it.
    pub name: String,
    /// `http://host:port`, or `https://cell[:port]`, before whose host `cache.` and `control.`
    /// are put; as [`kura_wire::Endpoint::parse`] reads it.
    pub url: String,
    /// A key, if the target needs one.
    pub api_key: Option<String>,
    /// An authority in PEM form, trusted instead of the machine's.
    pub ca: Option<Vec<u8>>,
    /// Where to connect instead of the addresses that the names have.
    pub address: Option<IpAddr>,
}

impl Target {
    /// Reads `NAME=URL`.
    ///
    /// # Errors
    /// [`CheckError::Target`] if `text` has another form.
    pub fn parse(text: &str) -> Result<Self, CheckError> {
        let invalid = || CheckError::Target { text: text.to_owned() };
        let (name, url) = text.split_once('=').ok_or_else(invalid)?;
        if name.is_empty() || kura_wire::Endpoint::parse(url).is_err() {
            return Err(invalid());
        }
        Ok(Self { name: name.to_owned(), url: url.to_owned(), api_key: None, ca: None, address: None })
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

/// Why a check gave no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// A target is not written as `NAME=URL`.
    #[error("Invalid target {text:?}: write NAME=http://host:port or NAME=https://cell[:port]")]
    Target {
        /// What was given.
        text: String,
    },
    /// There is no target, or two have one name.
    #[error("Give at least one target, each with a name of its own")]
    Targets,
    /// Reads were asked for without anything to read.
    #[error("Reads need at least one write before them")]
    NothingToRead,
    /// A call failed.
    #[error("{target}: {what} failed: {status}")]
    Call {
        /// The target's name.
        target: String,
        /// What was called, and on which item.
        what: String,
        /// How it ended.
        status: Status,
    },
    /// The cache is not there, and the key may not create it.
    #[error("{target}: there is no cache {cache:?} and the key may not create it; name another with --cache")]
    NoCache {
        /// The target's name.
        target: String,
        /// The cache's name.
        cache: String,
    },
    /// A read did not give what was written.
    #[error("{target}: item {item} was read, but not as it was written: {found}")]
    WrongValue {
        /// The target's name.
        target: String,
        /// Which item, from 0.
        item: usize,
        /// What was found instead.
        found: &'static str,
    },
}
