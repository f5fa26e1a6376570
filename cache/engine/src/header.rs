//! The 16 bytes in front of every record of the log.
//!
//! ```text
//! byte 0      4            10        12                                          16
//!      | keyspace | expires (48) | key length | value length 13, slot 11, type 3, |
//!      |          |              |            | frequency 2, apart 1, dead 1      |
//! ```
//!
//! Behind it come key and value, or, for an item kept apart, its number in [`Apart`].
//!
//! [`Apart`]: crate::apart::Apart

use crate::{ItemType, Keyspace};
use kura_base::Millis;

/// Bytes of a header.
pub(crate) const HEADER_BYTES: usize = 16;
/// Records start at multiples of this many bytes.
pub(crate) const UNIT_BYTES: usize = 4;
/// Longest key that a header can describe.
pub(crate) const MAX_KEY_BYTES: usize = u16::MAX as usize;
/// Most bytes of key and value together inside a record.
pub(crate) const MAX_INLINE_BYTES: usize = 4096;
/// Highest frequency: S3-FIFO needs no more than two bits.
pub(crate) const MAX_FREQUENCY: u8 = 3;
/// Latest expiry that is told apart.
const MAX_EXPIRES: u64 = (1 << 48) - 1;

const SLOT_AT: u32 = 13;
const TYPE_AT: u32 = 24;
const FREQUENCY_AT: u32 = 27;
const APART: u32 = 1 << 29;
const DEAD: u32 = 1 << 30;

/// A record's header, unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) keyspace: Keyspace,
    pub(crate) expires: Millis,
    pub(crate) key_len: u16,
    /// Bytes of the value in the record; 0 if it is apart.
    pub(crate) value_len: u16,
    /// Bytes from this record to the next; a multiple of [`UNIT_BYTES`].
    pub(crate) slot_bytes: u16,
    pub(crate) item_type: ItemType,
    /// Accesses since the record was last considered for eviction, at most [`MAX_FREQUENCY`].
    pub(crate) frequency: u8,
    /// Key and value are not in the record but apart.
    pub(crate) apart: bool,
    /// The record belongs to no item any more.
    pub(crate) dead: bool,
}

impl Header {
    pub(crate) fn decode(raw: &[u8]) -> Self {
        let mut bytes = [0; HEADER_BYTES];
        bytes.copy_from_slice(&raw[..HEADER_BYTES]);
        let raw = u128::from_le_bytes(bytes);
        let bits = (raw >> 96) as u32;
        Self {
            keyspace: Keyspace(raw as u32),
            expires: Millis(((raw >> 32) as u64) & MAX_EXPIRES),
            key_len: (raw >> 80) as u16,
            value_len: (bits & ((1 << SLOT_AT) - 1)) as u16,
            slot_bytes: (((bits >> SLOT_AT) & 0x7FF) as usize * UNIT_BYTES) as u16,
            item_type: ItemType::of_code((bits >> TYPE_AT) & 7),
            frequency: ((bits >> FREQUENCY_AT) & 3) as u8,
            apart: bits & APART != 0,
            dead: bits & DEAD != 0,
        }
    }

    pub(crate) fn encode(self, raw: &mut [u8]) {
        let bits = u32::from(self.value_len)
            | ((u32::from(self.slot_bytes) / UNIT_BYTES as u32) << SLOT_AT)
            | (self.item_type.code() << TYPE_AT)
            | (u32::from(self.frequency) << FREQUENCY_AT)
            | if self.apart { APART } else { 0 }
            | if self.dead { DEAD } else { 0 };
        let packed = u128::from(self.keyspace.0)
            | (u128::from(self.expires.0 & MAX_EXPIRES) << 32)
            | (u128::from(self.key_len) << 80)
            | (u128::from(bits) << 96);
        raw[..HEADER_BYTES].copy_from_slice(&packed.to_le_bytes());
    }
}

/// The latest time a header can hold that is not after `expires`.
pub(crate) fn holdable(expires: Millis) -> Millis {
    Millis(expires.0.min(MAX_EXPIRES))
}

/// Bytes of a record that carries `payload` bytes behind its header.
pub(crate) fn record_bytes(payload: usize) -> usize {
    (HEADER_BYTES + payload).next_multiple_of(UNIT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_survive_packing() {
        let largest = Header {
            keyspace: Keyspace(u32::MAX),
            expires: Millis(MAX_EXPIRES),
            key_len: u16::MAX,
            value_len: MAX_INLINE_BYTES as u16,
            slot_bytes: record_bytes(MAX_INLINE_BYTES) as u16,
            item_type: ItemType::Scalar,
            frequency: MAX_FREQUENCY,
            apart: true,
            dead: false,
        };
        let smallest = Header {
            keyspace: Keyspace(0),
            expires: Millis(0),
            key_len: 0,
            value_len: 0,
            slot_bytes: HEADER_BYTES as u16,
            item_type: ItemType::Scalar,
            frequency: 0,
            apart: false,
            dead: true,
        };
        for header in [largest, smallest] {
            let mut raw = [0xAA; HEADER_BYTES];
            header.encode(&mut raw);
            assert_eq!(Header::decode(&raw), header);
        }
    }

    #[test]
    fn far_times_are_held_as_the_last() {
        assert_eq!(holdable(Millis(u64::MAX)), Millis(MAX_EXPIRES));
        assert_eq!(holdable(Millis(5)), Millis(5));
    }
}
