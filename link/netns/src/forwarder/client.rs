//! The forwarder as the daemon sees it.

use std::{
    collections::BTreeSet,
    fs::File,
    io,
    os::{fd::AsFd as _, unix::net::UnixStream},
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use kura_model::plan::Forwarder;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{PidfdFlags, pidfd_open},
};

use super::control::{Answer, Request, read, socket, write};
use crate::{
    error::{During as _, Error},
    program::Program,
};

/// How long a forwarder may take to start, to answer or to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gives the forwarder its work; starts it if there is some. Says whether that was new to it.
pub(crate) fn configure(
    state_dir: &Path,
    program: &Program,
    work: &BTreeSet<Forwarder>,
) -> Result<bool, Error> {
    let stream = match connect(state_dir)? {
        Some(stream) => stream,
        None if work.is_empty() => return Ok(false),
        None => spawn(state_dir, program)?,
    };
    let what = || "configure the forwarder".to_owned();
    write(&stream, &Request::Configure(work.clone())).during(what)?;
    let answer: Answer = read(&stream).during(what)?;
    answer.map_err(Error::Forwarder)
}

/// Ends the forwarder and its connections; says whether there was one.
pub(crate) fn end(state_dir: &Path) -> Result<bool, Error> {
    let Some(stream) = connect(state_dir)? else { return Ok(false) };
    let what = || "end the forwarder".to_owned();
    let peer = rustix::net::sockopt::socket_peercred(stream.as_fd()).during(what)?;
    let process = pidfd_open(peer.pid, PidfdFlags::empty());
    write(&stream, &Request::End).during(what)?;
    let Ok(process) = process else { return Ok(true) };
    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience)).during(what)? {
        0 => Err(Error::Forwarder(format!("the forwarder, process {:?}, does not end", peer.pid))),
        _ => Ok(true),
    }
}

fn connect(state_dir: &Path) -> Result<Option<UnixStream>, Error> {
    let what = || format!("connect to {}", state_dir.join(super::SOCKET).display());
    let (_directory, path) = match socket(state_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.during(what)?,
    };
    match UnixStream::connect(path) {
        Ok(stream) => {
            stream.set_read_timeout(Some(PATIENCE)).during(what)?;
            Ok(Some(stream))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(error) => Err(error).during(what),
    }
}

fn spawn(state_dir: &Path, program: &Program) -> Result<UnixStream, Error> {
    let log = state_dir.join("forwarder.log");
    let output = File::options().create(true).append(true).open(&log);
    let output = output.during(|| format!("open {}", log.display()))?;
    let errors = output.try_clone().during(|| format!("open {}", log.display()))?;
    let mut child = program
        .command("forwarder", state_dir)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .during(|| format!("start {}", program.path().display()))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(stream) = connect(state_dir)? {
            // Reaps it when it ends; it outlives us otherwise.
            thread::spawn(move || child.wait());
            return Ok(stream);
        }
        if child.try_wait().during(|| "look after the forwarder".into())?.is_some()
            || Instant::now() > deadline
        {
            let _ = child.kill();
            return Err(Error::Forwarder(format!(
                "the forwarder did not start; its reason is in {}",
                log.display()
            )));
        }
        thread::sleep(Duration::from_millis(1));
    }
}
