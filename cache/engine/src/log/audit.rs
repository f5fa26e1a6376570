//! For tests: counts everything again and compares it with the books.

use super::*;

/// A record that is not dead.
pub(crate) struct Live {
    pub(crate) place: Place,
    pub(crate) header: Header,
}

impl Log {
    /// Every record that is not dead, after checking the books of the log against them.
    /// `in_search` is a segment whose bounds are being found anew.
    pub(crate) fn audit(&self, in_search: Option<u32>) -> Vec<Live> {
        let mut all = Vec::new();
        let (mut used, mut live, mut payload, mut held) = (0, 0, 0, [0; 2]);
        let mut apart = 0;
        for (number, segment) in self.segments() {
            let queue = &self.queues[segment.queue as usize];
            assert_eq!(queue.iter().filter(|&&n| n == number).count(), 1, "in its queue once");
            let (mut offset, mut live_here, mut apart_here) = (0, 0, 0);
            while let Some(header) = segment.header(offset) {
                let place = self.place(number, offset);
                assert_eq!(self.locate(place), (number as usize, offset));
                offset += usize::from(header.slot_bytes);
                if header.dead {
                    continue;
                }
                let value_len = self.item(place, &header).value.as_bytes().len();
                let key = self.key(place, &header);
                assert_eq!(key.len(), usize::from(header.key_len));
                live_here += usize::from(header.slot_bytes);
                apart_here += self.apart_bytes_at(place, &header);
                apart += usize::from(header.apart);
                payload += (key.len() + value_len) as u64;
                if in_search != Some(number) {
                    assert!(segment.min_expires <= header.expires && header.expires <= segment.max_expires);
                    assert_ne!(segment.keyspaces & crate::retired::bit(header.keyspace), 0);
                }
                all.push(Live { place, header });
            }
            assert_eq!(offset, segment.used, "records end where the segment does");
            assert_eq!((live_here, apart_here), (segment.live, segment.apart_bytes));
            used += segment.used as u64;
            live += segment.live as u64;
            held[segment.queue as usize] += segment.live as u64 + segment.apart_bytes;
        }
        assert_eq!((used, live, payload), (self.used_bytes, self.live_bytes, self.payload_bytes));
        assert_eq!(held, self.held);
        assert_eq!(apart, self.apart.len(), "nothing is kept apart without a record");
        assert_eq!(self.in_use, self.segments().count());
        assert_eq!(self.in_use, self.queues.iter().map(VecDeque::len).sum());
        assert_eq!(self.in_use + self.vacant.len(), self.segments.len());
        all
    }
}
