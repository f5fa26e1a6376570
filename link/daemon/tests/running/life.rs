//! Who outlives whom: the daemon, the anchor, the forwarder, and what runs in the instances.
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::traffic::Pair;
use crate::common::{As, Daemon, alive, eventually, kill_and_wait, processes};

const BOTH: [As; 2] = [As::Root, As::Nobody];

/// The machine's own network.
fn machine() -> Vec<String> {
    let shown = ["ip -o link", "ip -o -4 address", "ip route show table all", "ip rule", "nft list ruleset"];
    shown
        .iter()
        .map(|command| {
            let output = Command::new("sh").args(["-c", command]).stderr(Stdio::null()).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        })
        .collect()
}

/// What names a state directory: processes, by their command lines and mounts, and mounts of the machine. What nothing
/// of it is left of, no namespace is left of either: it needs a process, a descriptor or a mount.
fn of(daemon: &Daemon) -> Vec<String> {
    let dir = daemon.dir().to_string_lossy().into_owned();
    processes()
        .into_iter()
        .filter(|pid| alive(*pid))
        .flat_map(|pid| ["cmdline", "mountinfo"].map(|file| format!("/proc/{pid}/{file}")))
        .filter_map(|file| Some(String::from_utf8_lossy(&fs::read(file).ok()?).into_owned()))
        .filter(|line| line.contains(&dir))
        .collect()
}

#[test]
fn a_killed_daemon_is_followed_by_one_that_adopts_what_stands() {
    for who in BOTH {
        let Some(daemon) = Daemon::start(who) else { continue };
        let pair = Pair::of(&daemon);
        let (anchor, forwarder) = (daemon.anchor_pid(), daemon.process("forwarder").unwrap());
        let client = pair.client(&daemon).unwrap();
        for _ in 0..4 {
            std::thread::sleep(Duration::from_millis(500));
            daemon.kill();
            std::thread::sleep(Duration::from_millis(300));
            let up = daemon.up();
            assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
        }
        std::thread::sleep(Duration::from_millis(500));
        let counted = client.end();
        println!("{who:?}: {counted:?}");
        assert_eq!(counted.failed, 0);
        assert!(counted.done > 1000, "{counted:?}");
        assert!(counted.opened > 200, "{counted:?}");
        assert_eq!((daemon.anchor_pid(), daemon.process("forwarder").unwrap()), (anchor, forwarder));
        // Names are answered again.
        let found = daemon.ok(&["exec", &pair.consumer, "--", "getent", "ahostsv4", &pair.names[0]]);
        assert!(found.starts_with(&pair.endpoints[0].ip().to_string()), "{found}");
        let status = daemon.ok(&["status"]);
        assert!(!status.contains("NOT AS IT MUST BE"), "{status}");
    }
}

#[test]
fn a_dead_anchor_or_forwarder_is_replaced_and_everything_made_anew() {
    for who in BOTH {
        let Some(daemon) = Daemon::start(who) else { continue };
        let mut pair = Pair::of(&daemon);
        let forwarder = daemon.process("forwarder").unwrap();
        kill_and_wait(forwarder);
        eventually("another forwarder carries", || {
            daemon.process("forwarder").is_some()
                && pair.client(&daemon).is_some_and(|client| client.end().failed == 0)
        });
        let anchor = daemon.anchor_pid();
        kill_and_wait(anchor);
        // What ran in the instances ran in a world that is gone.
        eventually("the server ends", || pair.server_ended());
        eventually("another anchor stands", || daemon.process("anchor").is_some_and(|pid| pid != anchor));
        eventually("status is well", || daemon.run(&["status"]).status.success());
        let again = daemon.inside(&pair.provider, "server ").spawn().unwrap();
        let mut again = scope(again);
        eventually("the paths work", || pair.client(&daemon).is_some_and(|client| client.end().failed == 0));
        let found = daemon.ok(&["exec", &pair.consumer, "--", "getent", "ahostsv4", &pair.names[1]]);
        assert!(found.starts_with(&pair.endpoints[1].ip().to_string()), "{found}");
        assert!(again.0.try_wait().unwrap().is_none());
    }
}

struct Ended(std::process::Child);

fn scope(child: std::process::Child) -> Ended {
    Ended(child)
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn down_leaves_nothing_behind() {
    for (who, crash) in [(As::Root, false), (As::Root, true), (As::Nobody, false), (As::Nobody, true)] {
        let Some(daemon) = Daemon::prepare(who) else { continue };
        let before = machine();
        let up = daemon.up();
        if String::from_utf8_lossy(&up.stderr).contains("may not make namespaces here") {
            continue;
        }
        assert!(up.status.success());
        let mut pair = Pair::of(&daemon);
        let mut sleeper = scope(daemon.inside(&pair.consumer, "server ").spawn().unwrap());
        assert_eq!(machine(), before, "the machine's own network");
        let second = daemon.refused(&["up", "--listen", "127.0.0.1:0"]);
        assert!(second.contains(&format!("(pid {})", daemon.pid())), "{second}");
        if crash {
            daemon.kill();
        }
        for _ in 0..2 {
            daemon.ok(&["down"]);
            assert_eq!(of(&daemon), Vec::<String>::new(), "{who:?}, crash {crash}");
        }
        eventually("what ran inside has ended", || {
            pair.server_ended() && sleeper.0.try_wait().unwrap().is_some()
        });
        assert_eq!(machine(), before);
        for socket in ["link.sock", "anchor.sock", "forwarder.sock"] {
            assert!(!daemon.dir().join(socket).exists(), "{socket} is left");
        }
        // And what was described is there again.
        assert!(daemon.up().status.success());
        let shown = daemon.api("000000000000", "ec2", "Action=DescribeVpcEndpoints&Version=2016-11-15");
        assert_eq!(shown.matches("<vpcEndpointId>").count(), 2, "{shown}");
    }
}

#[test]
fn what_others_break_inside_is_repaired() {
    for who in BOTH {
        let Some(daemon) = Daemon::start(who) else { continue };
        let pair = Pair::of(&daemon);
        // By the descriptors that the anchor holds: with the daemon's own rights, as a careless root has them.
        let anchor = daemon.anchor_pid();
        let mut command = Command::new("nsenter");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials", "--target", &anchor.to_string()]);
        }
        let broken = command
            .args(["--", "sh", "-c"])
            .arg(format!(
                "set -e; for fd in /proc/{anchor}/fd/*; do case $(readlink $fd) in net:*) nsenter --net=$fd sh -c \
                 'nft flush ruleset; ip -o link show type veth | head -n 1 | cut -d: -f2 | cut -d@ -f1 | xargs -r -n 1 ip link delete';; \
                 esac; done"
            ))
            .output()
            .unwrap();
        assert!(broken.status.success(), "{broken:?}");
        eventually("it is repaired", || {
            pair.client(&daemon).is_some_and(|client| {
                std::thread::sleep(Duration::from_millis(100));
                client.end().failed == 0
            })
        });
        assert!(daemon.log().contains("is repaired"), "{}", daemon.log());
    }
}

/// In a mount namespace of its own, so that the small disk is the test's alone.
#[test]
fn a_full_disk_refuses_changes_and_the_daemon_lives_on() {
    let Some(daemon) = Daemon::prepare(As::Root) else { return };
    let disk = daemon.dir();
    fs::create_dir(&disk).unwrap();
    let script = format!(
        "set -e; mount -t tmpfs -o size=1m none {disk}; k='{program} --state-dir {disk}'; trap '$k down' EXIT\n\
         $k up --detach --listen 127.0.0.1:0 --upstream none\n\
         $k key list | sort > {disk}/../before; cp {disk}/events.jsonl {disk}/../journal\n\
         dd if=/dev/zero of={disk}/fill bs=4k 2>/dev/null || true\n\
         for n in 1 2 3; do\n\
         ! $k publish --name x --target 127.0.0.1:9 --private-dns cache.a.example.com 2>> {disk}/../said; done\n\
         $k status > {disk}/../status; cmp {disk}/events.jsonl {disk}/../journal\n\
         rm {disk}/fill; $k publish --name x --target 127.0.0.1:9 --private-dns cache.a.example.com\n\
         kill -9 $(cat {disk}/lock); sleep 0.2; $k up --detach --listen 127.0.0.1:0 --upstream none\n\
         $k status | grep -q cache.a.example.com; $k status | grep -q 'to 127.0.0.1:9 by forwarder'",
        disk = disk.display(),
        program = env!("CARGO_BIN_EXE_kura-link"),
    );
    let output = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output().unwrap();
    let home = disk.parent().unwrap();
    let said = fs::read_to_string(home.join("said")).unwrap_or_default();
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("No space left on device").count(), 3, "{said}");
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(!fs::read_to_string(home.join("status")).unwrap().contains("cache.a.example.com"));
}
