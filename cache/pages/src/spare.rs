//! Pages that wait for the next buffer.

use std::collections::VecDeque;

use memmap2::MmapMut;
use parking_lot::Mutex;

/// Most bytes of pages that wait, in all threads together.
pub const SPARE_BYTES: usize = 4 << 20;
/// Most buffers' pages that wait: they are looked through one by one.
const SPARE_MOST: usize = 64;

static SPARE: Mutex<Spare> = Mutex::new(Spare { waiting: VecDeque::new(), bytes: 0 });

struct Spare {
    /// The last come last.
    waiting: VecDeque<MmapMut>,
    bytes: usize,
}

/// Pages of exactly so many bytes, if some wait.
pub(crate) fn take(bytes: usize) -> Option<MmapMut> {
    let mut spare = SPARE.lock();
    let at = spare.waiting.iter().rposition(|pages| pages.len() == bytes)?;
    spare.bytes -= bytes;
    spare.waiting.remove(at)
}

/// Lets pages wait, instead of those that have waited longest.
pub(crate) fn put(pages: MmapMut) {
    if pages.len() > SPARE_BYTES {
        return;
    }
    let mut over = Vec::new();
    let mut spare = SPARE.lock();
    spare.bytes += pages.len();
    spare.waiting.push_back(pages);
    while spare.bytes > SPARE_BYTES || spare.waiting.len() > SPARE_MOST {
        let Some(oldest) = spare.waiting.pop_front() else { break };
        spare.bytes -= oldest.len();
        over.push(oldest);
    }
    drop(spare);
    // What is unmapped takes its time, and nobody waits for it here.
    drop(over);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_wait_than_are_allowed() {
        for bytes in [4096, 8192, 1 << 20, SPARE_BYTES, 2 * SPARE_BYTES] {
            for _ in 0..100 {
                put(MmapMut::map_anon(bytes).unwrap());
                let spare = SPARE.lock();
                assert!(spare.waiting.len() <= SPARE_MOST && spare.bytes <= SPARE_BYTES);
                assert_eq!(spare.bytes, spare.waiting.iter().map(|pages| pages.len()).sum());
            }
        }
    }
}
