//! Commands that go through all keys of a cache, and through all elements of a collection.
//!
//! Keys come a piece at a time. A collection comes whole, with the cursor 0 that says so: it is sent
//! as it was at one moment, and holds up nobody however large it is.

use bytes::Bytes;
use kura_commands::{Collection, Dictionary, ItemType, Set, SortedSet, Work};

use crate::call::{Answer, Call};
use crate::glob;
use crate::reply::{Failure, Out, Part, Reply, Scores};
use crate::task::Task;

/// Items looked at for one answer of SCAN without further ado.
const AT_ONCE: usize = 1024;
/// Most items looked at for one answer of SCAN, whatever its COUNT.
const MOST_AT_ONCE: usize = 100_000;
/// Items looked at between two looks at what has been found.
const SLICE: usize = 1024;
/// Most bytes of an answer of KEYS: as many keys are held before the first is sent.
const MOST_KEYS_BYTES: usize = 32 << 20;

/// What is asked for beside the cursor.
struct Options {
    pattern: Option<Bytes>,
    count: usize,
    item_type: Option<Bytes>,
    values: bool,
}

impl Options {
    fn of(call: &Call<'_>, mut at: usize, own: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { pattern: None, count: 10, item_type: None, values: true };
        while at < call.len() {
            let value = || if at + 1 < call.len() { Ok(call.owned(at + 1)) } else { Err(Failure::syntax()) };
            let name = call.argument(at).to_ascii_uppercase();
            match name.as_slice() {
                // All match, as in Redis.
                b"MATCH" => {
                    let pattern = value()?;
                    glob::check(&pattern)?;
                    options.pattern = Some(pattern).filter(|pattern| &pattern[..] != b"*");
                }
                b"COUNT" => {
                    value()?;
                    let count = usize::try_from(call.integer(at + 1)?).ok().filter(|count| *count > 0);
                    options.count = count.ok_or_else(Failure::syntax)?;
                }
                b"TYPE" if own.contains(&"TYPE") => options.item_type = Some(value()?),
                b"NOVALUES" if own.contains(&"NOVALUES") => {
                    options.values = false;
                    at += 1;
                    continue;
                }
                _ => return Err(Failure::syntax()),
            }
            at += 2;
        }
        Ok(options)
    }

    /// Whether matching takes next to no time.
    fn is_short(&self) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.len() <= glob::SHORT_BYTES)
    }

    fn take(&self, key: &[u8], item_type: ItemType) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| glob::matches(pattern, key))
            && self
                .item_type
                .as_ref()
                .is_none_or(|name| name.eq_ignore_ascii_case(super::keys::type_name(item_type).as_bytes()))
    }
}

fn cursor(call: &Call<'_>, at: usize) -> Result<u64, Failure> {
    let cursor = std::str::from_utf8(call.argument(at)).ok().and_then(|text| text.parse().ok());
    cursor.ok_or_else(|| Failure::said("ERR invalid cursor"))
}

fn page(cursor: Option<u64>, elements: Reply) -> Reply {
    Reply::Array(vec![Reply::text(cursor.unwrap_or(0).to_string()), elements])
}

pub(crate) fn scan(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let from = cursor(call, 0)?;
    let options = Options::of(call, 1, &["TYPE"])?;
    let task = call.task();
    let count = options.count.min(MOST_AT_ONCE);
    let aside = count > AT_ONCE || !options.is_short();
    let scan = move || {
        let (next, mut keys) = slice(&task, from, count);
        keys.retain(|(key, item_type)| options.take(key, *item_type));
        let found = keys.into_iter().map(|(key, _)| Reply::Bytes(key)).collect();
        Ok(page(next, Reply::Array(found)))
    };
    Ok(if aside { Answer::Later(Box::new(scan)) } else { scan()?.into() })
}

/// About so many keys from a place on, copied because a lock is held meanwhile, and where to go on.
fn slice(task: &Task, from: u64, count: usize) -> (Option<u64>, Vec<(Bytes, ItemType)>) {
    let mut keys = Vec::new();
    let next = task.commands.walk(&task.cache, from, count, task.now, |key, item| {
        keys.push((Bytes::copy_from_slice(key), item.item_type));
    });
    (next, keys)
}

pub(crate) fn keys(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (task, pattern) = (call.task(), call.owned(0));
    glob::check(&pattern)?;
    Ok(Answer::Later(Box::new(move || {
        let (mut found, mut bytes, mut from) = (Vec::new(), 0, Some(0));
        while let Some(place) = from {
            let (next, keys) = slice(&task, place, SLICE);
            from = next;
            for (key, _) in keys.into_iter().filter(|(key, _)| glob::matches(&pattern, key)) {
                bytes += key.len() + size_of::<Reply>();
                found.push(Reply::Bytes(key));
            }
            if bytes > MOST_KEYS_BYTES {
                return Err(Failure::said(format!(
                    "ERR the keys that match take more than {MOST_KEYS_BYTES} bytes, the most of one answer; \
                     use SCAN"
                )));
            }
        }
        Ok(Reply::Array(found))
    })))
}

/// Counts the keys, which takes as long as there are keys in all caches.
pub(crate) fn dbsize(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let task = call.task();
    Ok(Answer::Later(Box::new(move || {
        let (mut count, mut from) = (0, Some(0));
        while let Some(place) = from {
            from = task.commands.walk(&task.cache, place, SLICE, task.now, |_, _| count += 1);
        }
        Ok(Reply::Integer(count))
    })))
}

/// One of the keys near a place chosen at random.
pub(crate) fn randomkey(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    let (task, seed) = (call.task(), call.seed()?);
    Ok(Answer::Later(Box::new(move || {
        let mut random = fastrand::Rng::with_seed(seed);
        let start = random.u64(0..task.commands.walk_end().max(1));
        let mut found: Option<Bytes> = None;
        let mut seen = 0_u64;
        // From there to the end, then from the beginning.
        for (mut from, end) in [(Some(start), u64::MAX), (Some(0), start)] {
            while let Some(place) = from.filter(|place| *place < end && found.is_none()) {
                from = task.commands.walk(&task.cache, place, 1, task.now, |key, _| {
                    seen += 1;
                    if random.u64(0..seen) == 0 {
                        found = Some(Bytes::copy_from_slice(key));
                    }
                });
            }
        }
        Ok(Reply::bytes(found))
    })))
}

/// The places of what matches, among all.
fn places<'e>(all: impl Iterator<Item = &'e [u8]>, pattern: &[u8]) -> Vec<u64> {
    (0..).zip(all).filter(|(_, text)| glob::matches(pattern, text)).map(|(place, _)| place).collect()
}

/// Answers with a whole collection; `window` shows it, or what of it matches.
fn whole<C: Collection + Send + 'static>(
    call: &Call<'_>,
    own: &[&str],
    window: impl FnOnce(C, &Options) -> Reply + Send + 'static,
) -> Result<Answer, Failure> {
    let from = cursor(call, 1)?;
    let options = Options::of(call, 2, own)?;
    let work = match &options.pattern {
        None => Work::on(0),
        Some(_) if options.is_short() => Work::on_all(),
        Some(_) => Work::on(usize::MAX),
    };
    call.read(work, move |found: Option<C>| match found {
        Some(found) if from == 0 => page(None, window(found, &options)),
        // No answer tells of another cursor.
        _ => page(None, Reply::empty()),
    })
}

pub(crate) fn hscan(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    whole(call, &["NOVALUES"], |hash: Dictionary, options| {
        let part = if options.values { Part::Flat } else { Part::Fields };
        let fields = match &options.pattern {
            None => hash.fields(),
            Some(pattern) => hash.pick(places(hash.fields().iter_from(0).map(|(field, _)| field), pattern)),
        };
        Reply::Fields(fields, part)
    })
}

pub(crate) fn sscan(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    whole(call, &[], |set: Set, options| {
        Reply::List(match &options.pattern {
            None => set.elements(),
            Some(pattern) => set.pick(places(set.elements().iter_from(0), pattern)),
        })
    })
}

pub(crate) fn zscan(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    whole(call, &[], |set: SortedSet, options| {
        let scored = match &options.pattern {
            None => set.scored(0..set.len(), false),
            Some(pattern) => set.pick(places(set.iter().map(|(member, _)| member), pattern)),
        };
        Reply::Scored(scored, Scores::Flat)
    })
}
