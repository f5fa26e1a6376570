//! The text `nft` gets, as snapshots; that it does what it should is tested with packets.

use std::collections::{BTreeMap, BTreeSet};

use kura_model::{
    Traffic,
    plan::{
        Allow, AllowPeer, EndpointFilter, EndpointPort, FabricNode, Filter, GatewayFilter, GroupFilter,
        Guard, InterfaceFilter, NodeFilter, NodeListener, Opening, PublicFilter, RouterFilter,
    },
};

use super::{Rules, compile, fast};
use crate::kernel::{Device, Devices};

fn text(filter: Filter) -> String {
    let Rules { main, idle, .. } = compile(&filter).unwrap().unwrap();
    main.text() + &idle.map(|idle| idle.text()).unwrap_or_default()
}

fn allow(traffic: Traffic, peer: AllowPeer) -> Allow {
    Allow { traffic, peer }
}

fn router() -> RouterFilter {
    let members = AllowPeer::Members("sg-1".into());
    let everyone = AllowPeer::Range("0.0.0.0/0".parse().unwrap());
    let group = GroupFilter {
        members: ["10.0.0.5".parse().unwrap(), "10.0.0.6".parse().unwrap()].into(),
        ingress: [
            allow(Traffic::Tcp(443, 443), members.clone()),
            allow(Traffic::Icmp(Some(8), Some(0)), everyone.clone()),
            allow(Traffic::Icmp(None, None), members),
            allow(Traffic::Protocol(47), AllowPeer::Range("10.0.0.0/8".parse().unwrap())),
        ]
        .into(),
        egress: [allow(Traffic::All, everyone)].into(),
    };
    let interface = |address: &str, name: &str, tracks| InterfaceFilter {
        address: address.parse().unwrap(),
        groups: ["sg-1".to_owned()].into(),
        name: name.into(),
        tracks,
    };
    RouterFilter {
        resolver: ["10.0.0.2".parse().unwrap()].into(),
        interfaces: [
            ("e1".to_owned(), interface("10.0.0.5", "eni-1", false)),
            ("e2".to_owned(), interface("10.0.0.6", "eni-2", true)),
        ]
        .into(),
        groups: [("sg-1".to_owned(), group)].into(),
        gateway: Some(GatewayFilter {
            device: "igw0".into(),
            addresses: [("10.0.0.5".parse().unwrap(), "203.0.113.9".parse().unwrap())].into(),
        }),
        idle_timeout: 350,
    }
}

#[test]
fn a_router_asks_sender_and_receiver() {
    insta::assert_snapshot!(text(Filter::Router(router())));
}

#[test]
fn a_routers_short_way_is_for_what_others_track() {
    let device = |index| Device { index, up: true, kind: None, peer: None };
    let devices: Devices = [("e1".to_owned(), device(5)), ("e2".to_owned(), device(7))].into();
    insta::assert_snapshot!(fast::compile(&router(), &devices).unwrap());
    let mut filter = router();
    filter.interfaces.remove("e2");
    assert_eq!(fast::compile(&filter, &devices).unwrap(), "");
}

#[test]
fn an_endpoint_redirects_and_nothing_else() {
    let node = |device: &str, node: &str, own: &str| FabricNode {
        device: device.into(),
        node: node.parse().unwrap(),
        own: own.parse().unwrap(),
    };
    let port = |nodes: BTreeSet<FabricNode>, forwarder| EndpointPort { nodes, forwarder, idle_timeout: 350 };
    let two = [node("f1", "169.254.0.1", "169.254.0.0"), node("f2", "169.254.0.3", "169.254.0.2")];
    insta::assert_snapshot!(text(Filter::Endpoint(EndpointFilter {
        inside: "eth0".into(),
        address: "10.0.0.7".parse().unwrap(),
        ports: [
            (443, port(two.clone().into(), false)),
            (444, port([two[0].clone()].into(), false)),
            (445, port(BTreeSet::new(), true)),
            (446, port(BTreeSet::new(), false)),
        ]
        .into(),
        guards: BTreeMap::new(),
    })));
}

fn guard(name: &str) -> Guard {
    let opening = |traffic, from: &str| Opening { traffic, from: from.parse().unwrap() };
    let openings = [opening(Traffic::Tcp(443, 444), "10.0.0.0/16"), opening(Traffic::All, "172.31.0.9/32")];
    Guard { name: name.into(), openings: openings.into() }
}

#[test]
fn a_load_balancers_groups_are_asked_where_the_client_is_known() {
    let node = |device: &str, node: &str, own: &str| FabricNode {
        device: device.into(),
        node: node.parse().unwrap(),
        own: own.parse().unwrap(),
    };
    let two = [node("f1", "169.254.0.1", "169.254.0.0"), node("f2", "169.254.0.3", "169.254.0.2")];
    let port = |forwarder| EndpointPort { nodes: two.clone().into(), forwarder, idle_timeout: 350 };
    insta::assert_snapshot!(text(Filter::Endpoint(EndpointFilter {
        inside: "eth0".into(),
        address: "10.0.0.7".parse().unwrap(),
        ports: [(443, port(false)), (444, port(true))].into(),
        guards: [("f2".to_owned(), guard("eni-2"))].into(),
    })));
    let targets = ["10.1.0.8:8443".parse().unwrap()];
    insta::assert_snapshot!(text(Filter::Node(NodeFilter {
        inside: "eth0".into(),
        address: "10.1.0.7".parse().unwrap(),
        fronts: [("pub0".to_owned(), "203.0.113.10".parse().unwrap())].into(),
        listeners: [(443, NodeListener { targets: targets.into(), forwarder: false, idle_timeout: 350 })]
            .into(),
        guards: [("pub0".to_owned(), guard("eni-1"))].into(),
    })));
}

#[test]
fn a_node_passes_on_from_its_own_address() {
    let targets = ["10.1.0.8:8443".parse().unwrap(), "10.1.0.9:8444".parse().unwrap()];
    let listener = |targets, forwarder, idle_timeout| NodeListener { targets, forwarder, idle_timeout };
    insta::assert_snapshot!(text(Filter::Node(NodeFilter {
        inside: "eth0".into(),
        address: "10.1.0.7".parse().unwrap(),
        fronts: [
            ("f1".to_owned(), "169.254.0.1".parse().unwrap()),
            ("pub0".to_owned(), "203.0.113.10".parse().unwrap())
        ]
        .into(),
        listeners: [
            (443, listener(targets.into(), false, 350)),
            (444, listener(BTreeSet::new(), true, 60)),
            (445, listener(BTreeSet::new(), false, 350)),
        ]
        .into(),
        guards: BTreeMap::new(),
    })));
}

#[test]
fn the_public_side_keeps_no_state() {
    insta::assert_snapshot!(text(Filter::Public(PublicFilter { resolver: "203.0.113.2".parse().unwrap() })));
}

#[test]
fn a_replacement_keeps_counters_and_deletes_what_is_left_over() {
    let mut filter = router();
    let before = compile(&Filter::Router(filter.clone())).unwrap().unwrap().main;
    filter.interfaces.remove("e2");
    filter.groups.insert(
        "sg-2".into(),
        GroupFilter { members: BTreeSet::new(), ingress: BTreeSet::new(), egress: BTreeSet::new() },
    );
    let after = compile(&Filter::Router(filter)).unwrap().unwrap().main;
    let script = after.replace(&before.names());
    let head: Vec<_> = script.lines().take_while(|line| !line.starts_with("table")).collect();
    insta::assert_snapshot!(head.join("\n"));
}

#[test]
fn what_a_plan_calls_things_cannot_become_rules() {
    for name in ["", "a b", "x\" accept; #", "a\nb", "eni-0123456789abcdef"] {
        let mut filter = router();
        let interface = filter.interfaces.remove("e2").unwrap();
        filter.interfaces.insert(name.into(), interface);
        let error = compile(&Filter::Router(filter)).unwrap_err().to_string();
        assert!(error.contains("a device's name"), "{error}");
    }
    let mut filter = router();
    let group = filter.groups.remove("sg-1").unwrap();
    filter.groups = BTreeMap::from([("sg;1".to_owned(), group)]);
    assert!(compile(&Filter::Router(filter)).unwrap_err().to_string().contains("a name has"));
}
