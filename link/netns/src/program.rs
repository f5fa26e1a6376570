//! The program whose hidden commands the anchor and the forwarder are.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::error::{During as _, Error};

/// A program that runs [`crate::anchor_main`] as `PROGRAM anchor STATE_DIR` and [`crate::forwarder_main`] as
/// `PROGRAM forwarder STATE_DIR`.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// The running program itself.
    ///
    /// # Errors
    /// When the kernel does not say which one it is.
    pub fn current() -> Result<Self, Error> {
        std::env::current_exe().map(Self).during(|| "find the running program".into())
    }

    /// Another program.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn command(&self, role: &str, state_dir: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.arg(role).arg(state_dir);
        command
    }
}
