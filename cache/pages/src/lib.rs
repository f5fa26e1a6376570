//! Buffers of whole pages, for large values and for large requests on their way.
//!
//! An allocator keeps what is freed for a while, by size and once for each thread, so that buffers of
//! all sizes up to a megabyte that come and go take several times what they hold. Here a buffer has
//! pages of its own. When its last handle goes, whoever has it, they serve the next buffer of the same
//! size class, since new pages cost several times what a copy into old ones does, or go back to the
//! system: not more than [`SPARE_BYTES`] wait for long. So what is taken is what the buffers take, and that.
//!
//! It counts nothing and bounds nothing else; who makes a buffer does. Small ones are better off with
//! the allocator.
//!
//! ```
//! let mut buffer = kura_pages::Buffer::with_capacity(100_000);
//! buffer.extend_from_slice(&[7; 90_000]);
//! let bytes = buffer.freeze();
//! assert_eq!(bytes, vec![7; 90_000]);
//! assert_eq!(kura_pages::taken(bytes.len()), 90_112);
//! ```

mod spare;

use bytes::Bytes;
use memmap2::{MmapMut, MmapOptions};

pub use spare::{SPARE_BYTES, trim};

/// Bytes of a page.
const PAGE_BYTES: usize = 4096;

/// Bytes that a buffer with room for `bytes` takes: whole pages, and of those no more than sixteen sizes
/// from one power of two to the next.
#[must_use]
pub fn taken(bytes: usize) -> usize {
    let bytes = bytes.max(1);
    bytes.next_multiple_of(PAGE_BYTES.max(1 << (bytes - 1).checked_ilog2().unwrap_or(0).saturating_sub(4)))
}

/// A buffer that is being filled.
#[derive(Debug)]
pub struct Buffer {
    room: Room,
    filled: usize,
}

#[derive(Debug)]
enum Room {
    Pages(MmapMut),
    /// Where the system gives no pages.
    Heap(Box<[u8]>),
}

impl Buffer {
    /// An empty buffer with room for so many bytes at least.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let bytes = taken(bytes);
        let pages = spare::take(bytes).map_or_else(|| MmapOptions::new().len(bytes).map_anon(), Ok);
        let room = match pages {
            Ok(pages) => Room::Pages(pages),
            Err(_) => Room::Heap(vec![0; bytes].into_boxed_slice()),
        };
        Self { room, filled: 0 }
    }

    /// A copy.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Bytes {
        let mut copy = Self::with_capacity(bytes.len());
        copy.extend_from_slice(bytes);
        copy.freeze()
    }

    /// Bytes it has been filled with.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        let room: &[u8] = match &self.room {
            Room::Pages(pages) => pages,
            Room::Heap(bytes) => bytes,
        };
        &room[..self.filled]
    }

    /// The room behind what it has been filled with. What is in it means nothing.
    pub fn unfilled(&mut self) -> &mut [u8] {
        let room: &mut [u8] = match &mut self.room {
            Room::Pages(pages) => pages,
            Room::Heap(bytes) => bytes,
        };
        &mut room[self.filled..]
    }

    /// Takes the first `bytes` of the room, or all of it if it has less, as filled.
    pub fn advance(&mut self, bytes: usize) {
        self.filled += bytes.min(self.unfilled().len());
    }

    /// Appends bytes. Where there is no room for them everything moves to a buffer at least twice as large.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if self.unfilled().len() < bytes.len() {
            self.reserve(bytes.len().max(self.filled));
        }
        self.unfilled()[..bytes.len()].copy_from_slice(bytes);
        self.advance(bytes.len());
    }

    /// Sees to it that there is room for so many bytes more.
    pub fn reserve(&mut self, bytes: usize) {
        if self.unfilled().len() < bytes {
            let mut larger = Self::with_capacity(self.filled + bytes);
            larger.extend_from_slice(self.as_slice());
            *self = larger;
        }
    }

    /// What it has been filled with, to be shared. The pages go with the last handle.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Room::Pages(pages) = std::mem::replace(&mut self.room, Room::Heap(Box::default())) {
            spare::put(pages);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_buffers_take() {
        let sizes = [0, 1, 4096, 4097, 9000, 65_535, 65_536, 131_073, 139_264, 139_265, 1_000_000, 1 << 20];
        let taken = sizes.map(taken);
        assert_eq!(
            taken,
            [4096, 4096, 4096, 8192, 12_288, 65_536, 65_536, 139_264, 139_264, 147_456, 1_015_808, 1 << 20]
        );
        for bytes in (1..3_000_000).step_by(1234) {
            let taken = super::taken(bytes);
            assert!(taken >= bytes && taken - bytes < 4096.max(bytes / 16), "{bytes} bytes take {taken}");
            assert_eq!(super::taken(taken), taken, "a class of its own");
        }
    }

    #[test]
    fn a_buffer_is_filled_and_grows() {
        let mut buffer = Buffer::with_capacity(10);
        let all: Vec<u8> = (0..100_001_u32).map(|n| n as u8).collect();
        for part in all.chunks(777) {
            buffer.extend_from_slice(part);
        }
        buffer.reserve(5);
        buffer.unfilled()[..5].copy_from_slice(b"after");
        buffer.advance(5);
        let bytes = buffer.freeze();
        assert_eq!(bytes[..100_001], all);
        assert_eq!(&bytes[100_001..], b"after");
    }

    #[test]
    fn more_than_there_is_room_for_is_not_filled() {
        let mut buffer = Buffer::with_capacity(4096);
        buffer.advance(usize::MAX / 2);
        assert_eq!(buffer.as_slice().len(), 4096);
    }
}
