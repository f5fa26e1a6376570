//! What the command line asks the running daemon, over the control socket in the state directory.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use kura_control_socket::{AskError, ask};
use kura_model::plan::NamespaceName;
use serde::{Deserialize, Serialize};

use crate::keys::AccessKey;
use crate::publish::{Publication, Published};

/// The socket's file in the state directory.
const FILE: &str = "link.sock";
/// Longest work on an answer: a large publication, with its namespaces.
const WORK: Duration = Duration::from_secs(60);

/// A question of the command line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Status,
    Publish(Box<Publication>),
    Trace {
        from: String,
        name: String,
        port: u16,
    },
    Flows,
    /// Where and how to run a command.
    Instance {
        id: String,
    },
    CreateKey {
        account: Option<String>,
    },
    Keys,
    Stop,
}

/// The daemon's answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Status(Box<crate::commands::status::Report>),
    Published(Vec<Published>),
    /// Endpoints by zone, as `kura serve --advertise-private` takes them.
    PrivateList(String),
    Trace(Traced),
    Flows(Vec<crate::flow_log::Flow>),
    Instance(Inside),
    Key(AccessKey),
    /// Account and access key id.
    Keys(Vec<(String, String)>),
    Stopping,
}

/// Where a name leads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Traced {
    /// What the command exits with: 0 for a private way, 3 for a public one, 4 when refused.
    pub code: u8,
    pub text: String,
    pub json: serde_json::Value,
}

/// What running inside an instance takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inside {
    pub id: String,
    pub namespace: NamespaceName,
    pub address: Ipv4Addr,
    /// As `hostname` would say.
    pub host_name: String,
    /// Its VPC's resolver, unless that has none.
    pub resolver: Option<Ipv4Addr>,
    /// The domain its short names are in.
    pub search: String,
}

/// The socket of a state directory.
pub fn socket(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE)
}

/// Asks the daemon of a state directory.
///
/// # Errors
/// That none runs, what it refused, or what went wrong on the way.
pub fn request(state_dir: &Path, request: &Request) -> Result<Answer> {
    let socket = socket(state_dir);
    let answer = match ask(&socket, request, WORK) {
        Err(error @ AskError::Io(_)) => Err(error).with_context(|| socket.display().to_string())?,
        other => other?,
    };
    answer
        .ok_or_else(|| anyhow!("no kura-link runs on {}; start one with `kura-link up`", state_dir.display()))
}

/// An answer to another question than the one asked.
pub fn unexpected(answer: &Answer) -> anyhow::Error {
    anyhow!("the daemon answered another question: {answer:?}")
}
