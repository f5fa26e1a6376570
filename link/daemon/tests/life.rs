//! Who outlives whom: the daemon, the anchor, the forwarder, and what runs in the instances.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::traffic::{self, Pair};
use common::{As, Daemon, alive, eventually, kill_and_wait, processes};

const BOTH: [As; 2] = [As::Root, As::Nobody];

#[test]
#[ignore = "run by the other tests, in an instance"]
fn part_that_runs_in_an_instance() {
    traffic::part();
}

/// What must be the same before `up` and after `down`.
fn picture() -> (BTreeSet<String>, Vec<String>) {
    let namespaces = processes()
        .into_iter()
        .filter_map(|pid| fs::read_link(format!("/proc/{pid}/ns/net")).ok())
        .map(|namespace| namespace.to_string_lossy().into_owned())
        .collect();
    (namespaces, machine())
}

/// The machine's own network and mounts.
fn machine() -> Vec<String> {
    let shown = ["ip -o link", "ip -o -4 address", "ip route show table all", "ip rule", "nft list ruleset"];
    let mut picture: Vec<String> = shown
        .iter()
        .map(|command| {
            let output = Command::new("sh").args(["-c", command]).stderr(Stdio::null()).output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        })
        .collect();
    picture.push(fs::read_to_string("/proc/self/mounts").unwrap());
    picture
}

/// Processes whose command line names a state directory.
fn of(daemon: &Daemon) -> Vec<String> {
    let dir = daemon.dir().to_string_lossy().into_owned();
    processes()
        .into_iter()
        .filter(|pid| alive(*pid))
        .filter_map(|pid| {
            Some(String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).ok()?).into_owned())
        })
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
        let before = picture();
        let up = daemon.up();
        if String::from_utf8_lossy(&up.stderr).contains("may not make namespaces here") {
            continue;
        }
        assert!(up.status.success());
        let mut pair = Pair::of(&daemon);
        let mut sleeper = scope(daemon.inside(&pair.consumer, "server ").spawn().unwrap());
        assert_eq!(machine(), before.1, "the machine's own network");
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
        let after = picture();
        assert!(after.0.is_subset(&before.0), "{:?}", after.0.difference(&before.0));
        assert_eq!(after.1, before.1);
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
        let broken = Command::new("nsenter")
            .args(["--user", "--preserve-credentials", "--target", &anchor.to_string()])
            .args(["--", "sh", "-c"])
            .arg(format!(
                "for fd in /proc/{anchor}/fd/*; do case $(readlink $fd) in net:*) nsenter --net=$fd sh -c \
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
