//! Answers names: each VPC's resolver, and the link's public zone.
//!
//! What is answered is a value. [`Zones`] is made of a plan's [`kura_model::plan::Names`] and never changes;
//! [`Zones::answer`] takes a question to an [`Answer`] without a socket or a clock. [`serve()`] puts it behind a UDP
//! socket and a TCP listener that somebody else bound, in whatever network namespace they belong to, and looks at the
//! newest `Zones` at each query: a private name appears and disappears without a socket being touched.
//!
//! The order is a VPC resolver's: the VPC's private zones, the names of its own interfaces, the link's public zone,
//! what must never be asked elsewhere ([`special`](mod@special)), and then the upstream servers.
//!
//! Wire format is `hickory-proto`'s. Its server crate is not used: that one owns the decisions a resolver inside a
//! VPC is checked for (what a malformed query gets, how many connections there are, extended errors), and what is
//! left of it is two short loops.
//!
//! Not here: DNSSEC (nothing is signed; what an upstream signed is passed on), caching (upstream servers do),
//! dynamic updates and zone transfers (refused).
//!
//! ```
//! use std::collections::{BTreeMap, BTreeSet};
//!
//! use hickory_proto::{op::Query, rr::{Name, RecordType}};
//! use kura_dns::{Answer, View, Zones};
//! use kura_model::plan::Names;
//!
//! let address = BTreeSet::from(["203.0.113.10".parse()?]);
//! let names = Names { public: BTreeMap::from([("cache.example".to_owned(), address)]), ..Names::default() };
//! let question = Query::query(Name::from_ascii("cache.example.")?, RecordType::A);
//! let Answer::Local(reply) = Zones::of(&names)?.answer(&View::Public, &question, 0) else { panic!("not ours") };
//! assert_eq!(reply.answers[0].ttl, 60);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod message;
mod serve;
pub mod special;
mod upstream;
mod zones;

pub use answer::{Answer, Reply};
pub use serve::{Limits, Service, Sockets, serve};
pub use upstream::{Servers, Upstream};
pub use zones::{BadName, TTL, View, Zones};
