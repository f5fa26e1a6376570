//! Why the kernel could not be made to look like the plan.

use std::io;

/// A failure, with what was being done and to what.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel or the file system refused.
    #[error("{action}: {source}")]
    System {
        /// What was tried, with the namespace, device or path.
        action: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The plan contradicts itself, or names something the kernel cannot carry.
    #[error("the plan cannot be made to stand: {0}")]
    Plan(String),
    /// `nft` refused a rule set.
    #[error("nft refused the rules of namespace {namespace}: {message}")]
    Filter {
        /// Whose rules.
        namespace: String,
        /// What `nft` wrote.
        message: String,
    },
    /// The process that holds the namespaces cannot be used.
    #[error("{0}")]
    Anchor(String),
    /// The process that carries bytes did not take its configuration.
    #[error("{0}")]
    Forwarder(String),
    /// Some of what the plan says could not be done; all the rest stands.
    #[error("{}; everything else is as it must be", some(.0))]
    Partly(Vec<Error>),
    /// This process may not make namespaces.
    #[error("{0}")]
    Privileges(String),
}

/// The first few of many, in a line.
fn some(errors: &[Error]) -> String {
    let mut texts: Vec<_> = errors.iter().take(3).map(ToString::to_string).collect();
    if let Some(more @ 1..) = errors.len().checked_sub(3) {
        texts.push(format!("and {more} more"));
    }
    texts.join("; ")
}

/// Puts what was being done in front of what the kernel said.
pub(crate) trait During<T> {
    fn during(self, action: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, action: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::System { action: action(), source: source.into() })
    }
}
