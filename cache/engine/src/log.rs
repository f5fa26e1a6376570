//! The log of a shard: its segments, their queues, and what they add up to.
//!
//! Its [`records`] are appended, read at a place, and marked dead.
//!
//! The log knows no hash and decides nothing about which item to drop; that is [`reclaim`]'s.
//!
//! [`reclaim`]: crate::reclaim

#[cfg(test)]
mod audit;
mod records;

pub(crate) use records::{Body, Record};

use crate::apart::Apart;
use crate::buffer::Buffers;
use crate::header::{Header, UNIT_BYTES};
use crate::index::Place;
use crate::segment::{Queue, Segment, TtlClass};
use std::collections::VecDeque;

/// The segments of a shard, in their queues, and the items kept apart.
#[derive(Debug)]
pub(crate) struct Log {
    segment_bytes: usize,
    /// Binary logarithm of the places in a segment.
    units_shift: u32,
    segments: Vec<Segment>,
    vacant: Vec<u32>,
    /// The last segment freed, for the next one needed.
    spare: Option<Box<[u8]>>,
    /// Segments in use, the oldest first, by [`Queue`].
    queues: [VecDeque<u32>; 2],
    /// The segment that records of a queue and class are appended to.
    open: [[Option<u32>; TtlClass::COUNT]; 2],
    apart: Apart,
    born: u64,
    in_use: usize,
    used_bytes: u64,
    live_bytes: u64,
    payload_bytes: u64,
    /// Live bytes by [`Queue`], those kept apart included.
    held: [u64; 2],
}

impl Log {
    /// An empty log of segments of so many bytes, a power of two.
    pub(crate) fn new(segment_bytes: usize, buffers: Buffers) -> Self {
        Self {
            segment_bytes,
            units_shift: (segment_bytes / UNIT_BYTES).ilog2(),
            segments: Vec::new(),
            vacant: Vec::new(),
            spare: None,
            queues: [VecDeque::new(), VecDeque::new()],
            open: [[None; TtlClass::COUNT]; 2],
            apart: Apart::new(buffers),
            born: 0,
            in_use: 0,
            used_bytes: 0,
            live_bytes: 0,
            payload_bytes: 0,
            held: [0; 2],
        }
    }

    // === sizes ===

    pub(crate) fn segment_bytes(&self) -> usize {
        self.segment_bytes
    }

    /// Bytes allocated, the spare segment aside.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let segments = self.in_use * self.segment_bytes;
        let lists = self.segments.len() * Self::SEGMENT_LISTS_BYTES;
        (segments + lists) as u64 + self.apart.memory_bytes()
    }

    pub(crate) fn spare_bytes(&self) -> u64 {
        self.spare.as_ref().map_or(0, |data| data.len() as u64)
    }

    /// Bytes that [`append`](Self::append) would allocate.
    pub(crate) fn growth_bytes(&self, queue: Queue, class: TtlClass, key: &[u8], body: &Body<'_>) -> u64 {
        let segment = match self.open_segment(queue, class) {
            Some(open) if open.has_room_for(body.record_bytes(key)) => 0,
            _ => (self.segment_bytes + Self::SEGMENT_LISTS_BYTES) as u64,
        };
        let apart = match body {
            Body::Inline(_) => 0,
            Body::Apart(_) | Body::Collection(_) => {
                self.apart_bytes_of(key, body) + self.apart.growth_bytes()
            }
        };
        segment + apart
    }

    /// Bytes in segments that no record uses any more.
    pub(crate) fn garbage_bytes(&self) -> u64 {
        self.used_bytes - self.live_bytes
    }

    /// Bytes in segments that records have been appended to.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Keys and values held.
    pub(crate) fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Live bytes in a queue, those kept apart included.
    pub(crate) fn held_bytes(&self, queue: Queue) -> u64 {
        self.held[queue as usize]
    }

    /// What a segment costs beside its bytes: its description and its number in two lists, all
    /// in vectors that may be half empty; and the allocator's share.
    const SEGMENT_LISTS_BYTES: usize = 2 * (size_of::<Segment>() + 2 * size_of::<u32>()) + 16;

    // === segments ===

    pub(crate) fn segment(&self, number: u32) -> &Segment {
        &self.segments[number as usize]
    }

    pub(crate) fn segment_mut(&mut self, number: u32) -> &mut Segment {
        &mut self.segments[number as usize]
    }

    /// The segments in use, with their numbers.
    pub(crate) fn segments(&self) -> impl Iterator<Item = (u32, &Segment)> {
        (0..).zip(&self.segments).filter(|(_, segment)| segment.in_use())
    }

    pub(crate) fn oldest(&self, queue: Queue) -> Option<u32> {
        self.queues[queue as usize].front().copied()
    }

    pub(crate) fn is_open(&self, number: u32) -> bool {
        let segment = self.segment(number);
        self.open[segment.queue as usize][segment.class.index()] == Some(number)
    }

    /// Lets no more records be appended to a segment.
    pub(crate) fn seal(&mut self, number: u32) {
        if self.is_open(number) {
            let segment = &self.segments[number as usize];
            self.open[segment.queue as usize][segment.class.index()] = None;
        }
    }

    /// Gives back a segment without live records; an open one starts over instead.
    pub(crate) fn release(&mut self, number: u32) {
        let open = self.is_open(number);
        self.born += 1;
        let segment = &mut self.segments[number as usize];
        self.used_bytes -= segment.used as u64;
        segment.rewind(self.born);
        if !open {
            let data = std::mem::take(&mut segment.data);
            self.queues[segment.queue as usize].retain(|&other| other != number);
            self.spare.get_or_insert(data);
            self.vacant.push(number);
            self.in_use -= 1;
        }
    }

    /// The segment and offset of a place.
    pub(crate) fn locate(&self, place: Place) -> (usize, usize) {
        let (place, shift) = (place as usize, self.units_shift);
        (place >> shift, (place & ((1 << shift) - 1)) * UNIT_BYTES)
    }

    pub(crate) fn place(&self, segment: u32, offset: usize) -> Place {
        (segment << self.units_shift) + (offset / UNIT_BYTES) as u32
    }

    // === inside ===

    fn open_segment(&self, queue: Queue, class: TtlClass) -> Option<&Segment> {
        self.open[queue as usize][class.index()].map(|number| self.segment(number))
    }

    /// Takes the room for a record and enters it in the books.
    fn slot(&mut self, queue: Queue, class: TtlClass, header: &Header, apart_bytes: u64) -> (u32, usize) {
        let bytes = usize::from(header.slot_bytes);
        let number = match self.open[queue as usize][class.index()] {
            Some(number) if self.segment(number).has_room_for(bytes) => number,
            _ => self.open_new(queue, class),
        };
        let segment = &mut self.segments[number as usize];
        let offset = segment.used;
        segment.used += bytes;
        segment.live += bytes;
        segment.apart_bytes += apart_bytes;
        segment.note(header);
        self.used_bytes += bytes as u64;
        self.live_bytes += bytes as u64;
        self.held[queue as usize] += bytes as u64 + apart_bytes;
        (number, offset)
    }

    fn open_new(&mut self, queue: Queue, class: TtlClass) -> u32 {
        let data = self.spare.take().unwrap_or_else(|| vec![0; self.segment_bytes].into_boxed_slice());
        self.born += 1;
        let segment = Segment::new(data, queue, class, self.born);
        let number = match self.vacant.pop() {
            Some(number) => {
                self.segments[number as usize] = segment;
                number
            }
            None => {
                self.segments.push(segment);
                (self.segments.len() - 1) as u32
            }
        };
        self.in_use += 1;
        self.queues[queue as usize].push_back(number);
        self.open[queue as usize][class.index()] = Some(number);
        number
    }
}
