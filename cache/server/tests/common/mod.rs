//! A real `kura`, started as a user starts it and stopped whatever happens.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a panic is a failure")]

pub mod http;
pub mod proto;
pub mod raw;
pub mod resp;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use kura_wire::{CacheClient, ChannelOptions, Endpoint};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use tokio::task::JoinHandle;

/// Longest wait for anything here.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// An address of this machine that nobody listens on. Another process could take it in between;
/// then kura says so and the test fails.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

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
    /// Where protosocket is, for a server that was started with it.
    pub protosocket: Option<SocketAddr>,
    /// Where RESP is, for a server that was started with it.
    pub resp: Option<SocketAddr>,
    /// The authority that its clients trust; none in plaintext.
    ca: Option<Vec<u8>>,
}

impl Server {
    /// Starts one in plaintext local mode on a free port and waits until it is ready.
    pub fn local(arguments: &[&str]) -> Self {
        let address = free_address();
        Self::start(&["serve", "--local", "--local-listen", &address.to_string()], arguments, address)
    }

    /// Starts the secured service on a free port and waits until it is ready.
    pub fn secured(data_dir: &Path, arguments: &[&str]) -> Self {
        let address = free_address();
        let listen =
            ["serve", "--tls-listen", &address.to_string(), "--data-dir", data_dir.to_str().unwrap()];
        let mut server = Self::start(&listen, arguments, address);
        server.trust(data_dir);
        server
    }

    /// The same with a certificate that the server of another data directory has made.
    pub fn secured_with(data_dir: &Path, cert: &Path, key: &Path, authority: &Path) -> Self {
        let address = free_address();
        let listen =
            ["serve", "--tls-listen", &address.to_string(), "--data-dir", data_dir.to_str().unwrap()];
        let files = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        let mut server = Self::start(&listen, &files, address);
        server.trust(authority);
        server
    }

    /// Starts one in plaintext local mode that speaks protosocket too.
    pub fn local_with_protosocket(arguments: &[&str]) -> Self {
        let address = free_address();
        let listen = address.to_string();
        let mut server = Self::local(&[&["--protosocket-listen", &listen], arguments].concat());
        server.protosocket = Some(address);
        server
    }

    /// Starts the secured service, which speaks protosocket too.
    pub fn secured_with_protosocket(data_dir: &Path, arguments: &[&str]) -> Self {
        let address = free_address();
        let listen = address.to_string();
        let mut server = Self::secured(data_dir, &[&["--protosocket-listen", &listen], arguments].concat());
        server.protosocket = Some(address);
        server
    }

    /// Starts one in plaintext local mode that speaks RESP too.
    pub fn local_with_resp(arguments: &[&str]) -> Self {
        let address = free_address();
        let listen = address.to_string();
        let mut server = Self::local(&[&["--resp-listen", &listen], arguments].concat());
        server.resp = Some(address);
        server
    }

    /// Starts the secured service, which speaks RESP too.
    pub fn secured_with_resp(data_dir: &Path, arguments: &[&str]) -> Self {
        let address = free_address();
        let listen = address.to_string();
        let mut server = Self::secured(data_dir, &[&["--resp-listen", &listen], arguments].concat());
        server.resp = Some(address);
        server
    }

    fn start(mode: &[&str], arguments: &[&str], address: SocketAddr) -> Self {
        let mut command = kura();
        if !mode.contains(&"--local") && !arguments.contains(&"--admin-listen") {
            command.env("KURA_ADMIN_LISTEN", "127.0.0.1:0");
        }
        if !mode.contains(&"--local") && !arguments.contains(&"--protosocket-listen") {
            command.env("KURA_PROTOSOCKET_LISTEN", "off");
        }
        if !arguments.contains(&"--memory") {
            command.env("KURA_MEMORY", "64MiB");
        }
        let mut child = command.args(mode).args(arguments).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (mut said, mut line) = (String::new(), String::new());
        while !line.starts_with("kura ready in ") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "kura ended before it was ready: {said}");
            said.push_str(&line);
        }
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Self { child, address, protosocket: None, resp: None, ca: None }
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// A client with this API key, empty for none.
    pub fn client(&self, token: &str) -> CacheClient {
        let endpoint = Endpoint::parse(&self.url()).unwrap();
        let ca = self.ca.iter().cloned().collect();
        CacheClient::new(endpoint, token, "test", ChannelOptions { ca, ..ChannelOptions::default() }).unwrap()
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Makes the clients from now on trust this authority.
    pub fn trust(&mut self, authority: &Path) {
        self.ca = Some(std::fs::read(authority.join("ca.pem")).unwrap());
    }

    /// Bytes of memory that it has for itself now, without files and the program.
    pub fn memory(&self) -> usize {
        self.status_bytes("RssAnon:")
    }

    /// Bytes of memory that it has now, all together.
    pub fn resident(&self) -> usize {
        self.status_bytes("VmRSS:")
    }

    fn status_bytes(&self, field: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Descriptors that it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Lets it have no descriptor of this number or above.
    pub fn limit_descriptors(&self, most: usize) {
        let most = Some(most as u64);
        let limit = Rlimit { current: most, maximum: most };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Nofile, limit).unwrap();
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it takes no more connections.
    pub fn wait_until_it_refuses(&self) {
        let began = Instant::now();
        while std::net::TcpStream::connect(self.address).is_ok() {
            assert!(began.elapsed() < PATIENCE, "kura takes connections still");
            std::thread::sleep(Duration::from_millis(5));
        }
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

/// What a program that failed said on standard error, and its exit code.
pub fn failure(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    assert!(!output.status.success(), "it did not fail");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A number to repeat a failure with, printed with it; or the one in `KURA_SEED`.
pub fn seed() -> u64 {
    let seed = std::env::var("KURA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("to repeat: KURA_SEED={seed}");
    seed
}

/// What comes of it before patience ends.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap()
}

/// The answer to `GET path` in plaintext HTTP/1.1: status line, head and body.
pub fn http_get(address: SocketAddr, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// An HTTP/2 connection in plaintext, whose end is that of the task.
pub async fn http2(address: SocketAddr) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    (sender, tokio::spawn(connection))
}

/// The head of a gRPC call.
pub fn grpc(address: SocketAddr, path: &str) -> ::http::request::Builder {
    ::http::Request::post(format!("http://{address}{path}")).header("content-type", "application/grpc")
}
