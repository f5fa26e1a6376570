//! A segment: a fixed number of bytes that records are appended to and reclaimed from as one.

use crate::header::{HEADER_BYTES, Header};
use crate::retired::{self, Retired};
use kura_base::Millis;

/// The two queues of S3-FIFO. New items enter the small one; those read again there, or asked
/// for soon after they were dropped from it, live in the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Small,
    Main,
}

impl Queue {
    pub(crate) const ALL: [Self; 2] = [Self::Small, Self::Main];
}

/// How soon the items of a segment expire: they are kept together so that they go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TtlClass(u8);

impl TtlClass {
    pub(crate) const COUNT: usize = 4;

    /// Up to 1 minute, 15 minutes, 4 hours, or longer.
    pub(crate) fn of(expires: Millis, now: Millis) -> Self {
        match expires.since(now).as_secs() {
            0..60 => Self(0),
            60..900 => Self(1),
            900..14_400 => Self(2),
            _ => Self(3),
        }
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// How long, in milliseconds, an expired item may wait until its segment is looked through.
    fn patience(self) -> u64 {
        [5_000, 60_000, 15 * 60_000, 3 * 3_600_000][self.index()]
    }
}

/// A segment in use, and what is known of its records without reading them.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Empty when the segment is not in use.
    pub(crate) data: Box<[u8]>,
    /// Bytes appended.
    pub(crate) used: usize,
    /// Where a sweep goes on that stopped early: all records before are dead.
    pub(crate) head: usize,
    /// Bytes of records that are not dead.
    pub(crate) live: usize,
    /// Heap bytes of its records that are kept apart.
    pub(crate) apart_bytes: u64,
    pub(crate) queue: Queue,
    pub(crate) class: TtlClass,
    /// Rises whenever a segment starts anew: tells two uses of the same place apart.
    pub(crate) born: u64,
    /// No live record expires before this.
    pub(crate) min_expires: Millis,
    /// No live record expires after this.
    pub(crate) max_expires: Millis,
    /// [`retired::bit`]s of the keyspaces that records may belong to.
    pub(crate) keyspaces: u64,
    /// The [`Retired::round`] in which it was last cleared of retired records.
    pub(crate) cleared: u64,
}

impl Segment {
    pub(crate) fn new(data: Box<[u8]>, queue: Queue, class: TtlClass, born: u64) -> Self {
        Self {
            data,
            used: 0,
            head: 0,
            live: 0,
            apart_bytes: 0,
            queue,
            class,
            born,
            min_expires: Millis(u64::MAX),
            max_expires: Millis(0),
            keyspaces: 0,
            cleared: 0,
        }
    }

    /// Starts over with no records.
    pub(crate) fn rewind(&mut self, born: u64) {
        self.used = 0;
        self.head = 0;
        self.live = 0;
        self.born = born;
        self.forget_contents();
    }

    /// Begins a search of all its records: the caller [notes](Self::note) each that stays.
    pub(crate) fn begin_search(&mut self, round: u64) {
        self.forget_contents();
        self.cleared = round;
    }

    fn forget_contents(&mut self) {
        self.min_expires = Millis(u64::MAX);
        self.max_expires = Millis(0);
        self.keyspaces = 0;
    }

    /// Takes note of a live record.
    pub(crate) fn note(&mut self, header: &Header) {
        self.note_expiry(header.expires);
        self.keyspaces |= retired::bit(header.keyspace);
    }

    /// Takes note of a live record's new expiry.
    pub(crate) fn note_expiry(&mut self, expires: Millis) {
        self.min_expires = self.min_expires.min(expires);
        self.max_expires = self.max_expires.max(expires);
    }

    pub(crate) fn in_use(&self) -> bool {
        !self.data.is_empty()
    }

    pub(crate) fn garbage(&self) -> usize {
        self.used - self.live
    }

    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        self.used + bytes <= self.data.len()
    }

    /// The header at an offset; `None` at the end.
    pub(crate) fn header(&self, offset: usize) -> Option<Header> {
        (offset + HEADER_BYTES <= self.used).then(|| Header::decode(&self.data[offset..]))
    }

    /// When it is worth looking for expired records: a quarter of the way from the first expiry
    /// to the last, but not too long after the first. So a record is looked at a few times in
    /// its life, however many expire around it.
    pub(crate) fn look_at(&self) -> Millis {
        let spread = self.max_expires.0.saturating_sub(self.min_expires.0);
        Millis(self.min_expires.0.saturating_add((spread / 4).min(self.class.patience())))
    }

    /// Whether it may hold records of retired keyspaces.
    pub(crate) fn may_hold(&self, retired: &Retired) -> bool {
        self.cleared < retired.round() && self.keyspaces & retired.mask() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_remaining_time() {
        let class = |secs: u64| TtlClass::of(Millis(secs * 1000), Millis(0)).index();
        assert_eq!([0, 59, 60, 899, 900, 14_400, u64::MAX / 1000].map(class), [0, 0, 1, 1, 2, 3, 3]);
        assert_eq!(TtlClass::of(Millis(0), Millis(9)).index(), 0);
    }

    #[test]
    fn looks_soon_after_the_first_expiry() {
        let mut segment = Segment::new(Box::new([]), Queue::Small, TtlClass(1), 0);
        segment.note_expiry(Millis(100_000));
        assert_eq!(segment.look_at(), Millis(100_000));
        segment.note_expiry(Millis(140_000));
        assert_eq!(segment.look_at(), Millis(110_000));
        segment.note_expiry(Millis(800_000));
        assert_eq!(segment.look_at(), Millis(160_000));
    }
}
