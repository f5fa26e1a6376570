//! Makes a namespace's packet filter what its plan says, if it is not.

use std::collections::BTreeMap;

use kura_model::plan::Filter;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    IDLE_TABLE, TABLE, compile, fast,
    run::{names, transact},
    table::{Names, Table, remove},
};
use crate::{
    error::{During as _, Error},
    kernel::{Devices, conntrack_settings, filter_generation},
};

/// What was loaded, and the filter's generation right after it: as long as that is the generation, nobody has
/// changed it. The anchor keeps it with the namespace, for the next daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    main: u64,
    idle: u64,
    fast: u64,
    generation: u32,
}

impl Mark {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let mut hash = || u64::from_str_radix(parts.next()?, 16).ok();
        let (main, idle, fast) = (hash()?, hash()?, hash()?);
        Some(Self { main, idle, fast, generation: parts.next()?.parse().ok()? })
    }

    pub(crate) fn write(self) -> String {
        format!("{:x} {:x} {:x} {}", self.main, self.idle, self.fast, self.generation)
    }
}

/// A packet filter as we left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) mark: Mark,
    /// What it consists of, unless an earlier daemon loaded it.
    names: Option<BTreeMap<String, Names>>,
}

impl Loaded {
    /// What the anchor kept for an earlier daemon.
    pub(crate) fn read(note: &str) -> Option<Self> {
        Mark::read(note).map(|mark| Self { mark, names: None })
    }
}

/// A table to load, or only the name of one that must not be.
enum Wanted {
    Table(Table),
    Nothing(&'static str),
}

impl Wanted {
    fn hash(&self) -> u64 {
        match self {
            Self::Table(table) => xxh3_64(table.text().as_bytes()),
            Self::Nothing(_) => 0,
        }
    }
}

/// Loads what the thread's namespace must let pass. `last` is what was loaded last, if known; returns what is loaded
/// now and how much was changed.
pub(crate) fn apply(
    name: &str,
    filter: &Filter,
    last: Option<&Loaded>,
) -> Result<(Option<Loaded>, usize), Error> {
    let what = || format!("read the packet filter of namespace {name}");
    let rules = compile(filter)?;
    let mut conntrack = None;
    let mut wanted = [Wanted::Nothing(TABLE), Wanted::Nothing(IDLE_TABLE)];
    if let Some(rules) = rules {
        conntrack = rules.idle_timeout;
        wanted[0] = Wanted::Table(rules.main);
        wanted[1] = rules.idle.map_or(Wanted::Nothing(IDLE_TABLE), Wanted::Table);
    }
    let before = filter_generation().during(what)?;
    let [main, idle] = [wanted[0].hash(), wanted[1].hash()];
    let standing = last.filter(|last| last.mark.generation == before);
    let mut changed = 0;
    let mut new = standing.cloned();
    if standing.is_none_or(|last| (last.mark.main, last.mark.idle) != (main, idle)) {
        let same = [
            standing.is_some_and(|last| last.mark.main == main),
            standing.is_some_and(|last| last.mark.idle == idle),
        ];
        let names = match standing.and_then(|last| last.names.clone()) {
            Some(names) => names,
            None if before == UNTOUCHED => BTreeMap::new(),
            None => names().during(what)?,
        };
        let loaded = load(name, &wanted, same, &names)?;
        changed += usize::from(loaded);
        let generation = filter_generation().during(what)?;
        // Otherwise someone else changed something meanwhile: the next look will load it again.
        let ours = before.wrapping_add(loaded.into());
        let tables = wanted.iter().filter_map(|wanted| match wanted {
            Wanted::Table(table) => Some((table.name.to_owned(), table.names())),
            Wanted::Nothing(_) => None,
        });
        let fast = standing.map_or(0, |last| last.mark.fast);
        let mark = Mark { main, idle, fast, generation };
        new = (generation == ours).then(|| Loaded { mark, names: Some(tables.collect()) });
    }
    if let Some(idle_timeout) = conntrack {
        changed += conntrack_settings(idle_timeout)
            .map_err(|(action, source)| Error::System { action: format!("{action} in {name}"), source })?;
    }
    Ok((new, changed))
}

/// Loads the short way of the thread's namespace, if it is a router's and its devices stand. A kernel without it is
/// said to be so, once, and does without. `last` is what [`apply`] returned; returns the same, brought up to date.
pub(crate) fn apply_fast(
    name: &str,
    filter: &Filter,
    devices: &Devices,
    last: Loaded,
) -> Result<(Option<Loaded>, usize), Error> {
    let Filter::Router(router) = filter else { return Ok((Some(last), 0)) };
    let what = || format!("load the packet filter of namespace {name}");
    let text = fast::compile(router, devices)?;
    let hash = if text.is_empty() { 0 } else { xxh3_64(text.as_bytes()) };
    if last.mark.fast == hash {
        return Ok((Some(last), 0));
    }
    let done = transact(&fast::replace(&text)).during(what)?;
    let generation = match &done {
        Ok(()) => last.mark.generation.wrapping_add(1),
        // Anything but the kernel's own refusal is a mistake of ours.
        Err(why) if !why.contains(KERNEL_REFUSES) => {
            return Err(Error::Filter { namespace: name.to_owned(), message: why.clone() });
        }
        Err(why) => {
            eprintln!("namespace {name}: established connections take the slower way, nft says: {why}");
            last.mark.generation
        }
    };
    // As in [`apply`]: what someone else changed meanwhile will be seen.
    let ours = filter_generation().during(what)? == generation;
    let mark = Mark { fast: hash, generation, ..last.mark };
    Ok((ours.then_some(Loaded { mark, ..last }), usize::from(done.is_ok())))
}

/// How `nft` begins when it is the kernel that refuses.
const KERNEL_REFUSES: &str = "Error: Could not process rule";

/// The generation of a namespace whose packet filter nobody ever changed.
const UNTOUCHED: u32 = 1;

/// One transaction for all that is not the same. Says whether there was anything to do.
fn load(
    name: &str,
    wanted: &[Wanted; 2],
    same: [bool; 2],
    standing: &BTreeMap<String, Names>,
) -> Result<bool, Error> {
    let what = || format!("load the packet filter of namespace {name}");
    let none = Names::default();
    let mut script = String::new();
    let mut force = String::new();
    for (wanted, same) in wanted.iter().zip(same) {
        match wanted {
            _ if same => {}
            Wanted::Table(table) => {
                script += &table.replace(standing.get(table.name).unwrap_or(&none));
                force += &table.force();
            }
            Wanted::Nothing(table) if standing.contains_key(*table) => {
                script += &remove(table);
                force += &remove(table);
            }
            Wanted::Nothing(_) => {}
        }
    }
    if script.is_empty() {
        return Ok(false);
    }
    // Someone may have made a chain or a set of one of our names, of another kind: then all of it goes.
    let Err(first) = transact(&script).during(what)? else { return Ok(true) };
    let forced = transact(&force).during(what)?;
    forced.map(|()| true).map_err(|second| {
        let message = format!("{second}; and before that, without making it anew: {first}");
        Error::Filter { namespace: name.to_owned(), message }
    })
}
