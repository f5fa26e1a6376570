//! Runs the built `momento` against a scripted peer, for answers that a healthy server does not
//! give. Tests against a real server need only another endpoint in the profile.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "helpers of tests: not each test uses each one"
)]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kura_wire::test_util::{Call, Peer, Reply};
use tempfile::TempDir;

/// A v2 key, as far as clients look into it.
pub fn v2_key() -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"t":"g"}"#))
}

/// A v1 key for `endpoint`, whose inner key is `inner`.
pub fn v1_key(endpoint: &str) -> String {
    STANDARD.encode(format!(r#"{{"endpoint":"{endpoint}","api_key":"inner"}}"#))
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Ran {
    /// Fails the test unless the command succeeded; gives its standard output.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// Fails the test unless the command failed without a result; gives its standard error.
    #[track_caller]
    pub fn failed(self) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (1, ""), "{self:?}");
        self.stderr
    }
}

/// A user with a configuration directory of their own.
pub struct User {
    pub dir: TempDir,
}

impl User {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A user whose default profile is a plaintext server at `endpoint`.
    pub fn of(endpoint: &str) -> Self {
        let user = Self::new();
        user.write("credentials", &format!("[default]\nendpoint={endpoint}\n"));
        user.write("config", "[default]\ncache=default-cache\nttl=600\n");
        user
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// `momento` with these arguments, separated by blanks, and nothing of the tester's own
    /// configuration.
    pub fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_momento"));
        command.args(args.split(' ').filter(|arg| !arg.is_empty()));
        command.env("MOMENTO_CONFIG_DIR", self.dir.path());
        for name in ["RUST_LOG", "MOMENTO_CA_CERT", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, args: &str) -> Ran {
        run(self.command(args), "")
    }

    pub fn run_with_input(&self, args: &str, input: &str) -> Ran {
        run(self.command(args), input)
    }
}

pub fn run(mut command: Command, input: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that asks nothing does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap_or(-1),
    }
}

/// The calls that a peer has seen.
pub type Calls = Arc<Mutex<Vec<Call>>>;

/// A peer that keeps the calls it sees.
pub async fn recording(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> (Peer, Calls) {
    let calls = Calls::default();
    let seen = Arc::clone(&calls);
    let peer = Peer::start(move |call| {
        let reply = script(&call);
        seen.lock().unwrap().push(call);
        reply
    })
    .await;
    (peer, calls)
}

/// The only call that a peer has seen since the last time.
#[track_caller]
pub fn only(calls: &Calls) -> Call {
    let mut calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls.remove(0)
}
