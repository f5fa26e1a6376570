//! Official clients against a running server: every client in every mode, each in namespaces of its own.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::{
    closing::closing_lines,
    namespace::{self, Job},
    process::Run,
    project::{Profile, Project},
    server::{Server, authority, key_in},
    setup,
    stage::Outcome,
};

/// The article's cell, under a name of our own: the one the suites and the demo talk to.
pub(crate) const CELL: &str = "cell-ap-northeast-1-1.kura.internal";

/// Where protosocket is served: in plaintext in local mode.
const PROTOSOCKET: &str = "127.0.0.1:9004";

/// Where RESP is served, in the suites of its clients.
const RESP_PORT: u16 = 6379;

/// The cache of the suite of ioredis, which has no call to make one.
const IOREDIS_CACHE: &str = "default-cache";

/// Where the local server takes outages, for tests of how clients bear them.
const TEST_ADMIN: &str = "127.0.0.1:9090";

/// The longest suite waits for many time-to-lives to pass.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// An SDK made elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// The `momento` crate with the tests it publishes.
    Rust,
    /// The Python package `momento`.
    Python,
    /// The Node package `@gomomento/sdk`.
    Node,
    /// The package for pages `@gomomento/sdk-web`, over grpc-web.
    Web,
    /// `schemathesis`, which holds the HTTP API to its OpenAPI document.
    Http,
    /// `redis-py` with the Momento SDK beside it, `redis-cli` and `redis-benchmark`.
    RespPython,
    /// `ioredis`.
    RespNode,
}

/// How a client reaches the server and what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Plaintext on port 8080, no key: what the SDKs call Momento Local.
    Local,
    /// TLS on port 443 with a key that carries its endpoint.
    V1,
    /// TLS on port 443 with a key and an endpoint.
    V2,
}

impl Client {
    /// All of them.
    pub(crate) const ALL: [Self; 7] =
        [Self::Rust, Self::Python, Self::Node, Self::Web, Self::Http, Self::RespPython, Self::RespNode];

    /// What the command line calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Node => "node",
            Self::Web => "web",
            Self::Http => "http",
            Self::RespPython => "resp-python",
            Self::RespNode => "resp-node",
        }
    }

    /// How it reaches the server, in turn. What credentials look like is nothing to the HTTP API, and
    /// without any the document would be wrong about them. To RESP a key is a password.
    pub(crate) fn modes(self) -> &'static [Mode] {
        match self {
            Self::Http => &[Mode::V2],
            Self::RespPython | Self::RespNode => &[Mode::Local, Mode::V2],
            Self::Rust | Self::Python | Self::Node | Self::Web => &Mode::ALL,
        }
    }

    /// Whether it speaks RESP.
    fn is_resp(self) -> bool {
        matches!(self, Self::RespPython | Self::RespNode)
    }
}

impl Mode {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Local, Self::V1, Self::V2];

    /// What the command line and `KURA_MODE` call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// Runs one client's suite in one mode.
pub(crate) fn stage(project: &Project, client: Client, mode: Mode) -> Result<Outcome> {
    // What needs the network comes first: inside there is none.
    match client {
        Client::Rust => {
            rust(project).arg("--no-run").shown()?;
        }
        Client::Python => {
            setup::python(project)?;
        }
        Client::Node => {
            setup::node(project)?;
        }
        Client::Web => {
            setup::web(project)?;
        }
        Client::Http => {
            setup::schemathesis(project)?;
        }
        Client::RespPython => {
            setup::resp_python(project)?;
        }
        Client::RespNode => {
            setup::resp_node(project)?;
        }
    }
    let transcript = namespace::enter(project, CELL, &Job::Conformance { client, mode })?;
    let closing = closing_lines(&transcript.all);
    ensure!(!closing.is_empty(), "the {} suite ended without a closing line", client.name());
    if client == Client::Rust {
        let published = match mode {
            // Those of tokens dial https by themselves.
            Mode::Local => "383 passed; 0 failed; 0 ignored; 0 measured; 32 filtered out",
            Mode::V1 | Mode::V2 => "415 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        };
        let told = transcript.all.iter().any(|line| line.contains(published));
        ensure!(
            told,
            "not all tests that momento publishes were run: `{published}` is not among {closing:?}"
        );
    }
    Ok(Outcome::Passed(closing))
}

/// The part inside the namespaces: a server, a key, the suite, and an orderly end.
pub(crate) fn inside(project: &Project, client: Client, mode: Mode) -> Result<ExitCode> {
    let scratch = project.scratch_dir("conformance")?;
    let data = scratch.path().join("data");
    let log = project.target(format!("conformance/kura-{}-{}.log", client.name(), mode.name()));
    let kura = project.program(Profile::Dev, "kura");

    let mut serve = Run::new(&kura).arg("serve");
    serve = match mode {
        Mode::Local => {
            serve.args(["--local", "--protosocket-listen", PROTOSOCKET, "--test-admin", TEST_ADMIN])
        }
        Mode::V1 | Mode::V2 => {
            let serve = serve.arg("--data-dir").arg(&data).args(["--cell", CELL]);
            let serve = serve.args(["--tls-listen", "127.0.0.1:443", "--protosocket-listen", PROTOSOCKET]);
            // What is listed publicly has a zone in which nobody listens.
            let private = format!("apne1-az1={PROTOSOCKET}");
            let public = format!("{private},apne1-az4=127.0.0.1:9");
            serve.args(["--advertise", &public, "--advertise-private", &private])
        }
    };
    if client == Client::Web {
        // Where the suite's page is from.
        serve = serve.args(["--cors-origins", "http://page.test"]);
    }
    if client.is_resp() {
        serve = serve.args(["--resp-listen", &format!("127.0.0.1:{RESP_PORT}")]);
    }
    let server = Server::start(&serve, &log)?;
    println!("{}", server.ready);

    let mut suite = match client {
        // The tests of tokens dial https whatever endpoint they are given.
        Client::Rust if mode == Mode::Local => rust(project).args(["--", "--skip", "auth::"]),
        Client::Rust => rust(project),
        Client::Python => Run::new(setup::python(project)?)
            .args(["-m", "pytest"])
            .arg(project.source("conformance/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
        Client::Node => {
            let dir = setup::node(project)?;
            Run::new("npm").args(["--silent", "test"]).dir(dir)
        }
        Client::Web => {
            let dir = setup::web(project)?;
            Run::new("npm").args(["--silent", "test"]).dir(dir)
        }
        Client::RespPython => Run::new(setup::resp_python(project)?)
            .args(["-m", "pytest"])
            .arg(project.source("conformance/resp/python"))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
        Client::RespNode => {
            create_cache(project, &kura, mode, scratch.path(), &data)?;
            Run::new("npm").args(["--silent", "test"]).dir(setup::resp_node(project)?)
        }
        Client::Http => {
            let create = Run::new(&kura).args(["cache", "create", "schemathesis", "--data-dir"]).arg(&data);
            create.output()?;
            Run::new(setup::schemathesis(project)?)
                .arg(project.source("conformance/http/check.py"))
                .env("PYTHONDONTWRITEBYTECODE", "1")
        }
    };
    suite = suite.env("KURA_MODE", mode.name()).env("CI", "true").limit(LIMIT);
    suite = match mode {
        Mode::Local => suite
            .env("KURA_HOST", "127.0.0.1")
            .env("KURA_PORT", "8080")
            .env("KURA_RESP", format!("127.0.0.1:{RESP_PORT}"))
            .env("KURA_TEST_ADMIN", TEST_ADMIN),
        Mode::V1 | Mode::V2 => {
            let printed = Run::new(&kura)
                .args(["key", "create", "--data-dir"])
                .arg(&data)
                .args(["--name", "conformance", "--format", mode.name()])
                .output()?;
            let authority = authority(&data);
            suite
                .env("KURA_API_KEY", key_in(&printed)?)
                .env("KURA_ENDPOINT", CELL)
                .env("KURA_RESP", format!("cache.{CELL}:{RESP_PORT}"))
                .env("KURA_CA", &authority)
                .env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", &authority)
                .env("NODE_EXTRA_CA_CERTS", &authority)
                .env("SSL_CERT_FILE", &authority)
        }
    };
    suite.shown()?;
    let ended = server.stop()?;
    ensure!(ended.success(), "the server ended with {ended} after SIGTERM, see {}", log.display());
    Ok(ExitCode::SUCCESS)
}

/// Makes the cache of a suite that cannot: in local mode the one that every profile has.
fn create_cache(project: &Project, kura: &Path, mode: Mode, scratch: &Path, data: &Path) -> Result<()> {
    let run = match mode {
        Mode::Local => Run::new(project.program(Profile::Dev, "momento"))
            .args(["configure", "--local"])
            .env("HOME", scratch),
        Mode::V1 | Mode::V2 => {
            Run::new(kura).args(["cache", "create", IOREDIS_CACHE, "--data-dir"]).arg(data)
        }
    };
    run.output().map(drop)
}

/// Builds what other suites take from the Rust one: its examples.
pub(crate) fn build_examples(project: &Project) -> Result<()> {
    in_rust_suite(project, "build").arg("--examples").shown().map(drop)
}

fn rust(project: &Project) -> Run {
    in_rust_suite(project, "test")
}

fn in_rust_suite(project: &Project, command: &str) -> Run {
    Run::new("cargo")
        .args([command, "--locked", "--manifest-path"])
        .arg(project.source("conformance/rust/Cargo.toml"))
        .arg("--target-dir")
        .arg(project.target("conformance/rust"))
}
