//! Collections in a shard: small ones in the log, large ones apart.

use super::{End, Key, Shard};
use crate::collection::Trees;
use crate::engine::Change;
use crate::header::{Header, MAX_KEY_BYTES};
use crate::index::Place;
use crate::log::Body;
use crate::{ItemType, TooLarge, hash};
use kura_base::Millis;

/// Why a command on a collection was refused; whatever was stored is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The item is something else.
    #[error("the item is a {0:?}")]
    WrongType(ItemType),
    /// The collection would become too large, or its key is.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// What collections may take is taken by answers that are still being sent.
    #[error("no memory for {bytes} bytes more: answers still being sent hold it")]
    NoRoom {
        /// How much was needed.
        bytes: u64,
    },
    /// Long work is being done on this collection.
    #[error("long work is being done on this collection")]
    Busy,
}

impl Shard {
    /// A collection as it is now, and when it ends. Counts the access.
    pub(crate) fn collection(
        &mut self,
        key: Key<'_>,
        kind: ItemType,
        now: Millis,
    ) -> Result<Option<(Trees, Millis)>, Refusal> {
        let Some((place, header)) = self.find_kind(key, kind, now)? else { return Ok(None) };
        self.count_access(place, &header);
        let trees = match self.log.collection_mut(place) {
            Some(trees) => trees.clone(),
            None => self.unpack(place, &header),
        };
        Ok(Some((trees, header.expires)))
    }

    /// Changes a collection, or makes one. `growth` is about how many bytes it grows by.
    pub(crate) fn edit<R>(
        &mut self,
        key: Key<'_>,
        kind: ItemType,
        growth: u64,
        now: Millis,
        change: impl FnOnce(Trees, Option<Millis>) -> (Trees, Change, R),
    ) -> Result<R, Refusal> {
        if self.busy.contains(key.keyspace, key.bytes) {
            return Err(Refusal::Busy);
        }
        let found = self.find_kind(key, kind, now)?;
        let empty = Trees::new(&self.heap, kind);
        let trees = match &found {
            None => {
                self.check_growth(key, 0, growth)?;
                empty
            }
            Some((place, header)) => match self.log.collection_mut(*place) {
                None => self.unpack(*place, header),
                Some(trees) => {
                    let bytes = trees.bytes();
                    let taken = std::mem::replace(trees, empty);
                    if let Err(error) = self.check_growth(key, bytes, growth) {
                        self.give_back(*place, taken);
                        return Err(error.into());
                    }
                    taken
                }
            },
        };
        let (trees, change, answer) = change(trees, found.as_ref().map(|(_, header)| header.expires));
        match (change, found) {
            (Change::Keep, Some((place, header))) => {
                self.count_access(place, &header);
                self.give_back(place, trees);
            }
            (Change::Remove, Some((place, _))) => self.end(place, key.hash, End::Removed),
            (Change::Keep | Change::Remove, None) => {}
            (Change::Store(expires), found) => self.store(key, kind, found, trees, expires, now),
        }
        Ok(answer)
    }

    /// Begins long work on a collection, from what it is now: until its end there is no other
    /// that changes it. The caller sees to it that none is being done.
    pub(crate) fn begin(
        &mut self,
        key: Key<'_>,
        kind: ItemType,
        growth: u64,
        now: Millis,
    ) -> Result<(Trees, Option<Millis>), Refusal> {
        let (trees, expires) = match self.collection(key, kind, now)? {
            Some((trees, expires)) => (trees, Some(expires)),
            None => (Trees::new(&self.heap, kind), None),
        };
        self.check_growth(key, trees.bytes(), growth)?;
        self.busy.begin(key.keyspace, key.bytes);
        Ok((trees, expires))
    }

    /// Ends long work with what has become of the collection. If the item was removed or
    /// replaced meanwhile, the work came before that and leaves no trace; if its time to live
    /// was changed meanwhile and not by the work, that change stays.
    pub(crate) fn finish(
        &mut self,
        key: Key<'_>,
        kind: ItemType,
        (trees, began): (Trees, Option<Millis>),
        change: Change,
        now: Millis,
    ) {
        let wanted = self.busy.end(key.keyspace, key.bytes);
        if !wanted || change == Change::Keep {
            return;
        }
        let found = self.find_live(key, now);
        match (change, found) {
            (Change::Store(expires), found) => {
                let changed = found.as_ref().map(|(_, header)| header.expires);
                let expires = if Some(expires) == began { changed.unwrap_or(expires) } else { expires };
                self.store(key, kind, found, trees, expires, now);
            }
            (Change::Remove, Some((place, _))) => self.end(place, key.hash, End::Removed),
            _ => {}
        }
    }

    /// Stores a collection in place of whatever was there.
    pub(crate) fn put_collection(
        &mut self,
        key: Key<'_>,
        kind: ItemType,
        trees: Trees,
        expires: Millis,
        now: Millis,
    ) -> Result<(), Refusal> {
        self.check_growth(key, trees.bytes(), 0)?;
        self.busy.supersede(key.keyspace, key.bytes);
        let found = self.find_live(key, now);
        self.store(key, kind, found, trees, expires, now);
        Ok(())
    }

    /// Gives the large collections accessed a second chance and evicts the first that has had
    /// its own; false if there is none.
    pub(crate) fn evict_collection(&mut self) -> bool {
        for _ in 0..SECOND_CHANCES {
            let Some((number, keyspace, bytes)) = self.log.next_collection(self.hand) else { return false };
            let hash = hash::hash(self.hash_seed, keyspace, bytes);
            let place = self.find(Key { keyspace, bytes, hash });
            self.hand = number + 1;
            let Some(place) = place else { continue };
            let frequency = self.log.header(place).frequency;
            if frequency == 0 {
                self.end(place, hash, End::Evicted);
                return true;
            }
            self.log.set_frequency(place, frequency - 1);
        }
        true
    }

    fn store(
        &mut self,
        key: Key<'_>,
        kind: ItemType,
        found: Option<(Place, Header)>,
        trees: Trees,
        expires: Millis,
        now: Millis,
    ) {
        if trees.is_empty() {
            if let Some((place, _)) = found {
                self.end(place, key.hash, End::Removed);
            }
            return;
        }
        if let Some(blob) = trees.to_blob(self.bounds.inline.saturating_sub(key.bytes.len())) {
            self.write(key, found, kind, Body::Inline(&blob), expires, now);
            return;
        }
        if let Some((place, header)) = &found
            && expires > now
            && header.item_type == kind
            && let Some(kept) = self.log.collection_mut(*place)
        {
            *kept = trees;
            if expires != header.expires {
                self.set_expires(*place, expires);
            }
            self.count_access(*place, &self.log.header(*place));
            return;
        }
        self.write(key, found, kind, Body::Collection(Box::new(trees)), expires, now);
    }

    fn find_kind(
        &mut self,
        key: Key<'_>,
        kind: ItemType,
        now: Millis,
    ) -> Result<Option<(Place, Header)>, Refusal> {
        match self.find_live(key, now) {
            Some((_, header)) if header.item_type != kind => Err(Refusal::WrongType(header.item_type)),
            found => Ok(found),
        }
    }

    fn check_growth(&self, key: Key<'_>, bytes: u64, growth: u64) -> Result<(), TooLarge> {
        if key.bytes.len() > MAX_KEY_BYTES {
            return Err(TooLarge { bytes: key.bytes.len() as u64, limit: MAX_KEY_BYTES as u64 });
        }
        let (bytes, limit) = (bytes + growth, self.bounds.collection);
        if bytes > limit { Err(TooLarge { bytes, limit }) } else { Ok(()) }
    }

    fn unpack(&self, place: Place, header: &Header) -> Trees {
        let item = self.log.item(place, header);
        Trees::of_blob(&self.heap, header.item_type, item.value.as_bytes())
    }

    fn give_back(&mut self, place: Place, trees: Trees) {
        if let Some(kept) = self.log.collection_mut(place) {
            *kept = trees;
        }
    }
}

/// Collections looked at, for one to be evicted, before another shard is asked.
const SECOND_CHANCES: usize = 16;
