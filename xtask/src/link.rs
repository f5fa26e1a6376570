//! The private link's suites: its wire APIs against boto3 and `aws`, its templates against cfn-lint, and the real
//! `kura-link` with real packets, as root and as an unprivileged user.

use std::{thread, time::Duration};

use anyhow::{Result, anyhow, ensure};

use crate::{
    closing::closing_lines,
    conformance,
    output::{self, Stream},
    process::Run,
    project::Project,
    setup,
    stage::Outcome,
};

/// A few minutes, and as much again on a busy machine.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Who an unprivileged user is where root runs the tests: Linux' number for nobody.
const NOBODY: &str = "65534";

/// The APIs' answers, held against botocore's models.
pub(crate) fn wire(project: &Project) -> Result<Outcome> {
    pytest(project, "conformance/link", None).map(Outcome::Passed)
}

/// What templates may say, held against cfn-lint.
pub(crate) fn oracle(project: &Project) -> Result<Outcome> {
    let script = project.source("link/cloudformation/tests/oracle.py");
    let transcript = Run::new(setup::link_python(project)?)
        .arg(script)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .limit(LIMIT)
        .shown()?;
    Ok(Outcome::Passed(transcript.out.last().cloned().into_iter().collect()))
}

/// What packets do: as whoever runs this and, if that is root, as an unprivileged user too.
pub(crate) fn packets(project: &Project) -> Result<Outcome> {
    conformance::build_examples(project)?;
    let run = |who: &str, user: Option<&str>| -> Result<Vec<String>> {
        output::show(Stream::Out, format!("as {who}"));
        let closing = pytest(project, "conformance/link/packets", user)?;
        Ok(closing.into_iter().map(|line| format!("as {who}: {line}")).collect())
    };
    if !rustix::process::geteuid().is_root() {
        let mut remarks = run("an unprivileged user", None)?;
        remarks.push("as root: not run, since this is not root".to_owned());
        return Ok(Outcome::Passed(remarks));
    }
    // What neither must install again.
    setup::link_python(project)?;
    // Both at once: the tests wait for silence most of the time, and each daemon is a world of its own.
    let (as_root, as_nobody) = thread::scope(|scope| {
        let as_nobody = scope.spawn(|| output::in_one_piece(|| run("an unprivileged user", Some(NOBODY))));
        let as_root = run("root", None);
        (as_root, as_nobody.join())
    });
    let as_nobody = as_nobody.map_err(|_| anyhow!("the thread of the unprivileged run ended early"))?;
    Ok(Outcome::Passed([as_root?, as_nobody?].concat()))
}

/// Runs a suite; its closing line and what it left out.
fn pytest(project: &Project, suite: &str, user: Option<&str>) -> Result<Vec<String>> {
    let python = setup::link_python(project)?;
    let mut run = Run::new(python).args(["-m", "pytest"]).arg(project.source(suite));
    run = run.env("PYTHONDONTWRITEBYTECODE", "1").env("CI", "true").limit(LIMIT);
    // A build's output may be elsewhere than in the sources, and is complete: cargo is not to be asked again.
    run = run.env("CARGO_TARGET_DIR", project.target("")).env("KURA_BUILT", "1");
    if let Some(user) = user {
        run = run.env("KURA_LINK_AS", user);
    }
    let transcript = run.shown()?;
    let mut closing = closing_lines(&transcript.all);
    ensure!(!closing.is_empty(), "the suite {suite} ended without a closing line");
    closing.extend(transcript.all.iter().filter(|line| line.starts_with("SKIPPED ")).cloned());
    Ok(closing)
}
