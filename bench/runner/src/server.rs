//! The servers under test: how each is started, reached and stopped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kura_load::bare;
use kura_load::client::{Identity, Pool};
use kura_load::driver::{Driver, Protocol};
use kura_load::socket::{Target, Tls};
use rustix::process::{Pid, Signal};
use rustix::thread::CpuSet;
use tempfile::TempDir;

/// A name in the certificate that Kura makes for itself.
pub(crate) const NAME: &str = "cache.cell-1.kura.internal";
/// The cache that benchmarks use.
pub(crate) const CACHE: &str = "bench";
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
    /// The bare protosocket-rpc server.
    pub(crate) protosocket: PathBuf,
    /// Redis.
    pub(crate) redis: PathBuf,
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
    /// The same, driven over TLS.
    KuraTls,
    /// The same, driven through RESP.
    KuraResp,
    /// The same, driven through protosocket.
    KuraProtosocket,
    /// The bare protosocket-rpc server.
    Protosocket,
    /// Redis, without persistence, everything in one thread.
    Redis,
}

impl Kind {
    /// What tables call it.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Yardstick => "bare tonic",
            Self::Kura { .. } | Self::KuraResp | Self::KuraProtosocket => "kura",
            Self::KuraTls => "kura over TLS",
            Self::Protosocket => "bare protosocket-rpc",
            Self::Redis => "Redis",
        }
    }

    /// Whether it is Kura, which has keys, checks them, and stores what it is given.
    pub(crate) fn is_kura(&self) -> bool {
        matches!(self, Self::Kura { .. } | Self::KuraTls | Self::KuraResp | Self::KuraProtosocket)
    }

    /// Whether what is read has to have been written.
    pub(crate) fn stores(&self) -> bool {
        self.is_kura() || *self == Self::Redis
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
        match kura {
            Some(kura) => Self::with_key(kura, &GRANTS.map(|grant| ["--cache", grant]).concat()),
            None => Ok(Self { data: data_dir()?, identity: Identity::filler(CACHE, 400) }),
        }
    }

    /// Has Kura mint a key for the items of every cache.
    pub(crate) fn of_all_caches(kura: &Path) -> anyhow::Result<Self> {
        Self::with_key(kura, &["--role", "readwrite"])
    }

    fn with_key(kura: &Path, rights: &[&str]) -> anyhow::Result<Self> {
        let data = data_dir()?;
        let made = Command::new(kura)
            .args(["key", "create", "--name", "bench", "--format", "v2"])
            .args(rights)
            .arg("--data-dir")
            .arg(data.path())
            .output()
            .context("run kura key create")?;
        if !made.status.success() {
            bail!("kura key create failed: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        let token = String::from_utf8(made.stdout)?.trim().to_owned();
        // Who makes a cache over TLS needs more rights than the key has.
        let made = Command::new(kura)
            .args(["cache", "create", CACHE, "--data-dir"])
            .arg(data.path())
            .output()
            .context("run kura cache create")?;
        if !made.status.success() {
            bail!("kura cache create failed: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        Ok(Self { data, identity: Identity { token, cache: CACHE.to_owned() } })
    }

    /// The data directory that the key is in.
    pub(crate) fn data_dir(&self) -> &Path {
        self.data.path()
    }
}

fn data_dir() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("kura-bench-").tempdir()?)
}

/// The command that starts a server on `listen`, with another protocol than gRPC on `beside`: the one place that
/// knows its flags.
fn command(
    kind: &Kind,
    binaries: &Binaries,
    account: &Account,
    listen: SocketAddr,
    beside: SocketAddr,
) -> Vec<std::ffi::OsString> {
    let (port, listen, beside) = (beside.port().to_string(), listen.to_string(), beside.to_string());
    let memory = match kind {
        Kind::Kura { memory: Some(memory) } => vec!["--memory", memory],
        _ => Vec::new(),
    };
    let (program, arguments) = match kind {
        Kind::Yardstick => (&binaries.yardstick, vec!["--listen", &listen]),
        Kind::Protosocket => (&binaries.protosocket, vec!["--listen", &beside]),
        Kind::Redis => {
            let alone = ["--save", "", "--appendonly", "no", "--io-threads", "1", "--daemonize", "no"];
            (&binaries.redis, [&["--bind", "127.0.0.1", "--port", &port], &alone[..]].concat())
        }
        Kind::KuraTls => {
            // Nothing asks the administration, so any port is as good.
            let apart = ["--protosocket-listen", "off", "--admin-listen", "127.0.0.1:0"];
            (&binaries.kura, [&["serve", "--tls-listen", &listen], &apart[..]].concat())
        }
        Kind::Kura { .. } | Kind::KuraResp | Kind::KuraProtosocket => {
            let also = match kind {
                Kind::KuraResp => vec!["--resp-listen", &beside],
                Kind::KuraProtosocket => vec!["--protosocket-listen", &beside],
                _ => Vec::new(),
            };
            (&binaries.kura, [vec!["serve", "--local", "--local-listen", &listen], also, memory].concat())
        }
    };
    let mut line: Vec<std::ffi::OsString> = vec![program.into()];
    line.extend(arguments.into_iter().map(Into::into));
    if kind.is_kura() {
        line.extend(["--workers", "1", "--log", "warn", "--data-dir"].map(Into::into));
        line.push(account.data.path().into());
    }
    line
}

/// A running server; ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it listens for gRPC.
    pub(crate) address: SocketAddr,
    /// Where load goes.
    driven: Target,
}

impl Server {
    /// Starts a server on the server core and waits until it accepts connections. `under` is put before its command.
    pub(crate) fn start(
        kind: Kind,
        binaries: &Binaries,
        account: &Account,
        under: &[&str],
    ) -> anyhow::Result<Self> {
        let (address, beside) = (free_address()?, free_address()?);
        let command = command(&kind, binaries, account, address, beside);
        let line: Vec<_> = under.iter().map(Into::into).chain(command).collect();
        let stderr = if under.is_empty() { Stdio::inherit() } else { Stdio::piped() };
        let child = spawn(Core::Server, Command::new(&line[0]).args(&line[1..]).stderr(stderr))?;
        let driven = match kind {
            Kind::Yardstick | Kind::Kura { .. } | Kind::KuraTls => address,
            Kind::KuraResp | Kind::KuraProtosocket | Kind::Protosocket | Kind::Redis => beside,
        };
        let mut server = Self { child, kind, address, driven: driven.into() };
        server.wait_until_up()?;
        if server.kind == Kind::KuraTls {
            server.driven.tls = Some(Tls::trusting(&account.data.path().join("ca.pem"), NAME)?);
        }
        Ok(server)
    }

    /// Connects to it, as the account's key where there are keys.
    pub(crate) async fn driver(&self, connections: usize, account: &Account) -> anyhow::Result<Driver> {
        let protocol = match self.kind {
            Kind::Yardstick | Kind::Kura { .. } | Kind::KuraTls => Protocol::Grpc,
            Kind::KuraResp | Kind::Redis => Protocol::Bare(bare::Protocol::Resp),
            Kind::KuraProtosocket | Kind::Protosocket => Protocol::Bare(bare::Protocol::Protosocket),
        };
        let identity = (self.kind != Kind::Redis).then_some(&account.identity);
        Driver::connect(&self.driven, protocol, connections, identity).await
    }

    /// Makes the cache that benchmarks use; only Kura has any, and over TLS it is there. The key may not do that, but to `--local` an
    /// unknown token is a superuser's.
    pub(crate) async fn create_cache(&self) -> anyhow::Result<()> {
        if !self.kind.is_kura() || self.kind == Kind::KuraTls {
            return Ok(());
        }
        self.create_cache_named(CACHE).await
    }

    /// Makes a cache of this name.
    pub(crate) async fn create_cache_named(&self, name: &str) -> anyhow::Result<()> {
        let pool = Pool::connect(self.address, 1, &Identity::filler(name, 16)).await?;
        pool.connections().first().context("no connection")?.clone().create_cache().await
    }

    /// Where load goes.
    pub(crate) fn target(&self) -> Target {
        self.driven.clone()
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
            if TcpStream::connect(self.driven.address).is_ok() {
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

/// Starts a program on a core, with nothing to read and nobody who reads what it says.
pub(crate) fn spawn(core: Core, command: &mut Command) -> anyhow::Result<Child> {
    // The child inherits the affinity of the thread that starts it.
    let before = rustix::thread::sched_getaffinity(None)?;
    pin(core)?;
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    rustix::thread::sched_setaffinity(None, &before)?;
    child.with_context(|| format!("start {}", command.get_program().display()))
}

/// What a Redis says it is; none if there is none.
pub(crate) fn redis_version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_ascii_whitespace().find_map(|word| word.strip_prefix("v="))?;
    output.status.success().then(|| format!("Redis {version}"))
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
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
