//! The commands that there are.

use kura_commands::Items;

use crate::call::Run;
use crate::commands::{hashes, keys, lists, sets, sorted_sets, strings};
use crate::parse::Arguments;

/// A command.
pub(crate) struct Entry {
    /// In lower case.
    pub(crate) name: &'static str,
    /// How many arguments there are, the name among them; at least so many if negative.
    pub(crate) arity: i8,
    /// Which arguments are keys: first, last (negative ones count from the end), and how far apart.
    pub(crate) keys: (i8, i8, i8),
    pub(crate) kind: Kind,
}

/// What carries a command out.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// On items, with these rights.
    Items(Items, Run),
    /// On the connection.
    Connection(Session),
}

/// Commands on the connection itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    Auth,
    Client,
    Command,
    Echo,
    Hello,
    Info,
    Ping,
    Quit,
    Reset,
    Select,
}

impl Session {
    /// Whether somebody who has not authenticated may use it.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Auth | Self::Hello | Self::Quit | Self::Reset)
    }
}

impl Entry {
    /// Whether a call may have so many arguments, the name among them.
    pub(crate) fn takes(&self, arguments: usize) -> bool {
        let least = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { arguments >= least } else { arguments == least }
    }

    /// The rights that a call needs: SET on a condition, or telling what was there, reads too.
    pub(crate) fn items(&self, arguments: Arguments<'_>) -> Items {
        let reads =
            |option: &[u8]| [&b"NX"[..], b"XX", b"GET"].iter().any(|name| name.eq_ignore_ascii_case(option));
        match self.kind {
            Kind::Items(_, _) if self.name == "set" && arguments.from(2).iter().any(reads) => ReadWrite,
            Kind::Items(items, _) => items,
            Kind::Connection(_) => Read,
        }
    }

    /// The position of the command in the table.
    pub(crate) fn find(name: &[u8]) -> Option<usize> {
        let mut slot = slot(name);
        loop {
            let place = usize::from(SLOTS[slot]).checked_sub(1)?;
            if COMMANDS.get(place)?.name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(place);
            }
            slot = (slot + 1) % SLOTS.len();
        }
    }
}

/// Places in [`COMMANDS`] and one, by the hash of the name or behind it; 0 is free. There are several times as many
/// as commands, so that a search ends soon.
static SLOTS: [u16; 1024] = {
    let mut slots = [0; 1024];
    let mut place = 0;
    while place < COMMANDS.len() {
        let mut at = slot(COMMANDS[place].name.as_bytes());
        while slots[at] != 0 {
            at = (at + 1) % slots.len();
        }
        place += 1;
        slots[at] = place as u16;
    }
    slots
};

/// Where the search for a name begins, whatever its case.
const fn slot(name: &[u8]) -> usize {
    let mut hash = name.len() as u32;
    let mut at = 0;
    while at < name.len() && at < LONGEST {
        hash = (hash ^ (name[at] | 0x20) as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 15)) as usize % 1024
}

/// Bytes of a name that its hash is made of.
const LONGEST: usize = 20;

const fn on(name: &'static str, arity: i8, items: Items, keys: (i8, i8, i8), run: Run) -> Entry {
    Entry { name, arity, keys, kind: Kind::Items(items, run) }
}

const fn session(name: &'static str, arity: i8, session: Session) -> Entry {
    Entry { name, arity, keys: (0, 0, 0), kind: Kind::Connection(session) }
}

const ONE: (i8, i8, i8) = (1, 1, 1);
const ALL: (i8, i8, i8) = (1, -1, 1);
const PAIRS: (i8, i8, i8) = (1, -1, 2);

use Items::{Read, ReadWrite, Write};

/// All commands, in order of their names. One whose answer tells what is or was stored needs the
/// right to read.
pub(crate) static COMMANDS: &[Entry] = &[
    on("append", 3, ReadWrite, ONE, strings::append),
    session("auth", -2, Session::Auth),
    session("client", -2, Session::Client),
    session("command", -1, Session::Command),
    on("decr", 2, ReadWrite, ONE, strings::decr),
    on("decrby", 3, ReadWrite, ONE, strings::decrby),
    on("del", -2, ReadWrite, ALL, keys::del),
    session("echo", 2, Session::Echo),
    on("exists", -2, Read, ALL, keys::exists),
    on("expire", -3, ReadWrite, ONE, keys::expire),
    on("expireat", -3, ReadWrite, ONE, keys::expireat),
    on("expiretime", 2, Read, ONE, keys::expiretime),
    on("get", 2, Read, ONE, strings::get),
    on("getdel", 2, ReadWrite, ONE, strings::getdel),
    on("getex", -2, ReadWrite, ONE, strings::getex),
    on("getrange", 4, Read, ONE, strings::getrange),
    on("getset", 3, ReadWrite, ONE, strings::getset),
    on("hdel", -3, ReadWrite, ONE, hashes::hdel),
    session("hello", -1, Session::Hello),
    on("hexists", 3, Read, ONE, hashes::hexists),
    on("hget", 3, Read, ONE, hashes::hget),
    on("hgetall", 2, Read, ONE, hashes::hgetall),
    on("hincrby", 4, ReadWrite, ONE, hashes::hincrby),
    on("hincrbyfloat", 4, ReadWrite, ONE, hashes::hincrbyfloat),
    on("hkeys", 2, Read, ONE, hashes::hkeys),
    on("hlen", 2, Read, ONE, hashes::hlen),
    on("hmget", -3, Read, ONE, hashes::hmget),
    on("hmset", -4, Write, ONE, hashes::hmset),
    on("hset", -4, ReadWrite, ONE, hashes::hset),
    on("hsetnx", 4, ReadWrite, ONE, hashes::hsetnx),
    on("hstrlen", 3, Read, ONE, hashes::hstrlen),
    on("hvals", 2, Read, ONE, hashes::hvals),
    on("incr", 2, ReadWrite, ONE, strings::incr),
    on("incrby", 3, ReadWrite, ONE, strings::incrby),
    on("incrbyfloat", 3, ReadWrite, ONE, strings::incrbyfloat),
    session("info", -1, Session::Info),
    on("lindex", 3, Read, ONE, lists::lindex),
    on("linsert", 5, ReadWrite, ONE, lists::linsert),
    on("llen", 2, Read, ONE, lists::llen),
    on("lpop", -2, ReadWrite, ONE, lists::lpop),
    on("lpush", -3, ReadWrite, ONE, lists::lpush),
    on("lpushx", -3, ReadWrite, ONE, lists::lpushx),
    on("lrange", 4, Read, ONE, lists::lrange),
    on("lrem", 4, ReadWrite, ONE, lists::lrem),
    on("lset", 4, ReadWrite, ONE, lists::lset),
    on("ltrim", 4, Write, ONE, lists::ltrim),
    on("mget", -2, Read, ALL, strings::mget),
    on("mset", -3, Write, PAIRS, strings::mset),
    on("persist", 2, ReadWrite, ONE, keys::persist),
    on("pexpire", -3, ReadWrite, ONE, keys::pexpire),
    on("pexpireat", -3, ReadWrite, ONE, keys::pexpireat),
    on("pexpiretime", 2, Read, ONE, keys::pexpiretime),
    session("ping", -1, Session::Ping),
    on("psetex", 4, Write, ONE, strings::psetex),
    on("pttl", 2, Read, ONE, keys::pttl),
    session("quit", -1, Session::Quit),
    session("reset", 1, Session::Reset),
    on("rpop", -2, ReadWrite, ONE, lists::rpop),
    on("rpush", -3, ReadWrite, ONE, lists::rpush),
    on("rpushx", -3, ReadWrite, ONE, lists::rpushx),
    on("sadd", -3, ReadWrite, ONE, sets::sadd),
    on("scard", 2, Read, ONE, sets::scard),
    session("select", 2, Session::Select),
    on("set", -3, Write, ONE, strings::set),
    on("setex", 4, Write, ONE, strings::setex),
    on("setnx", 3, ReadWrite, ONE, strings::setnx),
    on("setrange", 4, ReadWrite, ONE, strings::setrange),
    on("sismember", 3, Read, ONE, sets::sismember),
    on("smembers", 2, Read, ONE, sets::smembers),
    on("smismember", -3, Read, ONE, sets::smismember),
    on("spop", -2, ReadWrite, ONE, sets::spop),
    on("srandmember", -2, Read, ONE, sets::srandmember),
    on("srem", -3, ReadWrite, ONE, sets::srem),
    on("strlen", 2, Read, ONE, strings::strlen),
    on("substr", 4, Read, ONE, strings::getrange),
    on("touch", -2, Read, ALL, keys::exists),
    on("ttl", 2, Read, ONE, keys::ttl),
    on("type", 2, Read, ONE, keys::item_type),
    on("unlink", -2, ReadWrite, ALL, keys::del),
    on("zadd", -4, ReadWrite, ONE, sorted_sets::zadd),
    on("zcard", 2, Read, ONE, sorted_sets::zcard),
    on("zcount", 4, Read, ONE, sorted_sets::zcount),
    on("zincrby", 4, ReadWrite, ONE, sorted_sets::zincrby),
    on("zlexcount", 4, Read, ONE, sorted_sets::zlexcount),
    on("zmscore", -3, Read, ONE, sorted_sets::zmscore),
    on("zpopmax", -2, ReadWrite, ONE, sorted_sets::zpopmax),
    on("zpopmin", -2, ReadWrite, ONE, sorted_sets::zpopmin),
    on("zrange", -4, Read, ONE, sorted_sets::zrange),
    on("zrangebylex", -4, Read, ONE, sorted_sets::zrangebylex),
    on("zrangebyscore", -4, Read, ONE, sorted_sets::zrangebyscore),
    on("zrank", 3, Read, ONE, sorted_sets::zrank),
    on("zrem", -3, ReadWrite, ONE, sorted_sets::zrem),
    on("zremrangebylex", 4, ReadWrite, ONE, sorted_sets::zremrangebylex),
    on("zremrangebyrank", 4, ReadWrite, ONE, sorted_sets::zremrangebyrank),
    on("zremrangebyscore", 4, ReadWrite, ONE, sorted_sets::zremrangebyscore),
    on("zrevrange", -4, Read, ONE, sorted_sets::zrevrange),
    on("zrevrangebylex", -4, Read, ONE, sorted_sets::zrevrangebylex),
    on("zrevrangebyscore", -4, Read, ONE, sorted_sets::zrevrangebyscore),
    on("zrevrank", 3, Read, ONE, sorted_sets::zrevrank),
    on("zscore", 3, Read, ONE, sorted_sets::zscore),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name() {
        for (place, entry) in COMMANDS.iter().enumerate() {
            assert_eq!(Entry::find(entry.name.to_uppercase().as_bytes()), Some(place), "{}", entry.name);
        }
        assert_eq!(Entry::find(b"eval"), None);
        assert_eq!(Entry::find(&[b'x'; 100]), None);
    }
}
