//! The commands that there are.

use kura_commands::Items;

use crate::call::Run;
use crate::commands::{
    bits, hashes, keys, lcs, lists, moves, scans, set_algebra, sets, sorted_set_algebra, sorted_sets,
    sorting, strings,
};
use crate::numbers;
use crate::parse::Arguments;

/// A command.
pub(crate) struct Entry {
    /// In lower case.
    pub(crate) name: &'static str,
    /// How many arguments there are, the name among them; at least so many if negative.
    pub(crate) arity: i8,
    /// Which arguments are keys: first, last (negative ones count from the end), and how far apart.
    pub(crate) keys: (i8, i8, i8),
    /// Which argument says how many of those behind it are keys, besides; none if zero.
    pub(crate) counted: u8,
    pub(crate) group: Group,
    pub(crate) kind: Kind,
}

/// What a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    String,
    Hash,
    List,
    Set,
    SortedSet,
    Key,
    PubSub,
    Connection,
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
    Config,
    Echo,
    Flush,
    Hello,
    Info,
    Ping,
    Publish,
    Pubsub,
    Quit,
    Reset,
    Select,
    Subscribe,
    SubscribeShard,
    Time,
    Unsubscribe,
    UnsubscribePatterns,
    UnsubscribeShard,
}

impl Session {
    /// Whether somebody who has not authenticated may use it.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Auth | Self::Hello | Self::Quit | Self::Reset)
    }
}

impl Entry {
    const fn counted(mut self, at: u8) -> Self {
        self.counted = at;
        self
    }

    /// Whether a connection of version 2 may use it that subscribes to something.
    pub(crate) fn is_for_subscribers(&self) -> bool {
        use Session::{
            Ping, Quit, Reset, Subscribe, SubscribeShard, Unsubscribe, UnsubscribePatterns, UnsubscribeShard,
        };
        matches!(
            self.kind,
            Kind::Connection(
                Ping | Quit
                    | Reset
                    | Subscribe
                    | SubscribeShard
                    | Unsubscribe
                    | UnsubscribePatterns
                    | UnsubscribeShard
            )
        )
    }

    /// Which of a call's arguments, the name among them, are keys.
    pub(crate) fn key_places(&self, arguments: Arguments<'_>) -> Vec<usize> {
        let (first, last, step) = self.keys;
        let mut places = Vec::new();
        if let (Ok(first), Ok(step)) = (usize::try_from(first), usize::try_from(step))
            && step > 0
        {
            let last = match usize::try_from(last) {
                Ok(last) => last,
                Err(_) => arguments.len().saturating_sub(usize::from(last.unsigned_abs())),
            };
            places.extend((first..=last).step_by(step));
        }
        if self.counted > 0 {
            let at = usize::from(self.counted);
            let count = numbers::integer(arguments.get(at)).and_then(|count| usize::try_from(count).ok());
            places.extend((at + 1..arguments.len()).take(count.unwrap_or(0)));
        }
        places.retain(|place| *place < arguments.len());
        places
    }

    /// Whether a call may have so many arguments, the name among them.
    pub(crate) fn takes(&self, arguments: usize) -> bool {
        let least = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { arguments >= least } else { arguments == least }
    }

    /// The rights that a call needs: SET on a condition, or telling what was there, reads too.
    pub(crate) fn items(&self, arguments: Arguments<'_>) -> Items {
        let reads = |option: &[u8]| {
            [&b"NX"[..], b"XX", b"GET", b"IFEQ"].iter().any(|name| name.eq_ignore_ascii_case(option))
        };
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

const fn on(
    group: Group,
    (name, arity): (&'static str, i8),
    items: Items,
    keys: (i8, i8, i8),
    run: Run,
) -> Entry {
    Entry { name, arity, keys, counted: 0, group, kind: Kind::Items(items, run) }
}

const fn string(name: &'static str, arity: i8, items: Items, keys: (i8, i8, i8), run: Run) -> Entry {
    on(Group::String, (name, arity), items, keys, run)
}

const fn hash(name: &'static str, arity: i8, items: Items, keys: (i8, i8, i8), run: Run) -> Entry {
    on(Group::Hash, (name, arity), items, keys, run)
}

const fn list(name: &'static str, arity: i8, items: Items, keys: (i8, i8, i8), run: Run) -> Entry {
    on(Group::List, (name, arity), items, keys, run)
}

const fn set(name: &'static str, arity: i8, items: Items, keys: (i8, i8, i8), run: Run) -> Entry {
    on(Group::Set, (name, arity), items, keys, run)
}

const fn zset(name: &'static str, arity: i8, items: Items, keys: (i8, i8, i8), run: Run) -> Entry {
    on(Group::SortedSet, (name, arity), items, keys, run)
}

const fn key(name: &'static str, arity: i8, items: Items, keys: (i8, i8, i8), run: Run) -> Entry {
    on(Group::Key, (name, arity), items, keys, run)
}

const fn connection(name: &'static str, arity: i8, session: Session) -> Entry {
    Entry { name, arity, keys: NONE, counted: 0, group: Group::Connection, kind: Kind::Connection(session) }
}

const fn pubsub(name: &'static str, arity: i8, session: Session) -> Entry {
    Entry { group: Group::PubSub, ..connection(name, arity, session) }
}

const NONE: (i8, i8, i8) = (0, 0, 0);
const ONE: (i8, i8, i8) = (1, 1, 1);
const TWO: (i8, i8, i8) = (1, 2, 1);
const ALL: (i8, i8, i8) = (1, -1, 1);
const PAIRS: (i8, i8, i8) = (1, -1, 2);

use Items::{Read, ReadWrite, Write};

/// All commands, in order of their names. One whose answer tells what is or was stored needs the
/// right to read.
pub(crate) static COMMANDS: &[Entry] = &[
    string("append", 3, ReadWrite, ONE, strings::append),
    connection("auth", -2, Session::Auth),
    string("bitcount", -2, Read, ONE, bits::bitcount),
    string("bitfield", -2, ReadWrite, ONE, bits::bitfield),
    string("bitfield_ro", -2, Read, ONE, bits::bitfield_ro),
    string("bitop", -4, ReadWrite, (2, -1, 1), bits::bitop),
    string("bitpos", -3, Read, ONE, bits::bitpos),
    connection("client", -2, Session::Client),
    connection("command", -1, Session::Command),
    connection("config", -2, Session::Config),
    key("copy", -3, ReadWrite, TWO, moves::copy),
    key("dbsize", 1, Read, NONE, scans::dbsize),
    string("decr", 2, ReadWrite, ONE, strings::decr),
    string("decrby", 3, ReadWrite, ONE, strings::decrby),
    key("del", -2, ReadWrite, ALL, keys::del),
    string("delifeq", 3, ReadWrite, ONE, strings::delifeq),
    connection("echo", 2, Session::Echo),
    key("exists", -2, Read, ALL, keys::exists),
    key("expire", -3, ReadWrite, ONE, keys::expire),
    key("expireat", -3, ReadWrite, ONE, keys::expireat),
    key("expiretime", 2, Read, ONE, keys::expiretime),
    connection("flushall", -1, Session::Flush),
    connection("flushdb", -1, Session::Flush),
    string("get", 2, Read, ONE, strings::get),
    string("getbit", 3, Read, ONE, bits::getbit),
    string("getdel", 2, ReadWrite, ONE, strings::getdel),
    string("getex", -2, ReadWrite, ONE, strings::getex),
    string("getrange", 4, Read, ONE, strings::getrange),
    string("getset", 3, ReadWrite, ONE, strings::getset),
    hash("hdel", -3, ReadWrite, ONE, hashes::hdel),
    connection("hello", -1, Session::Hello),
    hash("hexists", 3, Read, ONE, hashes::hexists),
    hash("hget", 3, Read, ONE, hashes::hget),
    hash("hgetall", 2, Read, ONE, hashes::hgetall),
    hash("hgetdel", -5, ReadWrite, ONE, hashes::hgetdel),
    hash("hincrby", 4, ReadWrite, ONE, hashes::hincrby),
    hash("hincrbyfloat", 4, ReadWrite, ONE, hashes::hincrbyfloat),
    hash("hkeys", 2, Read, ONE, hashes::hkeys),
    hash("hlen", 2, Read, ONE, hashes::hlen),
    hash("hmget", -3, Read, ONE, hashes::hmget),
    hash("hmset", -4, Write, ONE, hashes::hmset),
    hash("hrandfield", -2, Read, ONE, hashes::hrandfield),
    hash("hscan", -3, Read, ONE, scans::hscan),
    hash("hset", -4, ReadWrite, ONE, hashes::hset),
    hash("hsetnx", 4, ReadWrite, ONE, hashes::hsetnx),
    hash("hstrlen", 3, Read, ONE, hashes::hstrlen),
    hash("hvals", 2, Read, ONE, hashes::hvals),
    string("incr", 2, ReadWrite, ONE, strings::incr),
    string("incrby", 3, ReadWrite, ONE, strings::incrby),
    string("incrbyfloat", 3, ReadWrite, ONE, strings::incrbyfloat),
    connection("info", -1, Session::Info),
    key("keys", 2, Read, NONE, scans::keys),
    string("lcs", -3, Read, TWO, lcs::lcs),
    list("lindex", 3, Read, ONE, lists::lindex),
    list("linsert", 5, ReadWrite, ONE, lists::linsert),
    list("llen", 2, Read, ONE, lists::llen),
    list("lmove", 5, ReadWrite, TWO, moves::lmove),
    list("lmpop", -4, ReadWrite, NONE, lists::lmpop).counted(1),
    list("lpop", -2, ReadWrite, ONE, lists::lpop),
    list("lpos", -3, Read, ONE, lists::lpos),
    list("lpush", -3, ReadWrite, ONE, lists::lpush),
    list("lpushx", -3, ReadWrite, ONE, lists::lpushx),
    list("lrange", 4, Read, ONE, lists::lrange),
    list("lrem", 4, ReadWrite, ONE, lists::lrem),
    list("lset", 4, ReadWrite, ONE, lists::lset),
    list("ltrim", 4, Write, ONE, lists::ltrim),
    string("mget", -2, Read, ALL, strings::mget),
    string("mset", -3, Write, PAIRS, strings::mset),
    key("persist", 2, ReadWrite, ONE, keys::persist),
    key("pexpire", -3, ReadWrite, ONE, keys::pexpire),
    key("pexpireat", -3, ReadWrite, ONE, keys::pexpireat),
    key("pexpiretime", 2, Read, ONE, keys::pexpiretime),
    connection("ping", -1, Session::Ping),
    string("psetex", 4, Write, ONE, strings::psetex),
    key("pttl", 2, Read, ONE, keys::pttl),
    pubsub("publish", 3, Session::Publish),
    pubsub("pubsub", -2, Session::Pubsub),
    pubsub("punsubscribe", -1, Session::UnsubscribePatterns),
    connection("quit", -1, Session::Quit),
    key("randomkey", 1, Read, NONE, scans::randomkey),
    key("rename", 3, ReadWrite, TWO, moves::rename),
    key("renamenx", 3, ReadWrite, TWO, moves::renamenx),
    connection("reset", 1, Session::Reset),
    list("rpop", -2, ReadWrite, ONE, lists::rpop),
    list("rpoplpush", 3, ReadWrite, TWO, moves::rpoplpush),
    list("rpush", -3, ReadWrite, ONE, lists::rpush),
    list("rpushx", -3, ReadWrite, ONE, lists::rpushx),
    set("sadd", -3, ReadWrite, ONE, sets::sadd),
    key("scan", -2, Read, NONE, scans::scan),
    set("scard", 2, Read, ONE, sets::scard),
    set("sdiff", -2, Read, ALL, set_algebra::sdiff),
    set("sdiffstore", -3, ReadWrite, ALL, set_algebra::sdiffstore),
    connection("select", 2, Session::Select),
    string("set", -3, Write, ONE, strings::set),
    string("setbit", 4, ReadWrite, ONE, bits::setbit),
    string("setex", 4, Write, ONE, strings::setex),
    string("setnx", 3, ReadWrite, ONE, strings::setnx),
    string("setrange", 4, ReadWrite, ONE, strings::setrange),
    set("sinter", -2, Read, ALL, set_algebra::sinter),
    set("sintercard", -3, Read, NONE, set_algebra::sintercard).counted(1),
    set("sinterstore", -3, ReadWrite, ALL, set_algebra::sinterstore),
    set("sismember", 3, Read, ONE, sets::sismember),
    set("smembers", 2, Read, ONE, sets::smembers),
    set("smismember", -3, Read, ONE, sets::smismember),
    set("smove", 4, ReadWrite, TWO, set_algebra::smove),
    key("sort", -2, ReadWrite, ONE, sorting::sort),
    key("sort_ro", -2, Read, ONE, sorting::sort_ro),
    set("spop", -2, ReadWrite, ONE, sets::spop),
    pubsub("spublish", 3, Session::Publish),
    set("srandmember", -2, Read, ONE, sets::srandmember),
    set("srem", -3, ReadWrite, ONE, sets::srem),
    set("sscan", -3, Read, ONE, scans::sscan),
    pubsub("ssubscribe", -2, Session::SubscribeShard),
    string("strlen", 2, Read, ONE, strings::strlen),
    pubsub("subscribe", -2, Session::Subscribe),
    string("substr", 4, Read, ONE, strings::getrange),
    set("sunion", -2, Read, ALL, set_algebra::sunion),
    set("sunionstore", -3, ReadWrite, ALL, set_algebra::sunionstore),
    pubsub("sunsubscribe", -1, Session::UnsubscribeShard),
    connection("time", 1, Session::Time),
    key("touch", -2, Read, ALL, keys::exists),
    key("ttl", 2, Read, ONE, keys::ttl),
    key("type", 2, Read, ONE, keys::item_type),
    key("unlink", -2, ReadWrite, ALL, keys::del),
    pubsub("unsubscribe", -1, Session::Unsubscribe),
    zset("zadd", -4, ReadWrite, ONE, sorted_sets::zadd),
    zset("zcard", 2, Read, ONE, sorted_sets::zcard),
    zset("zcount", 4, Read, ONE, sorted_sets::zcount),
    zset("zdiff", -3, Read, NONE, sorted_set_algebra::zdiff).counted(1),
    zset("zdiffstore", -4, ReadWrite, ONE, sorted_set_algebra::zdiffstore).counted(2),
    zset("zincrby", 4, ReadWrite, ONE, sorted_sets::zincrby),
    zset("zinter", -3, Read, NONE, sorted_set_algebra::zinter).counted(1),
    zset("zintercard", -3, Read, NONE, sorted_set_algebra::zintercard).counted(1),
    zset("zinterstore", -4, ReadWrite, ONE, sorted_set_algebra::zinterstore).counted(2),
    zset("zlexcount", 4, Read, ONE, sorted_sets::zlexcount),
    zset("zmpop", -4, ReadWrite, NONE, sorted_sets::zmpop).counted(1),
    zset("zmscore", -3, Read, ONE, sorted_sets::zmscore),
    zset("zpopmax", -2, ReadWrite, ONE, sorted_sets::zpopmax),
    zset("zpopmin", -2, ReadWrite, ONE, sorted_sets::zpopmin),
    zset("zrandmember", -2, Read, ONE, sorted_sets::zrandmember),
    zset("zrange", -4, Read, ONE, sorted_sets::zrange),
    zset("zrangebylex", -4, Read, ONE, sorted_sets::zrangebylex),
    zset("zrangebyscore", -4, Read, ONE, sorted_sets::zrangebyscore),
    zset("zrangestore", -5, ReadWrite, TWO, sorted_sets::zrangestore),
    zset("zrank", -3, Read, ONE, sorted_sets::zrank),
    zset("zrem", -3, ReadWrite, ONE, sorted_sets::zrem),
    zset("zremrangebylex", 4, ReadWrite, ONE, sorted_sets::zremrangebylex),
    zset("zremrangebyrank", 4, ReadWrite, ONE, sorted_sets::zremrangebyrank),
    zset("zremrangebyscore", 4, ReadWrite, ONE, sorted_sets::zremrangebyscore),
    zset("zrevrange", -4, Read, ONE, sorted_sets::zrevrange),
    zset("zrevrangebylex", -4, Read, ONE, sorted_sets::zrevrangebylex),
    zset("zrevrangebyscore", -4, Read, ONE, sorted_sets::zrevrangebyscore),
    zset("zrevrank", -3, Read, ONE, sorted_sets::zrevrank),
    zset("zscan", -3, Read, ONE, scans::zscan),
    zset("zscore", 3, Read, ONE, sorted_sets::zscore),
    zset("zunion", -3, Read, NONE, sorted_set_algebra::zunion).counted(1),
    zset("zunionstore", -4, ReadWrite, ONE, sorted_set_algebra::zunionstore).counted(2),
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
