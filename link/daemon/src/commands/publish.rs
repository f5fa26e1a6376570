//! `kura-link publish`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::print;
use crate::control::{Answer, Request, request, unexpected};
use crate::publish::Publication;

/// Publishes, and prints the service names as template parameters; or prints the list of private endpoints.
///
/// # Errors
/// What the daemon refused, or that none runs.
pub fn run(state_dir: &Path, publication: Publication) -> Result<ExitCode> {
    match request(state_dir, &Request::Publish(Box::new(publication)))? {
        Answer::Published(published) => {
            let lines = published
                .into_iter()
                .map(|service| format!("{} = {}\n", service.parameter, service.service_name));
            print(lines.collect::<String>())?;
            Ok(ExitCode::SUCCESS)
        }
        Answer::PrivateList(list) => {
            print(if list.is_empty() { list } else { format!("{list}\n") })?;
            Ok(ExitCode::SUCCESS)
        }
        other => Err(unexpected(&other)),
    }
}
