//! A running `kura-link`, its processes and its command line, as root and as an unprivileged user.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test")]

mod command_line;
mod common;
mod life;

#[test]
#[ignore = "run by the other tests, in an instance"]
fn part_that_runs_in_an_instance() {
    common::traffic::part();
}
