//! `kura-link exec`: a command inside an instance.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use kura_netns::Join;

use crate::control::{Answer, Inside, Request, request, unexpected};

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
                let never = kura_netns::join_instance(&Join {
                    state_dir: state_dir.to_owned(),
                    namespace: inside.namespace.clone(),
                    resolv_conf: resolv_conf(&inside),
                    hosts: hosts(&inside),
                    unprivileged: self.unprivileged,
                    command: self.command,
                })?;
                match never {}
            }
            other => Err(unexpected(&other)),
        }
    }
}

/// As DHCP gives it to an instance on AWS.
fn resolv_conf(inside: &Inside) -> String {
    let server = inside.resolver.map(|address| format!("nameserver {address}\n")).unwrap_or_default();
    format!("search {}\n{server}options timeout:2 attempts:3\n", inside.search)
}

fn hosts(inside: &Inside) -> String {
    let Inside { address, host_name, search, .. } = inside;
    format!("127.0.0.1 localhost\n{address} {host_name}.{search} {host_name}\n")
}
