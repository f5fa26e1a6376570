//! Pages that wait for the next buffer.

use std::collections::VecDeque;

use memmap2::MmapMut;
use parking_lot::Mutex;

/// Most bytes of pages that wait, in all threads together.
pub const SPARE_BYTES: usize = 2 << 20;
/// Most buffers' pages that wait: they are looked through one by one.
const SPARE_MOST: usize = 64;

static SPARE: Mutex<Spare> = Mutex::new(Spare::new());

struct Spare {
    /// The last come last.
    waiting: VecDeque<MmapMut>,
    bytes: usize,
}

impl Spare {
    const fn new() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0 }
    }

    fn put(&mut self, pages: MmapMut) {
        self.bytes += pages.len();
        self.waiting.push_back(pages);
    }

    fn take(&mut self, bytes: usize) -> Option<MmapMut> {
        let at = self.waiting.iter().rposition(|pages| pages.len() == bytes)?;
        self.bytes -= bytes;
        self.waiting.remove(at)
    }

    /// What is too much, of that which has waited longest.
    fn surplus(&mut self) -> Vec<MmapMut> {
        let mut surplus = Vec::new();
        while self.bytes > SPARE_BYTES || self.waiting.len() > SPARE_MOST {
            let Some(oldest) = self.waiting.pop_front() else { break };
            self.bytes -= oldest.len();
            surplus.push(oldest);
        }
        surplus
    }
}

/// Pages of exactly so many bytes, if some wait. What is too much goes back to the system.
pub(crate) fn take(bytes: usize) -> Option<MmapMut> {
    let mut spare = SPARE.lock();
    let (taken, surplus) = (spare.take(bytes), spare.surplus());
    drop(spare);
    // Unmapping takes its time, and nobody waits for it here.
    drop(surplus);
    taken
}

/// Lets pages wait. Takes next to no time: whoever lets go of them may hold a lock.
pub(crate) fn put(pages: MmapMut) {
    SPARE.lock().put(pages);
}

/// Gives back to the system what waits beyond [`SPARE_BYTES`]. Every new buffer does so; where buffers go and none
/// come, somebody has to.
pub fn trim() {
    let mut spare = SPARE.lock();
    let surplus = spare.surplus();
    drop(spare);
    drop(surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_wait_than_are_allowed() {
        let mut spare = Spare::new();
        for bytes in [4096, 8192, 1 << 20, SPARE_BYTES, 2 * SPARE_BYTES] {
            for _ in 0..100 {
                spare.put(MmapMut::map_anon(bytes).unwrap());
                drop(spare.surplus());
                assert!(spare.waiting.len() <= SPARE_MOST && spare.bytes <= SPARE_BYTES);
                assert_eq!(spare.bytes, spare.waiting.iter().map(|pages| pages.len()).sum());
            }
        }
    }

    #[test]
    fn pages_serve_the_next_of_their_size() {
        let mut spare = Spare::new();
        for bytes in [4096, 8192, 8192] {
            spare.put(MmapMut::map_anon(bytes).unwrap());
        }
        let last = spare.waiting[2].as_ptr();
        assert_eq!(
            spare.take(8192).map(|pages| pages.as_ptr()),
            Some(last),
            "the last, which is the warmest"
        );
        assert!(spare.take(12_288).is_none());
        assert_eq!((spare.waiting.len(), spare.bytes), (2, 12_288));
    }
}
