//! What the server says of itself: HELLO, INFO, CONFIG and COMMAND.

use kura_commands::Items;

use crate::Front;
use crate::glob;
use crate::parse::Arguments;
use crate::reply::{Failure, Reply};
use crate::table::{COMMANDS, Entry, Group, Kind};

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

/// What libraries look for once connected, by section: the version, the role, and that nothing is
/// loading. Sections that are asked for and not there are left out, as in Redis.
pub(crate) fn info(front: &Front, arguments: Arguments<'_>) -> Reply {
    let asked = |section: &str| {
        arguments.is_empty()
            || arguments.iter().any(|name| {
                [section, "all", "default", "everything"]
                    .iter()
                    .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
            })
    };
    let sections = [
        (
            "Server",
            format!(
                "redis_version:{REDIS_VERSION}\r\nredis_mode:standalone\r\nserver_name:kura\r\nkura_version:{}\r\n\
                 arch_bits:{}\r\n",
                env!("CARGO_PKG_VERSION"),
                usize::BITS
            ),
        ),
        ("Clients", format!("connected_clients:{}\r\n", front.metrics.connections.open())),
        ("Memory", "maxmemory_policy:allkeys-lfu\r\n".to_owned()),
        ("Persistence", "loading:0\r\nrdb_bgsave_in_progress:0\r\naof_enabled:0\r\n".to_owned()),
        ("Replication", "role:master\r\nconnected_slaves:0\r\n".to_owned()),
        ("Cluster", "cluster_enabled:0\r\n".to_owned()),
    ];
    let asked = sections.into_iter().filter(|(section, _)| asked(section));
    let text: Vec<_> = asked.map(|(section, lines)| format!("# {section}\r\n{lines}")).collect();
    Reply::text(text.join("\r\n"))
}

/// CONFIG GET, of what programs ask for to know what they have in front of them.
pub(crate) fn config(front: &Front, arguments: Arguments<'_>) -> Result<Reply, Failure> {
    let limits = front.commands.limits();
    let settings = [
        ("appendonly", "no".to_owned()),
        ("databases", "1".to_owned()),
        ("maxmemory-policy", "allkeys-lfu".to_owned()),
        ("proto-max-bulk-len", limits.max_item_bytes.to_string()),
        ("save", String::new()),
        ("timeout", "0".to_owned()),
    ];
    match arguments.get(0).to_ascii_uppercase().as_slice() {
        b"GET" if arguments.len() > 1 => {
            let asked = |name: &str| {
                arguments
                    .from(1)
                    .iter()
                    .any(|pattern| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes()))
            };
            let found = settings.into_iter().filter(|(name, _)| asked(name));
            Ok(Reply::Map(found.flat_map(|(name, value)| [bulk(name), Reply::text(value)]).collect()))
        }
        b"GET" => Err(Failure::said("ERR wrong number of arguments for 'config|get' command")),
        name @ (b"SET" | b"REWRITE" | b"RESETSTAT") => Err(Failure::said(format!(
            "ERR CONFIG {} is not offered: the server is configured by flags and its file, when it starts",
            shown(name)
        ))),
        other => Err(unknown_subcommand("CONFIG", other)),
    }
}

/// COMMAND and its subcommands COUNT, LIST, INFO, GETKEYS and DOCS.
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
        b"GETKEYS" if !named.is_empty() => keys(named),
        // Nothing is documented here; redis-cli asks on connecting, for its hints.
        b"DOCS" => Ok(Reply::Map(Vec::new())),
        other => Err(unknown_subcommand("COMMAND", other)),
    }
}

/// The keys of a call.
fn keys(call: Arguments<'_>) -> Result<Reply, Failure> {
    let entry = Entry::find(call.get(0)).and_then(|place| COMMANDS.get(place));
    let entry = entry.ok_or_else(|| Failure::said("ERR Invalid command specified"))?;
    if !entry.takes(call.len()) {
        return Err(Failure::said("ERR Invalid number of arguments specified for command"));
    }
    let places = entry.key_places(call);
    if places.is_empty() {
        return Err(Failure::said("ERR The command has no key arguments"));
    }
    let keys = places.into_iter().map(|place| Reply::Bytes(bytes::Bytes::copy_from_slice(call.get(place))));
    Ok(Reply::Array(keys.collect()))
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
    let mut flags = vec![Reply::Status(match entry.kind {
        Kind::Items(Items::Read, _) => "readonly",
        Kind::Items(Items::Write | Items::ReadWrite, _) => "write",
        Kind::Connection(_) if entry.group == Group::PubSub => "pubsub",
        Kind::Connection(_) => "fast",
    })];
    if entry.counted > 0 {
        flags.push(Reply::Status("movablekeys"));
    }
    let (first, last, step) = entry.keys;
    let number = |number: i8| Reply::Integer(number.into());
    Reply::Array(vec![
        bulk(entry.name),
        number(entry.arity),
        Reply::Array(flags),
        number(first),
        number(last),
        number(step),
        Reply::empty(),
        Reply::empty(),
        Reply::empty(),
        Reply::empty(),
    ])
}
