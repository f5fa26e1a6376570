//! Records: writing them to the log, reading them at a place, marking them dead.

use super::Log;
use crate::apart::Large;
use crate::header::{HEADER_BYTES, Header, record_bytes};
use crate::index::Place;
use crate::segment::{Queue, TtlClass};
use crate::{Item, Keyspace, ValueRef};
use kura_base::Millis;

/// Payload of a record whose item is kept apart: the item's number.
const NUMBER_BYTES: usize = size_of::<u32>();

/// What a new record says.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) keyspace: Keyspace,
    pub(crate) key: &'a [u8],
    pub(crate) expires: Millis,
    pub(crate) frequency: u8,
    pub(crate) body: Body<'a>,
}

/// A value in the form the log takes it.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    Inline(&'a [u8]),
    Apart(bytes::Bytes),
}

impl Body<'_> {
    /// Bytes of the record for an item with this key.
    pub(crate) fn record_bytes(&self, key: &[u8]) -> usize {
        record_bytes(match self {
            Self::Inline(value) => key.len() + value.len(),
            Self::Apart(_) => NUMBER_BYTES,
        })
    }

    /// Heap bytes beside the record.
    pub(crate) fn apart_bytes(&self, key: &[u8]) -> u64 {
        match self {
            Self::Inline(_) => 0,
            Self::Apart(value) => Large::bytes(key.len() + value.len()),
        }
    }
}

impl Log {
    // === reading ===

    pub(crate) fn header(&self, place: Place) -> Header {
        let (segment, offset) = self.locate(place);
        Header::decode(&self.segments[segment].data[offset..])
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
            self.large(place).map_or(ValueRef::Inline(&[]), |large| ValueRef::Shared(&large.value))
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
        let payload_bytes = match &record.body {
            Body::Inline(value) => record.key.len() + value.len(),
            Body::Apart(value) => record.key.len() + value.len(),
        };
        let apart_bytes = record.body.apart_bytes(record.key);
        let slot = record.body.record_bytes(record.key);
        let header = Header {
            keyspace: record.keyspace,
            expires: record.expires,
            key_len: record.key.len() as u16,
            value_len: if let Body::Inline(value) = &record.body { value.len() as u16 } else { 0 },
            slot_bytes: slot as u16,
            item_type: crate::ItemType::Scalar,
            frequency: record.frequency,
            apart: matches!(record.body, Body::Apart(_)),
            dead: false,
        };
        let (number, offset) = self.slot(queue, class, &header, apart_bytes);
        self.payload_bytes += payload_bytes as u64;
        let data = &mut self.segments[number as usize].data[offset..offset + slot];
        header.encode(data);
        let payload = &mut data[HEADER_BYTES..];
        match record.body {
            Body::Inline(value) => {
                let (key, rest) = payload.split_at_mut(record.key.len());
                key.copy_from_slice(record.key);
                rest[..value.len()].copy_from_slice(value);
            }
            Body::Apart(value) => {
                let large = self.apart.insert(Large { key: record.key.into(), value });
                payload.copy_from_slice(&large.to_le_bytes());
            }
        }
        self.place(number, offset)
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
    pub(crate) fn overwrite(&mut self, place: Place, value: &[u8], expires: Millis) -> bool {
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
        let new = Header { expires, value_len: value.len() as u16, slot_bytes: kept as u16, ..header };
        new.encode(&mut segment.data[offset..]);
        segment.data[offset + HEADER_BYTES + key_len..][..value.len()].copy_from_slice(value);
        segment.note_expiry(expires);
        true
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
            self.payload_bytes -= large.map_or(0, |large| large.value.len() as u64);
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
        self.large(place).map_or(0, |large| Large::bytes(large.key.len() + large.value.len()))
    }
}
