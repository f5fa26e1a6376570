//! A real `kura`, started as a user starts it and stopped whatever happens.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a panic is a failure")]

pub mod raw;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
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

/// What a `kura` command that works on this data directory says.
pub fn kura_says(data: &Path, arguments: &[&str]) -> String {
    let said = kura().args(arguments).arg("--data-dir").arg(data).output().unwrap();
    assert!(said.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// A running server.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// The certificate that it is trusted by, if it speaks TLS.
    ca: Option<Vec<u8>>,
}

impl Server {
    /// Starts one in plaintext local mode on a free port and waits until it is ready.
    pub fn local(arguments: &[&str]) -> Self {
        Self::start(&["--local", "--local-listen"], arguments)
    }

    /// Starts one that speaks TLS and asks for keys.
    pub fn secured(data: &Path, arguments: &[&str]) -> Self {
        let data_dir = ["--data-dir", data.to_str().unwrap(), "--admin-listen", "127.0.0.1:0"];
        let mut server = Self::start(&["--tls-listen"], &[&data_dir, arguments].concat());
        server.ca = Some(std::fs::read(data.join("ca.pem")).unwrap());
        server
    }

    /// Starts one with the address put after `mode`.
    fn start(mode: &[&str], arguments: &[&str]) -> Self {
        // Another process could take the port in between; then kura says so and the test fails.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = kura();
        command.args(["serve", "--memory", "64MiB"]).args(mode).arg(address.to_string());
        let mut child = command.args(arguments).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("kura ready in ") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "kura ended before it was ready");
        }
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Self { child, address, ca: None }
    }

    /// A client with this API key, empty for none.
    pub fn client(&self, token: &str) -> CacheClient {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::parse(&format!("{scheme}://{}", self.address)).unwrap();
        let options = ChannelOptions { ca: self.ca.iter().cloned().collect(), ..ChannelOptions::default() };
        CacheClient::new(endpoint, token, "test", options).unwrap()
    }

    /// Bytes of memory that it has for itself now, without files and the program.
    pub fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
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
