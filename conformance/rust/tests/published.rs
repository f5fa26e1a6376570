//! The tests the momento crate publishes, as it publishes them: `build.rs` finds them.

use std::{env, process::Command};

include!(concat!(env!("OUT_DIR"), "/published.rs"));

#[test]
fn what_is_left_for_later_fails() {
    let program = env::current_exe().expect("a program knows its path");
    let output = Command::new(program).arg("--ignored").output().expect("it runs again");
    let report = String::from_utf8_lossy(&output.stdout);
    let expected = match LATER {
        0 => "test result: ok. 0 passed; 0 failed;".into(),
        _ => format!("test result: FAILED. 0 passed; {LATER} failed;"),
    };
    assert!(report.contains(&expected), "later.txt names a test that passes:\n{report}");
}
