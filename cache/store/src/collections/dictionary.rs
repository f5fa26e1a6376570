//! Dictionaries: values by field.

use bytes::Bytes;

use super::CollectionTtl;
use crate::{Dictionary, Fields};

/// A command on one dictionary.
#[derive(Clone, Debug)]
pub enum DictionaryCommand {
    /// The values of these fields, in this order.
    Get(Vec<Bytes>),
    /// All fields with their values.
    Fetch,
    /// How many fields there are.
    Length,
    /// Writes fields; of one named twice the last value stays.
    Set {
        /// Fields and values.
        items: Vec<(Bytes, Bytes)>,
        /// How long the dictionary lives.
        ttl: CollectionTtl,
    },
    /// Adds to the integer that a field's value spells, or writes it.
    Increment {
        /// The field.
        field: Bytes,
        /// What to add; may be negative or zero.
        amount: i64,
        /// How long the dictionary lives.
        ttl: CollectionTtl,
    },
    /// Removes these fields.
    Remove(Vec<Bytes>),
    /// Removes the dictionary.
    Delete,
}

/// What a [`DictionaryCommand`] answers.
#[derive(Debug)]
pub enum DictionaryReply {
    /// There is no such dictionary.
    Missing,
    /// Done, whatever was there.
    Done,
    /// The dictionary as it was, and the fields asked for: whoever encodes the answer looks their values up, so
    /// that a field that is named many times is not copied as often.
    Values(Dictionary, Vec<Bytes>),
    /// All fields.
    Found(Fields),
    /// The number of fields.
    Length(u64),
    /// The sum.
    Integer(i64),
}
