//! User data: a script that runs once in an instance that was just launched.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a script finds its programs on.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where an instance's user data prints to.
pub fn log(state_dir: &Path, instance: &str) -> PathBuf {
    state_dir.join("logs").join(format!("{instance}.log"))
}

/// Starts a script, base64 as it was sent, in an instance, as a user without rights, with its output in [`log`]. As on
/// AWS, only what begins with `#!` is a script; the log says so of anything else.
///
/// # Errors
/// What the operating system said.
pub fn start(state_dir: &Path, instance: &str, encoded: &str) -> io::Result<()> {
    let script = match script(encoded) {
        Ok(script) => script,
        Err(why) => return refuse(state_dir, instance, &why),
    };
    let output = create(state_dir, instance)?;
    let file = log(state_dir, instance).with_extension("script");
    std::fs::write(&file, &script.text)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--state-dir").arg(state_dir).args(["exec", "--unprivileged", instance, "--"]);
    // Whoever launches an instance must not see what the daemon was started with.
    command.env_clear().env("PATH", PATH).env("HOME", "/").current_dir("/");
    // The script comes as its standard input: its user may not look into the state directory.
    command.args(script.interpreter).arg("/dev/stdin");
    command.stdin(std::fs::File::open(file)?).stdout(output.try_clone()?).stderr(output);
    let mut child = command.spawn()?;
    let instance = instance.to_owned();
    std::thread::Builder::new().name("user data".to_owned()).spawn(move || match child.wait() {
        Ok(status) => tracing::info!(%instance, %status, "user data ended"),
        Err(error) => tracing::warn!(%instance, %error, "user data could not be waited for"),
    })?;
    Ok(())
}

/// Says in an instance's log why its user data is not run.
///
/// # Errors
/// What the operating system said.
pub fn refuse(state_dir: &Path, instance: &str, why: &str) -> io::Result<()> {
    writeln!(create(state_dir, instance)?, "the user data is not run: {why}")
}

fn create(state_dir: &Path, instance: &str) -> io::Result<std::fs::File> {
    let path = log(state_dir, instance);
    std::fs::create_dir_all(path.parent().unwrap_or(state_dir))?;
    std::fs::File::create(path)
}

/// A script and who reads it.
#[derive(Debug, PartialEq, Eq)]
struct Script {
    text: Vec<u8>,
    /// A path and, as Linux has it, at most one argument.
    interpreter: Vec<String>,
}

/// Decodes user data, or says why it is no script.
fn script(encoded: &str) -> Result<Script, String> {
    let plain: String = encoded.chars().filter(|found| !found.is_ascii_whitespace()).collect();
    let text = STANDARD.decode(plain).map_err(|error| format!("it is not base64: {error}"))?;
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = first.strip_prefix(b"#!").ok_or("it does not begin with #!")?;
    let first = std::str::from_utf8(first).map_err(|_| "its first line is not UTF-8")?.trim();
    let interpreter: Vec<String> = first
        .splitn(2, [' ', '\t'])
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    if interpreter.is_empty() {
        return Err("its first line names no interpreter".to_owned());
    }
    Ok(Script { text, interpreter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_decoded_and_its_interpreter_found() {
        let text = b"#! /usr/bin/env  sh\necho \xff\n".to_vec();
        let found = script(&STANDARD.encode(&text)).unwrap();
        assert_eq!(found, Script { text, interpreter: vec!["/usr/bin/env".to_owned(), "sh".to_owned()] });
        // In lines of 76 characters, as `base64` prints it.
        assert_eq!(script("IyEvYmlu\nL3NoCg==\n").unwrap().interpreter, ["/bin/sh"]);
    }

    #[test]
    fn what_is_no_script_is_told_apart() {
        let encoded = |text: &str| STANDARD.encode(text);
        for (given, said) in [
            ("#!/bin/sh", "not base64"),
            (&*encoded(""), "does not begin with #!"),
            (&*encoded("<powershell>"), "does not begin with #!"),
            (&*encoded("#!\necho"), "names no interpreter"),
        ] {
            let why = script(given).unwrap_err();
            assert!(why.contains(said), "{given:?}: {why}");
            assert_eq!(why.lines().count(), 1);
        }
    }

    #[test]
    fn the_log_says_why_nothing_ran() {
        let dir = tempfile::tempdir().unwrap();
        start(dir.path(), "i-1", "%%%").unwrap();
        let text = std::fs::read_to_string(log(dir.path(), "i-1")).unwrap();
        assert!(text.starts_with("the user data is not run: it is not base64"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}
