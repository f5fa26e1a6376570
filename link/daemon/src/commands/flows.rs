//! `kura-link flows`: flow records in AWS's default format.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::print;
use crate::control::{Answer, Request, request};
use crate::flow_log::Flow;

/// Show flow records in AWS's default format, oldest first
#[derive(Args)]
pub struct Flows {
    /// Only of this network interface, instance or endpoint
    #[arg(long, value_name = "ID")]
    of: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Flows {
    /// Runs the command.
    ///
    /// # Errors
    /// That no daemon runs, or what it could not read.
    pub fn run(self, state_dir: &Path) -> Result<ExitCode> {
        let Answer::Flows(mut flows) = request(state_dir, &Request::Flows)? else {
            bail!("the daemon answered another question");
        };
        if let Some(of) = &self.of {
            flows.retain(|flow| flow.interface_id == *of || flow.holder == *of);
        }
        if self.json {
            print(serde_json::to_string_pretty(&flows)? + "\n")?;
        } else {
            let records = flows.iter().map(Flow::to_string);
            let lines = [Flow::FIELDS.to_owned()].into_iter().chain(records);
            print(lines.fold(String::new(), |text, line| text + &line + "\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
