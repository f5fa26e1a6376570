//! `kura-link down`: everything of a state directory ends, but for what was written down.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::control::{self, Request, request};
use crate::journal::{holder, is_journal_in};

/// Stop the daemon and remove every namespace, rule and process of this state directory
#[derive(Args)]
pub struct Down {
    /// Forget what was described too: the next `up` begins with a new account
    #[arg(long)]
    forget: bool,
}

/// How long the daemon may take to stop.
const PATIENCE: Duration = Duration::from_secs(15);

impl Down {
    /// Does it; doing it again changes nothing.
    ///
    /// # Errors
    /// A daemon that does not stop, what the operating system said.
    pub fn run(self, state_dir: &Path) -> Result<ExitCode> {
        if let Some(pid) = holder(state_dir)? {
            if let Err(error) = request(state_dir, &Request::Stop) {
                tracing::warn!(%error, pid, "the daemon does not answer; waiting for it to end");
            }
            let since = Instant::now();
            while holder(state_dir)?.is_some() {
                if since.elapsed() > PATIENCE {
                    bail!("the daemon (pid {pid}) does not stop; end it with `kill -9 {pid}` and try again");
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        kura_netns::down(state_dir)?;
        // A daemon that was killed left its socket.
        let socket = control::socket(state_dir);
        match std::fs::remove_file(&socket) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", socket.display()));
            }
            _ => {}
        }
        if self.forget && state_dir.exists() {
            ensure!(
                is_journal_in(state_dir),
                "{} is no state directory of a kura-link, so nothing in it is removed",
                state_dir.display()
            );
            std::fs::remove_dir_all(state_dir)
                .with_context(|| format!("cannot remove {}", state_dir.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
