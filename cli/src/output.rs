//! Standard output, on which nothing but results goes, and notes on standard error.

use std::io::Write;

use crate::error::CliError;

/// Writes a result and a newline, at once.
pub(crate) fn line(text: &str) -> Result<(), CliError> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes a result as it is, at once.
pub(crate) fn bytes(text: &[u8]) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text).and_then(|()| stdout.flush()).map_err(|error| CliError::of_output(&error))
}

/// Tells the user something that is not a result.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
