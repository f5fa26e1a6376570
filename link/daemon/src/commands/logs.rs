//! `kura-link logs`: what an instance's user data printed.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::user_data;

/// Show what an instance's user data printed
#[derive(Args)]
pub struct Logs {
    /// The instance
    instance: String,
}

impl Logs {
    /// Prints the file as it is.
    ///
    /// # Errors
    /// An instance without user data, or what the operating system said.
    pub fn run(self, state_dir: &Path) -> Result<ExitCode> {
        let plain = self.instance.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        ensure!(plain, "{:?} is no instance id", self.instance);
        let path = user_data::log(state_dir, &self.instance);
        let mut file = std::fs::File::open(&path)
            .with_context(|| format!("{} has printed nothing: {}", self.instance, path.display()))?;
        match std::io::copy(&mut file, &mut std::io::stdout().lock()) {
            // The reader has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            other => drop(other.with_context(|| format!("cannot print {}", path.display()))?),
        }
        Ok(ExitCode::SUCCESS)
    }
}
