//! Buffers of values kept apart, and what memory they take.

use bytes::Bytes;
use memmap2::MmapOptions;

/// Values from this size on have pages of their own, in bytes. What is left of the last page is
/// counted with the value.
const OWN_PAGES_FROM: usize = 8 * 1024;
/// Most values with pages of their own: the kernel allows a process 65,530 mappings
/// (`vm.max_map_count`).
const OWN_PAGES_MOST: u64 = 16 * 1024;
const PAGE_BYTES: usize = 4096;

/// From which size on values have pages of their own where all together have `memory` bytes. With
/// more memory that is more than [`OWN_PAGES_FROM`]: what the allocator holds of no use does not
/// grow with it.
pub(crate) fn own_pages_from(memory: u64) -> usize {
    usize::try_from(memory / OWN_PAGES_MOST).unwrap_or(usize::MAX).max(OWN_PAGES_FROM)
}

/// A copy in pages that go back to the system with the last handle, whoever lets go of it. The
/// allocator keeps what is freed for a while, by size, and once for each thread. Where there can be
/// no pages, the copy is the allocator's.
pub(crate) fn in_own_pages(bytes: &[u8]) -> Bytes {
    match MmapOptions::new().len(bytes.len()).populate().map_anon() {
        Ok(mut pages) => {
            pages.copy_from_slice(bytes);
            Bytes::from_owner(pages)
        }
        Err(_) => Bytes::copy_from_slice(bytes),
    }
}

/// Bytes that a buffer of so many takes: whole pages, or below [`OWN_PAGES_FROM`] the allocator's
/// next class, of which there are four from one power of two to the next.
pub(crate) fn taken(bytes: usize) -> usize {
    match bytes {
        ..8 => 8,
        OWN_PAGES_FROM.. => bytes.next_multiple_of(PAGE_BYTES),
        _ => bytes.next_multiple_of(1 << ((bytes - 1).ilog2() - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_buffers_take() {
        let sizes = [0, 8, 9, 4096, 4097, 5120, 5121, 20_000, 32_767, 32_768, 32_769, 1_000_000];
        let taken = sizes.map(taken);
        assert_eq!(taken, [8, 8, 10, 4096, 5120, 5120, 6144, 20_480, 32_768, 32_768, 36_864, 1_003_520]);
    }

    #[test]
    fn large_memories_have_fewer_and_larger_mappings() {
        assert_eq!(own_pages_from(64 << 20), 8 << 10);
        assert_eq!(own_pages_from(16 << 30), 1 << 20);
    }

    #[test]
    fn a_copy_in_own_pages_is_a_copy() {
        let bytes: Vec<u8> = (0..100_001_u32).map(|n| n as u8).collect();
        assert_eq!(in_own_pages(&bytes), bytes);
    }
}
