//! Starting programs without leaving any behind.
//!
//! Every child is killed with all its descendants when the value that stands for it is dropped or its time is up, and
//! never reads this program's input. Children stay in the terminal's process group, so Ctrl-C reaches them too.

use std::{
    ffi::{OsStr, OsString},
    fmt, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::output::{self, Stream};

/// Longer than any single program should take on two cores.
const DEFAULT_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How long output may trickle in after the program itself has ended.
const DRAIN: Duration = Duration::from_secs(2);

/// A program to run, with its arguments and environment.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    program: OsString,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    dir: Option<PathBuf>,
    limit: Duration,
}

/// What a program that was shown to the user printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Transcript {
    /// Standard output, line by line.
    pub(crate) out: Vec<String>,
    /// Both streams in the order they arrived.
    pub(crate) all: Vec<String>,
    /// How it ended.
    pub(crate) status: ExitStatus,
}

impl Run {
    /// `program`, searched on the path unless it names a directory.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            envs: Vec::new(),
            dir: None,
            limit: DEFAULT_LIMIT,
        }
    }

    /// Runs it by way of another program that takes it as its last arguments, such as `setsid`.
    pub(crate) fn before(mut self, program: &str, args: &[&str]) -> Self {
        let own = std::mem::replace(&mut self.program, program.into());
        self.args.splice(0..0, args.iter().map(OsString::from).chain([own]));
        self
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable of the child.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The directory the child starts in; this program's own by default.
    pub(crate) fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// How long it may take before it is killed; half an hour by default.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts it with the streams as given and no input.
    pub(crate) fn spawn(&self, input: Stdio, out: Stdio, err: Stdio) -> Result<Running> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.envs.iter().map(|(name, value)| (name, value)));
        command.stdin(input).stdout(out).stderr(err);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        Ok(Running { child, done: false })
    }

    /// Runs it quietly; its standard output. A failure carries the end of what it said.
    pub(crate) fn output(&self) -> Result<String> {
        let transcript = self.collect(false)?;
        transcript.success(self)?;
        Ok(transcript.out.join("\n"))
    }

    /// Runs it with its output passed through; fails if it does.
    pub(crate) fn shown(&self) -> Result<Transcript> {
        let transcript = self.collect(true)?;
        if !transcript.status.success() {
            bail!("`{self}` ended with {}", transcript.status);
        }
        Ok(transcript)
    }

    /// Runs it to its end, passing the output through if `show`; does not judge how it ended.
    pub(crate) fn collect(&self, show: bool) -> Result<Transcript> {
        let mut running = self.spawn(Stdio::null(), Stdio::piped(), Stdio::piped())?;
        let (sender, lines) = mpsc::channel();
        if let Some(stream) = running.child.stdout.take() {
            read_lines(stream, Stream::Out, sender.clone());
        }
        if let Some(stream) = running.child.stderr.take() {
            read_lines(stream, Stream::Err, sender);
        }

        let (mut out, mut all) = (Vec::new(), Vec::new());
        let mut deadline = Instant::now() + self.limit;
        let mut status = None;
        loop {
            match lines.recv_timeout(Duration::from_millis(50)) {
                Ok((stream, line)) => {
                    if show {
                        output::show(stream, line.clone());
                    }
                    if stream == Stream::Out {
                        out.push(line.clone());
                    }
                    all.push(line);
                }
                Err(RecvTimeoutError::Disconnected) if status.is_some() => break,
                Err(RecvTimeoutError::Disconnected) => thread::sleep(Duration::from_millis(10)),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if status.is_none() {
                status = running.child.try_wait().with_context(|| format!("cannot wait for `{self}`"))?;
                if status.is_some() {
                    running.done = true;
                    deadline = Instant::now() + DRAIN;
                }
            }
            if Instant::now() >= deadline {
                match status {
                    Some(_) => break,
                    None => bail!("`{self}` did not end within {} s and was killed", self.limit.as_secs()),
                }
            }
        }
        let status = status.with_context(|| format!("`{self}` vanished"))?;
        Ok(Transcript { out, all, status })
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = Path::new(&self.program).file_name().unwrap_or(&self.program);
        write!(f, "{}", program.display())?;
        for arg in &self.args {
            let arg = arg.to_string_lossy();
            let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%^".contains(c);
            if !arg.is_empty() && arg.chars().all(plain) {
                write!(f, " {arg}")?;
            } else {
                write!(f, " '{}'", arg.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

impl Transcript {
    /// An error with the last lines printed, if the program failed.
    pub(crate) fn success(&self, run: &Run) -> Result<()> {
        if self.status.success() {
            return Ok(());
        }
        let tail = self.all.iter().rev().take(20).rev().cloned().collect::<Vec<_>>().join("\n");
        bail!("`{run}` ended with {}\n{tail}", self.status)
    }
}

/// A running child; killed with its descendants when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    /// The child, for its streams.
    pub(crate) child: Child,
    done: bool,
}

impl Running {
    /// Asks it to end.
    pub(crate) fn terminate(&self) -> Result<()> {
        let pid =
            i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("the child has no id")?;
        kill_process(pid, Signal::TERM).context("cannot signal the child")
    }

    /// How it ended, if it does within `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.done = true;
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // Descendants first: once the child is gone they cannot be told from strangers.
        for pid in descendants(self.child.id()) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether `program` can be found on the path.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Administrative programs are often missing from an ordinary user's path.
    let extra = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(extra).any(|dir| dir.join(program).is_file())
}

fn read_lines(stream: impl Read + Send + 'static, kind: Stream, sender: Sender<(Stream, String)>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if sender.send((kind, text)).is_err() {
                return;
            }
        }
    });
}

/// The processes started, directly or not, by `ancestor`.
fn descendants(ancestor: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, parent_in_stat(&stat)?))
        })
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

/// The parent's id in a line of `/proc/<pid>/stat`: the second field after the name, which may hold anything.
fn parent_in_stat(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_prints_like_a_command_line() {
        let run = Run::new("/usr/bin/env").args(["momento", "cache", "set", "foo", "two words"]);
        assert_eq!(run.to_string(), "env momento cache set foo 'two words'");
        let run = Run::new("aws").args(["--query", "a[?b=='c'].d", "--cidr", "10.0.0.0/8", ""]);
        assert_eq!(run.to_string(), r"aws --query 'a[?b=='\''c'\''].d' --cidr 10.0.0.0/8 ''");
    }

    #[test]
    fn the_parent_is_found_whatever_the_name_holds() {
        assert_eq!(parent_in_stat("42 (a) b) 7 (c) S 17 42 42"), Some(17));
        assert_eq!(parent_in_stat("nonsense"), None);
    }

    #[test]
    fn output_is_standard_output_only() {
        let out = Run::new("sh").args(["-c", "echo out; echo err >&2"]).output().unwrap();
        assert_eq!(out, "out");
    }

    #[test]
    fn a_failure_tells_the_end_of_the_output() {
        let error = Run::new("sh").args(["-c", "echo reason >&2; exit 4"]).output().unwrap_err();
        assert!(format!("{error:#}").contains("reason"), "{error:#}");
    }

    #[test]
    fn what_takes_too_long_is_killed_with_its_children() {
        let run = Run::new("sh").args(["-c", "sleep 98.7 & wait"]).limit(Duration::from_millis(200));
        let error = run.collect(false).unwrap_err();
        assert!(error.to_string().contains("was killed"), "{error:#}");
        let left = descendants(std::process::id())
            .into_iter()
            .filter_map(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok())
            .filter(|line| String::from_utf8_lossy(line).contains("98.7"))
            .count();
        assert_eq!(left, 0);
    }
}
