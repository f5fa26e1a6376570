//! Processes that run in our namespaces: what was started by `exec`, and its children.
//!
//! A namespace lives as long as a process in it, so these end before what they run in does. Which are ours is told by
//! the kernel, not by names: by the namespace a process is in, while an anchor holds it (its number is given to
//! another once it is gone), or by the mount that hides the state directory from whoever runs in an instance.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::error::{During as _, Error};

/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(1);
/// How long a process that was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the mount that hides a state directory is called.
pub(crate) const HIDDEN: &str = "kura";

/// Which processes are meant.
pub(crate) struct Which<'a> {
    /// In one of these network namespaces, which must be held while this is used.
    pub(crate) namespaces: &'a BTreeSet<u64>,
    /// In any instance of this state directory, an absolute path without links.
    pub(crate) state_dir: Option<&'a Path>,
}

/// A namespace's number, for [`Which`].
///
/// # Errors
/// When the descriptor cannot be asked.
pub(crate) fn number(namespace: &OwnedFd) -> Result<u64, Error> {
    Ok(rustix::fs::fstat(namespace).during(|| "look at a namespace".into())?.st_ino)
}

/// Ends these processes; returns how many, once they are gone.
///
/// # Errors
/// When one of them does not end.
pub(crate) fn end(which: &Which<'_>) -> Result<usize, Error> {
    let mut ended = HashSet::new();
    let begin = Instant::now();
    loop {
        let found = find(which)?;
        if found.is_empty() {
            return Ok(ended.len());
        }
        if begin.elapsed() > GRACE + PATIENCE {
            let pids: Vec<String> = found.iter().map(|(pid, _)| pid.as_raw_nonzero().to_string()).collect();
            return Err(Error::Anchor(format!("processes in instances do not end: {}", pids.join(", "))));
        }
        let signal = if begin.elapsed() < GRACE { Signal::TERM } else { Signal::KILL };
        for (pid, process) in &found {
            // Told to end once, killed as often as needed.
            if ended.insert(*pid) || signal == Signal::KILL {
                let _ = pidfd_send_signal(process, signal);
            }
        }
        let wait = if signal == Signal::TERM { GRACE.saturating_sub(begin.elapsed()) } else { GRACE };
        wait_for_all(&found, wait);
    }
}

/// The processes, by descriptors that never mean another one.
fn find(which: &Which<'_>) -> Result<Vec<(Pid, OwnedFd)>, Error> {
    let own = rustix::process::getpid();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").during(|| "list processes".into())?.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|pid| *pid != own) else { continue };
        if !is_meant(&entry.path(), which) {
            continue;
        }
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        // Again: before the descriptor, the number might have gone over to another.
        if is_meant(&entry.path(), which) {
            found.push((pid, process));
        }
    }
    Ok(found)
}

/// A process that cannot be looked at is another user's, and not ours. One that has ended is in no namespace.
fn is_meant(process: &Path, which: &Which<'_>) -> bool {
    if fs::metadata(process.join("ns/net")).is_ok_and(|found| which.namespaces.contains(&found.ino())) {
        return true;
    }
    let Some(state_dir) = which.state_dir.and_then(Path::to_str) else { return false };
    fs::read_to_string(process.join("mountinfo")).is_ok_and(|mounts| hides(&mounts, state_dir))
}

/// Whether one of the mounts is the one that hides a state directory.
fn hides(mounts: &str, state_dir: &str) -> bool {
    // The kernel writes some characters as octal numbers.
    let escaped = state_dir.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011");
    let escaped = escaped.replace('\n', "\\012");
    mounts.lines().any(|line| {
        let Some((mount, file_system)) = line.split_once(" - ") else { return false };
        mount.split(' ').nth(4) == Some(&escaped)
            && file_system.starts_with("tmpfs ")
            && file_system.split(' ').nth(1) == Some(HIDDEN)
    })
}

fn wait_for_all(found: &[(Pid, OwnedFd)], patience: Duration) {
    let deadline = Instant::now() + patience;
    for (_, process) in found {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return };
        let _ = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&left));
    }
    // A zombie is nobody's namespace, and gone for us; give the kernel a moment to say so.
    thread::sleep(Duration::from_millis(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_mount_that_hides_this_state_directory_counts() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda rw\n\
                      30 22 0:50 / /var/my\\040state rw,nosuid - tmpfs kura rw,size=64k\n\
                      31 22 0:51 / /var/other rw - tmpfs tmpfs rw\n";
        assert!(hides(mounts, "/var/my state"));
        assert!(!hides(mounts, "/var/my"));
        assert!(!hides(mounts, "/var/other"));
        assert!(!hides(mounts, "/"));
    }
}
