//! What the runs need beyond Rust, fetched once into `target/` or from the distribution.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    process::{Run, on_path},
    project::Project,
};

/// The cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Long enough for a slow network.
const FETCH_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A thing that must be there, and the Debian package that brings it.
struct Need {
    what: &'static str,
    package: &'static str,
    there: fn() -> bool,
}

/// What only tests need: the command line of AWS that Debian packages, beside the newer one from pip, what counts
/// instructions, and Redis. The package that is named after its server would start one; the program is among the tools,
/// under two names.
const TEST_NEEDS: [Need; 3] = [
    Need { what: "aws version 2", package: "awscli", there: || Path::new("/usr/bin/aws").is_file() },
    Need { what: "valgrind", package: "valgrind", there: || on_path("valgrind") },
    Need {
        what: "redis-cli, redis-benchmark and redis-check-rdb",
        package: "redis-tools",
        there: || ["redis-cli", "redis-benchmark", "redis-check-rdb"].into_iter().all(on_path),
    },
];

const NEEDS: [Need; 9] = [
    Need { what: "cc", package: "gcc", there: || on_path("cc") },
    Need {
        what: "unshare, nsenter and setpriv",
        package: "util-linux",
        there: || ["unshare", "nsenter", "setpriv"].into_iter().all(on_path),
    },
    Need { what: "mount", package: "mount", there: || on_path("mount") },
    Need { what: "ip", package: "iproute2", there: || on_path("ip") },
    Need { what: "nft", package: "nftables", there: || on_path("nft") },
    Need { what: "dig", package: "bind9-dnsutils", there: || on_path("dig") },
    Need { what: "python3 with venv", package: "python3-venv", there: python_has_venv },
    Need { what: "node", package: "nodejs", there: || on_path("node") },
    Need { what: "npm", package: "npm", there: || on_path("npm") },
];

/// Everything `cargo xtask test` needs.
pub(crate) fn everything(project: &Project) -> Result<()> {
    programs()?;
    install(&TEST_NEEDS)?;
    components()?;
    python(project)?;
    link_python(project)?;
    node(project)?;
    web(project)?;
    schemathesis(project)?;
    resp_python(project)?;
    resp_node(project)?;
    cargo_deny(project)?;
    Ok(())
}

/// Programs of the distribution: installed if this is root, else named.
pub(crate) fn programs() -> Result<()> {
    install(&NEEDS)
}

fn install(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.there)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let whats: Vec<&str> = missing.iter().map(|need| need.what).collect();
    let command = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if !on_path("apt-get") {
        bail!("missing: {} (on Debian: `{command}`)", whats.join(", "));
    }
    if !rustix::process::geteuid().is_root() {
        bail!("missing: {}; as root: {command}", whats.join(", "));
    }
    println!("installing {}", packages.join(" "));
    let apt = || Run::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").limit(FETCH_LIMIT);
    apt().args(["update", "--quiet"]).shown()?;
    apt().args(["install", "--quiet", "--yes", "--no-install-recommends"]).args(&packages).shown()?;
    match missing.iter().find(|need| !(need.there)()) {
        Some(need) => bail!("{} is still missing after installing {}", need.what, need.package),
        None => Ok(()),
    }
}

/// The parts of the Rust toolchain that are not always there.
fn components() -> Result<()> {
    for (component, args) in [("rustfmt", ["fmt", "--version"]), ("clippy", ["clippy", "--version"])] {
        if Run::new("cargo").args(args).output().is_err() {
            bail!("cargo {} is missing: rustup component add {component}", args[0]);
        }
    }
    Ok(())
}

/// A virtual environment with the pinned Python SDK; its interpreter.
pub(crate) fn python(project: &Project) -> Result<PathBuf> {
    venv(project, "conformance/venv", "conformance/python/requirements.txt").map(|bin| bin.join("python"))
}

/// The pinned `aws` command line, in a virtual environment of its own: it and the SDK need not agree on anything.
pub(crate) fn aws(project: &Project) -> Result<PathBuf> {
    venv(project, "conformance/aws", "conformance/link/requirements.txt").map(|bin| bin.join("aws"))
}

/// The Python that `aws`, boto3, cfn-lint and the link's suites run with.
pub(crate) fn link_python(project: &Project) -> Result<PathBuf> {
    aws(project).map(|aws| aws.with_file_name("python"))
}

/// A virtual environment in `place` of the build output, with what `requirements` lists; where its programs are.
fn venv(project: &Project, place: &str, requirements: &str) -> Result<PathBuf> {
    let venv = project.target(place);
    let bin = venv.join("bin");
    let requirements = project.source(requirements);
    let stamp = Stamp::new(venv.join("installed-from"), &[&requirements])?;
    if stamp.is_current() && bin.join("python").exists() {
        return Ok(bin);
    }
    Run::new("python3").args(["-m", "venv", "--clear"]).arg(&venv).limit(FETCH_LIMIT).shown()?;
    Run::new(bin.join("python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements)
        .limit(FETCH_LIMIT)
        .shown()?;
    stamp.write()?;
    Ok(bin)
}

/// A directory with the Node suite and the pinned SDK beside it: Node looks for packages next to the file that asks.
pub(crate) fn node(project: &Project) -> Result<PathBuf> {
    npm(project, "conformance/node")
}

/// The same for the Web SDK.
pub(crate) fn web(project: &Project) -> Result<PathBuf> {
    npm(project, "conformance/web")
}

/// A virtual environment with the pinned schemathesis; its interpreter.
pub(crate) fn schemathesis(project: &Project) -> Result<PathBuf> {
    let requirements = "conformance/http/requirements.txt";
    venv(project, "conformance/http", requirements).map(|bin| bin.join("python"))
}

/// A virtual environment with the pinned redis-py, and the Momento SDK beside it; its interpreter.
pub(crate) fn resp_python(project: &Project) -> Result<PathBuf> {
    let requirements = "conformance/resp/python/requirements.txt";
    venv(project, "conformance/resp/python", requirements).map(|bin| bin.join("python"))
}

/// A directory with the suite of ioredis.
pub(crate) fn resp_node(project: &Project) -> Result<PathBuf> {
    npm(project, "conformance/resp/node")
}

fn npm(project: &Project, suite: &str) -> Result<PathBuf> {
    let source = project.source(suite);
    let dir = project.target(suite);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let stamp = Stamp::new(
        dir.join("node_modules/.installed-from"),
        &[&source.join("package.json"), &source.join("package-lock.json")],
    )?;
    copy_files(&source, &dir)?;
    if !stamp.is_current() {
        Run::new("npm").args(["ci", "--no-audit", "--no-fund"]).dir(&dir).limit(FETCH_LIMIT).shown()?;
        stamp.write()?;
    }
    Ok(dir)
}

/// cargo-deny from the path, or built once into `target/tools`.
pub(crate) fn cargo_deny(project: &Project) -> Result<PathBuf> {
    if on_path("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let tools = project.target("tools");
    let program = tools.join("bin/cargo-deny");
    if program.exists() {
        return Ok(program);
    }
    let build = tools.join("build");
    Run::new("cargo")
        .args(["install", "cargo-deny", "--locked", "--version", CARGO_DENY, "--root"])
        .arg(&tools)
        .arg("--target-dir")
        .arg(&build)
        // It runs for a second: building fast matters more than running fast.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .limit(FETCH_LIMIT)
        .shown()?;
    let _ = fs::remove_dir_all(build);
    Ok(program)
}

fn python_has_venv() -> bool {
    Run::new("python3").args(["-c", "import venv, ensurepip"]).output().is_ok()
}

/// Copies the files and folders of `from` into `to`, but no installed packages.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_name() == "node_modules" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    Ok(())
}

/// Remembers what an installation was made from, so that it is made again only when that changes.
struct Stamp {
    file: PathBuf,
    content: String,
}

impl Stamp {
    fn new(file: PathBuf, sources: &[&Path]) -> Result<Self> {
        let mut content = String::new();
        for source in sources {
            content +=
                &fs::read_to_string(source).with_context(|| format!("cannot read {}", source.display()))?;
        }
        Ok(Self { file, content })
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|content| content == self.content)
    }

    fn write(&self) -> Result<()> {
        fs::write(&self.file, &self.content).with_context(|| format!("cannot write {}", self.file.display()))
    }
}
