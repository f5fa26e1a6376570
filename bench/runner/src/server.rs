//! The servers under test: how each is started, reached and stopped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kura_load::client::{Identity, Pool};
use rustix::process::{Pid, Signal};
use rustix::thread::CpuSet;
use tempfile::TempDir;

/// The cache that benchmarks use.
const CACHE: &str = "bench";
/// What the key allows: the cache, and others that only bring the token to the 400 bytes of a usual one.
const GRANTS: [&str; 4] = [
    "bench:readwrite",
    "a-cache-that-no-benchmark-uses-1:readonly",
    "a-cache-that-no-benchmark-uses-2:readonly",
    "a-cache-that-no-benchmark-uses-3:readonly",
];
/// How long a server may take until it accepts connections; long, since one may run under an instrument.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a server may take to end by itself.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Which binaries there are.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    /// Kura itself.
    pub(crate) kura: PathBuf,
    /// The bare tonic server.
    pub(crate) yardstick: PathBuf,
}

/// Which server to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The bare tonic server.
    Yardstick,
    /// Kura with one worker and a memory limit (its default for none).
    Kura {
        /// The value of `--memory`.
        memory: Option<String>,
    },
}

impl Kind {
    /// What tables call it.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Yardstick => "bare tonic",
            Self::Kura { .. } => "kura",
        }
    }
}

/// A directory of Kura's with one key, and the identity that key gives; outlives the servers that use it.
#[derive(Debug)]
pub(crate) struct Account {
    data: TempDir,
    /// What every request carries, to either server.
    pub(crate) identity: Identity,
}

impl Account {
    /// Has Kura mint a key; a filler of 400 bytes where `kura` is absent.
    pub(crate) fn new(kura: Option<&Path>) -> anyhow::Result<Self> {
        let data = tempfile::Builder::new().prefix("kura-bench-").tempdir()?;
        let Some(kura) = kura else {
            return Ok(Self { data, identity: Identity::filler(CACHE, 400) });
        };
        let made = Command::new(kura)
            .args(["key", "create", "--name", "bench", "--format", "v2"])
            .args(GRANTS.iter().flat_map(|grant| ["--cache", grant]))
            .arg("--data-dir")
            .arg(data.path())
            .output()
            .context("run kura key create")?;
        if !made.status.success() {
            bail!("kura key create failed: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        let token = String::from_utf8(made.stdout)?.trim().to_owned();
        Ok(Self { data, identity: Identity { token, cache: CACHE.to_owned() } })
    }
}

/// The command that starts a server on `listen`: the one place that knows its flags.
fn command(
    kind: &Kind,
    binaries: &Binaries,
    account: &Account,
    listen: SocketAddr,
) -> Vec<std::ffi::OsString> {
    let listen = listen.to_string();
    match kind {
        Kind::Yardstick => vec![binaries.yardstick.clone().into(), "--listen".into(), listen.into()],
        Kind::Kura { memory } => {
            let mut line = vec![binaries.kura.clone().into()];
            line.extend(
                ["serve", "--local", "--workers", "1", "--log", "warn", "--local-listen"].map(Into::into),
            );
            line.extend([listen.into(), "--data-dir".into(), account.data.path().into()]);
            if let Some(memory) = memory {
                line.extend(["--memory".into(), memory.into()]);
            }
            line
        }
    }
}

/// A running server; ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server on the server core and waits until it accepts connections. `under` is put before its command.
    pub(crate) fn start(
        kind: Kind,
        binaries: &Binaries,
        account: &Account,
        under: &[&str],
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let line: Vec<_> =
            under.iter().map(Into::into).chain(command(&kind, binaries, account, address)).collect();
        // The child inherits the affinity of the thread that starts it.
        let before = rustix::thread::sched_getaffinity(None)?;
        pin(Core::Server)?;
        let child = Command::new(&line[0])
            .args(&line[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(if under.is_empty() { Stdio::inherit() } else { Stdio::piped() })
            .spawn();
        rustix::thread::sched_setaffinity(None, &before)?;
        let child = child.with_context(|| format!("start {}", kind.label()))?;
        let mut server = Self { child, kind, address };
        server.wait_until_up()?;
        Ok(server)
    }

    /// Makes the cache that benchmarks use; the yardstick has none. The key may not do that, but to `--local` an
    /// unknown token is a superuser's.
    pub(crate) async fn create_cache(&self) -> anyhow::Result<()> {
        if self.kind == Kind::Yardstick {
            return Ok(());
        }
        let pool = Pool::connect(self.address, 1, &Identity::filler(CACHE, 16)).await?;
        pool.connections().first().context("no connection")?.clone().create_cache().await
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and returns what it wrote on stderr, if that was captured. The loader's connections must be
    /// driven meanwhile: a server that drains waits for them.
    pub(crate) async fn stop(mut self) -> anyhow::Result<String> {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            rustix::process::kill_process(pid, Signal::TERM).ok();
        }
        let limit = Instant::now() + STOP_LIMIT;
        while self.child.try_wait()?.is_none() && Instant::now() < limit {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            self.child.kill().ok();
            std::io::Read::read_to_string(&mut stderr, &mut text)?;
        }
        Ok(text)
    }

    fn wait_until_up(&mut self) -> anyhow::Result<()> {
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended before it was up: {status}", self.kind.label());
            }
            if TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{} was not up after {START_LIMIT:?}", self.kind.label());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing it holds is worth a drain.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Which of the machine's cores a part runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Core {
    /// The first: servers.
    Server,
    /// The second: the loader. The first where there is only one.
    Loader,
}

/// Binds the calling thread, and what it starts, to a core.
pub(crate) fn pin(core: Core) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    match core {
        Core::Loader if cores_online() > 1 => set.set(1),
        Core::Loader | Core::Server => set.set(0),
    }
    rustix::thread::sched_setaffinity(None, &set).with_context(|| format!("pin to a core of {cores}"))
}

/// Lets the calling thread, and what it starts, run on every core again.
pub(crate) fn unpin() -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    (0..cores_online()).for_each(|core| set.set(core));
    rustix::thread::sched_setaffinity(None, &set).context("run on every core")
}

/// How many cores the machine has, whatever this thread is bound to.
pub(crate) fn cores_online() -> usize {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines().filter(|line| line.starts_with("processor")).count().max(1)
}

/// An address of loopback that was free a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
