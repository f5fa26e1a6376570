//! The forwarder as the daemon sees it.

use std::{
    collections::BTreeSet,
    io,
    os::{fd::AsFd as _, unix::net::UnixStream},
    path::Path,
};

use kura_model::plan::Forwarder;

use super::control::{Answer, Request, read, socket, write};
use crate::{
    error::{During as _, Error},
    program::{Ending, PATIENCE, Program},
};

/// Gives the forwarder its work; starts it if there is some. Says whether that was new to it.
pub(crate) fn configure(
    state_dir: &Path,
    program: &Program,
    work: &BTreeSet<Forwarder>,
) -> Result<bool, Error> {
    let stream = match connect(state_dir)? {
        Some(stream) => stream,
        None if work.is_empty() => return Ok(false),
        None => program.start("forwarder", state_dir, Error::Forwarder, || connect(state_dir))?,
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
    let ending = Ending::of(peer.pid);
    write(&stream, &Request::End).during(what)?;
    match ending.wait().during(what)? {
        true => Ok(true),
        false => Err(Error::Forwarder(format!("the forwarder, process {:?}, does not end", peer.pid))),
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
