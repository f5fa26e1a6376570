//! The tables of HPACK (RFC 7541, appendix A and section 2.3.2).

use std::collections::VecDeque;

/// What an entry counts beside its name and value (RFC 7541, section 4.1).
pub(crate) const ENTRY_BYTES: usize = 32;

/// Fields by index, the first of which is 1.
#[rustfmt::skip]
pub(super) const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

/// Fields that the peer had kept, newest first.
pub(super) struct Dynamic {
    entries: VecDeque<Entry>,
    bytes: usize,
    max_bytes: usize,
}

struct Entry {
    /// The name and then the value.
    text: Box<[u8]>,
    name: usize,
}

impl Dynamic {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, max_bytes }
    }

    /// The field that is `index` places behind the newest.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.entries.get(index).map(|entry| entry.text.split_at(entry.name))
    }

    /// Keeps a field whose name is the first `name` bytes of `text`. One that is larger than the table empties it.
    pub(super) fn insert(&mut self, text: &[u8], name: usize) {
        let bytes = text.len() + ENTRY_BYTES;
        self.shrink(self.max_bytes.saturating_sub(bytes));
        if bytes <= self.max_bytes {
            self.bytes += bytes;
            self.entries.push_front(Entry { text: text.into(), name });
        }
    }

    /// Sets the most bytes that are kept.
    pub(super) fn resize(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
        self.shrink(max_bytes);
    }

    fn shrink(&mut self, bytes: usize) {
        while self.bytes > bytes
            && let Some(oldest) = self.entries.pop_back()
        {
            self.bytes -= oldest.text.len() + ENTRY_BYTES;
        }
    }
}

#[cfg(test)]
impl Dynamic {
    /// What each entry counts.
    pub(super) fn held(&self) -> Vec<usize> {
        self.entries.iter().map(|entry| entry.text.len() + ENTRY_BYTES).collect()
    }
}
