//! User data: a script that runs once in an instance that was just launched.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where an instance's user data prints to.
pub fn log(state_dir: &Path, instance: &str) -> PathBuf {
    state_dir.join("logs").join(format!("{instance}.log"))
}

/// Starts a script in an instance, as a user without rights, with its output in [`log`]. As on AWS, only what begins
/// with `#!` is a script; the log says so of anything else.
///
/// # Errors
/// What the operating system said.
pub fn start(state_dir: &Path, instance: &str, script: &str) -> io::Result<()> {
    let path = log(state_dir, instance);
    std::fs::create_dir_all(path.parent().unwrap_or(state_dir))?;
    let mut output = std::fs::File::create(&path)?;
    let Some(interpreter) = script.lines().next().and_then(|line| line.strip_prefix("#!")) else {
        return writeln!(output, "the user data does not begin with #!, so it is not run");
    };
    let file = path.with_extension("script");
    std::fs::write(&file, script)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--state-dir").arg(state_dir).args(["exec", "--unprivileged", instance, "--"]);
    // The script comes as its standard input: its user may not look into the state directory.
    command.args(interpreter.split_whitespace()).arg("/dev/stdin");
    command.stdin(std::fs::File::open(file)?).stdout(output.try_clone()?).stderr(output);
    let mut child = command.spawn()?;
    let instance = instance.to_owned();
    std::thread::Builder::new().name("user data".to_owned()).spawn(move || match child.wait() {
        Ok(status) => tracing::info!(%instance, %status, "user data ended"),
        Err(error) => tracing::warn!(%instance, %error, "user data could not be waited for"),
    })?;
    Ok(())
}
