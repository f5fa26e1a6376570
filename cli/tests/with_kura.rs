//! `momento` against the real `kura`, in plaintext and over TLS.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a panic is a failure")]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::User;

/// Longest median of a cold get: the goal is for a release build.
const LONGEST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 15 });

/// The `kura` that was built beside `momento`, built now if there is none.
fn kura() -> Command {
    let momento = Path::new(env!("CARGO_BIN_EXE_momento"));
    let program: PathBuf = momento.with_file_name("kura");
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--locked", "--package", "kura", "--bin", "kura"]);
        if momento.parent().is_some_and(|dir| dir.ends_with("release")) {
            build.arg("--release");
        }
        let built = build.status().unwrap();
        assert!(built.success() && program.exists(), "{build:?} did not make {}", program.display());
    }
    Command::new(program)
}

/// A running `kura` and a user whose default profile is on it.
struct Running {
    server: Child,
    address: SocketAddr,
    user: User,
    ca: Option<PathBuf>,
}

impl Running {
    fn plaintext() -> Self {
        let address = free_address();
        let server = start(kura().args(["serve", "--local", "--local-listen", &address.to_string()]));
        let user = User::of(&format!("http://{address}"));
        Self { server, address, user, ca: None }.with_cache()
    }

    fn tls() -> Self {
        let (address, user) = (free_address(), User::new());
        let data = user.path("data");
        let data_dir = ["--data-dir", data.to_str().unwrap()];
        let listen = [
            "serve",
            "--tls-listen",
            &address.to_string(),
            "--admin-listen",
            "127.0.0.1:0",
            "--protosocket-listen",
            "off",
        ];
        let server = start(kura().args(listen).args(data_dir));
        let key = kura().args(["key", "create", "--name", "test"]).args(data_dir).output().unwrap();
        let key = String::from_utf8(key.stdout).unwrap();
        user.write("credentials", &format!("[default]\napi_key_v2={}\nendpoint={address}\n", key.trim()));
        user.write("config", "[default]\ncache=default-cache\nttl=600\n");
        Self { server, address, user, ca: Some(data.join("ca.pem")) }.with_cache()
    }

    fn with_cache(self) -> Self {
        self.run("cache create default-cache").ok();
        self
    }

    fn command(&self, args: &str) -> Command {
        let mut command = self.user.command(args);
        if let Some(ca) = &self.ca {
            command.env("MOMENTO_CA_CERT", ca);
        }
        command
    }

    fn run(&self, args: &str) -> common::Ran {
        common::run(self.command(args), "")
    }

    /// Stops the server where it is, or lets it go on.
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.server.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Starts a server and waits until it is ready.
fn start(serve: &mut Command) -> Child {
    let mut server = serve.args(["--memory", "64MiB"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(server.stderr.take().unwrap());
    let (mut said, mut line) = (String::new(), String::new());
    while !line.starts_with("kura ready in ") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "kura ended: {said}");
        said.push_str(&line);
    }
    std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
    server
}

#[test]
fn what_is_set_is_found_and_what_is_not_is_a_silent_miss() {
    for running in [Running::plaintext(), Running::tls()] {
        assert_eq!(running.run("cache set foo bar").ok(), "");
        assert_eq!(running.run("cache get foo").ok(), "bar\n");
        let miss = running.run("cache get none");
        assert_eq!((miss.code, miss.stdout.as_str(), miss.stderr.as_str()), (1, "", ""));
        assert_eq!(running.run("cache delete-item foo").ok(), "");
        assert_eq!(running.run("cache get foo").code, 1);
        assert_eq!(running.run("cache create other").ok(), "");
        assert_eq!(running.run("cache list").ok(), "default-cache\nother\n");
        running.run("cache set k v --cache other").ok();
        running.run("cache flush other").ok();
        assert_eq!(running.run("cache get k --cache other").code, 1);
        running.run("cache delete other").ok();
        assert!(running.run("cache get k --cache other").failed().starts_with("ERROR: "));
    }
}

/// The median of 20 cold gets.
fn median(running: &Running) -> Duration {
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let mut command = running.command("cache get k");
            let start = Instant::now();
            let output = command.output().unwrap();
            let took = start.elapsed();
            assert_eq!(output.stdout, b"v\n", "{output:?}");
            took
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

#[test]
fn a_cold_get_takes_milliseconds() {
    for (name, running) in [("plaintext", Running::plaintext()), ("TLS", Running::tls())] {
        running.run("cache set k v").ok();
        // Of up to five medians one must hold: the machine may have other things to do.
        let held = (0..5).map(|_| median(&running)).find(|median| {
            println!(
                "cold: momento cache get, {name}, median of 20: {:.1} ms",
                median.as_secs_f64() * 1000.0
            );
            *median < LONGEST
        });
        assert!(held.is_some(), "{name}: no median of 20 under {LONGEST:?}");
    }
}

/// The remote address that the kernel has for the only TCP connection of process `pid`.
fn peer_by_ss(pid: u32) -> String {
    let ss = Command::new("ss").args(["-Htnp", "state", "established"]).output();
    let ss = ss.unwrap_or_else(|error| panic!("this test needs iproute2's ss: {error}"));
    let ss = String::from_utf8(ss.stdout).unwrap();
    let mine: Vec<&str> = ss.lines().filter(|line| line.contains(&format!("pid={pid},"))).collect();
    assert_eq!(mine.len(), 1, "{ss}");
    mine[0].split_whitespace().nth(3).unwrap().to_owned()
}

/// The kernel accepts for a server that is stopped, so the connection stands still to be looked at.
#[test]
fn the_address_that_verbose_tells_is_the_one_that_ss_shows() {
    for running in [Running::plaintext(), Running::tls()] {
        running.run("cache set k v").ok();
        running.signal("-STOP");
        let mut command = running.command("cache get k --verbose");
        let mut momento = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(momento.stderr.take().unwrap()).lines().map_while(Result::ok);
        let connected =
            lines.find_map(|line| line.split_once("] connected to ").map(|(_, to)| to.to_owned()));
        let shown = peer_by_ss(momento.id());
        running.signal("-CONT");
        let rest = std::thread::spawn(move || lines.count());
        let output = momento.wait_with_output().unwrap();
        rest.join().unwrap();
        assert_eq!(connected.as_deref(), Some(shown.as_str()));
        assert_eq!(shown, running.address.to_string());
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"v\n"[..]));
    }
}
