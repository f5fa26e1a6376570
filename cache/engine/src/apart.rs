//! Items too large for a segment: key and value on the heap, a number in the log.

use crate::Keyspace;
use crate::buffer::Buffers;
use crate::collection::Trees;
use bytes::Bytes;

/// What the allocator and the reference count take beside a key and a value, in bytes.
const ALLOCATION_BYTES: u64 = 64;

/// One item kept apart.
#[derive(Debug)]
pub(crate) struct Large {
    pub(crate) keyspace: Keyspace,
    pub(crate) key: Box<[u8]>,
    pub(crate) value: Kept,
}

/// What is kept apart.
#[derive(Debug)]
pub(crate) enum Kept {
    Value(Bytes),
    /// A collection; its bytes are in the books of the heap, not in those of the log.
    Collection(Box<Trees>),
}

impl Kept {
    /// Bytes in the books of the log.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Value(value) => value.len(),
            Self::Collection(_) => 0,
        }
    }
}

/// The items kept apart, by number.
#[derive(Debug)]
pub(crate) struct Apart {
    buffers: Buffers,
    places: Vec<Option<Large>>,
    vacant: Vec<u32>,
    taken_bytes: u64,
    collections: usize,
}

impl Apart {
    pub(crate) fn new(buffers: Buffers) -> Self {
        Self { buffers, places: Vec::new(), vacant: Vec::new(), taken_bytes: 0, collections: 0 }
    }

    /// Bytes that an item takes beside its record, with so many bytes of key and value.
    pub(crate) fn bytes_of(&self, key: usize, value: usize) -> u64 {
        let buffer = if value == 0 { 0 } else { self.buffers.taken(value) };
        (key + buffer) as u64 + ALLOCATION_BYTES
    }

    pub(crate) fn bytes(&self, large: &Large) -> u64 {
        self.bytes_of(large.key.len(), large.value.len())
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Large> {
        self.places.get(number as usize)?.as_ref()
    }

    pub(crate) fn insert(&mut self, large: Large) -> u32 {
        self.taken_bytes += self.bytes(&large);
        self.collections += usize::from(matches!(large.value, Kept::Collection(_)));
        match self.vacant.pop() {
            Some(number) => {
                self.places[number as usize] = Some(large);
                number
            }
            None => {
                self.places.push(Some(large));
                (self.places.len() - 1) as u32
            }
        }
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Large> {
        let large = self.places.get_mut(number as usize)?.take()?;
        self.taken_bytes -= self.bytes(&large);
        self.collections -= usize::from(matches!(large.value, Kept::Collection(_)));
        self.vacant.push(number);
        Some(large)
    }

    pub(crate) fn collection_mut(&mut self, number: u32) -> Option<&mut Trees> {
        match &mut self.places.get_mut(number as usize)?.as_mut()?.value {
            Kept::Collection(trees) => Some(trees),
            Kept::Value(_) => None,
        }
    }

    /// The first collection at a number from `hand` on, or else from 0 on, and its number.
    pub(crate) fn next_collection(&self, hand: u32) -> Option<(u32, &Large)> {
        if self.collections == 0 {
            return None;
        }
        let (before, from) = self.places.split_at((hand as usize).min(self.places.len()));
        let numbers = (from.len() + before.len()) as u32;
        let numbers = (before.len() as u32..numbers).chain(0..before.len() as u32);
        let mut all = numbers.zip(from.iter().chain(before));
        all.find_map(|(number, place)| match place {
            Some(large) if matches!(large.value, Kept::Collection(_)) => Some((number, large)),
            _ => None,
        })
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    /// Bytes allocated.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.taken_bytes + (self.places.capacity() * Self::PLACE_BYTES) as u64
    }

    /// Bytes that one more item adds to the list of places.
    pub(crate) fn growth_bytes(&self) -> u64 {
        let full = self.vacant.is_empty() && self.places.len() == self.places.capacity();
        if full { (self.places.capacity().max(4) * Self::PLACE_BYTES) as u64 } else { 0 }
    }

    /// A place, and its number in the list of vacant ones, whose capacity may be twice what is
    /// needed.
    const PLACE_BYTES: usize = size_of::<Option<Large>>() + 2 * size_of::<u32>();
}
