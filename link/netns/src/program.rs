//! The program whose hidden commands the anchor and the forwarder are, and the life of such a process.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::error::{During as _, Error};

/// How long the anchor or the forwarder may take to start, to answer or to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A program that runs [`crate::anchor_main`] as `PROGRAM anchor STATE_DIR` and [`crate::forwarder_main`] as
/// `PROGRAM forwarder STATE_DIR`.
#[derive(Clone, Debug)]
pub struct Program(PathBuf);

impl Program {
    /// The running program itself.
    ///
    /// # Errors
    /// When the kernel does not say which one it is.
    pub fn current() -> Result<Self, Error> {
        std::env::current_exe().map(Self).during(|| "find the running program".into())
    }

    /// Starts a role in the background, its output in `<role>.log`, and tries `connect` until it is reached. It
    /// outlives this process; `refused` makes the error of one that does not start.
    pub(crate) fn start<T>(
        &self,
        role: &str,
        state_dir: &Path,
        refused: impl FnOnce(String) -> Error,
        connect: impl Fn() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        let log = state_dir.join(format!("{role}.log"));
        let output = File::options().create(true).append(true).open(&log);
        let output = output.during(|| format!("open {}", log.display()))?;
        let errors = output.try_clone().during(|| format!("open {}", log.display()))?;
        let mut command = Command::new(&self.0);
        command.arg(role).arg(state_dir).stdin(Stdio::null()).stdout(output).stderr(errors);
        let mut child = command.spawn().during(|| format!("start {}", self.0.display()))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(reached) = connect()? {
                // Reaps it when it ends while we live.
                thread::spawn(move || child.wait());
                return Ok(reached);
            }
            let ended = child.try_wait().during(|| format!("look after the {role}"))?;
            if ended.is_some() || Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                return Err(refused(format!("the {role} did not start; its reason is in {}", log.display())));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A process whose end is going to be waited for.
pub(crate) struct Ending(Option<OwnedFd>);

impl Ending {
    /// Takes hold of a process before it is told to end, so that its number cannot become another's.
    pub(crate) fn of(pid: Pid) -> Self {
        // One that cannot be held has ended already.
        Self(pidfd_open(pid, PidfdFlags::empty()).ok())
    }

    /// Waits for [`PATIENCE`] at most; says whether it has ended.
    pub(crate) fn wait(self) -> io::Result<bool> {
        let Some(process) = self.0 else { return Ok(true) };
        let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
        Ok(poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience))? > 0)
    }
}

/// Takes as many descriptors as the process may have: a namespace needs two, a forwarded connection two, and the usual
/// soft limit is 1024.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
