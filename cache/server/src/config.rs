//! `kura serve`'s configuration: flags over environment over file over defaults, checked as a
//! whole so that every mistake is reported at once.

mod check;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use check::{Check, parse_duration};
use clap::Args;
use kura_base::Limits;
use kura_front_http::{Advertised, Cors, Zones};
use kura_store::TopicConfig;

use crate::admin::parse_endpoint;
use crate::identity::{Cell, default_data_dir};

/// The settings as typed. Each is also a `KURA_…` variable and a key of the configuration file.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// A plaintext cache for this machine only, no key needed: what SDKs call Momento Local
    #[arg(long, env = "KURA_LOCAL", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    local: Option<String>,
    /// Where --local listens [default: 127.0.0.1:8080]
    #[arg(long, env = "KURA_LOCAL_LISTEN", value_name = "ADDR")]
    local_listen: Option<String>,
    /// Where the secured service listens [default: [::]:8443]
    #[arg(long, env = "KURA_TLS_LISTEN", value_name = "ADDR")]
    tls_listen: Option<String>,
    /// Where protosocket is served, over TLS; off for nowhere [default: [::]:9004; with --local off, and
    /// in plaintext where it is named]
    #[arg(long, env = "KURA_PROTOSOCKET_LISTEN", value_name = "ADDR|off")]
    protosocket_listen: Option<String>,
    /// Where RESP, the protocol of Redis, is served, over TLS (with --local in plaintext); 6379 is its
    /// usual port [default: off]
    #[arg(long, env = "KURA_RESP_LISTEN", value_name = "ADDR|off")]
    resp_listen: Option<String>,
    /// Where load balancers pass on connections, to be served as --tls-listen's are: over TLS, behind a PROXY
    /// protocol header of version 2 [default: off]
    #[arg(long, env = "KURA_PRIVATE_LISTEN", value_name = "ADDR|off")]
    private_listen: Option<String>,
    /// Where /metrics, /healthz and /readyz are served [default: 127.0.0.1:9280; with --local off]
    #[arg(long, env = "KURA_ADMIN_LISTEN", value_name = "ADDR")]
    admin_listen: Option<String>,
    /// With --local: faults that tests ask for in their calls' metadata, and an outage by GET /block and
    /// /unblock at this address, as with Momento Local [default: off; without an address 127.0.0.1:9090]
    #[arg(long, env = "KURA_TEST_ADMIN", num_args = 0..=1, default_missing_value = TEST_ADMIN, value_name = "ADDR")]
    test_admin: Option<String>,
    /// The name clients know this service by; cache., control., token. and api.cache. go before it
    /// [default: cell-1.kura.internal]
    #[arg(long, env = "KURA_CELL", value_name = "NAME")]
    cell: Option<String>,
    /// What clients of tokens made over the wire are told to connect to, as HOST or HOST:PORT
    /// [default: the cell, with the port of --tls-listen unless that is 443]
    #[arg(long, env = "KURA_ENDPOINT", value_name = "HOST[:PORT]")]
    endpoint: Option<String>,
    /// Where caches, keys and certificates are kept [default: /var/lib/kura for root, else kura below $XDG_DATA_HOME or ~/.local/share; with --local none]
    #[arg(long, env = "KURA_DATA_DIR", value_name = "DIR")]
    data_dir: Option<String>,
    /// A certificate chain (PEM) to use instead of one from Kura's own CA; needs --tls-key
    #[arg(long, env = "KURA_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<String>,
    /// The private key (PEM) of --tls-cert
    #[arg(long, env = "KURA_TLS_KEY", value_name = "FILE")]
    tls_key: Option<String>,
    /// Memory for items and topics with all that goes with them, such as 512MiB or 4GiB [default: half of RAM]
    #[arg(long, env = "KURA_MEMORY", value_name = "SIZE")]
    memory: Option<String>,
    /// The part of --memory that topics may take [default: a sixteenth of it, from 512KiB to 256MiB]
    #[arg(long, env = "KURA_TOPIC_MEMORY", value_name = "SIZE")]
    topic_memory: Option<String>,
    /// Subscriptions open at a time; further ones are refused [default: 50000]
    #[arg(long, env = "KURA_MAX_SUBSCRIPTIONS", value_name = "N")]
    max_subscriptions: Option<String>,
    /// Threads that serve connections [default: one a core]
    #[arg(long, env = "KURA_WORKERS", value_name = "N")]
    workers: Option<String>,
    /// Connections open at a time; further ones are closed at once [default: 20000]
    #[arg(long, env = "KURA_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<String>,
    /// Bytes of large messages in flight; further ones wait [default: 256MiB]
    #[arg(long, env = "KURA_MAX_INFLIGHT_BYTES", value_name = "SIZE")]
    max_inflight_bytes: Option<String>,
    /// Calls open at a time on one connection [default: 1024]
    #[arg(long, env = "KURA_MAX_STREAMS", value_name = "N")]
    max_streams: Option<String>,
    /// Largest request message [default: 5MiB]
    #[arg(long, env = "KURA_MAX_REQUEST_BYTES", value_name = "SIZE")]
    max_request_bytes: Option<String>,
    /// Largest item, key and value together [default: 5065728, Momento's 4883 KiB and the key]
    #[arg(long, env = "KURA_MAX_ITEM_BYTES", value_name = "SIZE")]
    max_item_bytes: Option<String>,
    /// Longest time to live; longer ones are taken as this [default: 365d]
    #[arg(long, env = "KURA_MAX_TTL", value_name = "TIME")]
    max_ttl: Option<String>,
    /// Most caches [default: 10000]
    #[arg(long, env = "KURA_MAX_CACHES", value_name = "N")]
    max_caches: Option<String>,
    /// Web pages that may call from a browser: origins such as https://app.example.com with commas
    /// between, * for every one, none for none [default: none; with --local *]
    #[arg(long, env = "KURA_CORS_ORIGINS", value_name = "ORIGINS")]
    cors_origins: Option<String>,
    /// Where clients of the protosocket protocol find servers on the public network: the zone ids and
    /// addresses that GET /endpoints lists, as apne1-az4=192.0.2.1:9004 with commas between; read
    /// again at SIGHUP
    #[arg(long, env = "KURA_ADVERTISE", value_name = "ZONE=ADDR,…")]
    advertise: Option<String>,
    /// The same on the private network: what GET /endpoints?private=true lists; read again at SIGHUP
    #[arg(long, env = "KURA_ADVERTISE_PRIVATE", value_name = "ZONE=ADDR,…")]
    advertise_private: Option<String>,
    /// A file of these settings in TOML, named as the flags are
    #[arg(long, env = "KURA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whom the service is for.
    pub mode: Mode,
    /// Where protosocket is served, if at all: over TLS in secured mode, in plaintext in local mode.
    pub protosocket_listen: Option<SocketAddr>,
    /// Where RESP is served, if at all: over TLS in secured mode, in plaintext in local mode.
    pub resp_listen: Option<SocketAddr>,
    /// Where load balancers pass on connections behind a PROXY protocol header, if anywhere.
    pub private_listen: Option<SocketAddr>,
    /// Where metrics and health are served, if at all.
    pub admin_listen: Option<SocketAddr>,
    /// Where an outage can be asked for, if callers may ask for faults at all.
    pub test_admin: Option<SocketAddr>,
    /// The cell's host name.
    pub cell: Cell,
    /// What clients of tokens made over the wire are told to connect to, `host` or `host:port`.
    pub endpoint: String,
    /// Where durable state is kept; none keeps it in memory.
    pub data_dir: Option<PathBuf>,
    /// Memory for items, in bytes.
    pub memory_bytes: u64,
    /// What topics may take, beside that.
    pub topics: TopicConfig,
    /// Threads that serve connections.
    pub workers: usize,
    /// Connections open at a time.
    pub max_connections: usize,
    /// Bytes of large messages in flight.
    pub max_inflight_bytes: usize,
    /// Streams a connection.
    pub max_streams: u32,
    /// What is refused.
    pub limits: Limits,
    /// Which web pages may call.
    pub cors: Cors,
    /// Where servers are.
    pub advertised: Advertised,
    /// What all of this was read from, to be read again.
    pub settings: Settings,
}

/// Whom the service is for.
#[derive(Clone, Debug)]
pub enum Mode {
    /// This machine, in plaintext.
    Local {
        /// Where it listens.
        listen: SocketAddr,
    },
    /// The network, over TLS.
    Secured {
        /// Where it listens.
        listen: SocketAddr,
        /// A certificate chain and its key instead of Kura's own.
        certificate: Option<(PathBuf, PathBuf)>,
    },
}

/// Everything that is wrong with a configuration, a line each.
#[derive(Debug)]
pub struct Mistakes(Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

impl Settings {
    fn table(&mut self) -> Vec<(&'static str, &mut Option<String>)> {
        vec![
            ("local", &mut self.local),
            ("local-listen", &mut self.local_listen),
            ("tls-listen", &mut self.tls_listen),
            ("protosocket-listen", &mut self.protosocket_listen),
            ("resp-listen", &mut self.resp_listen),
            ("private-listen", &mut self.private_listen),
            ("admin-listen", &mut self.admin_listen),
            ("test-admin", &mut self.test_admin),
            ("cell", &mut self.cell),
            ("endpoint", &mut self.endpoint),
            ("data-dir", &mut self.data_dir),
            ("tls-cert", &mut self.tls_cert),
            ("tls-key", &mut self.tls_key),
            ("memory", &mut self.memory),
            ("workers", &mut self.workers),
            ("topic-memory", &mut self.topic_memory),
            ("max-subscriptions", &mut self.max_subscriptions),
            ("max-connections", &mut self.max_connections),
            ("max-inflight-bytes", &mut self.max_inflight_bytes),
            ("max-streams", &mut self.max_streams),
            ("max-request-bytes", &mut self.max_request_bytes),
            ("max-item-bytes", &mut self.max_item_bytes),
            ("max-ttl", &mut self.max_ttl),
            ("max-caches", &mut self.max_caches),
            ("cors-origins", &mut self.cors_origins),
            ("advertise", &mut self.advertise),
            ("advertise-private", &mut self.advertise_private),
        ]
    }

    /// Fills in from the file and the defaults, and checks everything.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn resolve(mut self) -> Result<Config, Mistakes> {
        let settings = self.clone();
        let mut check = Check::default();
        if let Some(path) = self.config.take() {
            check.merge_file(&mut self, &path);
        }
        let local = check.parse(
            "local",
            self.local.as_deref(),
            false,
            |text| match text {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            "true or false",
        );
        let address = |text: &str| text.parse::<SocketAddr>().ok();
        let address_or_off = |text: &str| if text == "off" { Some(None) } else { address(text).map(Some) };
        let or_off = format!("{ADDRESS}, or off");
        let local_listen: SocketAddr = check.parse(
            "local-listen",
            self.local_listen.as_deref(),
            ([127, 0, 0, 1], 8080).into(),
            address,
            ADDRESS,
        );
        let tls_listen = check.parse(
            "tls-listen",
            self.tls_listen.as_deref(),
            ([0_u16; 8], 8443).into(),
            address,
            ADDRESS,
        );
        let protosocket_listen = check.parse(
            "protosocket-listen",
            self.protosocket_listen.as_deref(),
            (!local).then_some(([0_u16; 8], 9004).into()),
            address_or_off,
            &or_off,
        );
        let resp_listen =
            check.parse("resp-listen", self.resp_listen.as_deref(), None, address_or_off, &or_off);
        let private_listen =
            check.parse("private-listen", self.private_listen.as_deref(), None, address_or_off, &or_off);
        if local && private_listen.is_some() {
            check.mistake(
                "private-listen",
                "goes with the secured service; leave it out or leave --local out",
            );
        }
        let admin_given = self.admin_listen.is_some();
        let admin = check.parse(
            "admin-listen",
            self.admin_listen.as_deref(),
            ([127, 0, 0, 1], 9280).into(),
            address,
            ADDRESS,
        );
        let test_admin = check.parse(
            "test-admin",
            self.test_admin.as_deref(),
            None,
            |text| address(text).map(Some),
            ADDRESS,
        );
        if !local && self.test_admin.is_some() {
            check.mistake("test-admin", "goes with --local: faults and outages are not for a service");
        }
        if test_admin.is_some_and(|listen| !listen.ip().is_loopback()) {
            check
                .mistake("test-admin", "must be a loopback address: whoever reaches it can stop the traffic");
        }
        let cell = check.parse(
            "cell",
            self.cell.as_deref(),
            Cell::default(),
            |text| Cell::parse(text).ok(),
            "a host name such as cell-1.kura.internal",
        );
        let endpoint = check.parse(
            "endpoint",
            self.endpoint.as_deref(),
            if local { local_listen.to_string() } else { endpoint_of(&cell, tls_listen) },
            |text| parse_endpoint(text.to_owned()).ok(),
            "a host name with or without a port, such as cache.example.com:8443",
        );
        let certificate = check.certificate(self.tls_cert.take(), self.tls_key.take(), local);
        if local && self.tls_listen.is_some() {
            check.mistake("tls-listen", "goes with the secured service; leave it out or leave --local out");
        }
        if !local && self.local_listen.is_some() {
            check.mistake("local-listen", "goes with --local; add --local or leave it out");
        }
        if local && !local_listen.ip().is_loopback() {
            check.mistake(
                "local-listen",
                "must be a loopback address: plaintext without keys is for this machine only",
            );
        }
        for (setting, listen) in [("protosocket-listen", protosocket_listen), ("resp-listen", resp_listen)] {
            if local && listen.is_some_and(|listen| !listen.ip().is_loopback()) {
                check.mistake(
                    setting,
                    "must be a loopback address with --local: plaintext without keys is for this machine only",
                );
            }
        }
        let defaults = Limits::default();
        let max_request_bytes = check.size(
            "max-request-bytes",
            self.max_request_bytes.as_deref(),
            defaults.max_request_bytes,
            1024,
            64 << 20,
        );
        let limits = Limits {
            max_request_bytes,
            max_item_bytes: check.size(
                "max-item-bytes",
                self.max_item_bytes.as_deref(),
                defaults.max_item_bytes.min(max_request_bytes),
                1,
                64 << 20,
            ),
            max_ttl: check.parse(
                "max-ttl",
                self.max_ttl.as_deref(),
                defaults.max_ttl,
                parse_duration,
                "a time such as 24h or 365d",
            ),
            max_caches: check.number(
                "max-caches",
                self.max_caches.as_deref(),
                defaults.max_caches,
                1,
                1_000_000,
            ),
            ..defaults
        };
        if limits.max_item_bytes > max_request_bytes {
            check.mistake(
                "max-item-bytes",
                format_args!("is above --max-request-bytes ({max_request_bytes}): no request could carry it"),
            );
        }
        let memory = check.size("memory", self.memory.as_deref(), half_of_ram(), 1 << 20, usize::MAX);
        let topics = TopicConfig {
            memory_bytes: check.size(
                "topic-memory",
                self.topic_memory.as_deref(),
                (memory / 16).clamp(512 << 10, 256 << 20),
                512 << 10,
                usize::MAX,
            ),
            max_subscriptions: check.number(
                "max-subscriptions",
                self.max_subscriptions.as_deref(),
                TopicConfig::default().max_subscriptions,
                1,
                10_000_000,
            ),
        };
        if self.topic_memory.is_some() && topics.memory_bytes >= memory {
            check.mistake(
                "topic-memory",
                format_args!("is not below --memory, of which it is a part: {memory} bytes"),
            );
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = check.number("workers", self.workers.as_deref(), cores, 1, 1024);
        let max_connections =
            check.number("max-connections", self.max_connections.as_deref(), 20_000, 1, 10_000_000);
        let max_inflight_bytes = check.size(
            "max-inflight-bytes",
            self.max_inflight_bytes.as_deref(),
            256 << 20,
            1 << 20,
            MAX_INFLIGHT,
        );
        let max_streams = check.number("max-streams", self.max_streams.as_deref(), 1024, 100, 1_000_000);
        let data_dir = match self.data_dir {
            Some(dir) => Some(PathBuf::from(dir)),
            None if local => None,
            None => default_data_dir().or_else(|| {
                check.mistake("data-dir", "is needed: no home directory is known");
                None
            }),
        };
        let mut zones = |name, text: Option<&str>| {
            check.parse(name, text, Zones::default(), |text| text.parse().ok(), ZONES)
        };
        let advertised = Advertised {
            public: zones("advertise", self.advertise.as_deref()),
            private: zones("advertise-private", self.advertise_private.as_deref()),
        };
        let cors = check.parse(
            "cors-origins",
            self.cors_origins.as_deref(),
            if local { Cors::Any } else { Cors::These(Vec::new()) },
            parse_cors,
            "*, none, or origins such as https://app.example.com with commas between",
        );
        if !check.mistakes.is_empty() {
            return Err(Mistakes(check.mistakes));
        }
        Ok(Config {
            mode: if local {
                Mode::Local { listen: local_listen }
            } else {
                Mode::Secured { listen: tls_listen, certificate }
            },
            protosocket_listen,
            resp_listen,
            private_listen,
            test_admin,
            admin_listen: (!local || admin_given).then_some(admin),
            cell,
            endpoint,
            data_dir,
            memory_bytes: memory.saturating_sub(topics.memory_bytes) as u64,
            topics,
            workers,
            max_connections,
            max_inflight_bytes,
            max_streams: u32::try_from(max_streams).unwrap_or(u32::MAX),
            limits,
            cors,
            advertised,
            settings,
        })
    }
}

/// What the budget of bytes in flight can count.
const MAX_INFLIGHT: usize = u32::MAX as usize;
/// Where Momento Local has it.
const TEST_ADMIN: &str = "127.0.0.1:9090";
const ZONES: &str = "zones and addresses such as apne1-az4=192.0.2.1:9004,apne1-az1=192.0.2.2:9004";
const ADDRESS: &str = "an address and port such as 127.0.0.1:8443 or [::]:8443";

fn parse_cors(text: &str) -> Option<Cors> {
    match text.trim() {
        "*" => Some(Cors::Any),
        "none" => Some(Cors::These(Vec::new())),
        origins => origins
            .split(',')
            .map(|origin| origin.trim().parse().ok())
            .collect::<Option<_>>()
            .map(Cors::These),
    }
}

/// SDKs dial port 443 unless they are told another.
fn endpoint_of(cell: &Cell, listen: SocketAddr) -> String {
    match listen.port() {
        443 => cell.to_string(),
        port => format!("{cell}:{port}"),
    }
}

fn half_of_ram() -> usize {
    let pages = rustix::system::sysinfo();
    let total = (pages.totalram as usize).saturating_mul(pages.mem_unit as usize);
    (total / 2).max(64 << 20)
}

#[cfg(test)]
mod tests;
