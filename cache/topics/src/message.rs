//! What is published.

use std::sync::OnceLock;

use bytes::Bytes;
use kura_pages::Buffer;

/// Up to this size a value may be copied into its encoding, so it counts twice.
const COPIED_BYTES: usize = 4096;

/// What a message takes beyond its value and its publisher's id, in bytes: the structure, its
/// place in the ring, and two allocations.
const MESSAGE_BYTES: usize = 256;

/// Values from this size on have pages of their own, in bytes.
const OWN_PAGES_FROM: usize = 8 * 1024;
/// Most values that do: the kernel allows a process 65,530 mappings.
const OWN_PAGES_MOST: usize = 8 * 1024;

/// A text or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    bytes: Bytes,
    text: bool,
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: String) -> Self {
        Self { bytes: text.into(), text: true }
    }

    /// Bytes.
    #[must_use]
    pub fn binary(bytes: Bytes) -> Self {
        Self { bytes, text: false }
    }

    /// The value as topics with so many bytes of memory keep it.
    pub(crate) fn kept(self, memory: usize) -> Self {
        if self.bytes.len() < OWN_PAGES_FROM.max(memory / OWN_PAGES_MOST) {
            return self;
        }
        Self { bytes: Buffer::copy_of(&self.bytes), ..self }
    }

    /// Whether it was published as a text; its bytes are UTF-8 then.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.text
    }

    /// The text's or the bytes' bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// One message, shared by the ring and by all who deliver it.
#[derive(Debug)]
pub struct Message {
    /// Its number: 1 for a topic's first message, one more for each that follows.
    pub sequence: u64,
    /// The topic's incarnation, larger for later ones: the second since the Unix epoch at which it
    /// began, unless an earlier one had that number.
    pub page: u64,
    /// The id that the publisher's token carries; empty for none.
    pub publisher: Box<str>,
    /// What was published.
    pub value: Value,
    encoded: OnceLock<Bytes>,
}

impl Message {
    pub(crate) fn new(page: u64, sequence: u64, publisher: &str, value: Value) -> Self {
        Self { sequence, page, publisher: publisher.into(), value, encoded: OnceLock::new() }
    }

    /// The message as a protocol sends it, made by the first who asks and shared by all others.
    /// There is one place for it, so one protocol may use it; values over 4 KiB should not be
    /// copied into it.
    pub fn encoded(&self, encode: impl FnOnce(&Self) -> Bytes) -> &Bytes {
        self.encoded.get_or_init(|| encode(self))
    }

    /// What it takes in memory, with its encoding.
    pub(crate) fn memory(&self) -> usize {
        let value = self.value.bytes.len();
        let taken = if value < OWN_PAGES_FROM { value } else { kura_pages::taken(value) };
        MESSAGE_BYTES + taken + value.min(COPIED_BYTES) + 2 * self.publisher.len()
    }
}
