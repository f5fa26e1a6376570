//! Commands on sets.

use std::collections::BTreeSet;
use std::sync::Arc;

use kura_base::Millis;
use kura_engine::{Change, Collection, Keyspace, Set};

use super::Data;
use super::collections::{At, Load, kept};
use crate::DataError;
use crate::collections::{Outcome, SetCommand, SetReply};

impl Data {
    /// Carries out one command on one set.
    ///
    /// # Errors
    /// [`DataError`]; the set is then as it was.
    pub fn set(
        self: &Arc<Self>,
        cache: Keyspace,
        name: &[u8],
        command: SetCommand,
        now: Millis,
    ) -> Result<Outcome<SetReply>, DataError> {
        use SetReply::{Contains, Done, Found, Length, Missing};
        let at = At { cache, name, now };
        match command {
            SetCommand::Add { elements, ttl } => {
                let load = Load::of_bytes(elements.iter().map(|element| element.len()));
                self.edit(at, load, move |set: &mut Set, held| {
                    for element in &elements {
                        set.add(element);
                    }
                    (Change::Store(ttl.expires(held, now)), Ok(Done))
                })
            }
            SetCommand::Remove(elements) => {
                let load = Load::of_elements(elements.len());
                self.edit(at, load, move |set: &mut Set, held| {
                    let removed = elements.iter().filter(|element| set.remove(element)).count();
                    let change = if removed > 0 { kept(held) } else { Change::Keep };
                    (change, Ok(if held.is_some() { Done } else { Missing }))
                })
            }
            SetCommand::Delete => self.edit(at, Load::default(), |_: &mut Set, held| {
                (Change::Remove, Ok(if held.is_some() { Done } else { Missing }))
            }),
            SetCommand::SubtractFrom(minuend) => {
                let load = Load::of_bytes(minuend.iter().map(|element| element.len()));
                self.edit(at, load, move |set: &mut Set, held| {
                    if held.is_none() {
                        return (Change::Keep, Ok(Missing));
                    }
                    let rest: Vec<_> = minuend.iter().filter(|element| !set.contains(element)).collect();
                    set.clear();
                    for element in rest {
                        set.add(element);
                    }
                    (kept(held), Ok(Done))
                })
            }
            SetCommand::Fetch => {
                self.read(at, 0, |found: Option<Set>| found.map_or(Missing, |set| Found(set.elements())))
            }
            SetCommand::Contains(elements) => self.read(at, elements.len(), move |found: Option<Set>| {
                let Some(set) = found else { return Missing };
                Contains(elements.iter().map(|element| set.contains(element)).collect())
            }),
            SetCommand::Length => {
                self.read(at, 0, |found: Option<Set>| found.map_or(Missing, |set| Length(set.len())))
            }
            SetCommand::Pop { count, seed } => {
                let load = match self.snapshot::<Set>(at)? {
                    Some(set) if count < set.len() => Load::of_part(&set, elements(count)),
                    _ => Load::default(),
                };
                self.edit(at, load, move |set: &mut Set, held| {
                    if held.is_none() {
                        return (Change::Keep, Ok(Missing));
                    }
                    if count >= set.len() {
                        return (Change::Remove, Ok(Found(set.elements())));
                    }
                    let chosen = choose(count, set.len(), seed);
                    let popped = set.pick(chosen.iter().copied());
                    set.remove_at(chosen.into_iter());
                    (kept(held), Ok(Found(popped)))
                })
            }
            SetCommand::Sample { limit, seed } => {
                // Choosing is the work; what is chosen is looked up as the answer is written.
                let all = self.snapshot::<Set>(at)?.map_or(0, |set| set.len());
                let chosen = if limit >= all { 0 } else { elements(limit) };
                self.read(at, chosen, move |found: Option<Set>| {
                    let Some(set) = found else { return Missing };
                    if limit >= set.len() {
                        return Found(set.elements());
                    }
                    Found(set.pick(choose(limit, set.len(), seed)))
                })
            }
        }
    }
}

fn elements(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// So many of the numbers below `len`, all choices equally likely (Floyd's algorithm).
fn choose(count: u64, len: u64, seed: u64) -> BTreeSet<u64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut chosen = BTreeSet::new();
    for last in len - count..len {
        if !chosen.insert(random.u64(0..=last)) {
            chosen.insert(last);
        }
    }
    chosen
}
