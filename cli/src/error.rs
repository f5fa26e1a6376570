//! A failed command, as its user sees it.

use std::fmt;
use std::io::{IsTerminal, Write};

use kura_wire::Status;

use crate::sdk_error;

/// Why a command failed: one line for the user, and more for `--verbose`.
pub(crate) struct CliError {
    message: String,
    details: Option<String>,
    quiet: bool,
}

impl CliError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), details: None, quiet: false }
    }

    /// More for the log; never a key or a token.
    pub(crate) fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// A reader of our output who went away, as `head` does, needs no message.
    pub(crate) fn of_output(error: &std::io::Error) -> Self {
        let quiet = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { quiet, ..Self::new(format!("failed to write the output: {error}")) }
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Writes the `ERROR: …` line; coloured only for a person at a terminal.
    pub(crate) fn print(&self) {
        if self.quiet {
            return;
        }
        let mut stderr = std::io::stderr().lock();
        let colour =
            stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let _ = match colour {
            true => writeln!(stderr, "\x1b[1;31mERROR\x1b[0m: \x1b[31m{}\x1b[0m", self.message),
            false => writeln!(stderr, "ERROR: {}", self.message),
        };
    }
}

impl fmt::Debug for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR: {}", self.details.as_ref().unwrap_or(&self.message))
    }
}

impl From<Status> for CliError {
    fn from(status: Status) -> Self {
        Self::new(sdk_error::message(&status)).with_details(format!("{status:?}"))
    }
}
