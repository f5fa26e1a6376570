//! Where a command line's operation is performed: by the server that runs on the data directory,
//! or here, on the data directory itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use kura_base::{Limits, SystemClock};
use kura_store::{Registry, RegistryError};

use super::{Admin, Answer, Request};
use crate::control_socket::ask;
use crate::hosts::cell_or_remembered;
use crate::identity::{Cell, DataDir, default_data_dir, open_or_create_secret, registry_file};

/// A server that is starting has locked the registry and not made its socket yet; another
/// command holds the lock for some milliseconds. Both are waited for this often.
const ATTEMPTS: u32 = 60;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Which server a command is for.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The server's data directory [default: /var/lib/kura for root, else kura below
    /// $XDG_DATA_HOME or ~/.local/share].
    #[arg(long, global = true, env = "KURA_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The cell's host name, if no server was started on the data directory yet.
    #[arg(long, global = true, env = "KURA_CELL")]
    cell: Option<Cell>,
}

impl Place {
    /// Performs one operation, on the running server if there is one.
    ///
    /// # Errors
    /// Why it was not performed, for the user to read.
    pub(crate) fn perform(self, request: &Request) -> anyhow::Result<Answer> {
        let data_dir = match self.data_dir {
            Some(path) => path,
            None => default_data_dir().context("no home directory is known; name the --data-dir")?,
        };
        let mut attempts = 0;
        loop {
            if let Some(answer) = ask(&data_dir, request)? {
                return Ok(answer);
            }
            attempts += 1;
            match perform_here(&data_dir, self.cell.clone(), request.clone()) {
                Err(error) if is_locked(&error) && attempts < ATTEMPTS => {
                    std::thread::sleep(BETWEEN_ATTEMPTS);
                }
                done => return done,
            }
        }
    }
}

fn is_locked(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(RegistryError::Locked { .. }))
}

/// Performs one operation on the data directory, which is then locked for others.
fn perform_here(path: &Path, cell: Option<Cell>, request: Request) -> anyhow::Result<Answer> {
    let creates = matches!(request, Request::CreateKey(_) | Request::CreateCache { .. });
    if !creates && !path.try_exists().with_context(|| format!("cannot use {}", path.display()))? {
        bail!("there is no data directory {}; name the server's with --data-dir", path.display());
    }
    let data_dir = DataDir::open_or_create(path)?;
    data_dir.must_be_own()?;
    let registry = Arc::new(Registry::open(&registry_file(path))?);
    if matches!(request, Request::FlushCache { .. }) {
        // Said only now that the lock tells that no server is about to answer.
        bail!(
            "no kura server runs on {}; items live in a server's memory only, so there is nothing to flush",
            path.display()
        );
    }
    let secret = open_or_create_secret(&data_dir)?;
    let cell = cell_or_remembered(cell, Some(path))?;
    let admin = Admin::new(registry, secret, cell, Arc::new(SystemClock), Limits::default(), |_| {});
    Ok(admin.perform(request)?)
}
