//! SORT: the elements of a list, a set or a sorted set in order, of themselves or of what other keys
//! hold for them.

use bytes::Bytes;
use kura_commands::{Collection, Dictionary, ItemType, List, Set, SortedSet};

use super::keys::type_name;
use crate::call::{Answer, Call};
use crate::numbers;
use crate::reply::{Failure, Out, Reply};
use crate::task::{Task, is_wrong_type, weighed, weight};

/// What is asked for.
struct Options {
    /// What the elements are ordered by: themselves if there is no pattern.
    by: Option<Bytes>,
    /// Offset and count, of which a negative one is all.
    limit: Option<(i64, i64)>,
    get: Vec<Bytes>,
    back: bool,
    text: bool,
    target: Option<Bytes>,
}

impl Options {
    fn of(call: &Call<'_>, stores: bool) -> Result<Self, Failure> {
        let mut options =
            Self { by: None, limit: None, get: Vec::new(), back: false, text: false, target: None };
        let mut at = 1;
        while at < call.len() {
            let left = call.len() - at - 1;
            match call.argument(at).to_ascii_uppercase().as_slice() {
                b"ASC" => options.back = false,
                b"DESC" => options.back = true,
                b"ALPHA" => options.text = true,
                b"LIMIT" if left >= 2 => {
                    options.limit = Some((call.integer(at + 1)?, call.integer(at + 2)?));
                    at += 2;
                }
                b"STORE" if left >= 1 && stores => {
                    options.target = Some(call.owned(at + 1));
                    at += 1;
                }
                b"BY" if left >= 1 => {
                    options.by = Some(call.owned(at + 1));
                    at += 1;
                }
                b"GET" if left >= 1 => {
                    options.get.push(call.owned(at + 1));
                    at += 1;
                }
                _ => return Err(Failure::syntax()),
            }
            at += 1;
        }
        Ok(options)
    }

    /// Whether the elements stay in the order that they have: the pattern names no key of an element.
    fn keeps_order(&self) -> bool {
        self.by.as_ref().is_some_and(|by| !by.contains(&b'*'))
    }
}

pub(crate) fn sort(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    sorted(call, true)
}

pub(crate) fn sort_ro(call: &Call<'_>, _: &mut Out) -> Result<Answer, Failure> {
    sorted(call, false)
}

/// The collection whose elements are sorted.
enum Sorted {
    None,
    List(List),
    Set(Set),
    Scored(SortedSet),
}

impl Sorted {
    fn read(task: &Task, key: &[u8]) -> Result<Self, Failure> {
        let found = task.look(key, |item| item.item_type)?;
        Ok(match found {
            None => Self::None,
            Some(ItemType::List) => task.snapshot(key)?.map_or(Self::None, |(it, _)| Self::List(it)),
            Some(ItemType::Set) => task.snapshot(key)?.map_or(Self::None, |(it, _)| Self::Set(it)),
            Some(ItemType::SortedSet) => task.snapshot(key)?.map_or(Self::None, |(it, _)| Self::Scored(it)),
            Some(other @ (ItemType::Scalar | ItemType::Dictionary)) => {
                return Err(kura_commands::Error::WrongType(type_name(other).to_owned()).into());
            }
        })
    }

    fn elements(&self, back: bool) -> Vec<Bytes> {
        match self {
            Self::None => Vec::new(),
            Self::List(list) => {
                let mut elements: Vec<_> = list.iter().map(Bytes::copy_from_slice).collect();
                if back {
                    elements.reverse();
                }
                elements
            }
            Self::Set(set) => set.elements().iter_from(0).map(Bytes::copy_from_slice).collect(),
            Self::Scored(set) => {
                let scored = set.scored(0..set.len(), back);
                scored.iter_from(0).map(|(member, _)| Bytes::copy_from_slice(member)).collect()
            }
        }
    }
}

fn sorted(call: &Call<'_>, stores: bool) -> Result<Answer, Failure> {
    let options = Options::of(call, stores)?;
    let task = call.task();
    call.authorize([call.key()].into_iter().chain(options.target.as_deref()))?;
    let found = Sorted::read(&task, call.key())?;
    let (elements, bytes) = match &found {
        Sorted::None => (0, 0),
        Sorted::List(it) => weight(it),
        Sorted::Set(it) => weight(it),
        Sorted::Scored(it) => weight(it),
    };
    weighed((elements * (1 + options.get.len() as u64), bytes), move || carry_out(&task, &options, &found))
}

fn carry_out(task: &Task, options: &Options, found: &Sorted) -> Result<Reply, Failure> {
    let keeps = options.keeps_order();
    // A set has no order, but what is stored of one is to be the same each time.
    let settles = keeps && options.target.is_some() && matches!(found, Sorted::Set(_));
    let elements = found.elements(keeps && options.back);
    let ordered = match keeps && !settles {
        true => elements,
        false => {
            let by = options.by.as_ref().filter(|_| !keeps);
            order(task, elements, by, options.text || settles, options.back)?
        }
    };
    let count = ordered.len();
    let (start, taken) = match options.limit {
        None => (0, count),
        Some((offset, most)) => {
            (usize::try_from(offset).unwrap_or(0), usize::try_from(most).unwrap_or(count))
        }
    };
    let mut told: Vec<Option<Bytes>> = Vec::new();
    for element in ordered.into_iter().skip(start).take(taken) {
        if options.get.is_empty() {
            told.push(Some(element));
            continue;
        }
        for pattern in &options.get {
            told.push(if &pattern[..] == b"#" {
                Some(element.clone())
            } else {
                held(task, pattern, &element)?
            });
        }
    }
    let Some(target) = &options.target else {
        return Ok(Reply::Array(told.into_iter().map(Reply::bytes).collect()));
    };
    let growth = told.iter().flatten().map(|element| element.len() as u64 + 32).sum();
    let mut list: List = task.commands.new_collection(growth)?;
    for element in &told {
        list.insert(u64::MAX, element.as_deref().unwrap_or_default());
    }
    let length = list.len();
    task.put(target, list)?;
    Ok(Reply::count(length))
}

/// The elements in order of themselves, or of what the keys hold that the pattern names; by numbers
/// unless by text. Of equal numbers the elements decide, of equal texts the order that was there.
fn order(
    task: &Task,
    elements: Vec<Bytes>,
    by: Option<&Bytes>,
    text: bool,
    back: bool,
) -> Result<Vec<Bytes>, Failure> {
    let mut keyed = Vec::with_capacity(elements.len());
    for element in elements {
        let key = match by {
            None => Some(element.clone()),
            Some(pattern) => held(task, pattern, &element)?,
        };
        let wrong = || Failure::said("ERR One or more scores can't be converted into double");
        let number = match &key {
            // No text is no amount.
            Some(key) if !text && !key.is_empty() => numbers::float(key).ok_or_else(wrong)?,
            _ => 0.0,
        };
        keyed.push((number, key, element));
    }
    keyed.sort_by(|(number, key, element), (other_number, other_key, other)| {
        let ordering = match text {
            true => key.cmp(other_key),
            false => number.total_cmp(other_number).then_with(|| element.cmp(other)),
        };
        if back { ordering.reverse() } else { ordering }
    });
    Ok(keyed.into_iter().map(|(_, _, element)| element).collect())
}

/// What is at the key, or in the field of the hash behind `->`, that a pattern names with the element
/// in place of its first star.
fn held(task: &Task, pattern: &[u8], element: &[u8]) -> Result<Option<Bytes>, Failure> {
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else { return Ok(None) };
    let (before, behind) =
        (pattern.get(..star).unwrap_or_default(), pattern.get(star + 1..).unwrap_or_default());
    let arrow = behind.windows(2).position(|pair| pair == b"->").filter(|at| at + 2 < behind.len());
    let (behind, field) = match arrow {
        Some(at) => (behind.get(..at).unwrap_or_default(), behind.get(at + 2..)),
        None => (behind, None),
    };
    let key = [before, element, behind].concat();
    // A key that cannot be is one that is not there.
    if key.is_empty() || key.len() > task.commands.limits().max_key_bytes {
        return Ok(None);
    }
    match field {
        None => {
            let value =
                task.look(&key, |item| (item.item_type == ItemType::Scalar).then(|| item.value.to_bytes()))?;
            Ok(value.flatten())
        }
        Some(field) => match task.snapshot::<Dictionary>(&key) {
            Ok(hash) => Ok(hash.and_then(|(hash, _)| hash.get(field).map(Bytes::copy_from_slice))),
            Err(failure) if is_wrong_type(&failure) => Ok(None),
            Err(failure) => Err(failure),
        },
    }
}
