//! `kura-link trace`: where a name leads, and why.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use kura_model::trace::Verdict;

use crate::control::{Answer, Request, request, unexpected};

/// Tell where a name leads from an instance, and why; exits with 0 for a private way, 3 for a public one, 4 when
/// refused
#[derive(Args)]
pub struct TraceCommand {
    /// The instance to look from
    #[arg(long, value_name = "INSTANCE")]
    from: String,
    /// A name or an address, with a port if it is not 443
    #[arg(value_name = "NAME[:PORT]")]
    to: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The port a cell is reached on.
const PORT: u16 = 443;

impl TraceCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// What the daemon refused, or that none runs.
    pub fn run(self, state_dir: &Path) -> Result<ExitCode> {
        let (name, port) = match self.to.rsplit_once(':') {
            None => (self.to.clone(), PORT),
            Some((name, port)) => match port.parse() {
                Ok(port) => (name.to_owned(), port),
                Err(_) => bail!("{port:?} in {:?} is no port", self.to),
            },
        };
        let asked = Request::Trace { from: self.from, name, port };
        let Answer::Trace(trace) = request(state_dir, &asked)? else {
            bail!("the daemon answered another question");
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&trace)?);
        } else {
            print!("{trace}");
        }
        Ok(match trace.verdict {
            Verdict::Private => ExitCode::SUCCESS,
            Verdict::Public => ExitCode::from(3),
            Verdict::Refused => ExitCode::from(4),
        })
    }
}
