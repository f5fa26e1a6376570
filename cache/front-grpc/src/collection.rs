//! The calls on dictionaries, sets, lists and sorted sets: from a message to a command, and from
//! its reply to a message.

mod dictionary;
mod list;
mod messages;
mod set;
mod sorted_set;

use std::time::Duration;

use bytes::Bytes;
use kura_base::Ttl;
use kura_commands::{
    Cache, CollectionTtl, Commands, DictionaryCommand, Error, Items, ListCommand, Order, SetCommand,
    SortedSetCommand,
};
use kura_wire::{Code, Status};

use crate::Method;
use crate::answer::Outcome;
use crate::error::status;
use crate::fields::Fields;
use crate::message::decode as read;
use crate::route::Kind;

/// What a call on a collection asks for.
#[derive(Debug)]
pub enum CollectionCommand {
    /// Of a dictionary.
    Dictionary(DictionaryCommand),
    /// Of a set.
    Set(SetCommand),
    /// Of a list.
    List(ListCommand),
    /// Of a sorted set.
    SortedSet {
        /// What.
        command: SortedSetCommand,
        /// Whether a fetch answers with scores too.
        with_scores: bool,
    },
}

/// What a call does to a collection, and so what its session must be allowed. Whatever tells the
/// caller what is stored is more than a write: lengths after a push, what a removal found.
pub(crate) fn items(method: Method) -> Items {
    match method {
        Method::DictionaryGet
        | Method::DictionaryFetch
        | Method::DictionaryLength
        | Method::SetFetch
        | Method::SetSample
        | Method::SetContains
        | Method::SetLength
        | Method::ListFetch
        | Method::ListLength
        | Method::SortedSetFetch
        | Method::SortedSetGetScore
        | Method::SortedSetGetRank
        | Method::SortedSetLength
        | Method::SortedSetLengthByScore => Items::Read,
        Method::DictionarySet
        | Method::DictionaryDelete
        | Method::SetUnion
        | Method::SortedSetPut
        | Method::SortedSetRemove => Items::Write,
        _ => Items::ReadWrite,
    }
}

/// Whether decoding a message, and copying what is in it, takes no longer than about 100 µs. The
/// shortest elements have two bytes on the wire, the longest 128 KiB.
pub(crate) fn is_short(method: Method, message: &[u8]) -> bool {
    const SHORT_BYTES: usize = 8 * 1024;
    const COPIED_BYTES: usize = 256 * 1024;
    const FEW: usize = 256;
    // One field holds all the elements of these.
    let nested = matches!(
        method,
        Method::DictionaryDelete | Method::SetDifference | Method::ListErase | Method::SortedSetRemove
    ) || method.kind() == Kind::Leaderboard;
    message.len() <= SHORT_BYTES
        || message.len() <= COPIED_BYTES && !nested && Fields::of(message).take(FEW + 1).count() <= FEW
}

/// Decodes the message of a call on a collection into the collection's name and the command.
/// `seed` decides what SetPop and SetSample choose.
///
/// # Errors
/// INVALID_ARGUMENT for bytes that are not the message, a time to live of zero, a choice that is
/// missing, an unknown order, scores that are NaN.
pub fn decode(
    method: Method,
    message: &Bytes,
    max_ttl: Duration,
    seed: u64,
) -> Result<(Bytes, CollectionCommand), Status> {
    let lifetime = Lifetime(max_ttl);
    Ok(match method {
        Method::DictionaryGet
        | Method::DictionaryFetch
        | Method::DictionarySet
        | Method::DictionaryIncrement
        | Method::DictionaryDelete
        | Method::DictionaryLength => {
            let (name, command) = dictionary::decode(method, message, &lifetime)?;
            (name, CollectionCommand::Dictionary(command))
        }
        Method::SetFetch
        | Method::SetSample
        | Method::SetUnion
        | Method::SetDifference
        | Method::SetContains
        | Method::SetLength
        | Method::SetPop => {
            let (name, command) = set::decode(method, message, &lifetime, seed)?;
            (name, CollectionCommand::Set(command))
        }
        Method::ListPushFront
        | Method::ListPushBack
        | Method::ListPopFront
        | Method::ListPopBack
        | Method::ListErase
        | Method::ListRemove
        | Method::ListFetch
        | Method::ListLength
        | Method::ListConcatenateFront
        | Method::ListConcatenateBack
        | Method::ListRetain => {
            let (name, command) = list::decode(method, message, &lifetime)?;
            (name, CollectionCommand::List(command))
        }
        _ => {
            let (name, command, with_scores) = sorted_set::decode(method, message, &lifetime)?;
            (name, CollectionCommand::SortedSet { command, with_scores })
        }
    })
}

/// Carries out one call on a collection, or hands back the work that takes longer.
pub(crate) fn execute(
    commands: &Commands,
    cache: Cache,
    method: Method,
    message: &Bytes,
    seed: u64,
) -> Result<Outcome, Status> {
    let (name, command) = decode(method, message, commands.limits().max_ttl, seed)?;
    let now = commands.now();
    match command {
        CollectionCommand::Dictionary(command) => {
            Outcome::of(commands.dictionary(cache, &name, command, now), dictionary::encode)
        }
        CollectionCommand::Set(command) => {
            Outcome::of(commands.set(cache, &name, command, now), move |reply| set::encode(method, reply))
        }
        CollectionCommand::List(command) => {
            Outcome::of(commands.list(cache, &name, command, now), move |reply| list::encode(method, reply))
        }
        CollectionCommand::SortedSet { command, with_scores } => {
            Outcome::of(commands.sorted_set(cache, &name, command, now), move |reply| {
                sorted_set::encode(method, reply, with_scores)
            })
        }
    }
}

/// Times to live up to the server's longest.
struct Lifetime(Duration);

impl Lifetime {
    fn of(&self, millis: u64, refresh: bool) -> Result<CollectionTtl, Status> {
        Ok(CollectionTtl { ttl: self.ttl(millis)?, refresh })
    }

    fn ttl(&self, millis: u64) -> Result<Ttl, Status> {
        Ttl::from_millis(millis, self.0).map_err(|error| status(&Error::from(error)))
    }
}

/// The order that a message names by number.
pub(crate) fn order(number: i32) -> Result<Order, Status> {
    match number {
        0 => Ok(Order::Ascending),
        1 => Ok(Order::Descending),
        _ => Err(Status::new(
            Code::InvalidArgument,
            format!("order is {number}; give ASCENDING (0) or DESCENDING (1)"),
        )),
    }
}
