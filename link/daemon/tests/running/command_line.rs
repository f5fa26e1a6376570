//! What the command line says to wrong input, and what it never says.
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::common::{self, As, Daemon};

#[test]
fn without_a_daemon_every_command_says_so() {
    let daemon = Daemon::prepare(As::Nobody).unwrap();
    let commands: [&[&str]; 7] = [
        &["status"],
        &["flows"],
        &["key", "list"],
        &["key", "create"],
        &["trace", "--from", "i-1", "example.com"],
        &["exec", "i-1", "--", "true"],
        &["publish", "--name", "x", "--target", "i-1:443", "--private-dns", "cache.example.com"],
    ];
    for command in commands {
        let said = daemon.refused(command);
        assert!(said.contains("no kura-link runs on") && said.contains("`kura-link up`"), "{said}");
    }
    assert!(daemon.refused(&["logs", "i-1"]).contains("i-1 has printed nothing"));
    assert!(daemon.refused(&["logs", "../keys"]).contains("no instance id"));
    daemon.ok(&["down"]);
    assert!(!daemon.dir().exists(), "down must make nothing");
}

#[test]
fn wrong_input_is_told_in_one_line() {
    let Some(daemon) = Daemon::start(As::Nobody) else { return };
    for (arguments, said) in [
        (&["exec", "i-0123", "--", "true"][..], "The instance ID 'i-0123' does not exist"),
        (&["trace", "--from", "i-0123", "example.com:https"], "no port"),
        (&["key", "create", "--account", "12"], "an account is twelve digits"),
        (&["publish", "--name", "x", "--target", "nowhere", "--private-dns", "cache.a.com"], "nowhere"),
        (&["publish", "--name", "x", "--target", "a:1", "--private-dns", "www.a.com"], "www.a.com"),
        (&["up", "--listen", "127.0.0.1:0"], "is in use by another kura-link (pid "),
    ] {
        let text = daemon.refused(arguments);
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
    // A port that someone has.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = Daemon::prepare(As::Nobody).unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let text = other.refused(&["up", "--listen", &place]);
    assert!(text.contains(&format!("cannot listen on --listen {place}")), "{text}");
    let text = other.refused(&["up", "--listen", "127.0.0.1:0", "--region", "moon"]);
    assert!(text.contains("moon"), "{text}");
    let text = other.refused(&["up", "--listen", "127.0.0.1:0", "--upstream", "moon"]);
    assert!(text.contains("--upstream \"moon\" is neither"), "{text}");
    let text = daemon.refused(&["trace", "--from", "i-0123", "example.com"]);
    assert!(text.contains("i-0123"), "{text}");
}

#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    let Some(daemon) = Daemon::start(As::Nobody) else { return };
    daemon.ok(&["down"]);
    let dir = daemon.dir();
    let up = ["up", "--listen", "127.0.0.1:0", "--upstream", "none"];
    let text = daemon.refused(&[&up[..], &["--region", "us-east-1"]].concat());
    assert!(text.contains("give --region ap-northeast-1"), "{text}");
    let keys = fs::read(dir.join("keys.json")).unwrap();
    fs::write(dir.join("keys.json"), "[{\"id\": \"AKIAX\", \"secret\": \"hush-hush\"").unwrap();
    let text = daemon.refused(&up);
    assert!(text.contains("keys.json does not hold access keys"), "{text}");
    assert!(!text.contains("hush-hush"), "{text}");
    fs::write(dir.join("keys.json"), keys).unwrap();
    let journal = fs::read_to_string(dir.join("events.jsonl")).unwrap();
    fs::write(dir.join("events.jsonl"), journal.replacen("event", "evens", 1)).unwrap();
    let text = daemon.refused(&up);
    assert!(text.contains("events.jsonl, line 2: its checksum does not match"), "{text}");
    fs::write(dir.join("events.jsonl"), journal).unwrap();
    // Root may read everything.
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o000)).unwrap();
    for command in [&up[..], &["status"], &["down"]] {
        let text = daemon.refused(command);
        assert!(text.contains("Permission denied"), "{command:?}: {text}");
        assert!(text.contains(dir.to_str().unwrap()), "{command:?}: {text}");
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let Some(daemon) = Daemon::start(As::Nobody) else { return };
    for arguments in
        [&["flows"][..], &["flows", "--json"], &["status"], &["status", "--json"], &["key", "list"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = daemon.command();
        let mut child = command.args(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        drop((reader, command));
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{arguments:?}: {said}");
        assert_eq!(said, "", "{arguments:?}");
    }
}

#[test]
fn secrets_are_in_no_log() {
    let Some(daemon) = Daemon::prepare(As::Nobody) else { return };
    let up =
        daemon.run(&["--log", "trace", "up", "--detach", "--listen", "127.0.0.1:0", "--upstream", "none"]);
    if String::from_utf8_lossy(&up.stderr).contains("may not make namespaces here") {
        return;
    }
    assert!(up.status.success());
    let made = daemon.ok(&["key", "create", "--account", common::PROVIDER]);
    daemon.ok(&["key", "list"]);
    let keys = fs::read_to_string(daemon.dir().join("keys.json")).unwrap();
    let secrets: Vec<&str> = keys
        .lines()
        .filter_map(|line| line.split_once("\"secret\": \""))
        .map(|(_, rest)| rest.trim_end_matches(['"', ',']))
        .collect();
    assert_eq!(secrets.len(), 2);
    assert!(made.contains(secrets[1]), "it is shown once");
    for entry in fs::read_dir(daemon.dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "keys.json" || name == "aws.env" {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{name}");
            continue;
        }
        let text = fs::read(entry.path()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.unwrap_or_default();
        for secret in &secrets {
            assert!(!text.contains(secret), "a secret is in {name}");
        }
    }
    assert!(daemon.log().contains("TRACE") || daemon.log().contains("DEBUG"), "the log says much");
}
