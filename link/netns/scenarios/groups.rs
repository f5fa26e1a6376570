//! Security groups, and what becomes of connections that idle.

use std::{io::Write as _, path::Path, thread, time::Duration};

use kura_model::{Traffic, plan::Filter};

use crate::{
    isolation::counter,
    traffic::{PATIENCE, connect, echo, ping, reaches, silent},
    world::{ENDPOINT, HOST, WEB, World, allow, everything, group, ip, name},
};

fn join(world: &mut World, device: &str, address: &str, group: &str) {
    let router = world.consumer();
    router.interfaces.get_mut(device).unwrap().groups.insert(group.into());
    router.groups.get_mut(group).unwrap().members.insert(ip(address));
}

/// Source groups, ranges, ports, protocols, self references, unions; both sides are asked.
pub fn groups(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    let endpoint = format!("{ENDPOINT}:443");
    assert!(reaches(world.fabric(), "eni-h1", &endpoint));
    assert!(silent(world.fabric(), "eni-h2", &endpoint));
    assert!(counter(&mut world, "vpc-c", "refused-in-eni-e").packets > 0);

    let rule = allow(Traffic::Tcp(443, 443), "172.31.10.21/32");
    world.consumer().groups.get_mut("sg-ep").unwrap().ingress.insert(rule.clone());
    world.apply();
    assert!(reaches(world.fabric(), "eni-h2", &endpoint));
    let rules = &mut world.consumer().groups.get_mut("sg-ep").unwrap().ingress;
    rules.remove(&rule);
    rules.insert(allow(Traffic::Tcp(1, 442), "0.0.0.0/0"));
    rules.insert(allow(Traffic::Udp(443, 443), "0.0.0.0/0"));
    rules.insert(allow(Traffic::Icmp(Some(8), None), "0.0.0.0/0"));
    rules.insert(allow(Traffic::Protocol(47), "0.0.0.0/0"));
    world.apply();
    assert!(silent(world.fabric(), "eni-h2", &endpoint), "another port, another protocol");

    // Neighbours of one subnet, by a group that names itself; the union of an interface's groups counts.
    let _echo = echo(world.fabric(), "eni-h1", "0.0.0.0:7000");
    let neighbour = format!("{HOST}:7000");
    assert!(silent(world.fabric(), "eni-h2", &neighbour));
    let itself = group([allow(Traffic::Tcp(7000, 7000), "sg-self")], []);
    world.consumer().groups.insert("sg-self".into(), itself);
    join(&mut world, "h1", HOST, "sg-self");
    world.apply();
    assert!(silent(world.fabric(), "eni-h2", &neighbour), "only one of them carries it");
    join(&mut world, "h2", "172.31.10.21", "sg-self");
    world.apply();
    assert!(reaches(world.fabric(), "eni-h2", &neighbour));
    // The receiver's rule does not open the sender's gate.
    world.consumer().groups.get_mut("sg-other").unwrap().egress.clear();
    world.apply();
    assert!(silent(world.fabric(), "eni-h2", &neighbour));
    assert!(counter(&mut world, "vpc-c", "refused-out-eni-h2").packets > 0);
}

/// Egress to the endpoint's group only: the private path works, the public one is silent, and nothing leaves.
pub fn lockdown(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let _target = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    let _web = echo(world.fabric(), "eni-web", "0.0.0.0:443");
    assert!(reaches(world.fabric(), "eni-h1", &format!("{WEB}:443")));
    let before = counter(&mut world, "vpc-c", "left-gateway");
    assert!(before.packets > 0);
    thread::sleep(Duration::from_millis(50));
    let before = counter(&mut world, "vpc-c", "left-gateway").packets.max(before.packets);
    world.consumer().groups.insert("sg-host".into(), group([], [allow(Traffic::All, "sg-ep")]));
    world.consumer().groups.get_mut("sg-host").unwrap().members.insert(ip(HOST));
    world.apply();
    assert!(silent(world.fabric(), "eni-h1", &format!("{WEB}:443")));
    assert!(reaches(world.fabric(), "eni-h1", &format!("{ENDPOINT}:443")));
    assert_eq!(counter(&mut world, "vpc-c", "left-gateway").packets, before);
    assert!(counter(&mut world, "vpc-c", "refused-out-eni-h1").packets > 0);
}

/// A revoked rule ends what would come, not what is.
pub fn revoked(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    let endpoint = format!("{ENDPOINT}:443");
    let mut live = connect(world.fabric(), "eni-h1", &endpoint, PATIENCE).unwrap();
    ping(&mut live).unwrap();
    let rules = std::mem::take(&mut world.consumer().groups.get_mut("sg-ep").unwrap().ingress);
    world.apply();
    assert!(silent(world.fabric(), "eni-h1", &endpoint));
    ping(&mut live).unwrap();
    world.consumer().groups.get_mut("sg-ep").unwrap().ingress = rules;
    world.consumer().groups.get_mut("sg-host").unwrap().egress.insert(everything());
    world.apply();
    assert!(reaches(world.fabric(), "eni-h1", &endpoint));
    ping(&mut live).unwrap();
}

/// An idle connection ends in a reset, a used one lives, and new rules do not lengthen either.
pub fn idle(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    for namespace in world.plan.namespaces.values_mut() {
        match &mut namespace.filter {
            Filter::Endpoint(endpoint) => endpoint.ports.get_mut(&443).unwrap().idle_timeout = 2,
            Filter::Node(node) => node.listeners.get_mut(&443).unwrap().idle_timeout = 2,
            _ => {}
        }
    }
    world.apply();
    let mut stream = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:443"), PATIENCE).unwrap();
    for _ in 0..3 {
        ping(&mut stream).unwrap();
        thread::sleep(Duration::from_secs(1));
    }
    // The endpoint's rules are loaded again, with one port more.
    let namespace = world.plan.namespaces.get_mut(&name("eni-e")).unwrap();
    let Filter::Endpoint(endpoint) = &mut namespace.filter else { panic!() };
    let port = kura_model::plan::EndpointPort { idle_timeout: 9, ..endpoint.ports[&443].clone() };
    endpoint.ports.insert(9004, port);
    world.apply();
    ping(&mut stream).unwrap();
    thread::sleep(Duration::from_secs(4));
    let _ = stream.write_all(b"late");
    let error = ping(&mut stream).unwrap_err();
    assert!(
        matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe),
        "{error}"
    );
}
