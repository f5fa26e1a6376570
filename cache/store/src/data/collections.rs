//! What the commands on collections have in common: what is done at once, what takes long, and
//! how long a collection lives.

use std::sync::Arc;

use bytes::Bytes;
use kura_base::Millis;
use kura_engine::{Change, Collection, Keyspace, Refusal};

use super::Data;
use crate::DataError;
use crate::collections::{CollectionTtl, Long, Outcome};

/// Most elements that a command works on at once; each takes up to a microsecond.
pub(super) const ELEMENTS_AT_ONCE: usize = 128;
/// Most bytes that a command writes or looks through at once.
const BYTES_AT_ONCE: u64 = 512 << 10;
/// About what an element takes beside its bytes where it is stored.
const ELEMENT_BYTES: u64 = 32;

/// Whose collection is meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub(super) cache: Keyspace,
    pub(super) name: &'a [u8],
    pub(super) now: Millis,
}

/// How much work a command is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    pub(super) elements: usize,
    /// Bytes that come in.
    pub(super) growth: u64,
    /// Bytes that are looked through.
    pub(super) scan: u64,
}

impl Load {
    /// The work of looking for so many elements.
    pub(super) fn of_elements(elements: usize) -> Self {
        Self { elements, ..Self::default() }
    }

    /// The work of looking for so many elements of a collection and copying them, if they are
    /// as large as its elements are on average.
    pub(super) fn of_part(collection: &impl Collection, elements: usize) -> Self {
        let scan = (collection.bytes() / collection.len().max(1)).saturating_mul(elements as u64);
        Self { elements, growth: 0, scan }
    }

    /// The work of writing elements of these sizes.
    pub(super) fn of_bytes(sizes: impl ExactSizeIterator<Item = usize>) -> Self {
        let elements = sizes.len();
        let growth = sizes.map(|bytes| bytes as u64 + ELEMENT_BYTES).sum();
        Self { elements, growth, scan: 0 }
    }

    pub(super) fn is_long(self) -> bool {
        self.elements > ELEMENTS_AT_ONCE || self.growth > BYTES_AT_ONCE || self.scan > BYTES_AT_ONCE
    }
}

/// What a command makes of a collection, and what it answers.
pub(super) type Edited<R> = (Change, Result<R, DataError>);

impl Data {
    /// Reads so many elements of a collection, as it is now even if the reading takes long.
    pub(super) fn read<C: Collection + Send + 'static, R>(
        &self,
        at: At<'_>,
        elements: usize,
        read: impl FnOnce(Option<C>) -> R + Send + 'static,
    ) -> Result<Outcome<R>, DataError> {
        let found = self.snapshot::<C>(at)?;
        if found.as_ref().is_some_and(|found| Load::of_part(found, elements).is_long()) {
            Ok(Outcome::Long(Long::new(move || Ok(read(found)))))
        } else {
            Ok(Outcome::Done(read(found)))
        }
    }

    /// A collection as it is now.
    pub(super) fn snapshot<C: Collection>(&self, at: At<'_>) -> Result<Option<C>, DataError> {
        let found = self.engine.collection::<C>(at.cache, at.name, at.now);
        Ok(found.map_err(refused::<C>)?.map(|(collection, _)| collection))
    }

    /// Changes a collection. `change` is called once; it sees an empty one and no time if there
    /// is none.
    pub(super) fn edit<C: Collection, R>(
        self: &Arc<Self>,
        at: At<'_>,
        load: Load,
        change: impl Fn(&mut C, Option<Millis>) -> Edited<R> + Send + 'static,
    ) -> Result<Outcome<R>, DataError> {
        let At { cache, name, now } = at;
        if !load.is_long() {
            match self.engine.edit(cache, name, load.growth, now, &change) {
                Err(Refusal::Busy) => {}
                edited => return edited.map_err(refused::<C>)?.map(Outcome::Done),
            }
        }
        let (data, name) = (self.clone(), Bytes::copy_from_slice(name));
        Ok(Outcome::Long(Long::new(move || {
            data.check_current(cache)?;
            data.engine.edit_aside(cache, &name, load.growth, now, change).map_err(refused::<C>)?
        })))
    }
}

impl CollectionTtl {
    /// When a collection ends that a command writes to at `now` and that ended at `held`.
    pub(super) fn expires(self, held: Option<Millis>, now: Millis) -> Millis {
        match held {
            Some(held) if !self.refresh => held,
            _ => self.ttl.expires(now),
        }
    }
}

/// What a command does that changed something in a collection which ended at `held`, and whose
/// time to live stays.
pub(super) fn kept(held: Option<Millis>) -> Change {
    held.map_or(Change::Keep, Change::Store)
}

pub(super) fn refused<C: Collection>(refusal: Refusal) -> DataError {
    match refusal {
        Refusal::WrongType(found) => DataError::WrongType { found, wanted: C::TYPE },
        Refusal::TooLarge(too_large) => DataError::TooLarge(too_large),
        Refusal::NoRoom { bytes } => DataError::NoRoom { bytes },
        // Said by `edit` only, and taken care of there.
        Refusal::Busy => DataError::NoRoom { bytes: 0 },
    }
}
