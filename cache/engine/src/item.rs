//! What goes in and comes out: keyspaces, values, items, decisions.

use crate::buffer::{self, Buffers};
use bytes::Bytes;
use kura_base::Millis;

/// One cache's contents between two flushes. The caller gives the numbers out, rising, and uses
/// none twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keyspace(pub u32);

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ItemType {
    /// One value: a string of bytes.
    Scalar,
    /// Values by field.
    Dictionary,
    /// Distinct elements.
    Set,
    /// Elements in order, equal ones allowed.
    List,
    /// Distinct elements with a score each, in order of score, then of bytes.
    SortedSet,
}

impl ItemType {
    const ALL: [Self; 5] = [Self::Scalar, Self::Dictionary, Self::Set, Self::List, Self::SortedSet];

    /// Three bits for an item's header; Momento's number on the wire.
    pub(crate) fn code(self) -> u32 {
        self as u32
    }

    pub(crate) fn of_code(code: u32) -> Self {
        Self::ALL.get(code as usize).copied().unwrap_or(Self::Scalar)
    }
}

/// A stored value, borrowed while its shard is locked.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// A small value, inside a segment.
    Inline(&'a [u8]),
    /// A large value, kept apart; cloning it copies no bytes.
    Shared(&'a Bytes),
}

impl ValueRef<'_> {
    /// The value's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    /// The value on its own: a copy of a small one, a share of a large one.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Inline(bytes) => Bytes::copy_from_slice(bytes),
            Self::Shared(bytes) => (*bytes).clone(),
        }
    }
}

/// A value to store.
///
/// Values that, with their key, take at most 4 KiB are copied into a segment; larger ones are
/// kept apart as [`Bytes`].
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Borrowed; copied once.
    Copied(&'a [u8]),
    /// Owned. A large one without pages of its own is kept without a copy when it is the only handle on a
    /// buffer for which the allocator takes no more than for the value; otherwise it is copied, so
    /// that a small value never holds a large buffer in memory. Bytes of the buffer in front of the
    /// value cannot be seen when they are fewer than the value's; a caller should not hand over
    /// such slices.
    Shared(Bytes),
    /// What [`Engine::ready`](crate::Engine::ready) made.
    Ready(Ready),
}

/// A large value as the engine that made it keeps it.
#[derive(Clone, Debug)]
pub struct Ready(Bytes);

impl Value<'_> {
    /// The value's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Shared(bytes) | Self::Ready(Ready(bytes)) => bytes,
        }
    }

    /// The value in a buffer of its own, which takes no more than it must.
    pub(crate) fn into_compact(self, buffers: Buffers) -> Bytes {
        match self {
            Self::Ready(Ready(bytes)) => bytes,
            value if buffers.own_pages(value.as_bytes().len()) => buffer::in_own_pages(value.as_bytes()),
            Self::Copied(bytes) => Bytes::copy_from_slice(bytes),
            Self::Shared(bytes) => compact(bytes),
        }
    }
}

impl Value<'static> {
    pub(crate) fn ready(compact: Bytes) -> Self {
        Self::Ready(Ready(compact))
    }
}

fn compact(bytes: Bytes) -> Bytes {
    let len = bytes.len();
    match bytes.try_into_mut() {
        Ok(mut buffer) => {
            let spare = buffer.capacity() - len;
            let roomy =
                buffer::allocated(len + spare) > buffer::allocated(len) || buffer.try_reclaim(spare + 1);
            if roomy { Bytes::copy_from_slice(&buffer) } else { buffer.freeze() }
        }
        Err(shared) => Bytes::copy_from_slice(&shared),
    }
}

/// A stored item, borrowed while its shard is locked.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The value of a scalar; means nothing otherwise.
    pub value: ValueRef<'a>,
    /// From this time on the item is gone. Times after the year 10889 (2^48 - 1 ms) are held
    /// as that.
    pub expires: Millis,
    /// What the item is.
    pub item_type: ItemType,
}

/// What [`Engine::update`](crate::Engine::update) does to the item after it was looked at.
#[derive(Clone, Debug)]
pub enum Action<'v> {
    /// Leaves everything as it is.
    Keep,
    /// Stores a value in place of whatever was there.
    Put {
        /// The new value.
        value: Value<'v>,
        /// From this time on the item is gone.
        expires: Millis,
    },
    /// Changes when the item ends; nothing if there is none.
    Expire(Millis),
    /// Removes the item; nothing if there is none.
    Remove,
}

/// An item that its shard could not hold even if it were the only one, or a key longer than an
/// item header can say. Whatever was stored under the key is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an item of {bytes} bytes is over the limit of {limit}; store less or give the cache more memory")]
pub struct TooLarge {
    /// Bytes of the refused item (or key, if that alone is too long).
    pub bytes: u64,
    /// The most that is accepted.
    pub limit: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of an engine so large that none of these values has pages of its own.
    const HEAP: Buffers = Buffers::of(1 << 40);

    #[test]
    fn a_unique_compact_buffer_is_kept() {
        let buffer = Bytes::from(vec![7; 10_000]);
        let address = buffer.as_ptr();
        assert_eq!(Value::Shared(buffer).into_compact(HEAP).as_ptr(), address);
    }

    #[test]
    fn a_slice_of_a_larger_or_shared_buffer_is_copied() {
        let whole = Bytes::from(vec![7; 100_000]);
        let slice = whole.slice(..10_000);
        assert_ne!(Value::Shared(slice.clone()).into_compact(HEAP).as_ptr(), slice.as_ptr(), "shared");
        drop(whole);
        let address = slice.as_ptr();
        assert_ne!(Value::Shared(slice).into_compact(HEAP).as_ptr(), address, "the head of a larger one");

        let tail = Bytes::from(vec![7; 100_000]).slice(90_000..);
        let address = tail.as_ptr();
        let kept = Value::Shared(tail).into_compact(HEAP);
        assert_eq!(kept, vec![7; 10_000]);
        assert_ne!(kept.as_ptr(), address, "the tail of a larger one");
    }
}
