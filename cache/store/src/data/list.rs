//! Commands on lists.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use kura_base::Millis;
use kura_engine::{Change, Collection, Keyspace, List};

use super::Data;
use super::collections::{At, Edited, Load, kept};
use crate::DataError;
use crate::collections::{CollectionTtl, ListCommand, ListReply, ListSpan, Outcome, Side};
use ListReply::{Done, Found, Length, Missing, Popped};

impl Data {
    /// Carries out one command on one list.
    ///
    /// # Errors
    /// [`DataError`]; the list is then as it was.
    pub fn list(
        self: &Arc<Self>,
        cache: Keyspace,
        name: &[u8],
        command: ListCommand,
        now: Millis,
    ) -> Result<Outcome<ListReply>, DataError> {
        let at = At { cache, name, now };
        match command {
            ListCommand::Push { side, values, truncate_to, ttl } => {
                let load = Load::of_bytes(values.iter().map(|value| value.len()));
                self.edit(at, load, move |list, held| {
                    push(list, side, &values, truncate_to);
                    (Change::Store(ttl.expires(held, now)), Ok(Length(length(list))))
                })
            }
            ListCommand::Pop(side) => {
                self.edit(at, Load::default(), move |list: &mut List, held| pop(list, side, held))
            }
            ListCommand::RemoveValue(value) => {
                // All of it is looked through, and each of its elements may have to go.
                let load = self.snapshot::<List>(at)?.map_or_else(Load::default, |list| Load {
                    scan: list.bytes(),
                    ..Load::of_elements(usize::try_from(list.len()).unwrap_or(usize::MAX))
                });
                self.edit(at, load, move |list: &mut List, held| {
                    let equal = list.iter().zip(0..).filter(|(other, _)| *other == value);
                    let ranges = equal.map(|(_, at)| (at, 1)).collect();
                    erase(list, ranges, held)
                })
            }
            ListCommand::Erase(ranges) => {
                let load = Load::of_elements(ranges.len());
                self.edit(at, load, move |list: &mut List, held| erase(list, ranges.clone(), held))
            }
            ListCommand::Delete => self.edit(at, Load::default(), |_: &mut List, held| {
                (Change::Remove, Ok(if held.is_some() { Done } else { Missing }))
            }),
            ListCommand::Fetch(span) => self.read(at, 0, move |found: Option<List>| {
                let Some(list) = found else { return Missing };
                let found = list.elements(within(span, list.len()));
                if found.is_empty() { Missing } else { Found(found) }
            }),
            ListCommand::Retain { span, ttl } => {
                self.edit(at, Load::default(), move |list: &mut List, held| {
                    retain(list, span, ttl, held, now)
                })
            }
            ListCommand::Length => {
                self.read(at, 0, |found: Option<List>| found.map_or(Missing, |list| Length(length(&list))))
            }
        }
    }
}

fn push(list: &mut List, side: Side, values: &[Bytes], truncate_to: u32) {
    for (index, value) in (0..).zip(values) {
        list.insert(if side == Side::Front { index } else { u64::MAX }, value);
    }
    let (len, most) = (list.len(), u64::from(truncate_to));
    if most > 0 && len > most {
        list.remove(if side == Side::Front { most..len } else { 0..len - most });
    }
}

fn pop(list: &mut List, side: Side, held: Option<Millis>) -> Edited<ListReply> {
    let index = if side == Side::Front { 0 } else { list.len().saturating_sub(1) };
    let Some(value) = list.get(index).map(Bytes::copy_from_slice) else {
        return (Change::Keep, Ok(Missing));
    };
    list.remove(index..index + 1);
    (kept(held), Ok(Popped(value, length(list))))
}

/// Removes ranges, each a begin and a count, of the list as it is.
fn erase(list: &mut List, mut ranges: Vec<(u64, u64)>, held: Option<Millis>) -> Edited<ListReply> {
    if held.is_none() {
        return (Change::Keep, Ok(Missing));
    }
    let before = list.len();
    ranges.sort_unstable();
    let mut gone: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for (begin, count) in ranges {
        let end = begin.saturating_add(count);
        match gone.last_mut() {
            Some(last) if begin <= last.end => last.end = last.end.max(end),
            _ => gone.push(begin..end),
        }
    }
    // From the last to the first: what was removed shifts nothing that is still to go.
    for range in gone.into_iter().rev() {
        list.remove(range);
    }
    let change = if list.len() < before { kept(held) } else { Change::Keep };
    (change, Ok(Length(length(list))))
}

fn retain(
    list: &mut List,
    span: ListSpan,
    ttl: CollectionTtl,
    held: Option<Millis>,
    now: Millis,
) -> Edited<ListReply> {
    if held.is_none() {
        return (Change::Keep, Ok(Missing));
    }
    let stays = within(span, list.len());
    if stays.is_empty() {
        return (Change::Remove, Ok(Length(0)));
    }
    list.remove(stays.end..list.len());
    list.remove(0..stays.start);
    (Change::Store(ttl.expires(held, now)), Ok(Length(length(list))))
}

/// The indices that a span means in a list of so many elements; possibly none.
fn within(span: ListSpan, len: u64) -> Range<u64> {
    index(span.start.unwrap_or(0), len)..span.end.map_or(len, |end| index(end, len))
}

/// An index as clients say it: negative from the end, clamped to what there is.
pub(super) fn index(index: i64, len: u64) -> u64 {
    match u64::try_from(index) {
        Ok(index) => index.min(len),
        Err(_) => len.saturating_sub(index.unsigned_abs()),
    }
}

fn length(list: &List) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}
