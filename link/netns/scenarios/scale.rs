//! How long it takes.

use std::{collections::BTreeMap, path::Path, time::Instant};

use kura_model::{
    Traffic,
    plan::{EndpointFilter, Filter, NodeFilter, NodeListener, Plan},
};

use crate::{
    traffic::{echo, reaches},
    world::{
        NODE, TARGET, World, add_interface, add_router, allow, everything, group, ip, link, name, port,
        router, world,
    },
};

const ENDPOINTS: u8 = 100;

/// Two VPCs, and endpoints in turn in one and the other, each with a link to the node.
fn plan(endpoints: u8) -> Plan {
    let mut plan = world();
    for vpc in ["vpc-x", "vpc-y"] {
        add_router(&mut plan, vpc, &["172.31.0.1"]);
        let it = router(&mut plan, vpc);
        it.groups.insert("sg-host".into(), group([], [everything()]));
        it.groups.insert("sg-ep".into(), group([allow(Traffic::Tcp(443, 443), "sg-host")], [everything()]));
        let host = vpc.replace("vpc-", "eni-host");
        add_interface(&mut plan, vpc, &host, "172.31.10.20", &["sg-host"], Filter::Open);
    }
    let target = format!("{TARGET}:8443").parse().unwrap();
    let mut node = NodeFilter {
        inside: "eth0".into(),
        address: ip(NODE),
        fronts: [("fab0".into(), ip("169.254.77.0")), ("eth0".into(), ip(NODE))].into(),
        listeners: [(443, NodeListener { targets: [target].into(), forwarder: false, idle_timeout: 350 })]
            .into(),
        guards: BTreeMap::new(),
    };
    for number in 0..endpoints {
        let vpc = if number % 2 == 0 { "vpc-x" } else { "vpc-y" };
        let eni = format!("eni-s{number}");
        let [own, far] = [0, 1].map(|last| format!("169.254.{}.{last}", 100 + number));
        let filter = EndpointFilter {
            inside: "eth0".into(),
            address: ip(&format!("172.31.11.{number}")),
            ports: [(443, port(&[("fab0", &far, &own)], false))].into(),
            guards: BTreeMap::new(),
        };
        let address = format!("172.31.11.{number}");
        add_interface(&mut plan, vpc, &eni, &address, &["sg-ep"], Filter::Endpoint(filter));
        let device = format!("fab-s{number}");
        link(
            &mut plan,
            (&eni, "fab0", Some(&format!("{own}/31")), false),
            ("eni-n", &device, Some(&format!("{far}/31")), false),
        );
        node.fronts.insert(device, ip(&far));
    }
    plan.namespaces.get_mut(&name("eni-n")).unwrap().filter = Filter::Node(node);
    plan
}

/// One endpoint more in under 100 ms, a hundred in under 10 s, all of them working.
pub fn scale(state_dir: &Path) {
    let mut world = World::of(state_dir, plan(0));
    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    let mut single = Vec::new();
    for count in 1..=10 {
        let plan = plan(count);
        let start = Instant::now();
        world.fabric().reconcile(&plan).unwrap();
        single.push(start.elapsed());
        assert!(reaches(
            world.fabric(),
            if count % 2 == 1 { "eni-hostx" } else { "eni-hosty" },
            &format!("172.31.11.{}:443", count - 1)
        ));
    }
    single.sort();
    println!("one endpoint: fastest {:?}, median {:?}, slowest {:?}", single[0], single[5], single[9]);
    world.fabric().reconcile(&plan(0)).unwrap();

    let all = plan(ENDPOINTS);
    let start = Instant::now();
    world.fabric().reconcile(&all).unwrap();
    let at_once = start.elapsed();
    println!("{ENDPOINTS} endpoints at once: {at_once:?}");
    let start = Instant::now();
    world.fabric().verify(&all).unwrap();
    println!("looking at all of it: {:?}", start.elapsed());
    let start = Instant::now();
    world.fabric().reconcile(&all).unwrap();
    println!("nothing to do: {:?}", start.elapsed());
    for number in [0, 1, 49, 50, 98, 99] {
        let host = if number % 2 == 0 { "eni-hostx" } else { "eni-hosty" };
        assert!(reaches(world.fabric(), host, &format!("172.31.11.{number}:443")), "{number}");
    }
    let start = Instant::now();
    world.fabric().reconcile(&plan(0)).unwrap();
    println!("removing them: {:?}", start.elapsed());

    let start = Instant::now();
    for count in 1..=ENDPOINTS {
        world.fabric().reconcile(&plan(count)).unwrap();
    }
    let one_by_one = start.elapsed();
    println!("{ENDPOINTS} endpoints one by one: {one_by_one:?}");
    // The fastest: what it takes, not what a busy machine's other work does.
    assert!(single[0].as_millis() < 100, "{single:?}");
    assert!(at_once.as_secs() < 10, "{at_once:?}");
}
