use std::collections::{BTreeMap, BTreeSet};

use kura_model::plan::{Names, NamespaceName, PrivateZone, Resolver};
use proptest::prelude::*;

use super::*;

const CACHE: &str = "cache.cell-1.kura.internal";
const REGIONAL: &str = "vpce-1-a.vpce-svc-1.ap-northeast-1.vpce.amazonaws.com";
const ZONAL: &str = "vpce-1-a-ap-northeast-1a.vpce-svc-1.ap-northeast-1.vpce.amazonaws.com";
const HOST: &str = "ip-172-31-10-20.ap-northeast-1.compute.internal";

fn addresses(list: &[&str]) -> BTreeSet<Ipv4Addr> {
    list.iter().map(|address| address.parse().unwrap()).collect()
}

fn vpc(name: &str) -> View {
    View::Vpc(NamespaceName(name.to_owned()))
}

/// `vpc-1` has the endpoint's private name, `vpc-2` only DNS.
fn names() -> Names {
    let private = BTreeMap::from([(CACHE.to_owned(), PrivateZone { alias: REGIONAL.to_owned() })]);
    let hosts = BTreeMap::from([(HOST.to_owned(), "172.31.10.20".parse().unwrap())]);
    let resolver = Resolver { addresses: addresses(&["172.31.0.2"]), zones: private, hosts };
    Names {
        public: BTreeMap::from([
            (CACHE.to_owned(), addresses(&["203.0.113.10"])),
            (format!("under.{CACHE}"), addresses(&["203.0.113.11"])),
            (REGIONAL.to_owned(), addresses(&["172.31.11.59", "172.31.27.59", "172.31.43.59"])),
            (ZONAL.to_owned(), addresses(&["172.31.11.59"])),
        ]),
        public_txt: BTreeMap::from([(
            format!("_x1.{CACHE}"),
            BTreeSet::from(["vpce:abc".to_owned(), "l".repeat(300)]),
        )]),
        public_resolver: None,
        resolvers: BTreeMap::from([
            (NamespaceName("vpc-1".to_owned()), resolver),
            (NamespaceName("vpc-2".to_owned()), Resolver::default()),
        ]),
    }
}

fn ask(view: &View, name: &str, kind: RecordType, turn: u16) -> Answer {
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    Zones::of(&names()).unwrap().answer(view, &Query::query(name, kind), turn)
}

/// The code, the answers and the zone of a negative answer, as text.
fn told(view: &View, name: &str, kind: RecordType) -> (ResponseCode, Vec<String>, Option<String>) {
    let Answer::Local(reply) = ask(view, name, kind, 0) else { panic!("{name} is not answered here") };
    for record in reply.answers.iter().chain(&reply.authorities) {
        assert_eq!(record.ttl, TTL);
    }
    let apexes: Vec<_> = reply.authorities.iter().map(|record| record.name.to_string()).collect();
    assert!(apexes.len() < 2);
    let data = |record: &Record| format!("{} {}", record.record_type(), record.data);
    (reply.code, reply.answers.iter().map(data).collect(), apexes.first().cloned())
}

fn nodata(apex: &str) -> (ResponseCode, Vec<String>, Option<String>) {
    (ResponseCode::NoError, vec![], Some(format!("{apex}.")))
}

fn nxdomain(apex: &str) -> (ResponseCode, Vec<String>, Option<String>) {
    (ResponseCode::NXDomain, vec![], Some(format!("{apex}.")))
}

#[test]
fn a_private_name_is_an_alias_in_its_vpc_only() {
    let (code, answers, apex) = told(&vpc("vpc-1"), CACHE, RecordType::A);
    assert_eq!((code, apex), (ResponseCode::NoError, None));
    let alias = format!("CNAME {REGIONAL}.");
    assert_eq!(answers, [&alias, "A 172.31.11.59", "A 172.31.27.59", "A 172.31.43.59"]);
    for elsewhere in [vpc("vpc-2"), View::Public] {
        assert_eq!(told(&elsewhere, CACHE, RecordType::A).1, ["A 203.0.113.10"]);
    }
    let (code, answers, apex) = told(&vpc("vpc-1"), CACHE, RecordType::AAAA);
    assert_eq!(
        (code, answers, apex.as_deref()),
        (ResponseCode::NoError, vec![alias.clone()], Some("vpce.amazonaws.com."))
    );
    assert_eq!(told(&vpc("vpc-1"), CACHE, RecordType::CNAME).1, [alias]);
}

#[test]
fn nothing_under_a_private_name_falls_through() {
    for below in [format!("under.{CACHE}"), format!("_x1.{CACHE}"), format!("a.b.{CACHE}")] {
        for kind in [RecordType::A, RecordType::TXT, RecordType::ANY] {
            assert_eq!(told(&vpc("vpc-1"), &below, kind), nxdomain(CACHE), "{below}");
        }
    }
    assert_eq!(told(&vpc("vpc-2"), &format!("under.{CACHE}"), RecordType::A).1, ["A 203.0.113.11"]);
    assert_eq!(ask(&vpc("vpc-2"), &format!("a.b.{CACHE}"), RecordType::A, 0), Answer::Upstream);
}

#[test]
fn a_name_that_exists_has_no_error_for_any_type() {
    for kind in
        [RecordType::AAAA, RecordType::ANY, RecordType::MX, RecordType::Unknown(65280), RecordType::TXT]
    {
        assert_eq!(told(&View::Public, CACHE, kind), nodata(CACHE));
        assert_eq!(told(&View::Public, ZONAL, kind), nodata("vpce.amazonaws.com"));
        assert_eq!(told(&vpc("vpc-1"), HOST, kind), nodata("compute.internal"));
        assert_eq!(told(&vpc("vpc-1"), "localhost", RecordType::MX), nodata("localhost"));
    }
}

#[test]
fn a_name_between_names_exists_and_is_empty() {
    for between in ["vpce-svc-1.ap-northeast-1.vpce.amazonaws.com", "ap-northeast-1.vpce.amazonaws.com"] {
        assert_eq!(told(&View::Public, between, RecordType::A), nodata("vpce.amazonaws.com"));
    }
    assert_eq!(told(&vpc("vpc-1"), "31.172.in-addr.arpa", RecordType::PTR), nodata("31.172.in-addr.arpa"));
    assert_eq!(told(&vpc("vpc-1"), "10.31.172.in-addr.arpa", RecordType::PTR), nodata("31.172.in-addr.arpa"));
    assert_eq!(
        told(&vpc("vpc-1"), "11.31.172.in-addr.arpa", RecordType::PTR),
        nxdomain("31.172.in-addr.arpa")
    );
}

#[test]
fn what_the_link_owns_is_never_asked_upstream() {
    let gone = "vpce-9-z.vpce-svc-1.ap-northeast-1.vpce.amazonaws.com";
    assert_eq!(told(&vpc("vpc-1"), gone, RecordType::A), nxdomain("vpce.amazonaws.com"));
    let gone = "x.elb.ap-northeast-1.amazonaws.com";
    assert_eq!(told(&vpc("vpc-1"), gone, RecordType::A), nxdomain("elb.ap-northeast-1.amazonaws.com"));
    assert_eq!(told(&vpc("vpc-2"), HOST, RecordType::A), nxdomain("compute.internal"));
    let reverse = "20.10.31.172.in-addr.arpa";
    assert_eq!(told(&vpc("vpc-1"), reverse, RecordType::PTR).1, [format!("PTR {HOST}.")]);
    assert_eq!(told(&vpc("vpc-2"), reverse, RecordType::PTR), nxdomain("31.172.in-addr.arpa"));
    assert_eq!(told(&View::Public, "a.localhost", RecordType::A).1, ["A 127.0.0.1"]);
    assert_eq!(told(&View::Public, "localhost", RecordType::AAAA).1, ["AAAA ::1"]);
    assert_eq!(told(&View::Public, "1.0.0.127.in-addr.arpa", RecordType::PTR).1, ["PTR localhost."]);
    for other in [
        "example.com",
        "com",
        "amazonaws.com",
        "s3.ap-northeast-1.amazonaws.com",
        "8.8.8.8.in-addr.arpa",
        ".",
    ] {
        assert_eq!(ask(&vpc("vpc-1"), other, RecordType::A, 0), Answer::Upstream, "{other}");
    }
}

#[test]
fn texts_and_starts_of_authority() {
    let texts = told(&View::Public, &format!("_x1.{CACHE}"), RecordType::TXT).1;
    assert_eq!(texts.len(), 2);
    assert!(texts.contains(&"TXT vpce:abc".to_owned()), "{texts:?}");
    for (view, apex) in [(View::Public, CACHE), (vpc("vpc-1"), CACHE), (View::Public, "vpce.amazonaws.com")] {
        let (code, answers, _) = told(&view, apex, RecordType::SOA);
        assert_eq!(code, ResponseCode::NoError);
        assert!(answers[0].starts_with("SOA resolver.kura.internal."), "{answers:?}");
    }
    assert_eq!(told(&View::Public, ZONAL, RecordType::SOA), nodata("vpce.amazonaws.com"));
}

#[test]
fn an_alias_of_nothing_says_so() {
    let mut names = names();
    names.public.remove(REGIONAL);
    let mut name = Name::from_ascii(CACHE).unwrap();
    name.set_fqdn(true);
    let answer = Zones::of(&names).unwrap().answer(&vpc("vpc-1"), &Query::query(name, RecordType::A), 0);
    let Answer::Local(reply) = answer else { panic!() };
    assert_eq!((reply.code, reply.answers.len()), (ResponseCode::NXDomain, 1));
}

#[test]
fn an_unknown_vpc_is_neither_public_nor_upstream() {
    assert_eq!(ask(&vpc("vpc-9"), CACHE, RecordType::A, 0), Answer::NoView);
}

#[test]
fn a_name_that_dns_cannot_carry_is_refused_by_name() {
    for bad in ["", "a..b", &"l".repeat(64), &format!("{}e", "label.".repeat(50))] {
        let names = Names { public: BTreeMap::from([(bad.to_owned(), BTreeSet::new())]), ..Names::default() };
        let error = Zones::of(&names).unwrap_err().to_string();
        assert!(error.contains("is not a DNS name") && error.contains(bad), "{error}");
    }
}

/// A small world, so that names collide and nest.
fn any_name() -> impl Strategy<Value = String> {
    let label =
        prop::sample::select(vec!["a", "b", "com", "amazonaws", "vpce", "localhost", "internal", "compute"]);
    prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."))
}

fn any_names() -> impl Strategy<Value = Names> {
    let addresses =
        || prop::collection::btree_set(any::<u8>().prop_map(|n| Ipv4Addr::new(10, 0, 0, n)), 0..4);
    let alias = any_name().prop_map(|alias| PrivateZone { alias });
    let zones = prop::collection::btree_map(any_name(), alias, 0..4);
    let hosts =
        prop::collection::btree_map(any_name(), any::<u8>().prop_map(|n| Ipv4Addr::new(10, 0, 0, n)), 0..3);
    (prop::collection::btree_map(any_name(), addresses(), 0..8), zones, hosts).prop_map(
        |(public, zones, hosts)| {
            let resolver = Resolver { addresses: BTreeSet::new(), zones, hosts };
            let resolvers = BTreeMap::from([(NamespaceName("vpc-1".to_owned()), resolver)]);
            Names { public, resolvers, ..Names::default() }
        },
    )
}

fn is_under(name: &str, apex: &str) -> bool {
    name == apex || name.ends_with(&format!(".{apex}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Against the rules said again over plain text.
    #[test]
    fn the_order_of_lookups_holds(names in any_names(), name in any_name(), turn: u16, upper: u64) {
        let zones = Zones::of(&names).unwrap();
        let resolver = &names.resolvers[&NamespaceName("vpc-1".to_owned())];
        // Any spelling.
        let spelled: String = name.chars().enumerate()
            .map(|(at, c)| if upper >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect();
        let mut asked = Name::from_ascii(&spelled).unwrap();
        asked.set_fqdn(true);
        let answer = zones.answer(&vpc("vpc-1"), &Query::query(asked.clone(), RecordType::A), turn);
        let apex = resolver.zones.keys().filter(|apex| is_under(&name, apex)).max_by_key(|apex| apex.len());
        let found: Option<Vec<Ipv4Addr>> = match (apex, resolver.hosts.get(&name), names.public.get(&name)) {
            (Some(apex), ..) if *apex == name => {
                Some(names.public.get(&resolver.zones[apex].alias).into_iter().flatten().copied().collect())
            }
            (Some(_), ..) => Some(vec![]),
            (None, Some(host), _) => Some(vec![*host]),
            (None, None, Some(public)) => Some(public.iter().copied().collect()),
            (None, None, None) => None,
        };
        let Answer::Local(reply) = answer else {
            prop_assert!(found.is_none());
            prop_assert!(!["localhost", "vpce.amazonaws.com", "compute.internal"].iter().any(|own| is_under(&name, own)));
            return Ok(());
        };
        let mut got: Vec<Ipv4Addr> = reply.answers.iter().filter_map(|record| match &record.data {
            RData::A(address) => Some(address.0),
            _ => None,
        }).collect();
        if let Some(mut expected) = found {
            if !expected.is_empty() {
                let first = usize::from(turn) % expected.len();
                expected.rotate_left(first);
            }
            prop_assert_eq!(&got, &expected);
        } else {
            got.retain(|address| *address != Ipv4Addr::LOCALHOST);
            prop_assert!(got.is_empty(), "{got:?}");
        }
        // The first record has the question's spelling; a negative answer has one zone, which the name is in.
        if let Some(first) = reply.answers.first() {
            prop_assert!(first.name.eq_case(&asked));
        }
        let addresses = reply.answers.iter().any(|record| record.record_type() == RecordType::A);
        prop_assert_eq!(reply.authorities.len(), usize::from(!addresses));
        let last = reply.answers.iter().rev().find_map(|record| match &record.data {
            RData::CNAME(alias) => Some(alias.0.clone()),
            _ => None,
        }).unwrap_or(asked);
        for authority in &reply.authorities {
            prop_assert!(authority.name.zone_of(&last));
        }
    }
}
