//! A page: some elements of a collection, packed one behind the other.
//!
//! ```text
//! key length (varint) | key | value length (varint) | value     in a page of pairs
//! key length (varint) | key                                     in others
//! ```
//!
//! Elements are found by reading the page from its start: it is short.

/// Most bytes of a page of more than one element.
pub(crate) const PAGE_BYTES: usize = 2048;
/// Most elements of a page; fits the byte that a small collection has for it.
pub(crate) const PAGE_ELEMENTS: usize = 128;

/// What the elements of a page are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Keys in the order they were put, equal ones allowed.
    List,
    /// Keys in order of their bytes, each once.
    Keys,
    /// Keys as above, with a value each.
    Pairs,
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a [u8],
    /// Empty in pages that are not of pairs.
    pub(crate) value: &'a [u8],
}

/// Where an element is, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) index: usize,
    pub(crate) offset: usize,
}

/// Some elements.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    shape: Shape,
    bytes: Vec<u8>,
    count: usize,
}

impl Page {
    /// A page of these bytes, which [`bytes`](Self::bytes) of one with as many elements gave.
    pub(crate) fn of_bytes(shape: Shape, count: usize, bytes: Vec<u8>) -> Self {
        Self { shape, bytes, count }
    }

    pub(crate) fn of_entry(shape: Shape, entry: &[u8]) -> Self {
        Self { shape, bytes: entry.to_vec(), count: 1 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries { shape: self.shape, bytes: &self.bytes, offset: 0 }
    }

    pub(crate) fn entry(&self, offset: usize) -> Option<Entry<'_>> {
        Entries { shape: self.shape, bytes: &self.bytes, offset }.next()
    }

    /// Where the element of an index is.
    pub(crate) fn spot(&self, index: usize) -> Spot {
        if index >= self.count {
            return Spot { index: self.count, offset: self.bytes.len() };
        }
        let mut entries = self.entries();
        for _ in 0..index {
            entries.next();
        }
        Spot { index, offset: entries.offset }
    }

    /// Where a key is, or else where it would be; for pages in order.
    pub(crate) fn search(&self, key: &[u8]) -> Result<Spot, Spot> {
        let mut entries = self.entries();
        for index in 0.. {
            let spot = Spot { index, offset: entries.offset };
            match entries.next().map(|entry| entry.key.cmp(key)) {
                Some(std::cmp::Ordering::Less) => {}
                Some(std::cmp::Ordering::Equal) => return Ok(spot),
                _ => return Err(spot),
            }
        }
        Err(self.spot(self.count))
    }

    /// Takes elements out, from one index up to but without another.
    pub(crate) fn remove(&mut self, start: usize, end: usize) {
        let (start, end) = (self.spot(start), self.spot(end));
        self.bytes.drain(start.offset..end.offset);
        self.count -= end.index - start.index;
        self.give_back();
    }

    /// Gives memory back that is not needed any more: pages count by what they have allocated.
    fn give_back(&mut self) {
        if self.bytes.capacity() > self.bytes.len() / 2 * 3 + 64 {
            self.bytes.shrink_to_fit();
        }
    }

    /// Puts an entry in at a spot, in place of the element there if `replace`; the pages that
    /// follow this one if it has become too full.
    pub(crate) fn put(&mut self, mut spot: Spot, replace: bool, entry: &[u8]) -> Vec<Page> {
        if replace {
            let end = self.end_of(spot);
            if self.bytes.len() - (end - spot.offset) + entry.len() <= PAGE_BYTES || self.count == 1 {
                self.splice(spot.offset, end, entry);
                return Vec::new();
            }
            self.bytes.drain(spot.offset..end);
            self.count -= 1;
        }
        if self.count == 0 || self.has_room_for(entry) {
            self.insert(spot, entry);
            return Vec::new();
        }
        // At an end: what comes in order leaves full pages behind.
        if spot.index == self.count {
            return vec![Self::of_entry(self.shape, entry)];
        }
        if spot.index == 0 {
            return vec![std::mem::replace(self, Self::of_entry(self.shape, entry))];
        }
        let middle = self.middle();
        let mut right = self.split_off(middle);
        let in_right = spot.index > middle.index;
        if in_right {
            spot = Spot { index: spot.index - middle.index, offset: spot.offset - middle.offset };
        }
        let half = if in_right { &mut right } else { &mut *self };
        if half.has_room_for(entry) {
            half.insert(spot, entry);
            return vec![right];
        }
        // A large one between others.
        let tail = half.split_off(spot);
        let own = Self::of_entry(self.shape, entry);
        let mut pages = if in_right { vec![right, own, tail] } else { vec![own, tail, right] };
        pages.retain(|page| page.count > 0);
        pages
    }

    /// Takes over the elements of the page behind this one.
    pub(crate) fn append(&mut self, right: &Page) {
        self.bytes.reserve_exact(right.bytes.len());
        self.bytes.extend_from_slice(&right.bytes);
        self.count += right.count;
    }

    /// Whether it is worth looking for a neighbour to merge with.
    pub(crate) fn is_sparse(&self) -> bool {
        self.bytes.len() < PAGE_BYTES / 4 && self.count < PAGE_ELEMENTS / 4
    }

    /// Whether this page and another make one with room to spare.
    pub(crate) fn can_take(&self, other: &Page) -> bool {
        self.bytes.len() + other.bytes.len() <= PAGE_BYTES / 4 * 3
            && self.count + other.count <= PAGE_ELEMENTS / 4 * 3
    }

    /// A key as short as possible that is above all of this page's and not above any of
    /// another's that follows; nothing where keys have no order.
    pub(crate) fn separator(&self, right: &Page) -> Vec<u8> {
        if self.shape == Shape::List {
            return Vec::new();
        }
        let last = self.entries().last().map(|entry| entry.key).unwrap_or_default();
        let first = right.entry(0).map(|entry| entry.key).unwrap_or_default();
        let common = last.iter().zip(first).take_while(|(a, b)| a == b).count();
        first[..first.len().min(common + 1)].to_vec()
    }

    fn has_room_for(&self, entry: &[u8]) -> bool {
        self.bytes.len() + entry.len() <= PAGE_BYTES && self.count < PAGE_ELEMENTS
    }

    fn insert(&mut self, spot: Spot, entry: &[u8]) {
        self.splice(spot.offset, spot.offset, entry);
        self.count += 1;
    }

    fn splice(&mut self, start: usize, end: usize, with: &[u8]) {
        let (old, len) = (end - start, self.bytes.len());
        if with.len() > old {
            let more = with.len() - old;
            if len + more > self.bytes.capacity() {
                self.bytes.reserve_exact(more + (len + more) / 8);
            }
            self.bytes.resize(len + more, 0);
            self.bytes.copy_within(end..len, end + more);
        } else if with.len() < old {
            self.bytes.drain(start + with.len()..end);
            self.give_back();
        }
        self.bytes[start..start + with.len()].copy_from_slice(with);
    }

    /// The first spot in the second half of the bytes; neither the first nor behind the last.
    fn middle(&self) -> Spot {
        let mut entries = self.entries();
        let mut spot = Spot { index: 0, offset: 0 };
        while (spot.offset < self.bytes.len() / 2 || spot.index == 0) && spot.index + 1 < self.count {
            entries.next();
            spot = Spot { index: spot.index + 1, offset: entries.offset };
        }
        spot
    }

    fn split_off(&mut self, spot: Spot) -> Page {
        let right = Page {
            shape: self.shape,
            bytes: self.bytes[spot.offset..].to_vec(),
            count: self.count - spot.index,
        };
        self.bytes.truncate(spot.offset);
        self.count = spot.index;
        right
    }

    fn end_of(&self, spot: Spot) -> usize {
        let mut entries = Entries { shape: self.shape, bytes: &self.bytes, offset: spot.offset };
        entries.next();
        entries.offset
    }
}

/// The elements of a page from somewhere on.
#[derive(Clone, Debug)]
pub(crate) struct Entries<'a> {
    shape: Shape,
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Entries<'a> {
    fn string(&mut self) -> &'a [u8] {
        let (mut len, mut shift) = (0_usize, 0);
        loop {
            let byte = self.bytes[self.offset];
            self.offset += 1;
            len |= usize::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
        let start = self.offset;
        self.offset += len;
        &self.bytes[start..self.offset]
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.offset >= self.bytes.len() {
            return None;
        }
        let key = self.string();
        let value = if self.shape == Shape::Pairs { self.string() } else { &[] };
        Some(Entry { key, value })
    }
}

/// An element as a page has it.
pub(crate) fn encode(shape: Shape, entry: Entry<'_>) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(entry.key.len() + entry.value.len() + 8);
    put_string(&mut encoded, entry.key);
    if shape == Shape::Pairs {
        put_string(&mut encoded, entry.value);
    }
    encoded
}

fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    let mut len = string.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(string);
}
