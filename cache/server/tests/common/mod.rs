//! A real `kura`, started as a user starts it and stopped whatever happens.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a panic is a failure")]

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kura_wire::{CacheClient, ChannelOptions, Endpoint};

/// Longest wait for anything here.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// The program under test.
pub fn kura() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kura"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A running server in plaintext local mode.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts one on a free port and waits until it is ready.
    pub fn local(arguments: &[&str]) -> Self {
        // Another process could take the port in between; then kura says so and the test fails.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = kura();
        command.args(["serve", "--local", "--memory", "64MiB", "--local-listen", &address.to_string()]);
        let mut child = command.args(arguments).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("kura ready in ") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "kura ended before it was ready");
        }
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Self { child, address }
    }

    /// A client with this API key, empty for none.
    pub fn client(&self, token: &str) -> CacheClient {
        let endpoint = Endpoint::parse(&format!("http://{}", self.address)).unwrap();
        CacheClient::new(endpoint, token, "test", ChannelOptions::default()).unwrap()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end; how it ended and how long that took.
    pub fn wait(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, began.elapsed());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("kura did not end within {PATIENCE:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
