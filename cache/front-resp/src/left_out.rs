//! The commands of Redis and Valkey that are not offered, and why.

use crate::described::shown;
use crate::reply::Failure;

/// Commands that are left out for one reason.
pub(crate) struct LeftOut {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the README's table"))]
    pub(crate) what: &'static str,
    /// Behind "it is not offered: ".
    pub(crate) why: &'static str,
    /// In upper case.
    pub(crate) names: &'static [&'static str],
}

/// All that is left out.
pub(crate) static LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        what: "scripts and functions",
        why: "no programs run within the server",
        names: &["EVAL", "EVALSHA", "EVALSHA_RO", "EVAL_RO", "FCALL", "FCALL_RO", "FUNCTION", "SCRIPT"],
    },
    LeftOut {
        what: "transactions",
        why: "each command stands for itself",
        names: &["DISCARD", "EXEC", "MULTI", "UNWATCH", "WATCH"],
    },
    LeftOut {
        what: "waiting for elements",
        why: "no command waits; topics tell at once that there is something",
        names: &[
            "BLMOVE",
            "BLMPOP",
            "BLPOP",
            "BRPOP",
            "BRPOPLPUSH",
            "BZMPOP",
            "BZPOPMAX",
            "BZPOPMIN",
            "WAIT",
            "WAITAOF",
        ],
    },
    LeftOut {
        what: "subscriptions to patterns",
        why: "a subscription is to one topic, by its name; use SUBSCRIBE",
        names: &["PSUBSCRIBE"],
    },
    LeftOut {
        what: "several keys at one moment",
        why: "keys live behind several locks, and it promises all or none of them",
        names: &["MSETEX", "MSETNX"],
    },
    LeftOut {
        what: "times to live of a hash's fields",
        why: "a field has no time to live of its own, the whole hash has one",
        names: &[
            "HEXPIRE",
            "HEXPIREAT",
            "HEXPIRETIME",
            "HGETEX",
            "HPERSIST",
            "HPEXPIRE",
            "HPEXPIREAT",
            "HPEXPIRETIME",
            "HPTTL",
            "HSETEX",
            "HTTL",
        ],
    },
    LeftOut {
        what: "streams, places and estimates",
        why: "there are no items of this type",
        names: &[
            "GEOADD",
            "GEODIST",
            "GEOHASH",
            "GEOPOS",
            "GEORADIUS",
            "GEORADIUSBYMEMBER",
            "GEORADIUSBYMEMBER_RO",
            "GEORADIUS_RO",
            "GEOSEARCH",
            "GEOSEARCHSTORE",
            "PFADD",
            "PFCOUNT",
            "PFDEBUG",
            "PFMERGE",
            "PFSELFTEST",
            "XACK",
            "XADD",
            "XAUTOCLAIM",
            "XCLAIM",
            "XDEL",
            "XGROUP",
            "XINFO",
            "XLEN",
            "XPENDING",
            "XRANGE",
            "XREAD",
            "XREADGROUP",
            "XREVRANGE",
            "XSETID",
            "XTRIM",
        ],
    },
    LeftOut {
        what: "other databases and servers",
        why: "a cache is one database on one server",
        names: &[
            "ASKING",
            "CLUSTER",
            "CLUSTERSCAN",
            "FAILOVER",
            "MIGRATE",
            "MOVE",
            "PSYNC",
            "READONLY",
            "READWRITE",
            "REPLCONF",
            "REPLICAOF",
            "RESTORE-ASKING",
            "ROLE",
            "SLAVEOF",
            "SWAPDB",
            "SYNC",
        ],
    },
    LeftOut {
        what: "how items are stored",
        why: "it is nothing that clients could count on",
        names: &["DEBUG", "DUMP", "MEMORY", "OBJECT", "RESTORE"],
    },
    LeftOut {
        what: "administration",
        why: "the server is administered by `kura` and by Momento's management calls",
        names: &[
            "ACL",
            "BGREWRITEAOF",
            "BGSAVE",
            "COMMANDLOG",
            "LASTSAVE",
            "LATENCY",
            "LOLWUT",
            "MODULE",
            "MONITOR",
            "SAVE",
            "SHUTDOWN",
            "SLOWLOG",
        ],
    },
];

/// What is said of a command that is not in the table.
pub(crate) fn refused(name: &[u8]) -> Failure {
    let (name, shown) = (name.to_ascii_uppercase(), shown(name));
    let of = |left_out: &&LeftOut| left_out.names.iter().any(|other| other.as_bytes() == name);
    Failure::said(match LEFT_OUT.iter().find(of) {
        Some(LeftOut { why, .. }) => format!("ERR command '{shown}' is not offered: {why}"),
        None => format!("ERR unknown command '{shown}': COMMAND LIST names those that there are"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Entry;

    #[test]
    fn what_is_left_out_is_not_there() {
        for name in LEFT_OUT.iter().flat_map(|left_out| left_out.names) {
            assert_eq!(Entry::find(name.as_bytes()), None, "{name}");
        }
        assert!(refused(b"eval").text().starts_with("ERR command 'eval' is not offered: "));
        assert!(refused(b"nonsense").text().starts_with("ERR unknown command 'nonsense': "));
    }
}
