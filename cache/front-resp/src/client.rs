//! CLIENT: what a connection says of itself and asks about itself.

use bytes::Bytes;
use tokio::time::Instant;

use crate::caller::Caller;
use crate::described::{shown, unknown_subcommand};
use crate::parse::Arguments;
use crate::reply::{Failure, Reply};
use crate::subscriptions::Kind;

/// Longest name that a connection, or its library, can have.
const MAX_NAME_BYTES: usize = 256;

/// What a client calls itself.
pub(crate) struct Named {
    since: Instant,
    name: Vec<u8>,
    library: Vec<u8>,
    version: Vec<u8>,
}

impl Default for Named {
    fn default() -> Self {
        Self { since: Instant::now(), name: Vec::new(), library: Vec::new(), version: Vec::new() }
    }
}

impl Named {
    pub(crate) fn set_name(&mut self, name: &[u8]) -> Result<Reply, Failure> {
        self.name = checked(name, "Client names")?;
        Ok(Reply::OK)
    }
}

fn checked(name: &[u8], what: &str) -> Result<Vec<u8>, Failure> {
    if name.len() > MAX_NAME_BYTES || !name.iter().all(u8::is_ascii_graphic) {
        return Err(Failure::said(format!(
            "ERR {what} cannot contain spaces, newlines or special characters, nor have more than \
             {MAX_NAME_BYTES} bytes"
        )));
    }
    Ok(name.to_vec())
}

impl Caller {
    pub(crate) fn client(&mut self, resp3: bool, arguments: Arguments<'_>) -> Result<Reply, Failure> {
        let rest = arguments.from(1);
        let is = |word: &[u8]| rest.len() == 1 && rest.get(0).eq_ignore_ascii_case(word);
        match (arguments.get(0).to_ascii_uppercase().as_slice(), rest.len()) {
            (b"ID", 0) => Ok(Reply::count(self.id)),
            (b"INFO", 0) => Ok(Reply::text(self.info_line(resp3))),
            (b"GETNAME", 0) if self.named.name.is_empty() => Ok(Reply::Null),
            (b"GETNAME", 0) => Ok(Reply::Bytes(Bytes::copy_from_slice(&self.named.name))),
            (b"SETNAME", 1) => self.named.set_name(rest.get(0)),
            (b"SETINFO", 2) => {
                let place = match rest.get(0).to_ascii_uppercase().as_slice() {
                    b"LIB-NAME" => &mut self.named.library,
                    b"LIB-VER" => &mut self.named.version,
                    other => {
                        return Err(Failure::said(format!("ERR Unrecognized option '{}'", shown(other))));
                    }
                };
                *place = checked(rest.get(1), "lib-name and lib-ver")?;
                Ok(Reply::OK)
            }
            // No connection is ever closed to make room for others.
            (b"NO-EVICT", 1) if is(b"ON") || is(b"OFF") => Ok(Reply::OK),
            // What is the case anyway.
            (b"NO-TOUCH" | b"TRACKING", 1) if is(b"OFF") => Ok(Reply::OK),
            (b"REPLY", 1) if is(b"ON") => Ok(Reply::OK),
            (b"GETREDIR", 0) => Ok(Reply::Integer(-1)),
            (b"NO-TOUCH", 1) => Err(not_offered("NO-TOUCH ON", "every access counts")),
            (b"TRACKING" | b"CACHING" | b"TRACKINGINFO", _) => {
                Err(not_offered("TRACKING", "the server does not remember who has read what"))
            }
            (b"REPLY", 1) => Err(not_offered("REPLY OFF and SKIP", "every command is answered")),
            (b"LIST" | b"KILL" | b"PAUSE" | b"UNPAUSE" | b"UNBLOCK", _) => Err(not_offered(
                &shown(&arguments.get(0).to_ascii_uppercase()),
                "a connection knows nothing of others",
            )),
            (
                b"ID" | b"INFO" | b"GETNAME" | b"SETNAME" | b"SETINFO" | b"NO-EVICT" | b"NO-TOUCH"
                | b"GETREDIR",
                _,
            ) => Err(Failure::said("ERR wrong number of arguments for 'client' command")),
            (other, _) => Err(unknown_subcommand("CLIENT", other)),
        }
    }

    /// The line of this connection, with all fields that libraries insist on; what is not measured is 0.
    fn info_line(&self, resp3: bool) -> String {
        let Named { since, name, library, version } = &self.named;
        let text = String::from_utf8_lossy;
        format!(
            "id={} name={} age={} idle=0 flags={} db=0 sub={} psub=0 ssub={} multi=-1 qbuf=0 qbuf-free=0 \
             argv-mem=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info user={} lib-name={} lib-ver={} \
             resp={}\n",
            self.id,
            text(name),
            since.elapsed().as_secs(),
            if self.subscriptions.is_empty() { "N" } else { "P" },
            self.subscriptions.count(Kind::Channel),
            self.subscriptions.count(Kind::Shard),
            self.cache.replace(char::is_whitespace, "_"),
            text(library),
            text(version),
            if resp3 { 3 } else { 2 },
        )
    }
}

fn not_offered(what: &str, why: &str) -> Failure {
    Failure::said(format!("ERR CLIENT {what} is not offered: {why}"))
}
