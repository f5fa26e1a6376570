//! A plan's names, ready to be looked up.

use std::{collections::BTreeMap, net::Ipv4Addr};

use hickory_proto::rr::{LowerName, Name, rdata::TXT};
use kura_model::plan::{Names, NamespaceName, Resolver};

/// How long an answer may be kept, in seconds, positive or negative: AWS's 60 for an endpoint's names.
pub const TTL: u32 = 60;

/// Who asks, which is where the query arrived.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// The public side: only public names.
    Public,
    /// The VPC whose router has this namespace.
    Vpc(NamespaceName),
}

/// A name of the plan that DNS cannot carry; the plan is wrong, and the names before it go on being answered.
#[derive(Debug, thiserror::Error)]
#[error("{name:?} is not a DNS name ({why}): at most 63 bytes a label and 253 in all are allowed")]
pub struct BadName {
    name: String,
    why: String,
}

/// Every name of a plan, as of one moment.
#[derive(Debug, Default)]
pub struct Zones {
    pub(crate) public: BTreeMap<LowerName, Entry>,
    pub(crate) vpcs: BTreeMap<NamespaceName, Vpc>,
}

/// What a public name has. Without either it has nothing but its existence.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub addresses: Vec<Ipv4Addr>,
    pub texts: Vec<TXT>,
}

/// What only one VPC sees.
#[derive(Debug, Default)]
pub(crate) struct Vpc {
    /// Private zones: apex to the name it is an alias of.
    pub private: BTreeMap<LowerName, Name>,
    pub hosts: BTreeMap<LowerName, Ipv4Addr>,
    /// `5.0.0.10.in-addr.arpa` to the hosts of that address.
    pub reverse: BTreeMap<LowerName, Vec<Name>>,
}

impl Zones {
    /// Takes the names of a plan.
    ///
    /// # Errors
    ///
    /// [`BadName`] for the first name that DNS cannot carry.
    pub fn of(names: &Names) -> Result<Self, BadName> {
        let mut public: BTreeMap<LowerName, Entry> = BTreeMap::new();
        for (name, addresses) in &names.public {
            public.entry(parse(name)?.into()).or_default().addresses.extend(addresses);
        }
        for (name, texts) in &names.public_txt {
            public.entry(parse(name)?.into()).or_default().texts.extend(texts.iter().map(|text| txt(text)));
        }
        let vpcs = names.resolvers.iter();
        let vpcs = vpcs
            .map(|(router, resolver)| Ok((router.clone(), Vpc::of(resolver)?)))
            .collect::<Result<_, _>>()?;
        Ok(Self { public, vpcs })
    }
}

impl Vpc {
    fn of(resolver: &Resolver) -> Result<Self, BadName> {
        let mut vpc = Self::default();
        for (apex, zone) in &resolver.zones {
            vpc.private.insert(parse(apex)?.into(), parse(&zone.alias)?);
        }
        for (host, address) in &resolver.hosts {
            let name = parse(host)?;
            vpc.hosts.insert(LowerName::new(&name), *address);
            vpc.reverse.entry(Name::from(*address).into()).or_default().push(name);
        }
        Ok(vpc)
    }
}

/// The closest of a map's names that `name` is or is under.
pub(crate) fn enclosing<'a, T>(
    map: &'a BTreeMap<LowerName, T>,
    name: &LowerName,
) -> Option<(&'a LowerName, &'a T)> {
    let mut at = name.clone();
    loop {
        if let Some(found) = map.get_key_value(&at) {
            return Some(found);
        }
        if at.is_root() {
            return None;
        }
        at = at.base_name();
    }
}

/// Whether a map that does not have `name` has names under it. DNS's order puts them right behind it.
pub(crate) fn has_below<T>(map: &BTreeMap<LowerName, T>, name: &LowerName) -> bool {
    map.range(name..).next().is_some_and(|(key, _)| name.zone_of(key))
}

fn parse(name: &str) -> Result<Name, BadName> {
    let bad = |why: &str| BadName { name: name.to_owned(), why: why.to_owned() };
    if name.is_empty() {
        return Err(bad("it is empty"));
    }
    let mut parsed = Name::from_ascii(name).map_err(|error| bad(&error.to_string()))?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

/// A text longer than a character-string's 255 bytes is several (RFC 1035 §3.3.14).
fn txt(text: &str) -> TXT {
    let parts: Vec<&[u8]> = if text.is_empty() { vec![b""] } else { text.as_bytes().chunks(255).collect() };
    TXT::from_bytes(parts)
}
