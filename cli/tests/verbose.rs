//! `--verbose`: which address was really reached.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a panic is a failure")]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use common::{User, v2_key};
use kura_wire::protos::cache_client::pubsub::{Heartbeat, SubscriptionItem, subscription_item};
use kura_wire::protos::cache_client::{ECacheResult, GetResponse};
use kura_wire::test_util::{End, Frame, Peer, Reply};

/// The text of a line that matches `^\[[0-9TZ:-]+ DEBUG [a-z_:]+\] `.
fn debug_text(line: &str) -> Option<&str> {
    let (time, rest) = line.strip_prefix('[')?.split_once(" DEBUG ")?;
    let (module, text) = rest.split_once("] ")?;
    let time_fits = time.chars().all(|c| c.is_ascii_digit() || "TZ:-".contains(c));
    let module_fits = module.chars().all(|c| c.is_ascii_lowercase() || "_:".contains(c));
    (!time.is_empty() && !module.is_empty() && time_fits && module_fits).then_some(text)
}

fn debug_texts(stderr: &str) -> Vec<&str> {
    stderr.lines().map(|line| debug_text(line).unwrap_or_else(|| panic!("{line:?}"))).collect()
}

async fn miss() -> Peer {
    let miss = GetResponse { result: ECacheResult::Miss.into(), ..GetResponse::default() };
    Peer::start(move |_| Reply::message(&miss)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_one_get() {
    let peer = miss().await;
    let (address, port) = (peer.address, peer.address.port());
    let ran = User::of(&format!("http://localhost:{port}")).run("--verbose cache get k");
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    let texts = debug_texts(&ran.stderr);
    // Where the machine calls ::1 localhost too, that was tried first.
    let texts: Vec<&str> = texts.into_iter().filter(|text| !text.contains("[::1]")).collect();
    let url = format!("http://localhost:{port}");
    assert_eq!(
        texts,
        [
            "No session found in .momento_session profile...",
            &format!("connecting to cache endpoint: \"{url}\", connecting to control endpoint: \"{url}\""),
            "getting key: k from cache: default-cache",
            "getting...",
            "resolving host=\"localhost\"",
            &format!("connecting to {address}"),
            &format!("connected to {address}"),
            "cache miss",
        ]
    );
}

#[test]
fn the_endpoints_are_told_before_anything_is_resolved() {
    let user = User::new();
    user.write("config", "[default]\ncache=c\nttl=1\n");
    user.write("credentials", &format!("[default]\napi_key_v2={}\nendpoint=cell.example:8443\n", v2_key()));
    // Nobody is trusted, so nothing is resolved and no packet leaves.
    let ca = user.write("empty.pem", "");
    let stderr = user.run(&format!("cache get k --verbose --ca {}", ca.display())).failed();
    let expected = "connecting to cache endpoint: \"https://cache.cell.example:8443\", \
                    connecting to control endpoint: \"https://control.cell.example:8443\"";
    assert!(stderr.lines().any(|line| debug_text(line) == Some(expected)), "{stderr}");
    assert!(!stderr.contains("resolving"), "{stderr}");
    // The official lines of a failure: a warning with all there is, then the error.
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines[lines.len() - 2].contains(" WARN  momento] ERROR: "), "{stderr}");
    assert!(
        lines[lines.len() - 1].starts_with("ERROR: Invalid argument passed to Momento client"),
        "{stderr}"
    );
    assert!(!stderr.contains(&v2_key()), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rust_log_wins_over_verbose() {
    let peer = miss().await;
    let user = User::of(&peer.url());
    let stderr = |args: &str, rust_log: &str| {
        let mut command = user.command(args);
        command.env("RUST_LOG", rust_log);
        common::run(command, "").stderr
    };
    assert_eq!(stderr("cache get k --verbose", "error"), "");
    assert_eq!(
        stderr("cache get k --verbose", "momento=debug,kura_wire=off").matches("connected").count(),
        0
    );
    assert_eq!(stderr("cache get k", "kura_wire=debug").lines().count(), 3);
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The remote address that the kernel has for the only TCP connection of process `pid`.
fn peer_by_ss(pid: u32) -> String {
    let ss = Command::new("ss").args(["-Htnp", "state", "established"]).output();
    let ss = ss.unwrap_or_else(|error| panic!("this test needs iproute2's ss: {error}"));
    let ss = String::from_utf8(ss.stdout).unwrap();
    let mine: Vec<&str> = ss.lines().filter(|line| line.contains(&format!("pid={pid},"))).collect();
    assert_eq!(mine.len(), 1, "{ss}");
    // Recv-Q Send-Q Local:Port Peer:Port Process
    mine[0].split_whitespace().nth(3).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_is_the_one_that_ss_shows() {
    let heartbeat = SubscriptionItem { kind: Some(subscription_item::Kind::Heartbeat(Heartbeat {})) };
    let peer = Peer::start(move |_| Reply::stream(&[heartbeat.clone_frame()]).end(End::Open)).await;
    let user = User::of(&format!("http://localhost:{}", peer.address.port()));
    let mut command = user.command("topic subscribe t --verbose");
    let mut momento = Killed(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let stderr = BufReader::new(momento.0.stderr.take().unwrap());
    let connected = stderr.lines().map_while(Result::ok).find_map(|line| {
        debug_text(&line).and_then(|text| text.strip_prefix("connected to ")).map(str::to_owned)
    });
    let connected = connected.unwrap();
    assert_eq!(connected, peer_by_ss(momento.0.id()));
    assert_eq!(connected, peer.address.to_string());
}
