//! Commands on dictionaries.

use std::sync::Arc;

use kura_base::Millis;
use kura_engine::{Change, Collection, Dictionary, Keyspace};

use super::collections::{At, Load, kept};
use super::{Data, add, write_integer};
use crate::DataError;
use crate::collections::{DictionaryCommand, DictionaryReply, Outcome};

impl Data {
    /// Carries out one command on one dictionary.
    ///
    /// # Errors
    /// [`DataError`]; the dictionary is then as it was.
    pub fn dictionary(
        self: &Arc<Self>,
        cache: Keyspace,
        name: &[u8],
        command: DictionaryCommand,
        now: Millis,
    ) -> Result<Outcome<DictionaryReply>, DataError> {
        use DictionaryReply::{Done, Found, Integer, Length, Missing, Values};
        let at = At { cache, name, now };
        match command {
            DictionaryCommand::Get(fields) => self.read(at, 0, move |found: Option<Dictionary>| {
                found.map_or(Missing, |found| Values(found, fields))
            }),
            DictionaryCommand::Fetch => self.read(at, 0, |found: Option<Dictionary>| {
                found.map_or(Missing, |found| Found(found.fields()))
            }),
            DictionaryCommand::Length => self
                .read(at, 0, |found: Option<Dictionary>| found.map_or(Missing, |found| Length(found.len()))),
            DictionaryCommand::Set { items, ttl } => {
                let load = Load::of_bytes(items.iter().map(|(field, value)| field.len() + value.len()));
                self.edit(at, load, move |dictionary: &mut Dictionary, held| {
                    for (field, value) in &items {
                        dictionary.set(field, value);
                    }
                    (Change::Store(ttl.expires(held, now)), Ok(Done))
                })
            }
            DictionaryCommand::Increment { field, amount, ttl } => {
                let load = Load::of_bytes([field.len() + 20].into_iter());
                self.edit(at, load, move |dictionary: &mut Dictionary, held| {
                    match add(dictionary.get(&field), amount) {
                        Ok(sum) => {
                            dictionary.set(&field, write_integer(sum, &mut [0; 20]));
                            (Change::Store(ttl.expires(held, now)), Ok(Integer(sum)))
                        }
                        Err(error) => (Change::Keep, Err(error)),
                    }
                })
            }
            DictionaryCommand::Remove(fields) => {
                let load = Load::of_elements(fields.len());
                self.edit(at, load, move |dictionary: &mut Dictionary, held| {
                    let removed = fields.iter().filter(|field| dictionary.remove(field)).count();
                    (if removed > 0 { kept(held) } else { Change::Keep }, Ok(Done))
                })
            }
            DictionaryCommand::Delete => {
                self.edit(at, Load::default(), |_: &mut Dictionary, _| (Change::Remove, Ok(Done)))
            }
        }
    }
}
