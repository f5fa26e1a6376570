//! What the server says of itself: HELLO, INFO and COMMAND.

use kura_commands::Items;

use crate::Front;
use crate::parse::Arguments;
use crate::reply::{Failure, Reply};
use crate::table::{COMMANDS, Entry, Kind};

/// The version of Redis whose commands these are. Clients decide by it what they may send.
const REDIS_VERSION: &str = "7.0.15";

fn bulk(text: &'static str) -> Reply {
    Reply::Bytes(text.into())
}

pub(crate) fn hello(resp3: bool, id: u64) -> Reply {
    Reply::Map(vec![
        bulk("server"),
        bulk("kura"),
        bulk("version"),
        bulk(REDIS_VERSION),
        bulk("proto"),
        Reply::Integer(if resp3 { 3 } else { 2 }),
        bulk("id"),
        Reply::count(id),
        bulk("mode"),
        bulk("standalone"),
        bulk("role"),
        bulk("master"),
        bulk("modules"),
        Reply::empty(),
    ])
}

/// What libraries look for once connected: the version, and that nothing is loading.
pub(crate) fn info(front: &Front) -> Reply {
    Reply::text(format!(
        "# Server\r\nredis_version:{REDIS_VERSION}\r\nredis_mode:standalone\r\nserver_name:kura\r\n\
         kura_version:{}\r\n\
         # Clients\r\nconnected_clients:{}\r\n\
         # Persistence\r\nloading:0\r\n\
         # Replication\r\nrole:master\r\nconnected_slaves:0\r\n\
         # Cluster\r\ncluster_enabled:0\r\n",
        env!("CARGO_PKG_VERSION"),
        front.metrics.connections.open(),
    ))
}

/// COMMAND and its subcommands COUNT, LIST, INFO and DOCS.
pub(crate) fn command(arguments: Arguments<'_>) -> Result<Reply, Failure> {
    let named = arguments.from(1);
    match arguments.get(0).to_ascii_uppercase().as_slice() {
        _ if arguments.is_empty() => Ok(Reply::Array(COMMANDS.iter().map(details).collect())),
        b"COUNT" => Ok(Reply::count(COMMANDS.len() as u64)),
        b"LIST" if named.is_empty() => {
            Ok(Reply::Array(COMMANDS.iter().map(|entry| bulk(entry.name)).collect()))
        }
        b"INFO" if named.is_empty() => Ok(Reply::Array(COMMANDS.iter().map(details).collect())),
        b"INFO" => {
            let found = named.iter().map(|name| Entry::find(name).and_then(|place| COMMANDS.get(place)));
            Ok(Reply::Array(found.map(|entry| entry.map_or(Reply::NullArray, details)).collect()))
        }
        // Nothing is documented here; redis-cli asks on connecting, for its hints.
        b"DOCS" => Ok(Reply::Map(Vec::new())),
        other => Err(unknown_subcommand("COMMAND", other)),
    }
}

/// What is said of a subcommand that is not there.
pub(crate) fn unknown_subcommand(command: &str, name: &[u8]) -> Failure {
    Failure::said(format!("ERR unknown subcommand '{}' of {command}", shown(name)))
}

/// As much of a peer's bytes as fits an error.
pub(crate) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..64).unwrap_or(bytes)).into_owned()
}

/// A command as Redis 7 describes it: name, arity, flags, keys, and empty lists of categories, tips,
/// key specifications and subcommands.
fn details(entry: &Entry) -> Reply {
    let flag = match entry.kind {
        Kind::Items(Items::Read, _) => "readonly",
        Kind::Items(Items::Write | Items::ReadWrite, _) => "write",
        Kind::Connection(_) => "fast",
    };
    let (first, last, step) = entry.keys;
    let number = |number: i8| Reply::Integer(number.into());
    Reply::Array(vec![
        bulk(entry.name),
        number(entry.arity),
        Reply::Array(vec![Reply::Status(flag)]),
        number(first),
        number(last),
        number(step),
        Reply::empty(),
        Reply::empty(),
        Reply::empty(),
        Reply::empty(),
    ])
}
