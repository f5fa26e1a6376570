//! `kura-link key`: access keys of accounts.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::print;
use crate::control::{Answer, Request, request, unexpected};

/// Make and list access keys
#[derive(Args)]
pub struct KeyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make an access key and show its secret, this once; a new account gets what a new AWS account has
    Create {
        /// Twelve digits; the first account otherwise
        #[arg(long)]
        account: Option<String>,
    },
    /// List access keys, without their secrets
    List,
}

impl KeyCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// What the daemon refused, or that none runs.
    pub fn run(self, state_dir: &Path) -> Result<ExitCode> {
        let asked = match self.action {
            Action::Create { account } => Request::CreateKey { account },
            Action::List => Request::Keys,
        };
        match request(state_dir, &asked)? {
            Answer::Key(key) => {
                print(format!(
                    "account           {}\naccess key id     {}\nsecret access key {}\n",
                    key.account, key.id, key.secret
                ))?;
            }
            Answer::Keys(keys) => {
                let lines = keys.into_iter().map(|(account, id)| format!("{account}  {id}\n"));
                print(lines.collect::<String>())?;
            }
            other => return Err(unexpected(&other)),
        }
        Ok(ExitCode::SUCCESS)
    }
}
