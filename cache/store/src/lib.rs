//! Where caches and their items are kept. It never sees a protocol.
//!
//! [`Data`] holds the items, in memory; [`Registry`] holds what must not be lost (caches, keys,
//! revocations), on disk; [`TopicLog`] holds what was published, in memory: append to it, read from
//! a place in it, wait for what comes. [`Command`] and [`Reply`] are the language between `commands` and
//! [`Data`].

mod collections;
mod command;
mod data;
mod registry;

pub use collections::{
    Aggregate, CollectionTtl, DictionaryCommand, DictionaryReply, Element, LeaderboardCommand,
    LeaderboardReply, ListCommand, ListReply, ListSpan, Long, Order, Outcome, ScoreBound, ScoreRange,
    SetCommand, SetReply, Side, SortedSetCommand, SortedSetFetch, SortedSetReply, Source,
};
pub use command::{Command, Condition, DataError, Hash, HashCondition, Reply, TtlChange};
pub use data::{Data, Work};
pub use kura_engine::{
    Action, Change, Collection, Dictionary, Elements, Fields, Item, ItemType, Keyspace, List, Scored, Set,
    SortedSet, Stats, Value, ValueRef,
};
pub use kura_topics::{
    Config as TopicConfig, Discontinuity, End, Event, Message, Resume, Start, Subscription, TopicError,
    TopicStats, Topics as TopicLog, Value as TopicValue,
};
pub use registry::{
    ENDED_KEYS_SECONDS, KEY_ID_PREFIX, KeyRecord, MAX_ENDED_KEYS, ROLE_ID_PREFIX, Registry, RegistryError,
    RoleRecord, SigningKeyRecord,
};
