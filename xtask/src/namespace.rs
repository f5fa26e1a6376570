//! A private place to run in: own network, own mounts, own process ids.
//!
//! The conformance runs need port 443, port 8080 and names that resolve to this machine. Inside its own
//! network namespace a run may bind any port without meeting another program, inside its own mount namespace it may
//! put a hosts file over `/etc/hosts` that nobody else sees, and when the first process of its own process-id
//! namespace ends, the kernel kills all the others. Nothing on the host changes, so nothing needs undoing.
//!
//! [`enter`] starts this program again as [`Inside`] within new namespaces: with `unshare` as root, or through a user
//! namespace as anybody else. `setpriv` ties its life to ours: if this process is killed, so is everything inside.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Subcommand;

use crate::{conformance, process::Run, project::Project};

/// The names of a cell that a client resolves, after the cell's own.
pub(crate) const NAMES: [&str; 4] = ["cache.", "control.", "token.", "api.cache."];

/// What the Web SDK puts before it.
const WEB_NAMES: [&str; 3] = ["web.cache.", "web.control.", "web.token."];

/// The start of this program inside the namespaces.
#[derive(clap::Args)]
pub(crate) struct Inside {
    /// The mount namespace this must not be in: the host's.
    #[arg(long)]
    outside: PathBuf,
    /// The cell whose names resolve to 127.0.0.1.
    #[arg(long)]
    cell: String,
    #[command(subcommand)]
    job: Job,
}

/// What runs inside.
#[derive(Clone, Subcommand)]
pub(crate) enum Job {
    /// One client's suite in one mode.
    Conformance {
        /// Which client.
        #[arg(long)]
        client: conformance::Client,
        /// How it reaches the server.
        #[arg(long)]
        mode: conformance::Mode,
    },
}

/// Why there can be no namespaces here.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);

/// A checked way into new namespaces.
#[derive(Debug)]
pub(crate) struct Entrance {
    unshare: &'static [&'static str],
}

const AS_ROOT: &[&str] = &["--mount", "--net", "--pid", "--fork", "--kill-child"];
const AS_USER: &[&str] =
    &["--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child"];

impl Entrance {
    /// Finds a way that works on this machine, or the setting that forbids it.
    pub(crate) fn find() -> Result<Self, Unavailable> {
        for (program, package) in [("unshare", "util-linux"), ("setpriv", "util-linux"), ("ip", "iproute2")] {
            if !crate::process::on_path(program) {
                return Err(Unavailable(format!("{program} is missing: apt-get install {package}")));
            }
        }
        let ways =
            if rustix::process::geteuid().is_root() { &[AS_ROOT, AS_USER][..] } else { &[AS_USER][..] };
        let mut reasons = Vec::new();
        for &unshare in ways {
            let entrance = Self { unshare };
            // The same things a real run does: a hosts file and an interface.
            let trial = entrance
                .command()
                .args(["sh", "-c", "mount --bind /dev/null /etc/hosts && ip link set lo up"])
                .env("PATH", path_with_sbin());
            match trial.output() {
                Ok(_) => return Ok(entrance),
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        Err(Unavailable(diagnosis(&reasons.join("; "))))
    }

    /// Starts this program again inside, to do `job`; not run yet.
    pub(crate) fn enter(&self, project: &Project, cell: &str, job: &Job) -> Result<Entered> {
        let program = OwnProgram::copy(project)?;
        let outside = fs::read_link("/proc/self/ns/mnt").context("cannot read /proc/self/ns/mnt")?;
        let mut run = self.command().arg(&program.path).args(["inside", "--outside"]).arg(outside);
        run = run.args(["--cell", cell]).env("PATH", path_with_sbin());
        run = match job {
            Job::Conformance { client, mode } => {
                run.args(["conformance", "--client", client.name(), "--mode", mode.name()])
            }
        };
        Ok(Entered { run, _program: program })
    }

    fn command(&self) -> Run {
        Run::new("setpriv").args(["--pdeathsig", "KILL", "unshare"]).args(self.unshare).arg("--")
    }
}

/// A run inside the namespaces, ready to be started.
#[derive(Debug)]
pub(crate) struct Entered {
    /// The command to run.
    pub(crate) run: Run,
    _program: OwnProgram,
}

impl Inside {
    /// Sets the namespaces up and does the job.
    pub(crate) fn run(&self, project: &Project) -> Result<ExitCode> {
        let here = fs::read_link("/proc/self/ns/mnt").context("cannot read /proc/self/ns/mnt")?;
        ensure!(here != self.outside, "this is the host's own mount namespace; use `cargo xtask test`");
        forget_own_name(project);
        furnish(project, &self.cell)?;
        match self.job {
            Job::Conformance { client, mode } => conformance::inside(project, client, mode),
        }
    }
}

/// Removes the copy this was started from: it runs on, and nothing is left behind however it ends.
fn forget_own_name(project: &Project) {
    match fs::read_link("/proc/self/exe") {
        Ok(copy) if copy.starts_with(project.target("scratch")) => drop(fs::remove_file(copy)),
        _ => {}
    }
}

/// Gives new namespaces a loopback interface and a hosts file with the names of `cell`.
fn furnish(project: &Project, cell: &str) -> Result<()> {
    Run::new("ip").args(["link", "set", "lo", "up"]).output()?;
    let dir = project.scratch_dir("hosts")?;
    let file = dir.path().join("hosts");
    fs::write(&file, hosts(cell)).with_context(|| format!("cannot write {}", file.display()))?;
    // The bind holds the file; its name may go.
    Run::new("mount").arg("--bind").arg(&file).arg("/etc/hosts").output()?;
    Ok(())
}

fn hosts(cell: &str) -> String {
    let names: Vec<String> = NAMES.iter().chain(&WEB_NAMES).map(|prefix| format!("{prefix}{cell}")).collect();
    format!("127.0.0.1 localhost\n127.0.0.1 {cell} {}\n", names.join(" "))
}

/// A copy of this program: the one that was started may be rebuilt, and so replaced, while it runs.
#[derive(Debug)]
struct OwnProgram {
    path: PathBuf,
}

impl OwnProgram {
    fn copy(project: &Project) -> Result<Self> {
        static COPIES: AtomicU32 = AtomicU32::new(0);
        let dir = project.target("scratch");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let number = COPIES.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("xtask-{}-{number}", std::process::id()));
        fs::copy("/proc/self/exe", &path)
            .with_context(|| format!("cannot copy this program to {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for OwnProgram {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn path_with_sbin() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Names the setting that forbids namespaces, if it can be found.
fn diagnosis(reason: &str) -> String {
    let forbidding = [
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "1"),
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
        ("/proc/sys/user/max_user_namespaces", "0", "1000"),
        ("/proc/sys/user/max_net_namespaces", "0", "1000"),
        ("/proc/sys/user/max_mnt_namespaces", "0", "1000"),
        ("/proc/sys/user/max_pid_namespaces", "0", "1000"),
    ];
    for (file, forbids, allows) in forbidding {
        match fs::read_to_string(file) {
            Ok(value) if value.trim() == forbids => {
                let setting = setting_of(Path::new(file));
                return format!(
                    "{setting} is {forbids}: sysctl -w {setting}={allows} allows the private namespaces"
                );
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return format!("{file}: {error}"),
        }
    }
    format!(
        "no private namespaces: neither CAP_SYS_ADMIN nor user namespaces are allowed here \
         (in a container: --cap-add SYS_ADMIN, or a seccomp profile that allows unshare and mount): {reason}"
    )
}

/// `kernel.x` for `/proc/sys/kernel/x`.
fn setting_of(file: &Path) -> String {
    file.strip_prefix("/proc/sys").unwrap_or(file).to_string_lossy().replace('/', ".")
}

impl From<Unavailable> for anyhow::Error {
    fn from(unavailable: Unavailable) -> Self {
        anyhow::Error::msg(unavailable.0)
    }
}

/// Runs `job` inside new namespaces with its output passed through; fails if it does.
pub(crate) fn enter(project: &Project, cell: &str, job: &Job) -> Result<crate::process::Transcript> {
    let entered = Entrance::find()?.enter(project, cell, job)?;
    let transcript = entered.run.collect(true)?;
    if !transcript.status.success() {
        bail!("ended with {}", transcript.status);
    }
    Ok(transcript)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_cell_is_local() {
        assert_eq!(
            hosts("c.internal"),
            "127.0.0.1 localhost\n\
             127.0.0.1 c.internal cache.c.internal control.c.internal token.c.internal api.cache.c.internal \
             web.cache.c.internal web.control.c.internal web.token.c.internal\n"
        );
    }

    #[test]
    fn settings_are_named_as_sysctl_names_them() {
        let file = Path::new("/proc/sys/user/max_user_namespaces");
        assert_eq!(setting_of(file), "user.max_user_namespaces");
    }
}
