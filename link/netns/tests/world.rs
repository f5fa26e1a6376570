//! Real namespaces and real packets, as root and as an unprivileged user.
//!
//! Each scenario runs in a process of its own (`scenarios/`), because entering a user namespace takes a process with
//! one thread. A test is left out, and says so, only where the kernel forbids what it needs.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// What an unprivileged user is called where root runs the tests.
const NOBODY: u32 = 65534;
/// A scenario that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, PartialEq)]
enum As {
    Root,
    Nobody,
}

/// The program, where an unprivileged user can run it too.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PROGRAM.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = directory.path().join("netns-test");
        fs::copy(env!("CARGO_BIN_EXE_netns-test"), &path).unwrap();
        (directory, path)
    });
    path
}

fn run(scenario: &str, who: As) {
    let is_root = rustix::process::geteuid().is_root();
    if who == As::Root && !is_root {
        eprintln!("SKIPPED {scenario} as root: the tests run as an unprivileged user");
        return;
    }
    let state_dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    if who == As::Nobody && is_root {
        chown(state_dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        command = Command::new("setpriv");
        let ids = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
        command.args(ids).args(["--clear-groups", "--"]).arg(program());
    }
    let log = state_dir.path().join("output");
    let output = fs::File::create(&log).unwrap();
    let mut child = command
        .args([scenario.as_ref(), state_dir.path().as_os_str()])
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .current_dir("/")
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let left = kura_netns::down(state_dir.path()).unwrap();
    let text = fs::read_to_string(&log).unwrap();
    println!("{text}");
    if status.and_then(|status| status.code()) == Some(3) {
        eprintln!("SKIPPED {scenario}: {text}");
        return;
    }
    assert!(status.is_some_and(|status| status.success()), "{scenario}: {status:?}\n{text}");
    assert!(!left, "{scenario} left an anchor or a forwarder behind");
}

macro_rules! scenarios {
    ($($name:ident $scenario:literal)*) => {$(
        mod $name {
            #[test]
            fn as_root() {
                super::run($scenario, super::As::Root);
            }

            #[test]
            fn as_an_unprivileged_user() {
                super::run($scenario, super::As::Nobody);
            }
        }
    )*};
}

scenarios! {
    packets_pass_from_host_to_target "kernel-path"
    the_gateway_translates_and_counts "gateway"
    a_forged_source_is_dropped "spoofing"
    only_the_consumer_opens_connections "one-way"
    a_deleted_endpoints_address_is_nowhere "deleted-endpoint"
    the_resolver_is_reached "dns"
    groups_decide_who_passes "groups"
    lockdown_leaves_the_private_path "lockdown"
    a_revoked_rule_keeps_live_flows "revoked"
    idle_connections_end_in_a_reset "idle"
    damage_is_repaired "repair"
    one_namespaces_failure_is_its_own "partly"
    a_restarted_daemon_touches_nothing "restart"
    a_dead_anchor_leaves_nothing "crash"
    the_machine_is_untouched "machine"
    proxy_headers_are_awss "proxy"
    forwarded_connections_idle_and_reset "forwarder-idle"
    bulk_arrives_as_it_was_sent "bulk"
    relays_reach_the_machine "relay"
    commands_run_inside_an_instance "exec-all"
    a_hundred_endpoints_come_up "scale"
}
