//! From a question to an answer: pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::{
    op::{Query, ResponseCode},
    rr::{
        LowerName, Name, RData, Record, RecordType,
        rdata::{A, AAAA, CNAME, PTR, SOA},
    },
};

use crate::{
    special::{self, Kind},
    zones::{Entry, TTL, View, Vpc, Zones, enclosing, has_below},
};

/// What is to be done with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is answered from the plan.
    Local(Reply),
    /// The link knows nothing of the name: the upstream servers are asked.
    Upstream,
    /// The plan has no such VPC (any more).
    NoView,
}

/// An answer from the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// `NoError` or `NXDomain`.
    pub code: ResponseCode,
    /// Records in the order in which they are sent.
    pub answers: Vec<Record>,
    /// The zone's start of authority, when there is no record of the type or no such name.
    pub authorities: Vec<Record>,
}

impl Zones {
    /// Answers a question. `turn` chooses with which of several addresses the answer starts: a query's id spreads
    /// clients that take the first one over all of them, as AWS's resolver does.
    ///
    /// Names are compared without regard to case; an answer has the case of the question. A name that exists has no
    /// error whatever the type asked for. ANY is answered like a type that does not exist (RFC 8482 permits it).
    pub fn answer(&self, view: &View, question: &Query, turn: u16) -> Answer {
        let name = LowerName::new(&question.name);
        let ask = Ask { name: &question.name, kind: question.query_type, turn };
        let vpc = match view {
            View::Public => None,
            View::Vpc(router) => match self.vpcs.get(router) {
                Some(vpc) => Some(vpc),
                None => return Answer::NoView,
            },
        };
        let reply = vpc
            .and_then(|vpc| self.private(vpc, &name, &ask).or_else(|| host(vpc, &name, &ask)))
            .or_else(|| self.public.get(&name).map(|entry| public(entry, &name, &ask)))
            .or_else(|| self.local(vpc, &name, &ask));
        reply.map_or(Answer::Upstream, Answer::Local)
    }

    /// A private zone has one name, its apex, which is an alias. What is under it does not exist, even if the public
    /// zone or the world has it.
    fn private(&self, vpc: &Vpc, name: &LowerName, ask: &Ask<'_>) -> Option<Reply> {
        let (apex, alias) = enclosing(&vpc.private, name)?;
        if name != apex {
            // A name between two apexes exists, empty (RFC 8020).
            return Some(Reply::negative(has_below(&vpc.private, name), apex));
        }
        let to_alias = ask.record(RData::CNAME(CNAME(alias.clone())));
        Some(match ask.kind {
            RecordType::CNAME => Reply::positive(vec![to_alias]),
            RecordType::SOA => Reply::positive(vec![soa(apex)]),
            RecordType::ANY => Reply::negative(true, apex),
            _ => {
                let target = LowerName::new(alias);
                let ask = Ask { name: alias, ..*ask };
                let mut reply = match self.public.get(&target) {
                    Some(entry) => public(entry, &target, &ask),
                    None => Reply::negative(has_below(&self.public, &target), &zone_of(&target)),
                };
                reply.answers.insert(0, to_alias);
                reply
            }
        })
    }

    /// What no other server is asked for.
    fn local(&self, vpc: Option<&Vpc>, name: &LowerName, ask: &Ask<'_>) -> Option<Reply> {
        let zone = special::local_zone(name)?;
        let apex = zone_of(name);
        let found = match (zone.kind, ask.kind) {
            (_, RecordType::SOA) if *name == apex => Some(vec![soa(&apex)]),
            (Kind::Localhost, RecordType::A) => Some(vec![ask.record(RData::A(A(Ipv4Addr::LOCALHOST)))]),
            (Kind::Localhost, RecordType::AAAA) => {
                Some(vec![ask.record(RData::AAAA(AAAA(Ipv6Addr::LOCALHOST)))])
            }
            (Kind::Listed, RecordType::PTR) if special::is_loopback(name) => {
                Name::from_ascii("localhost.").ok().map(|host| vec![ask.record(RData::PTR(PTR(host)))])
            }
            _ => None,
        };
        Some(found.map(Reply::positive).unwrap_or_else(|| {
            let listed_below =
                vpc.is_some_and(|vpc| has_below(&vpc.hosts, name) || has_below(&vpc.reverse, name));
            let exists = zone.kind == Kind::Localhost
                || *name == apex
                || special::is_loopback(name)
                || listed_below
                || has_below(&self.public, name);
            Reply::negative(exists, &apex)
        }))
    }
}

/// One question, apart from where it is looked up.
#[derive(Clone, Copy)]
struct Ask<'a> {
    /// As it was spelled.
    name: &'a Name,
    kind: RecordType,
    turn: u16,
}

impl Ask<'_> {
    fn record(&self, data: RData) -> Record {
        Record::from_rdata(self.name.clone(), TTL, data)
    }
}

impl Reply {
    fn positive(answers: Vec<Record>) -> Self {
        Self { code: ResponseCode::NoError, answers, authorities: Vec::new() }
    }

    /// NODATA if the name exists, else NXDOMAIN.
    fn negative(exists: bool, apex: &LowerName) -> Self {
        let code = if exists { ResponseCode::NoError } else { ResponseCode::NXDomain };
        Self { code, answers: Vec::new(), authorities: vec![soa(apex)] }
    }

    fn of(answers: Vec<Record>, name: &LowerName) -> Self {
        if answers.is_empty() { Self::negative(true, &zone_of(name)) } else { Self::positive(answers) }
    }
}

/// An instance's name or the name of its address.
fn host(vpc: &Vpc, name: &LowerName, ask: &Ask<'_>) -> Option<Reply> {
    if let Some(address) = vpc.hosts.get(name) {
        let answers =
            if ask.kind == RecordType::A { vec![ask.record(RData::A(A(*address)))] } else { vec![] };
        return Some(Reply::of(answers, name));
    }
    let hosts = vpc.reverse.get(name)?;
    let answers = match ask.kind {
        RecordType::PTR => hosts.iter().map(|host| ask.record(RData::PTR(PTR(host.clone())))).collect(),
        _ => vec![],
    };
    Some(Reply::of(answers, name))
}

/// A name of the public zone.
fn public(entry: &Entry, name: &LowerName, ask: &Ask<'_>) -> Reply {
    let mut answers: Vec<Record> = match ask.kind {
        RecordType::A => entry.addresses.iter().map(|address| ask.record(RData::A(A(*address)))).collect(),
        RecordType::TXT => entry.texts.iter().map(|text| ask.record(RData::TXT(text.clone()))).collect(),
        RecordType::SOA if *name == zone_of(name) => vec![soa(name)],
        _ => vec![],
    };
    if !answers.is_empty() {
        let first = usize::from(ask.turn) % answers.len();
        answers.rotate_left(first);
    }
    Reply::of(answers, name)
}

/// The zone a name that exists here belongs to: one of those that are never asked upstream, or one of its own.
fn zone_of(name: &LowerName) -> LowerName {
    special::local_zone(name).map_or_else(|| name.clone(), |zone| LowerName::new(&name.trim_to(zone.labels)))
}

/// Start of authority of a zone that nobody transfers: only the last number matters, how long "no" may be kept.
fn soa(apex: &LowerName) -> Record {
    let (server, mailbox) = ("resolver.kura.internal.", "hostmaster.kura.internal.");
    let name = |text| Name::from_ascii(text).unwrap_or_default();
    let data = SOA::new(name(server), name(mailbox), 1, 7200, 900, 1_209_600, TTL);
    Record::from_rdata(Name::from(apex), TTL, RData::SOA(data))
}

#[cfg(test)]
mod tests;
