//! `kura-link exec`: a command inside an instance.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::control::{Answer, Request, request, unexpected};

/// Run a command inside an instance: with its addresses, its resolver and its rules, as the calling user
#[derive(Args)]
pub struct Exec {
    /// Run as the user `nobody` where the caller is root
    #[arg(long, hide = true)]
    unprivileged: bool,
    /// The instance
    instance: String,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Exec {
    /// Becomes the command; returns only if that fails.
    ///
    /// # Errors
    /// An instance that does not run, a kernel that forbids, a command that is not there.
    pub fn run(self, state_dir: &Path) -> Result<ExitCode> {
        match request(state_dir, &Request::Instance { id: self.instance })? {
            Answer::Instance(inside) => {
                let never = kura_netns::exec(state_dir, &inside.into(), &self.command)?;
                match never {}
            }
            other => Err(unexpected(&other)),
        }
    }
}
