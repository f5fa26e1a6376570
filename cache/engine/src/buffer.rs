//! Buffers of values kept apart, and what memory they take.

use bytes::Bytes;
use kura_pages::Buffer;

/// Values from this size on may have pages of their own, in bytes. What is left of the last page is
/// counted with the value.
const OWN_PAGES_FROM: u64 = 8 * 1024;
/// Most values with pages of their own: the kernel allows a process 65,530 mappings
/// (`vm.max_map_count`).
const OWN_PAGES_MOST: u64 = 16 * 1024;

/// Which values have pages of their own, and what the others take of the allocator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffers {
    own_pages_from: u64,
}

impl Buffers {
    /// Those of an engine with so many bytes of memory. With more memory pages are for larger
    /// values only: what the allocator holds of no use does not grow with it.
    pub(crate) const fn of(memory: u64) -> Self {
        let share = memory / OWN_PAGES_MOST;
        Self { own_pages_from: if share > OWN_PAGES_FROM { share } else { OWN_PAGES_FROM } }
    }

    /// Bytes that a value of so many takes: pages, or the allocator's next class, of which there
    /// are four from one power of two to the next.
    pub(crate) fn taken(self, bytes: usize) -> usize {
        if self.own_pages(bytes) { kura_pages::taken(bytes) } else { allocated(bytes) }
    }

    /// Whether a value of so many bytes has pages of its own.
    pub(crate) fn own_pages(self, bytes: usize) -> bool {
        bytes as u64 >= self.own_pages_from
    }
}

/// A copy in pages of its own.
pub(crate) fn in_own_pages(bytes: &[u8]) -> Bytes {
    Buffer::copy_of(bytes)
}

/// Bytes that the allocator takes for so many.
pub(crate) fn allocated(bytes: usize) -> usize {
    match bytes {
        ..8 => 8,
        _ => bytes.next_multiple_of(1 << ((bytes - 1).ilog2() - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_allocator_takes() {
        let sizes = [0, 8, 9, 4096, 4097, 5120, 5121];
        assert_eq!(sizes.map(allocated), [8, 8, 10, 4096, 5120, 5120, 6144]);
    }

    #[test]
    fn large_memories_have_fewer_and_larger_mappings() {
        assert_eq!(Buffers::of(64 << 20).own_pages_from, 8 << 10);
        assert_eq!(Buffers::of(16 << 30).own_pages_from, 1 << 20);
        assert_eq!(Buffers::of(64 << 20).taken(9000), 12_288);
        assert_eq!(Buffers::of(16 << 30).taken(9000), 10_240);
    }
}
