//! A command in an instance.

use std::{path::Path, process::Command};

use kura_netns::{Error, Join, join_instance};

use crate::{
    traffic::echo,
    world::{World, name},
};

/// `exec STATE_DIR NAMESPACE COMMAND…`
pub fn exec(state_dir: &Path, arguments: &[String]) -> Result<(), Error> {
    let never = join_instance(&Join {
        unprivileged: false,
        state_dir: state_dir.into(),
        namespace: name(&arguments[0]),
        resolv_conf: "nameserver 172.31.0.2\n".into(),
        hosts: "127.0.0.1 localhost\n".into(),
        command: arguments[1..].iter().map(Into::into).collect(),
    })?;
    match never {}
}

fn run(state_dir: &Path, script: &str) -> (i32, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("exec")
        .arg(state_dir)
        .args(["eni-h1", "sh", "-c", script])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// It is where it should be, sees the names it should, and can do nothing to what holds it.
pub fn all(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let _web = echo(world.fabric(), "eni-web", "0.0.0.0:80");
    let shown = |script: &str| {
        let (code, text) = run(state_dir, script);
        assert_eq!(code, 0, "{script}: {text}");
        text
    };
    assert_eq!(run(state_dir, "exit 7").0, 7);
    assert_eq!(shown("cat /etc/resolv.conf"), "nameserver 172.31.0.2\n");
    assert_eq!(shown("cat /etc/hosts"), "127.0.0.1 localhost\n");
    assert!(shown("cat /etc/nsswitch.conf").contains("hosts: files dns\n"));
    assert!(shown("ip -4 -o address").contains("172.31.10.20/20"));
    let uid = rustix::process::getuid().as_raw().to_string();
    assert_eq!(shown("id -u").trim(), uid);
    let status = shown("grep -E '^(Cap|NoNewPrivs)' /proc/self/status");
    for line in status.lines() {
        let (key, value) = line.split_once(":\t").unwrap();
        let expected = if key == "NoNewPrivs" { "1" } else { "0000000000000000" };
        assert_eq!(value, expected, "{key}");
    }
    assert_ne!(run(state_dir, "ip link set eth0 down").0, 0);
    assert_ne!(run(state_dir, "ip address add 172.31.10.99/32 dev lo").0, 0);
    assert_ne!(run(state_dir, "nft list ruleset").0, 0);
    let hidden = format!("ls -A {}", state_dir.display());
    assert_eq!(shown(&hidden), "");
    for directory in ["/run/nscd", "/run/systemd/resolve"] {
        assert!(!shown(&format!("ls -A {directory} 2>/dev/null; true")).contains("socket"));
    }
    // The machine's own files and mounts are as before.
    assert_ne!(std::fs::read_to_string("/etc/resolv.conf").unwrap(), "nameserver 172.31.0.2\n");
    assert!(state_dir.join("anchor.sock").exists());
    assert_eq!(shown("cat /proc/net/route | wc -l").trim(), "3");
    let missing = run(state_dir, "true | /no/such/program").0;
    assert_eq!(missing, 127);
}
