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

/// Commands, one after the other, and what each prints; `!` where it misses.
#[test]
fn collections_do_what_their_commands_say() {
    let running = Running::plaintext();
    for (args, expected) in [
        ("dictionary get d a", "!"),
        ("dictionary fetch d", "!"),
        ("dictionary length d", "!"),
        ("dictionary set d a 1", ""),
        ("dictionary set-fields d b=2 c=x=y", ""),
        ("dictionary get d a", "1\n"),
        ("dictionary get d none", "!"),
        ("dictionary get-fields d c none a", "c\tx=y\na\t1\n"),
        (
            "dictionary get-fields d none a --json",
            "{\"items\":[{\"field\":\"none\",\"value\":null},{\"field\":\"a\",\"value\":\"1\"}]}\n",
        ),
        ("dictionary increment d a --amount -43", "-42\n"),
        ("dictionary increment d n", "1\n"),
        ("dictionary length d", "4\n"),
        ("dictionary remove d b c n none", ""),
        ("dictionary fetch d --json", "{\"items\":[{\"field\":\"a\",\"value\":\"-42\"}]}\n"),
        ("dictionary delete d", ""),
        ("dictionary fetch d", "!"),
        ("list pop-front l", "!"),
        ("list push-back l c", "1\n"),
        ("list push-front l b", "2\n"),
        ("list concatenate-front l z a", "4\n"),
        ("list concatenate-back l d e --json", "{\"length\":6}\n"),
        ("list fetch l", "z\na\nb\nc\nd\ne\n"),
        ("list fetch l --start 1 --end -1 --json", "{\"values\":[\"a\",\"b\",\"c\",\"d\"]}\n"),
        ("list fetch l --start 99", "!"),
        ("list push-back l f --truncate-to 6", "6\n"),
        ("list pop-front l", "a\n"),
        ("list pop-back l", "f\n"),
        ("list erase l 0:1 2:1", ""),
        ("list fetch l", "c\ne\n"),
        ("list remove-value l c", ""),
        ("list length l", "1\n"),
        ("list concatenate-back l f g", "3\n"),
        ("list retain l --start -2 --end -1", ""),
        ("list fetch l", "f\n"),
        ("list delete l", ""),
        ("list length l", "!"),
        ("set fetch s", "!"),
        ("set add s a b a", ""),
        ("set length s", "2\n"),
        ("set contains s b x", "b\ttrue\nx\tfalse\n"),
        ("set remove s a x", ""),
        ("set sample s --limit 9", "b\n"),
        ("set pop s --count 9 --json", "{\"elements\":[\"b\"]}\n"),
        ("set pop s", "!"),
        ("set add s a", ""),
        ("set delete s", ""),
        ("set contains s a", "!"),
        ("sorted-set rank z a", "!"),
        ("sorted-set put z a --score -1.5", ""),
        ("sorted-set put-elements z b=2 c=3", ""),
        ("sorted-set fetch z", "a\t-1.5\nb\t2\nc\t3\n"),
        ("sorted-set fetch z --start -2 --order descending", "b\t2\na\t-1.5\n"),
        ("sorted-set fetch z --above 2", "c\t3\n"),
        ("sorted-set fetch z --max 2 --offset 1 --count 5", "b\t2\n"),
        ("sorted-set fetch z --start 9", ""),
        ("sorted-set score z b", "2\n"),
        ("sorted-set score z x", "!"),
        ("sorted-set scores z c x a", "c\t3\na\t-1.5\n"),
        ("sorted-set rank z c", "2\n"),
        ("sorted-set rank z c --order descending", "0\n"),
        ("sorted-set rank z x", "!"),
        ("sorted-set increment z a --amount 0.25", "-1.25\n"),
        ("sorted-set length z", "3\n"),
        ("sorted-set length z --min 2 --below 3", "1\n"),
        ("sorted-set union-store u z=2 z --aggregate max", "3\n"),
        ("sorted-set fetch u --json --min 4 --max 4", "{\"elements\":[{\"value\":\"b\",\"score\":4.0}]}\n"),
        ("sorted-set remove z a b c", ""),
        ("sorted-set length z", "!"),
        ("sorted-set delete u", ""),
        ("sorted-set fetch u", "!"),
        ("leaderboard length b", "0\n"),
        ("leaderboard upsert b 1=10 2=20 3=20", ""),
        ("leaderboard by-rank b", "0\t1\t10\n1\t2\t20\n2\t3\t20\n"),
        ("leaderboard by-rank b --start 2 --order descending", "2\t1\t10\n"),
        ("leaderboard by-score b --min 11 --limit 1", "1\t2\t20\n"),
        ("leaderboard by-score b --below 20", "0\t1\t10\n"),
        ("leaderboard rank b 2 9 1", "1\t2\t20\n0\t1\t10\n"),
        ("leaderboard rank b 9", "!"),
        ("leaderboard competition-rank b 1 2 3", "2\t1\t10\n0\t2\t20\n0\t3\t20\n"),
        ("leaderboard remove b 1 9", ""),
        ("leaderboard length b --json", "{\"length\":2}\n"),
        ("leaderboard delete b", ""),
        ("leaderboard by-rank b", ""),
    ] {
        let ran = running.run(args);
        match expected {
            "!" => assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (1, "", ""), "{args}"),
            _ => assert_eq!(ran.ok(), expected, "{args}"),
        }
    }
}

#[test]
fn any_bytes_go_in_from_standard_input_and_out_to_a_file() {
    let running = Running::tls();
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    let (given, taken) = (running.user.path("given"), running.user.path("taken"));
    std::fs::write(&given, &bytes).unwrap();
    for (set, get) in [
        ("cache set k --stdin", "cache get k"),
        ("dictionary set d f --stdin", "dictionary get d f"),
        ("list push-back l --stdin", "list pop-back l"),
    ] {
        let set = running.command(set).stdin(std::fs::File::open(&given).unwrap()).output().unwrap();
        assert!(set.status.success(), "{set:?}");
        assert_eq!(running.run(&format!("{get} --output {}", taken.display())).ok(), "");
        assert!(std::fs::read(&taken).unwrap() == bytes, "{get}");
    }
}

#[test]
fn a_collection_keeps_its_time_if_told_and_another_type_is_an_error() {
    let running = Running::plaintext();
    running.run("set add s a --ttl 2").ok();
    running.run("set add s b --ttl 60 --keep-ttl").ok();
    let start = Instant::now();
    while running.run("set fetch s").code == 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "it should end after 2 s");
    }
    running.run("cache set k v").ok();
    let stderr = running.run("set add k a").failed();
    assert!(stderr.contains("(SDK FailedPreconditionError from: tonic status error: "), "{stderr}");
    let stderr = running.run("set add s a --cache none").failed();
    assert!(stderr.contains("(SDK CacheNotFoundError from: "), "{stderr}");
}

#[test]
fn a_subscriber_begins_where_it_is_told_and_gets_bytes_as_base64() {
    let running = Running::plaintext();
    for text in ["one", "two", "three"] {
        running.run(&format!("topic publish t {text}")).ok();
    }
    let mut command = running.command("topic subscribe t --from 2 --json");
    let mut momento = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(momento.stdout.take().unwrap()).lines().map_while(Result::ok);
    for (number, text) in [(2, "two"), (3, "three")] {
        let line = lines.next().unwrap();
        assert!(line.contains(&format!("\"sequence\":{number},\"value\":\"{text}\"")), "{line}");
    }
    let mut publish = running.command("topic publish t --stdin --binary");
    publish.stdin(std::fs::File::open(running.user.write("value", "bytes")).unwrap());
    assert!(publish.status().unwrap().success());
    let line = lines.next().unwrap();
    assert!(line.contains(r#""sequence":4,"value":{"base64":"Ynl0ZXM="}"#), "{line}");
    let _ = momento.kill();
    let _ = momento.wait();
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
