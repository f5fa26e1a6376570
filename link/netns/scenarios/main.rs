//! What the tests run in a process of its own: the anchor, the forwarder, and one scenario at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test")]

mod adoption;
mod forwarding;
mod groups;
mod instance;
mod isolation;
mod scale;
mod speed;
mod traffic;
mod world;

use std::{path::PathBuf, process::ExitCode};

use kura_netns::{Error, anchor_main, enter_privileges, forwarder_main};

/// The kernel forbids what the test needs.
const FORBIDDEN: u8 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, role, state_dir, rest @ ..] = &arguments[..] else { panic!("ROLE STATE_DIR …") };
    let state_dir = PathBuf::from(state_dir);
    let done = match role.as_str() {
        "anchor" => anchor_main(&state_dir),
        "forwarder" => forwarder_main(&state_dir),
        "exec" => instance::exec(&state_dir, rest),
        scenario => match enter_privileges(&state_dir) {
            Ok(_) => {
                run(scenario, &state_dir, rest);
                Ok(())
            }
            Err(Error::Privileges(why)) => {
                eprintln!("{why}");
                return ExitCode::from(FORBIDDEN);
            }
            Err(other) => Err(other),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(scenario: &str, state_dir: &std::path::Path, rest: &[String]) {
    match scenario {
        "kernel-path" => isolation::kernel_path(state_dir),
        "gateway" => isolation::gateway(state_dir),
        "spoofing" => isolation::spoofing(state_dir),
        "one-way" => isolation::one_way(state_dir),
        "deleted-endpoint" => isolation::deleted_endpoint(state_dir),
        "dns" => isolation::dns(state_dir),
        "groups" => groups::groups(state_dir),
        "lockdown" => groups::lockdown(state_dir),
        "revoked" => groups::revoked(state_dir),
        "idle" => groups::idle(state_dir),
        "repair" => adoption::repair(state_dir),
        "partly" => adoption::partly(state_dir),
        "restart" => adoption::restart(state_dir),
        "crash" => adoption::crash(state_dir),
        "machine" => adoption::machine(state_dir),
        "proxy" => forwarding::proxy(state_dir),
        "forwarder-idle" => forwarding::idle(state_dir),
        "bulk" => forwarding::bulk(state_dir),
        "relay" => forwarding::relay(state_dir),
        "exec-all" => instance::all(state_dir),
        "speed" => speed::speed(state_dir, rest),
        "scale" => scale::scale(state_dir),
        other => panic!("no scenario {other}"),
    }
}
