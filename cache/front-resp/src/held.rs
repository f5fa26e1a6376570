//! What has come of the command that is on its way, and of those behind it.

use kura_pages::Buffer;

/// Bytes that were read and not carried out. A large command has pages of its own, which go when it is done.
#[derive(Default)]
pub(crate) struct Held {
    /// Empty while there are pages.
    bytes: Vec<u8>,
    pages: Option<Buffer>,
}

impl Held {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.pages.as_ref().map_or(&self.bytes, Buffer::as_slice)
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        match &mut self.pages {
            Some(pages) => pages.extend_from_slice(bytes),
            None => self.bytes.extend_from_slice(bytes),
        }
    }

    /// Room in pages for what is missing of a command of so many bytes, which is one byte at least.
    pub(crate) fn room(&mut self, command: usize) -> &mut [u8] {
        let missing = command.saturating_sub(self.len()).max(1);
        let bytes = std::mem::take(&mut self.bytes);
        let pages = self.pages.get_or_insert_with(|| {
            let mut pages = Buffer::with_capacity(command.max(bytes.len()));
            pages.extend_from_slice(&bytes);
            pages
        });
        pages.reserve(missing);
        &mut pages.unfilled()[..missing]
    }

    /// Takes so many bytes of the [room](Self::room) as come.
    pub(crate) fn came(&mut self, bytes: usize) {
        if let Some(pages) = &mut self.pages {
            pages.advance(bytes);
        }
    }

    /// Lets go of the first bytes, which have been carried out.
    pub(crate) fn drain(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        match self.pages.take() {
            Some(pages) => self.bytes.extend_from_slice(&pages.as_slice()[bytes..]),
            None => drop(self.bytes.drain(..bytes)),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.pages = None;
    }

    /// Keeps no more room than for `bytes`, or for what there is.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        self.bytes.shrink_to(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_command_moves_to_pages_and_what_is_behind_it_back() {
        let mut held = Held::default();
        held.extend_from_slice(&[1; 100]);
        let room = held.room(100_000);
        assert_eq!(room.len(), 99_900);
        room[..90_000].fill(2);
        held.came(90_000);
        assert_eq!(held.room(200_000).len(), 109_900);
        held.room(200_000)[..5].copy_from_slice(b"after");
        held.came(5);
        assert_eq!((held.len(), &held.as_slice()[99..101]), (90_105, &[1, 2][..]));
        held.drain(90_100);
        assert!(held.pages.is_none());
        held.extend_from_slice(b"wards");
        assert_eq!(held.as_slice(), b"afterwards");
        held.drain(5);
        assert_eq!(held.as_slice(), b"wards");
        held.clear();
        assert!(held.is_empty());
    }
}
