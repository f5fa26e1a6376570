//! Items too large for a segment: key and value on the heap, a number in the log.

use bytes::Bytes;

/// What the allocator and the reference count take beside a key and a value, in bytes.
const ALLOCATION_BYTES: u64 = 64;

/// One item kept apart.
#[derive(Debug)]
pub(crate) struct Large {
    pub(crate) key: Box<[u8]>,
    pub(crate) value: Bytes,
}

impl Large {
    /// Bytes that an item with `payload` bytes of key and value takes on the heap.
    pub(crate) fn bytes(payload: usize) -> u64 {
        payload as u64 + ALLOCATION_BYTES
    }

    fn payload(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// The items kept apart, by number.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    places: Vec<Option<Large>>,
    vacant: Vec<u32>,
    payload_bytes: u64,
}

impl Apart {
    pub(crate) fn get(&self, number: u32) -> Option<&Large> {
        self.places.get(number as usize)?.as_ref()
    }

    pub(crate) fn insert(&mut self, large: Large) -> u32 {
        self.payload_bytes += Large::bytes(large.payload());
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
        self.payload_bytes -= Large::bytes(large.payload());
        self.vacant.push(number);
        Some(large)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    /// Bytes allocated.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.payload_bytes + (self.places.capacity() * Self::PLACE_BYTES) as u64
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
