//! `kura cache`: creating, deleting, flushing and listing caches.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use crate::admin::{Answer, Place, Request, unexpected};

/// Creates, deletes, flushes and lists caches.
#[derive(Debug, Args)]
pub(crate) struct CacheCommand {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Creates a cache; one that exists is left as it is.
    Create {
        /// The cache's name.
        name: String,
    },
    /// Deletes a cache and everything in it.
    Delete {
        /// The cache's name.
        name: String,
    },
    /// Removes everything in a cache of a running server, and keeps the cache.
    Flush {
        /// The cache's name.
        name: String,
    },
    /// Lists the names of all caches, one a line.
    List {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
}

impl CacheCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// Why it could not be done, for the user to read.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self { place, action } = self;
        match action {
            Action::Create { name } => match place.perform(&Request::CreateCache { name: name.clone() })? {
                Answer::Changed { changed: true } => {}
                Answer::Changed { changed: false } => writeln!(io::stderr(), "{name} exists already.")?,
                _ => return Err(unexpected()),
            },
            Action::Delete { name } => match place.perform(&Request::DeleteCache { name })? {
                Answer::Changed { .. } => {}
                _ => return Err(unexpected()),
            },
            Action::Flush { name } => match place.perform(&Request::FlushCache { name })? {
                Answer::Changed { .. } => {}
                _ => return Err(unexpected()),
            },
            Action::List { json } => match place.perform(&Request::ListCaches)? {
                Answer::Caches(names) => print(&names, json)?,
                _ => return Err(unexpected()),
            },
        }
        Ok(())
    }
}

fn print(names: &[String], json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(names)?)?;
        return Ok(());
    }
    for name in names {
        writeln!(out, "{name}")?;
    }
    Ok(())
}
