//! Arguments that outlive the buffer they were read to.

use super::Arguments;

/// A copy of a command's arguments.
pub(crate) struct Copied {
    bytes: Vec<u8>,
    places: Vec<(u32, u32)>,
}

impl Arguments<'_> {
    /// A copy of all arguments.
    pub(crate) fn copied(self) -> Copied {
        let (first, last) = match (self.places.first(), self.places.last()) {
            (Some((first, _)), Some((_, last))) => (*first, *last),
            _ => (0, 0),
        };
        let bytes = self.bytes.get(first as usize..last as usize).unwrap_or_default().to_vec();
        let places = self.places.iter().map(|(start, end)| (start - first, end - first)).collect();
        Copied { bytes, places }
    }
}

impl Copied {
    pub(crate) fn arguments(&self) -> Arguments<'_> {
        Arguments { bytes: &self.bytes, places: &self.places }
    }
}
