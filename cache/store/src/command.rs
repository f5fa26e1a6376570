//! What can be asked of a cache's items, and what comes back. No protocol, no session.

use std::time::Duration;

use kura_base::Ttl;
use kura_engine::{ItemType, Value};

/// A command on one key.
#[derive(Debug)]
pub enum Command<'a> {
    /// The value.
    Get,
    /// The value and its hash.
    GetWithHash,
    /// Whether the key is there.
    Exists,
    /// How long the item still lives.
    ItemGetTtl,
    /// What kind of item it is.
    ItemGetType,
    /// Writes the value.
    Set {
        /// What to write.
        value: Value<'a>,
        /// How long it lives.
        ttl: Ttl,
    },
    /// Writes the value if the item meets the condition.
    SetIf {
        /// What to write.
        value: Value<'a>,
        /// How long it lives.
        ttl: Ttl,
        /// When to write.
        condition: Condition<'a>,
    },
    /// Writes the value if the item's hash meets the condition.
    SetIfHash {
        /// What to write.
        value: Value<'a>,
        /// How long it lives.
        ttl: Ttl,
        /// When to write.
        condition: HashCondition<'a>,
    },
    /// Adds to the integer that the value spells, or writes it.
    Increment {
        /// What to add; may be negative or zero.
        amount: i64,
        /// How long the sum lives.
        ttl: Ttl,
    },
    /// Changes how long the item lives.
    UpdateTtl(TtlChange),
    /// Removes the item.
    Delete,
}

impl Command<'_> {
    /// Bytes of the value that this command would store.
    #[must_use]
    pub fn value_bytes(&self) -> usize {
        match self {
            Self::Set { value, .. } | Self::SetIf { value, .. } | Self::SetIfHash { value, .. } => {
                value.as_bytes().len()
            }
            _ => 0,
        }
    }
}

/// When [`Command::SetIf`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// An item is there.
    Present,
    /// No item is there.
    Absent,
    /// An item with exactly this value is there.
    Equal(&'a [u8]),
    /// No item with this value is there: also when none is there at all.
    NotEqual(&'a [u8]),
    /// An item is there and has another value.
    PresentAndNotEqual(&'a [u8]),
    /// No item is there, or it has exactly this value.
    AbsentOrEqual(&'a [u8]),
}

impl Condition<'_> {
    /// Whether an item with this value (or none) meets the condition.
    #[must_use]
    pub fn holds(self, current: Option<&[u8]>) -> bool {
        match self {
            Self::Present => current.is_some(),
            Self::Absent => current.is_none(),
            Self::Equal(value) => current == Some(value),
            Self::NotEqual(value) => current != Some(value),
            Self::PresentAndNotEqual(value) => current.is_some_and(|current| current != value),
            Self::AbsentOrEqual(value) => current.is_none_or(|current| current == value),
        }
    }
}

/// When [`Command::SetIfHash`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashCondition<'a> {
    /// Always.
    Unconditional,
    /// An item is there and its hash is this.
    PresentAndEqual(&'a [u8]),
    /// An item is there and its hash is another.
    PresentAndNotEqual(&'a [u8]),
    /// No item is there, or its hash is this.
    AbsentOrEqual(&'a [u8]),
    /// No item is there, or its hash is another.
    AbsentOrNotEqual(&'a [u8]),
}

impl HashCondition<'_> {
    /// Whether an item with this value (or none) meets the condition.
    #[must_use]
    pub fn holds(self, current: Option<&[u8]>) -> bool {
        let is = |hash: &[u8]| current.map(|value| Hash::of(value).as_bytes() == hash);
        match self {
            Self::Unconditional => true,
            Self::PresentAndEqual(hash) => is(hash) == Some(true),
            Self::PresentAndNotEqual(hash) => is(hash) == Some(false),
            Self::AbsentOrEqual(hash) => is(hash) != Some(false),
            Self::AbsentOrNotEqual(hash) => is(hash) != Some(true),
        }
    }
}

/// How [`Command::UpdateTtl`] changes the time that an item still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlChange {
    /// To this, if that is longer.
    IncreaseTo(Ttl),
    /// To this, if that is shorter.
    DecreaseTo(Ttl),
    /// To this.
    OverwriteTo(Ttl),
}

/// The hash of a value, as clients compare it: 32 hexadecimal digits, because SDKs also decode
/// it as text and compare the text.
///
/// It is the 128-bit XXH3 of the value: it tells values apart, it does not authenticate them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of `value`.
    #[must_use]
    pub fn of(value: &[u8]) -> Self {
        let hash = xxhash_rust::xxh3::xxh3_128(value).to_be_bytes();
        let mut digits = [0; 32];
        for (byte, pair) in hash.iter().zip(digits.chunks_exact_mut(2)) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        Self(digits)
    }

    /// The digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What a command answers. A value read goes to the sink, not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The item is there; for `Get` and `GetWithHash` the sink has its value.
    Found,
    /// As `Found`, with the value's hash.
    FoundWithHash(Hash),
    /// No item is there.
    Missing,
    /// Done, whatever was there.
    Done,
    /// The condition held and the value is written; the hash for `SetIfHash`.
    Stored(Option<Hash>),
    /// The condition did not hold; nothing is changed.
    NotStored,
    /// The sum.
    Integer(i64),
    /// The time to live is changed.
    TtlSet,
    /// The time to live stays as it was.
    TtlNotSet,
    /// How long the item still lives, in whole milliseconds.
    Remaining(Duration),
    /// What kind of item it is.
    Type(ItemType),
}

/// Why a command could not be carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DataError {
    /// No cache of that name.
    #[error("Cache not found: {0}")]
    CacheNotFound(String),
    /// The cache was flushed or deleted while long work waited for its turn.
    #[error("the cache was flushed or deleted while the command waited; send it again")]
    EmptiedMeanwhile,
    /// `Increment` on a value that is not a base-10 64-bit integer.
    #[error("the value is not a base-10 integer of 64 bits; Increment works on such values only")]
    NotAnInteger,
    /// `Increment` past the ends of a 64-bit integer.
    #[error("adding {amount} to {current} leaves the range of a 64-bit integer; nothing was changed")]
    Overflow {
        /// What the value spells.
        current: i64,
        /// What was to be added.
        amount: i64,
    },
    /// The item is of another type than the command is for.
    #[error("wrong type: the item is a {}; this command works on a {} only", type_name(*found), type_name(*wanted))]
    WrongType {
        /// What is there.
        found: ItemType,
        /// What the command is for.
        wanted: ItemType,
    },
    /// `SortedSetIncrement` by an infinite amount of an infinite score of the other sign.
    #[error("adding {amount} to {current} is not a number; nothing was changed")]
    NotANumber {
        /// The score.
        current: f64,
        /// What was to be added.
        amount: f64,
    },
    /// Answers that are still being sent hold the memory that collections may take.
    #[error(
        "no memory is left for {bytes} bytes more in collections: answers still being sent hold it; \
         read them, or raise the server's --memory"
    )]
    NoRoom {
        /// What was needed.
        bytes: u64,
    },
    /// The item is larger than the memory that the server may use for it.
    #[error("item size: {0}; raise the server's --memory or store less")]
    TooLarge(#[from] kura_engine::TooLarge),
}

fn type_name(item_type: ItemType) -> &'static str {
    match item_type {
        ItemType::Scalar => "scalar",
        ItemType::Dictionary => "dictionary",
        ItemType::Set => "set",
        ItemType::List => "list",
        ItemType::SortedSet => "sorted set",
    }
}
