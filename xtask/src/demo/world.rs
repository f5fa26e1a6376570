//! The link of a demo: a `kura-link` daemon on a state directory of its own, and how everything else is run with it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{ChildStdin, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::aws::Aws;
use crate::{
    process::{Run, Running, Transcript},
    project::{Profile, Project},
    report::Trouble,
    setup,
};

/// A command of the link answers from memory or makes a handful of namespaces.
const LIMIT: Duration = Duration::from_secs(60);

/// What `kura-link up` says where the kernel forbids it; what follows names the setting.
const FORBIDDEN: &str = "may not make namespaces here";

/// A running link; everything it made goes when this is dropped, and also when this process is killed.
pub(crate) struct World<'a> {
    pub(crate) project: &'a Project,
    /// Where the demo keeps its files.
    pub(crate) dir: PathBuf,
    aws: PathBuf,
    watch: Option<Watch>,
}

impl<'a> World<'a> {
    /// Removes what an earlier run may have left, and starts a daemon on nothing.
    pub(crate) fn up(project: &'a Project, aws: PathBuf) -> Result<Self, Trouble> {
        let dir = project.target("demo");
        let mut world = Self { project, dir, aws, watch: None };
        world.link().args(["down", "--forget"]).output()?;
        for left in ["data", "momento"] {
            match fs::remove_dir_all(world.dir.join(left)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(anyhow::Error::new(error).context(format!("cannot remove {left}")).into());
                }
                _ => {}
            }
        }
        world.watch = Some(Watch::start(&world.link().arg("down"))?);
        let up = world.link().args(["up", "--detach", "--listen", "127.0.0.1:0", "--upstream", "none"]);
        println!("$ {up}");
        let said = up.collect(true)?;
        if let Some(line) = said.all.iter().find(|line| line.contains(FORBIDDEN)) {
            return Err(Trouble::Skipped(line.trim_start_matches("kura-link: ").to_owned()));
        }
        said.success(&up)?;
        Ok(world)
    }

    /// `kura-link` on this world; a subcommand is to follow.
    pub(crate) fn link(&self) -> Run {
        Run::new(self.project.program(Profile::Release, "kura-link"))
            .env("KURA_LINK_STATE_DIR", self.state_dir())
            .env("KURA_LINK_LOG", "warn")
            .limit(LIMIT)
    }

    /// `kura-link` with its answer shown.
    pub(crate) fn ask<'b>(&self, args: impl IntoIterator<Item = &'b str>) -> Result<Transcript> {
        let run = self.link().args(args);
        println!("$ {run}");
        run.shown()
    }

    /// `run` inside an instance, with the variables set that this world's programs need.
    pub(crate) fn inside(&self, instance: &str) -> Run {
        // Whatever proxy the machine uses, instances cannot reach it.
        let direct = ".kura.internal,localhost,127.0.0.1";
        self.link().args(["exec", instance, "--"]).env("NO_PROXY", direct).env("no_proxy", direct)
    }

    /// One of our own programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.project.program(Profile::Release, name)
    }

    /// The server's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn state_dir(&self) -> PathBuf {
        self.dir.join("link")
    }

    /// Makes an account with an access key; what `aws` needs to be it.
    pub(crate) fn account(&self, account: &str) -> Result<()> {
        let run = self.link().args(["key", "create", "--account", account]);
        println!("$ {run}");
        let printed = run.output()?;
        for line in printed.lines() {
            match line.strip_prefix("secret access key ") {
                Some(secret) => println!("secret access key … ({} characters)", secret.len()),
                None => println!("{line}"),
            }
        }
        Ok(())
    }

    /// The `aws` command line as `account`, which prints as `who`.
    pub(crate) fn aws(&self, who: &'static str, account: &'static str) -> Result<Aws> {
        let path = self.state_dir().join("aws.env");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let variables = exported(&text);
        let variable = |name: &str| {
            variables.get(name).cloned().with_context(|| format!("{} has no {name}", path.display()))
        };
        let endpoint = variable("AWS_ENDPOINT_URL")?;
        let run = Run::new(&self.aws)
            .args(["--endpoint-url", &endpoint])
            .env("AWS_ACCESS_KEY_ID", variable(&format!("AWS_ACCESS_KEY_ID_{account}"))?)
            .env("AWS_SECRET_ACCESS_KEY", variable(&format!("AWS_SECRET_ACCESS_KEY_{account}"))?)
            .env("AWS_DEFAULT_REGION", variable("AWS_DEFAULT_REGION")?);
        Ok(Aws::new(who, account, run))
    }

    /// What the link counted for an instance's network interface.
    pub(crate) fn counters(&self, instance: &str) -> Result<Counters> {
        let run = self.link().args(["status", "--json"]);
        println!("$ {run}");
        let status: Value = serde_json::from_str(&run.output()?).context("status is JSON")?;
        let vpcs = status["vpcs"].as_array().into_iter().flatten();
        let mut interfaces = vpcs.flat_map(|vpc| vpc["interfaces"].as_array().into_iter().flatten());
        let interface = interfaces
            .find(|interface| interface["holder"] == instance)
            .with_context(|| format!("status has no interface of {instance}"))?;
        println!("{}", serde_json::to_string_pretty(interface)?);
        let count = |name: &str| interface[name].as_u64().with_context(|| format!("status has no {name}"));
        Ok(Counters { to_public: count("packets_to_public")?, refused: count("packets_refused_out")? })
    }

    /// Ends everything, and makes sure that nothing is left.
    pub(crate) fn down(mut self) -> Result<()> {
        self.ask(["down"])?;
        if let Some(watch) = self.watch.take() {
            watch.dismiss();
        }
        let left = processes_of(&self.state_dir())?;
        ensure!(left.is_empty(), "still running after `kura-link down`: {}", left.join("; "));
        println!("no process of {} is left", self.state_dir().display());
        Ok(())
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        let Some(watch) = self.watch.take() else { return };
        let down = self.link().arg("down");
        println!("$ {down}");
        match down.output() {
            Ok(_) => watch.dismiss(),
            // The watch tries once more.
            Err(error) => eprintln!("xtask: {error:#}"),
        }
    }
}

/// Packets of a network interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    /// Left by the internet gateway.
    pub(crate) to_public: u64,
    /// Refused by the interface's groups on their way out.
    pub(crate) refused: u64,
}

/// Runs a command when this process is gone, however it went: the link's daemon does not end with it.
struct Watch {
    running: Running,
    open: ChildStdin,
}

impl Watch {
    fn start(command: &Run) -> Result<Self> {
        // Of its own session, so that a Ctrl-C for us does not end it too. It sees its input end with us.
        let watch = command.clone().before("setsid", &["sh", "-c", "read word || exec \"$@\"", "watch"]);
        let mut running = watch.spawn(Stdio::piped(), Stdio::null(), Stdio::inherit())?;
        let open = running.child.stdin.take().context("the watch has no input")?;
        Ok(Self { running, open })
    }

    fn dismiss(mut self) {
        let _ = self.open.write_all(b"done\n");
        let _ = self.running.wait(Duration::from_secs(5));
    }
}

/// The variables that a shell would get from `text`.
fn exported(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect()
}

/// The command lines of other processes that name `dir`.
fn processes_of(dir: &Path) -> Result<Vec<String>> {
    let name = dir.to_string_lossy();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot read /proc")? {
        let path = entry?.path();
        let is_process =
            path.file_name().is_some_and(|pid| pid.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        if !is_process || path.ends_with(std::process::id().to_string()) {
            continue;
        }
        // Those that end meanwhile are not left.
        let Ok(line) = fs::read(path.join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&*name) {
            found.push(line.trim_end().to_owned());
        }
    }
    Ok(found)
}

/// Builds everything, and fetches what is not ours; the `aws` command line.
pub(crate) fn fetch(project: &Project) -> Result<PathBuf, Trouble> {
    let fetched = setup::programs().and_then(|()| {
        setup::python(project)?;
        setup::node(project)?;
        setup::aws(project)
    });
    fetched.map_err(|error| Trouble::Skipped(format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shells_variables_are_read() {
        let variables = exported("export AWS_REGION='x-1'\n# no\nexport A_000000000000='b/c+d='\n");
        assert_eq!(variables.get("AWS_REGION").unwrap(), "x-1");
        assert_eq!(variables.get("A_000000000000").unwrap(), "b/c+d=");
    }

    #[test]
    fn the_watch_acts_only_when_its_holder_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ended");
        let touch = Run::new("touch").arg(&file);
        Watch::start(&touch).unwrap().dismiss();
        assert!(!file.exists());
        let Watch { mut running, open } = Watch::start(&touch).unwrap();
        drop(open);
        assert!(running.wait(Duration::from_secs(5)).unwrap().unwrap().success());
        assert!(file.exists());
    }
}
