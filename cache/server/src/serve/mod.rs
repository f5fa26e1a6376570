//! `kura serve`: open the state, listen, say ready, serve, drain.

mod admin;
mod advertising;
mod dated;
mod gate;
mod listener;
mod overhead;
mod private;
mod renewal;
mod small_http;
mod test_admin;
mod workers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kura_base::{Clock, SystemClock};
use kura_commands::{Authentication, Commands, Parts};
use kura_front::{Drain, drain};
use kura_front_grpc::{Front, Options};
use kura_front_http::Http;
use kura_front_protosocket::Front as Protosocket;
use kura_front_resp::Front as Resp;
use kura_store::{Data, Registry, TopicLog};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::admin::{Admin, CacheEvent};
use crate::config::{Config, Mode};
use crate::control_socket;
use crate::identity::{
    DataDir, Identity, IdentityOptions, open_or_create_secret, random_bytes, registry_file, temporary_secret,
};
use listener::Fronts;
use overhead::Overhead;
use renewal::Renewal;

/// How long calls in flight may take once the server was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Runs the server until a signal ends it. True if it ended in order.
///
/// # Errors
/// What kept it from starting, naming the thing: a file, an address, a setting.
pub fn run(config: &Config, started: Instant) -> Result<bool> {
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ended = runtime.block_on(serve(config, started));
    // A call that hangs in the blocking pool must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

async fn serve(config: &Config, started: Instant) -> Result<bool> {
    let mut signals = Signals::new()?;
    let state = State::open(config)?;
    let commands = state.commands.clone();
    let front = Front::new(
        commands.clone(),
        Options {
            max_concurrent_streams: config.max_streams,
            max_inflight_bytes: config.max_inflight_bytes,
            random: || random_bytes().ok(),
        },
    );
    let front = Arc::new(if config.test_admin.is_some() { front.with_faults() } else { front });
    let http_options = kura_front_http::Options {
        cors: config.cors.clone(),
        advertised: config.advertised.clone(),
        random: || random_bytes().ok(),
    };
    let http = Arc::new(Http::new(commands.clone(), front.budget().clone(), http_options));
    if let Mode::Secured { .. } = config.mode {
        advertising::start(config.settings.clone(), http.clone())?;
    }
    let (drain, drain_signal) = drain();
    let readiness = admin::Readiness::default();
    let protosocket = Arc::new(Protosocket::new(commands.clone(), front.budget().clone()));
    let resp = Resp::new(commands.clone(), front.budget().clone(), || random_bytes().ok());
    let resp = Arc::new(resp);
    let servers = listener::Servers {
        workers: Arc::new(workers::Workers::start(config.workers)?),
        places: Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS))),
        max_connections: config.max_connections,
    };
    let mut service = listener::bind(config, state.tls.clone()).await?;
    let tls = || state.tls.clone();
    let protosocket_service =
        listener::bind_apart(config.protosocket_listen, "--protosocket-listen", tls()).await?;
    let resp_service = listener::bind_apart(config.resp_listen, "--resp-listen", tls()).await?;
    let private_service = listener::bind_private(config.private_listen, tls()).await?;
    let private = Arc::new(private::PrivateConnections::default());
    let mut control = None;
    let mut helpers = JoinSet::new();
    if let Some(address) = config.admin_listen {
        let admin = listener::bind_tcp(address, "--admin-listen").await?;
        let watched = admin::Watched {
            front: front.clone(),
            protosocket: protosocket.clone(),
            resp: resp.clone(),
            private: private.clone(),
            commands: commands.clone(),
        };
        let readiness = readiness.clone();
        helpers.spawn(small_http::serve(admin, move |request| admin::respond(request, &watched, &readiness)));
    }
    if let Some(address) = config.test_admin {
        let listener = listener::bind_tcp(address, "--test-admin").await?;
        let gate = gate::Gate::new();
        service.put_behind(gate.clone());
        helpers.spawn(small_http::serve(listener, move |request| test_admin::respond(request, &gate)));
    }
    if let Some(dir) = &config.data_dir {
        let socket = control_socket::bind(dir)?;
        let stopped = drain_signal.clone().draining();
        control =
            Some(tokio::spawn(control_socket::serve(socket, dir.clone(), state.admin.clone(), stopped)));
    }
    let overhead = Overhead::new(config.memory_bytes + config.topics.memory_bytes as u64)
        .context("cannot read what memory this process takes")?;
    let (places, max_connections) = (servers.places.clone(), servers.max_connections);
    let connections = move || max_connections.saturating_sub(places.available_permits()) as u64;
    maintain(commands.clone(), overhead, connections)?;
    let mut accepting = JoinSet::new();
    if let Some(service) = protosocket_service {
        accepting.spawn(service.accept_protosocket(servers.clone(), protosocket, drain_signal.clone()));
    }
    if let Some(service) = resp_service {
        accepting.spawn(service.accept_resp(servers.clone(), resp, drain_signal.clone()));
    }
    let fronts = Fronts { grpc: front, http };
    if let Some(service) = private_service {
        let (servers, fronts) = (servers.clone(), fronts.clone());
        accepting.spawn(service.accept_private(servers, fronts, private, drain_signal.clone()));
    }
    accepting.spawn(service.accept(servers, fronts, drain_signal));
    readiness.set(true);
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    eprintln!("kura ready in {} ms", started.elapsed().as_millis());

    signals.next().await;
    tracing::info!("told to stop: refusing new connections, finishing calls in flight");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    readiness.set(false);
    accepting.shutdown().await;
    // Before a second signal is looked for: everything below waits for those who are told here.
    drain.start();
    let in_order = tokio::select! {
        () = stop(&drain, &commands) => true,
        () = signals.next() => {
            tracing::warn!("told again to stop: ending at once");
            false
        }
    };
    helpers.shutdown().await;
    if let Some(control) = control {
        if !in_order {
            control.abort();
        }
        let _ = control.await;
    }
    Ok(in_order)
}

/// Waits until everybody is gone who was told to go, and ends those who stay.
async fn stop(drain: &Drain, commands: &Commands) {
    // These would never end by themselves.
    commands.end_subscriptions();
    if tokio::time::timeout(DRAIN, drain.all_gone()).await.is_err() {
        tracing::warn!("calls were still in flight after {} s: ending them", DRAIN.as_secs());
        drain.end();
        let _ = tokio::time::timeout(Duration::from_millis(200), drain.all_gone()).await;
    }
}

/// What the server keeps, opened.
struct State {
    commands: Arc<Commands>,
    admin: Arc<Admin>,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl State {
    fn open(config: &Config) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let data_dir = config.data_dir.as_deref().map(DataDir::open_or_create).transpose()?;
        let registry = match &data_dir {
            // Opening it first makes this the only process that works on the directory.
            Some(dir) => Registry::open(&registry_file(dir.path()))?,
            None => Registry::in_memory()?,
        };
        let (secret, tls) = match (&config.mode, &data_dir) {
            (Mode::Local { .. }, None) => (temporary_secret()?, None),
            (Mode::Local { .. }, Some(dir)) => (open_or_create_secret(dir)?, None),
            (Mode::Secured { .. }, None) => anyhow::bail!("the secured service needs a --data-dir"),
            (Mode::Secured { certificate, .. }, Some(dir)) => {
                let identity = Identity::open_or_create(&IdentityOptions {
                    data_dir: dir,
                    cell: &config.cell,
                    extra_names: &[],
                    tls_files: certificate.clone(),
                    now: clock.now(),
                })?;
                let tls = listener::tls(&identity)?;
                let renewal = Renewal {
                    certificate: identity.certificate,
                    data_dir: dir.clone(),
                    cell: config.cell.clone(),
                    tls_files: certificate.clone(),
                    clock: clock.clone(),
                };
                renewal.start()?;
                (identity.secret, Some(tls))
            }
        };
        let registry = Arc::new(registry);
        let hash_seed = u64::from_le_bytes(random_bytes()?);
        let data = Arc::new(Data::new(config.memory_bytes, hash_seed));
        let topics = TopicLog::new(config.topics, clock.now());
        let authentication = match config.mode {
            Mode::Local { .. } => Authentication::Optional,
            Mode::Secured { .. } => Authentication::Required,
        };
        let admin_secret = secret.clone();
        let commands = Arc::new(Commands::new(Parts {
            registry: registry.clone(),
            data,
            topics,
            secret,
            endpoint: config.endpoint.clone(),
            authentication,
            limits: config.limits.clone(),
            clock: clock.clone(),
        }));
        let told = commands.clone();
        let admin = Arc::new(Admin::new(
            registry,
            admin_secret,
            config.cell.clone(),
            clock,
            config.limits.clone(),
            move |event| match event {
                CacheEvent::Created(name) | CacheEvent::Deleted(name) => told.cache_changed(&name),
                CacheEvent::Flushed(name) => told.cache_flushed(&name),
            },
        ));
        Ok(Self { commands, admin, tls })
    }
}

/// Between two looks at what memory the process takes, and at what is to be reclaimed where there was nothing.
const LOOK: Duration = Duration::from_millis(50);

/// Reclaims dead memory in a thread of its own, a slice at a time, and has items make room for what is not counted.
fn maintain(
    commands: Arc<Commands>,
    mut overhead: Overhead,
    connections: impl Fn() -> u64 + Send + 'static,
) -> Result<()> {
    let work = move || {
        let mut looked = Instant::now();
        loop {
            let more = commands.maintain(1024);
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                let counted = commands.stats().memory_bytes + commands.topic_stats().memory_bytes;
                match overhead.look(counted, connections()) {
                    Ok(bytes) => commands.leave_free(bytes),
                    Err(error) => tracing::warn!("cannot read what memory this process takes: {error}"),
                }
            }
            if more { std::thread::yield_now() } else { std::thread::sleep(LOOK) }
        }
    };
    std::thread::Builder::new()
        .name("kura-maintain".to_owned())
        .spawn(work)
        .context("cannot start a thread")?;
    Ok(())
}

/// The signals that end a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Raises the soft limit of open files to the hard one: each connection takes a descriptor.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) =
            setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!("cannot raise the limit of open files: {error}");
    }
}
