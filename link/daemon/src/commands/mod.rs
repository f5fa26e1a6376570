//! What the command line does: ask the daemon, print the answer.

use std::io::{self, Write as _};

use anyhow::{Context, Result};

/// Prints to stdout. A reader that has seen enough and went is no error.
///
/// # Errors
/// What else the operating system said, such as of a full disk.
pub fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to stdout"),
    }
}

pub mod down;
pub mod exec;
pub mod flows;
pub mod key;
pub mod logs;
pub mod publish;
pub mod status;
pub mod trace;
