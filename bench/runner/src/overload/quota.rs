//! A process that gets a share of a core.
//!
//! By the kernel's own bandwidth control where this user may make a control group (version 2 or 1), else by
//! stopping and continuing the process in turn, which anybody may do to what they started. Both hand out the time
//! in periods of 100 ms, the kernel's default, so a busy process runs for its share of them and then stands still.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// Length of a period.
const PERIOD: Duration = Duration::from_millis(100);
/// Where control groups are looked for: version 2, then the processor controller of version 1.
const ROOTS: [(&str, Version); 3] = [
    ("/sys/fs/cgroup", Version::Two),
    ("/sys/fs/cgroup/cpu", Version::One),
    ("/sys/fs/cgroup/cpu,cpuacct", Version::One),
];

/// The quota, until it is dropped. The process must have ended by then, or be no longer of interest.
pub(crate) struct Quota(Box<dyn Means>);

/// What makes a quota as long as it lives.
trait Means {
    /// What the report calls it.
    fn name(&self) -> &'static str;
}

/// A control group that is removed with this.
struct Group {
    directory: PathBuf,
}

/// A thread that stops and continues a process.
struct Turns {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

impl Quota {
    /// Holds a process to so many percent of one core from now on.
    pub(crate) fn of(percent: u32, pid: u32) -> anyhow::Result<Self> {
        let share = PERIOD * percent / 100;
        for (root, version) in ROOTS {
            if let Ok(group) = Group::make(Path::new(root), version, share, pid) {
                return Ok(Self(Box::new(group)));
            }
        }
        Ok(Self(Box::new(Turns::start(share, pid)?)))
    }

    /// What made it, for the report.
    pub(crate) fn made_by(&self) -> &'static str {
        self.0.name()
    }
}

impl Means for Group {
    fn name(&self) -> &'static str {
        "by a control group"
    }
}

impl Means for Turns {
    fn name(&self) -> &'static str {
        "by SIGSTOP and SIGCONT in turn, since no control group can be made here"
    }
}

impl Group {
    fn make(root: &Path, version: Version, share: Duration, pid: u32) -> anyhow::Result<Self> {
        let group = Self { directory: root.join(format!("kura-bench-{pid}")) };
        fs::create_dir(&group.directory).context("make a control group")?;
        let (share, period) = (share.as_micros(), PERIOD.as_micros());
        // Only files that the kernel made: elsewhere a file of that name would be made, and limit nothing.
        let set = |file: &str, value: String| {
            let mut file = fs::OpenOptions::new().write(true).open(group.directory.join(file))?;
            file.write_all(value.as_bytes())
        };
        match version {
            Version::Two => set("cpu.max", format!("{share} {period}"))?,
            Version::One => {
                set("cpu.cfs_period_us", period.to_string())?;
                set("cpu.cfs_quota_us", share.to_string())?;
            }
        }
        set("cgroup.procs", pid.to_string())?;
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group can be removed once its last process is reaped.
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("the control group {} could not be removed", self.directory.display());
    }
}

impl Turns {
    fn start(share: Duration, pid: u32) -> anyhow::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("a process id")?;
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        let turns = move || {
            while !told.load(Ordering::Relaxed) && kill_process(pid, Signal::STOP).is_ok() {
                std::thread::sleep(PERIOD.saturating_sub(share));
                kill_process(pid, Signal::CONT).ok();
                std::thread::sleep(share);
            }
        };
        Ok(Self { over, thread: Some(std::thread::spawn(turns)) })
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::procfs;

    #[test]
    fn a_busy_process_gets_half_of_a_core_and_no_group_stays() -> anyhow::Result<()> {
        let mut busy = Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn()?;
        let quota = Quota::of(50, busy.id())?;
        std::thread::sleep(Duration::from_millis(1000));
        let used = procfs::cpu_time(busy.id());
        busy.kill()?;
        busy.wait()?;
        drop(quota);
        // Not less: the machine may be busy otherwise.
        assert!(used? < Duration::from_millis(800));
        let group = |(root, _)| Path::new(root).join(format!("kura-bench-{}", busy.id()));
        assert!(ROOTS.into_iter().map(group).all(|group| !group.exists()));
        Ok(())
    }
}
