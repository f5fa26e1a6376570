//! `kura-link up`: the daemon.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use kura_dns::Upstream;
use tokio::signal::unix::{SignalKind, signal};

use crate::link::{Link, Options};
use crate::{control, health, http, journal};

/// Start the daemon: make what was described, and answer the AWS APIs
#[derive(Args)]
pub struct Up {
    /// Return when it is ready
    #[arg(long)]
    detach: bool,
    /// Where the AWS APIs are answered
    #[arg(long, default_value = "127.0.0.1:4566", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The AWS region that is acted out
    #[arg(long, default_value = "ap-northeast-1")]
    region: String,
    /// A DNS server for names that are not the link's; none: they fail. The machine's servers otherwise
    #[arg(long, value_name = "ADDRESS:PORT|none")]
    upstream: Option<String>,
    /// Take requests whoever signed them; user data is not run then
    #[arg(long)]
    accept_any_key: bool,
}

/// How often the kernel is compared with what must stand.
const REPAIR: Duration = Duration::from_secs(5);
/// How soon that is tried again which is not as it must be.
const RETRY: Duration = Duration::from_secs(1);

impl Up {
    /// Runs the daemon until it is told to stop; with `--detach`, until it is ready.
    ///
    /// # Errors
    /// What kept it from starting, naming the thing.
    pub fn run(self, state_dir: &Path, log: &str) -> Result<ExitCode> {
        let started = Instant::now();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir)
            .with_context(|| format!("cannot make the state directory {}", state_dir.display()))?;
        let state_dir = std::path::absolute(state_dir)?;
        if let Some(pid) = journal::holder(&state_dir)? {
            bail!(
                "{} is in use by another kura-link (pid {pid}); stop it with `kura-link down`",
                state_dir.display()
            );
        }
        if self.detach {
            return self.detached(&state_dir, log);
        }
        let upstream = upstream(self.upstream.as_deref())?;
        // Before there is a second thread: a user namespace is entered by a process as a whole.
        kura_netns::enter_privileges(&state_dir)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = runtime.block_on(self.serve(state_dir, upstream, started));
        runtime.shutdown_timeout(Duration::from_secs(1));
        ended.map(|()| ExitCode::SUCCESS)
    }

    async fn serve(self, state_dir: std::path::PathBuf, upstream: Upstream, started: Instant) -> Result<()> {
        let listener = tokio::net::TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("cannot listen on --listen {}", self.listen))?;
        let options = Options {
            state_dir: state_dir.clone(),
            listen: listener.local_addr()?,
            region: self.region,
            accept_any_key: self.accept_any_key,
            upstream,
        };
        let link = tokio::task::spawn_blocking(move || Link::open(options)).await??;
        let path = control::socket(&state_dir);
        let socket = kura_control_socket::bind(&path)?;
        let (stopped, stopping) = tokio::sync::oneshot::channel::<()>();
        let answers = Arc::clone(&link);
        let control = tokio::spawn(kura_control_socket::serve(
            socket,
            path,
            Arc::new(move |question| answers.answer(question).map_err(|error| format!("{error:#}"))),
            async { drop(stopping.await) },
        ));
        let launching = Arc::clone(&link);
        tokio::task::spawn_blocking(move || launching.launch()).await?;
        let serving = tokio::spawn(http::serve(listener, Arc::clone(&link)));
        let checking = tokio::spawn(health::watch(Arc::clone(&link)));
        let repairing = tokio::spawn(repair(Arc::clone(&link)));
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        eprintln!("kura-link ready in {} ms", started.elapsed().as_millis());
        // Nobody listens where systemd did not start it.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = link.stop.notified() => {}
        }
        tracing::info!("stopping; what stands in the kernel stays until `kura-link down`");
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        for task in [serving, checking, repairing] {
            task.abort();
        }
        drop(stopped);
        control.await?;
        Ok(())
    }

    /// Starts the daemon in a session of its own and waits for its ready line.
    fn detached(&self, state_dir: &Path, log: &str) -> Result<ExitCode> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--state-dir").arg(state_dir).args(["--log", log, "up"]);
        command.args(["--listen", &self.listen.to_string(), "--region", &self.region]);
        command.args(self.upstream.iter().flat_map(|upstream| ["--upstream", upstream]));
        command.args(self.accept_any_key.then_some("--accept-any-key"));
        let path = state_dir.join("kura-link.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
        let begin = log.metadata()?.len();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        let mut child = command.spawn()?;
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let ended = child.try_wait()?;
            let text = read_from(&path, begin)?;
            if let Some(line) = text.iter().find(|line| line.starts_with("kura-link ready in ")) {
                eprintln!("{line}");
                return Ok(ExitCode::SUCCESS);
            }
            if let Some(status) = ended {
                text.iter().for_each(|line| eprintln!("{line}"));
                bail!("the daemon ended with {status}; its log is {}", path.display());
            }
            if Instant::now() > deadline {
                bail!(
                    "the daemon (pid {}) is not ready after 60 s; its log is {}",
                    child.id(),
                    path.display()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn read_from(path: &Path, begin: u64) -> Result<Vec<String>> {
    use std::io::{Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(begin))?;
    Ok(BufReader::new(file).lines().map_while(Result::ok).collect())
}

async fn repair(link: Arc<Link>) {
    let mut pause = REPAIR;
    let mut due = Instant::now() + REPAIR;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = link.gone.notified() => {}
        }
        let link = Arc::clone(&link);
        let is_due = due <= Instant::now();
        if is_due {
            due = Instant::now() + REPAIR;
        }
        let look = move || {
            let is_well = link.retry();
            if is_due {
                link.repair();
                if let Err(error) = link.look_at_flows() {
                    tracing::warn!(error = format!("{error:#}"), "the flow log misses some flows");
                }
            }
            is_well
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(is_well) => pause = if is_well { REPAIR } else { RETRY },
            Err(error) => tracing::error!(%error, "the comparison with the kernel broke off"),
        }
    }
}

/// Where names that are not the link's are asked.
fn upstream(given: Option<&str>) -> Result<Upstream> {
    match given {
        Some("none") => Ok(Upstream::None),
        Some(given) => {
            let server = given.parse().or_else(|_| given.parse().map(|ip| SocketAddr::new(ip, 53)));
            let server = server.with_context(|| {
                format!("--upstream {given:?} is neither `none` nor an address such as 192.0.2.1:53")
            })?;
            Ok(Upstream::servers(vec![server]))
        }
        None => Ok(machine_servers()),
    }
}

/// The name servers of the machine's resolver configuration; none if it has none.
fn machine_servers() -> Upstream {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers: Vec<SocketAddr> = text
        .lines()
        .filter_map(|line| line.strip_prefix("nameserver")?.trim().parse().ok())
        .map(|ip| SocketAddr::new(ip, 53))
        .collect();
    Upstream::servers(servers)
}
