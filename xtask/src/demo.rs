//! `cargo xtask demo`: the client part of the article, acted out over TLS with a created key.
//!
//! Building and fetching happen outside; from the server's start on everything runs in private namespaces, where port
//! 443 is free and the cell's names resolve to the loopback interface.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;

use crate::{
    dialogue::{self, Answer},
    namespace::{Entrance, Job},
    process::{Run, Transcript},
    project::{Profile, Project},
    report::{Report, Times, Trouble},
    server::{Server, authority, key_in},
    setup, verbose,
};

/// The article's cell, under a name of our own.
const CELL: &str = "cell-ap-northeast-1-1.kura.internal";

/// What `kura bench check` calls the only way in there is so far.
const TARGET: &str = "public";

/// The article's check: this many writes, then as many reads.
const ITEMS: &str = "100";

/// Builds, fetches, and goes inside.
pub(crate) fn run(project: &Project) -> Result<ExitCode> {
    let dir = project.fresh_dir("demo")?;
    let path = report_path(&dir);
    let mut report = Report::begin(&path)?;

    let built = report.step("Build kura and momento in release", || {
        let build =
            Run::new("cargo").args(["build", "--release", "--locked", "-p", "kura", "-p", "kura-cli"]);
        Ok(build.shown().map(drop)?)
    })?;
    if built.is_none() {
        return report.finish(false);
    }
    report.step("Fetch the official Python and Node SDKs", || {
        let fetched =
            setup::programs().and_then(|()| setup::python(project)).and_then(|_| setup::node(project));
        fetched.map(drop).map_err(|error| Trouble::Skipped(format!("{error:#}")))
    })?;
    let entrance = report.step("Make a private network with the cell's names", || {
        Entrance::find().map_err(|unavailable| Trouble::Skipped(unavailable.0))
    })?;
    let Some(entrance) = entrance else { return report.finish(false) };

    drop(report);
    let entered = entrance.enter(project, CELL, &Job::Demo)?;
    let ended = entered.run.collect(true)?.status;
    let code = ended.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The part inside the namespaces.
pub(crate) fn inside(project: &Project) -> Result<ExitCode> {
    let dir = project.target("demo");
    let mut report = Report::resume(&report_path(&dir))?;
    let mut act = Act::new(project, dir);

    let Some(server) = report.step("Start the server", || Ok(act.serve()?))? else {
        return report.finish(false);
    };
    let mut complete = false;
    if let Some(key) = report.step("Create a key", || Ok(act.create_key()?))? {
        act.key = key;
        complete = play(&mut report, &act)?;
    }
    report.step("Stop the server", || {
        println!("$ kill -TERM <kura>");
        let ended = server.stop()?;
        println!("{ended}");
        Ok(ensure_held(ended.success(), || format!("the server ended with {ended}"))?)
    })?;
    report.finish(complete)
}

/// What a user does, in the article's order; whether all of it was reached.
fn play(report: &mut Report, act: &Act<'_>) -> Result<bool> {
    if report.step("Configure the command line", || Ok(act.configure()?))?.is_none() {
        return Ok(false);
    }
    report.step("momento cache set foo bar", || {
        let said = act.momento(&["cache", "set", "foo", "bar"])?;
        Ok(ensure_held(said.out.is_empty(), || format!("it should say nothing, it said {:?}", said.out))?)
    })?;
    report.step("momento cache get foo", || {
        let said = act.momento(&["cache", "get", "foo"])?;
        Ok(ensure_held(said.out == ["bar"], || format!("it should say bar, it said {:?}", said.out))?)
    })?;
    report.step("momento cache set foo bar --verbose", || {
        let said = act.momento(&["cache", "set", "foo", "bar", "--verbose"])?;
        match verbose::missing(&said.all, CELL) {
            None => Ok(()),
            Some(words) => Err(anyhow!("no line says {words}").into()),
        }
    })?;
    let momento = report.step("100 writes and 100 reads, momento's channel", || Ok(act.check()?))?;
    let python = report.step("Set, get and the check, official Python SDK", || act.python())?;
    let node = report.step("Set, get and the check, official Node SDK", || act.node())?;
    for (client, times) in [("momento", momento), ("python", python), ("node", node)] {
        if let Some(times) = times {
            println!("{client:<8} {:>8.1} ms writes {:>8.1} ms reads", times.writes_ms, times.reads_ms);
            report.measured(client, TARGET, times);
        }
    }
    Ok(report.holds())
}

/// The programs and files the steps share.
struct Act<'a> {
    project: &'a Project,
    dir: PathBuf,
    data: PathBuf,
    key: String,
}

impl<'a> Act<'a> {
    fn new(project: &'a Project, dir: PathBuf) -> Self {
        let data = dir.join("data");
        Self { project, dir, data, key: String::new() }
    }

    fn kura(&self) -> Run {
        Run::new(self.project.program(Profile::Release, "kura"))
    }

    fn serve(&self) -> Result<Server> {
        let serve = self.kura().args(["serve", "--data-dir"]).arg(&self.data);
        let serve = serve.args(["--cell", CELL, "--tls-listen", "127.0.0.1:443"]);
        println!("$ {serve}");
        let server = Server::start(&serve, &self.dir.join("server.log"))?;
        println!("{}", server.ready);
        Ok(server)
    }

    fn create_key(&self) -> Result<String> {
        let create =
            self.kura().args(["key", "create", "--data-dir"]).arg(&self.data).args(["--name", "demo"]);
        println!("$ {create}");
        let printed = create.output()?;
        let key = key_in(&printed)?.to_owned();
        println!("{}", printed.replace(&key, &masked(&key)));
        Ok(key)
    }

    fn configure(&self) -> Result<()> {
        let run = self.client("momento").arg("configure");
        println!("$ {run}");
        let shown = masked(&self.key);
        let ended = dialogue::hold(
            &run,
            &[
                Answer { question: "API Key", answer: &self.key, shown: &shown },
                Answer { question: "Endpoint", answer: CELL, shown: CELL },
                Answer { question: "Default Cache", answer: "", shown: "" },
                Answer { question: "Default Ttl", answer: "", shown: "" },
            ],
        )?;
        ensure!(ended.success(), "`{run}` ended with {ended}");
        Ok(())
    }

    fn momento(&self, args: &[&str]) -> Result<Transcript> {
        let run = self.client("momento").args(args);
        println!("$ {run}");
        run.shown()
    }

    fn check(&self) -> Result<Times> {
        let target = format!("{TARGET}=https://{CELL}");
        let run = self.client("kura").args(["bench", "check", "--target", &target]);
        let run = run.args(["--writes", ITEMS, "--reads", ITEMS, "--json"]).env("MOMENTO_API_KEY", &self.key);
        println!("$ {run}");
        let said = run.shown()?;
        let answer: Value =
            serde_json::from_str(&said.out.join("\n")).context("the check printed no JSON")?;
        times_in(&answer).with_context(|| format!("the check's JSON has no times for {TARGET}: {answer}"))
    }

    fn python(&self) -> Result<Times, Trouble> {
        let python = setup::python(self.project).map_err(|error| Trouble::Skipped(format!("{error:#}")))?;
        let script = self.project.source("conformance/python/check.py");
        Ok(self.sdk(Run::new(python).arg(script))?)
    }

    fn node(&self) -> Result<Times, Trouble> {
        let dir = setup::node(self.project).map_err(|error| Trouble::Skipped(format!("{error:#}")))?;
        Ok(self.sdk(Run::new("node").arg(dir.join("check.mjs")))?)
    }

    fn sdk(&self, run: Run) -> Result<Times> {
        let authority = authority(&self.data);
        let run = run
            .env("KURA_MODE", "v2")
            .env("KURA_API_KEY", &self.key)
            .env("KURA_ENDPOINT", CELL)
            .env("KURA_CA", &authority)
            .env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", &authority)
            .limit(Duration::from_secs(120));
        println!("$ {run}");
        let said = run.shown()?;
        let last = said.out.last().context("it printed nothing")?;
        serde_json::from_str(last).with_context(|| format!("its last line has no times: {last}"))
    }

    /// One of our programs as a user of the demo has it: own configuration, trusting the server's authority.
    fn client(&self, program: &str) -> Run {
        Run::new(self.project.program(Profile::Release, program))
            .env("MOMENTO_CONFIG_DIR", self.dir.join("momento"))
            .env("MOMENTO_CA_CERT", authority(&self.data))
    }
}

fn report_path(dir: &Path) -> PathBuf {
    dir.join("report.json")
}

fn ensure_held(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    ensure!(holds, "{}", otherwise());
    Ok(())
}

/// Enough of a key to recognise it.
fn masked(key: &str) -> String {
    let begin: String = key.chars().take(8).collect();
    format!("{begin}… ({} characters)", key.len())
}

/// The times of [`TARGET`] anywhere in the check's answer.
fn times_in(answer: &Value) -> Option<Times> {
    match answer {
        Value::Object(fields) => {
            let here = fields.get(TARGET).and_then(|times| serde_json::from_value(times.clone()).ok());
            here.or_else(|| fields.values().find_map(times_in))
        }
        Value::Array(items) => items.iter().find_map(|item| {
            let named =
                item.get("target").or_else(|| item.get("name")).and_then(Value::as_str) == Some(TARGET);
            if named { serde_json::from_value(item.clone()).ok() } else { times_in(item) }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown_whole() {
        let key = "eyJhbGciOiJIUzI1NiJ9.eyJ0IjoiZyJ9.c2lnbmF0dXJl";
        assert_eq!(masked(key), "eyJhbGci… (46 characters)");
    }

    #[test]
    fn times_are_found_by_the_targets_name() {
        let expected = Some(Times { writes_ms: 4.5, reads_ms: 3.0 });
        let by_key = serde_json::json!({"targets": {"public": {"writes_ms": 4.5, "reads_ms": 3, "x": 1}}});
        let in_list =
            serde_json::json!({"targets": [{"target": "public", "writes_ms": 4.5, "reads_ms": 3.0}]});
        assert_eq!(times_in(&by_key), expected);
        assert_eq!(times_in(&in_list), expected);
        assert_eq!(times_in(&serde_json::json!({"private": {"writes_ms": 1, "reads_ms": 1}})), None);
    }
}
