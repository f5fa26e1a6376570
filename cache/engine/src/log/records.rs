//! Records: writing them to the log, reading them at a place, marking them dead.

use super::Log;
use crate::apart::{Kept, Large};
use crate::collection::Trees;
use crate::header::{HEADER_BYTES, Header, record_bytes};
use crate::index::Place;
use crate::segment::{Queue, TtlClass};
use crate::{Item, ItemType, Keyspace, ValueRef};
use kura_base::Millis;
use std::hint::black_box;

/// Payload of a record whose item is kept apart: the item's number.
const NUMBER_BYTES: usize = size_of::<u32>();

/// What a processor reads at once.
const CACHE_LINE_BYTES: usize = 64;

/// What a new record says.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) keyspace: Keyspace,
    pub(crate) key: &'a [u8],
    pub(crate) expires: Millis,
    pub(crate) item_type: ItemType,
    pub(crate) frequency: u8,
    pub(crate) body: Body<'a>,
}

/// A value in the form the log takes it.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    Inline(&'a [u8]),
    Apart(bytes::Bytes),
    Collection(Box<Trees>),
}

impl Body<'_> {
    /// Bytes of the record for an item with this key.
    pub(crate) fn record_bytes(&self, key: &[u8]) -> usize {
        record_bytes(match self {
            Self::Inline(value) => key.len() + value.len(),
            Self::Apart(_) | Self::Collection(_) => NUMBER_BYTES,
        })
    }

    /// Bytes of key and value, as the books of the log have them.
    fn payload_bytes(&self, key: &[u8]) -> usize {
        key.len()
            + match self {
                Self::Inline(value) => value.len(),
                Self::Apart(value) => value.len(),
                Self::Collection(_) => 0,
            }
    }
}

impl Log {
    // === reading ===

    pub(crate) fn header(&self, place: Place) -> Header {
        let (segment, offset) = self.locate(place);
        Header::decode(&self.segments[segment].data[offset..])
    }

    /// Reads a byte of the header and one a cache line further, for whoever will read the record: short keys and
    /// values are there.
    pub(crate) fn touch(&self, place: Place) {
        let (segment, offset) = self.locate(place);
        let data = &self.segments[segment].data;
        black_box((data.get(offset).copied(), data.get(offset + CACHE_LINE_BYTES).copied()));
    }

    pub(crate) fn key(&self, place: Place, header: &Header) -> &[u8] {
        if header.apart {
            self.large(place).map_or(&[], |large| &large.key)
        } else {
            &self.payload(place)[..usize::from(header.key_len)]
        }
    }

    /// Whether the record at a place is of this key.
    pub(crate) fn is_of(&self, place: Place, keyspace: Keyspace, key: &[u8]) -> bool {
        let header = self.header(place);
        usize::from(header.key_len) == key.len()
            && header.keyspace == keyspace
            && self.key(place, &header) == key
    }

    pub(crate) fn item(&self, place: Place, header: &Header) -> Item<'_> {
        let value = if header.apart {
            match self.large(place).map(|large| &large.value) {
                Some(Kept::Value(value)) => ValueRef::Shared(value),
                Some(Kept::Collection(_)) | None => ValueRef::Inline(&[]),
            }
        } else {
            let start = usize::from(header.key_len);
            ValueRef::Inline(&self.payload(place)[start..start + usize::from(header.value_len)])
        };
        Item { value, expires: header.expires, item_type: header.item_type }
    }

    pub(crate) fn queue_of(&self, place: Place) -> Queue {
        self.segments[self.locate(place).0].queue
    }

    // === writing ===

    /// Adds a record at the end of the open segment of its queue and class.
    pub(crate) fn append(&mut self, queue: Queue, class: TtlClass, record: Record<'_>) -> Place {
        let payload_bytes = record.body.payload_bytes(record.key);
        let apart_bytes = self.apart_bytes_of(record.key, &record.body);
        let slot = record.body.record_bytes(record.key);
        let header = Header {
            keyspace: record.keyspace,
            expires: record.expires,
            key_len: record.key.len() as u16,
            value_len: if let Body::Inline(value) = &record.body { value.len() as u16 } else { 0 },
            slot_bytes: slot as u16,
            item_type: record.item_type,
            frequency: record.frequency,
            apart: !matches!(record.body, Body::Inline(_)),
            dead: false,
        };
        let (number, offset) = self.slot(queue, class, &header, apart_bytes);
        self.payload_bytes += payload_bytes as u64;
        let data = &mut self.segments[number as usize].data[offset..offset + slot];
        header.encode(data);
        let payload = &mut data[HEADER_BYTES..];
        let value = match record.body {
            Body::Inline(value) => {
                let (key, rest) = payload.split_at_mut(record.key.len());
                key.copy_from_slice(record.key);
                rest[..value.len()].copy_from_slice(value);
                return self.place(number, offset);
            }
            Body::Apart(value) => Kept::Value(value),
            Body::Collection(trees) => Kept::Collection(trees),
        };
        let large = Large { keyspace: record.keyspace, key: record.key.into(), value };
        payload.copy_from_slice(&self.apart.insert(large).to_le_bytes());
        self.place(number, offset)
    }

    /// Heap bytes beside the record of a body.
    pub(super) fn apart_bytes_of(&self, key: &[u8], body: &Body<'_>) -> u64 {
        match body {
            Body::Inline(_) => 0,
            Body::Apart(value) => self.apart.bytes_of(key.len(), value.len()),
            Body::Collection(_) => self.apart.bytes_of(key.len(), 0),
        }
    }

    /// Copies a live record to another queue and marks the old one dead; its class stays.
    pub(crate) fn relocate(&mut self, place: Place, queue: Queue, frequency: u8) -> Place {
        let (from, start) = self.locate(place);
        let old = self.header(place);
        let payload =
            if old.apart { NUMBER_BYTES } else { usize::from(old.key_len) + usize::from(old.value_len) };
        let new = Header { frequency, slot_bytes: record_bytes(payload) as u16, ..old };
        let apart_bytes = self.apart_bytes_at(place, &old);
        let class = self.segments[from].class;
        let (to, offset) = self.slot(queue, class, &new, apart_bytes);
        if let Ok([from, to]) = self.segments.get_disjoint_mut([from, to as usize]) {
            let bytes = usize::from(new.slot_bytes);
            to.data[offset..offset + bytes].copy_from_slice(&from.data[start..start + bytes]);
            new.encode(&mut to.data[offset..]);
        }
        self.bury(place, &old, apart_bytes);
        self.place(to, offset)
    }

    /// Replaces an inline value by one that fits its record.
    /// Returns false, having done nothing, if it does not fit.
    pub(crate) fn overwrite(
        &mut self,
        place: Place,
        item_type: ItemType,
        value: &[u8],
        expires: Millis,
    ) -> bool {
        let header = self.header(place);
        let key_len = usize::from(header.key_len);
        let needed = record_bytes(key_len + value.len());
        let slot = usize::from(header.slot_bytes);
        if header.apart || needed > slot {
            return false;
        }
        let (segment, offset) = self.locate(place);
        let segment = &mut self.segments[segment];
        // A record that shrank to less than half leaves the rest as a dead record.
        let kept = if needed * 2 < slot && slot - needed >= HEADER_BYTES { needed } else { slot };
        if kept < slot {
            let rest = Header { slot_bytes: (slot - kept) as u16, dead: true, ..header };
            rest.encode(&mut segment.data[offset + kept..]);
            segment.live -= slot - kept;
            self.live_bytes -= (slot - kept) as u64;
            self.held[segment.queue as usize] -= (slot - kept) as u64;
        }
        self.payload_bytes += value.len() as u64;
        self.payload_bytes -= u64::from(header.value_len);
        let (value_len, slot_bytes) = (value.len() as u16, kept as u16);
        let new = Header { expires, item_type, value_len, slot_bytes, ..header };
        new.encode(&mut segment.data[offset..]);
        segment.data[offset + HEADER_BYTES + key_len..][..value.len()].copy_from_slice(value);
        segment.note_expiry(expires);
        true
    }

    /// The collection that a record kept apart stands for.
    pub(crate) fn collection_mut(&mut self, place: Place) -> Option<&mut Trees> {
        if !self.header(place).apart {
            return None;
        }
        let number = self.number_at(place);
        self.apart.collection_mut(number)
    }

    /// The next collection kept apart, from a number on: the number, whose it is, and its key.
    pub(crate) fn next_collection(&self, hand: u32) -> Option<(u32, Keyspace, &[u8])> {
        self.apart.next_collection(hand).map(|(number, large)| (number, large.keyspace, &*large.key))
    }

    pub(crate) fn set_expires(&mut self, place: Place, expires: Millis) {
        let header = Header { expires, ..self.header(place) };
        let (segment, offset) = self.locate(place);
        header.encode(&mut self.segments[segment].data[offset..]);
        self.segments[segment].note_expiry(expires);
    }

    pub(crate) fn set_frequency(&mut self, place: Place, frequency: u8) {
        let header = Header { frequency, ..self.header(place) };
        let (segment, offset) = self.locate(place);
        header.encode(&mut self.segments[segment].data[offset..]);
    }

    /// Marks a record dead. Its segment stays until it is [released](Self::release).
    pub(crate) fn kill(&mut self, place: Place) {
        let header = self.header(place);
        let apart_bytes = self.apart_bytes_at(place, &header);
        self.payload_bytes -= u64::from(header.value_len);
        if header.apart {
            let large = self.apart.remove(self.number_at(place));
            self.payload_bytes -= large.as_ref().map_or(0, |large| large.value.len() as u64);
        }
        self.payload_bytes -= u64::from(header.key_len);
        self.bury(place, &header, apart_bytes);
    }

    // === inside ===

    fn bury(&mut self, place: Place, header: &Header, apart_bytes: u64) {
        let (segment, offset) = self.locate(place);
        let segment = &mut self.segments[segment];
        Header { dead: true, ..*header }.encode(&mut segment.data[offset..]);
        let bytes = u64::from(header.slot_bytes);
        segment.live -= usize::from(header.slot_bytes);
        segment.apart_bytes -= apart_bytes;
        self.live_bytes -= bytes;
        self.held[segment.queue as usize] -= bytes + apart_bytes;
    }

    fn payload(&self, place: Place) -> &[u8] {
        let (segment, offset) = self.locate(place);
        &self.segments[segment].data[offset + HEADER_BYTES..]
    }

    fn number_at(&self, place: Place) -> u32 {
        let mut number = [0; NUMBER_BYTES];
        number.copy_from_slice(&self.payload(place)[..NUMBER_BYTES]);
        u32::from_le_bytes(number)
    }

    fn large(&self, place: Place) -> Option<&Large> {
        self.apart.get(self.number_at(place))
    }

    /// Heap bytes beside the record.
    pub(super) fn apart_bytes_at(&self, place: Place, header: &Header) -> u64 {
        if !header.apart {
            return 0;
        }
        self.large(place).map_or(0, |large| self.apart.bytes(large))
    }
}
