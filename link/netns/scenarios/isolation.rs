//! What passes and what must not.

use std::{path::Path, time::Instant};

use kura_model::Traffic;
use kura_netns::Counter;

use crate::{
    traffic::{PATIENCE, SILENCE, connect, echo, ping, reaches, silent},
    world::{
        ENDPOINT, HOST, HOST_PUBLIC, NODE, OTHER, TARGET, WEB, World, allow, everything, group, ip, name,
        port,
    },
};

pub fn counter(world: &mut World, vpc: &str, counter: &str) -> Counter {
    world.fabric().counters(&name(vpc)).unwrap()[counter]
}

/// Consumer, endpoint, node, target: one path, in the kernel, with the node's address at its end.
pub fn kernel_path(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    let start = Instant::now();
    let mut stream = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:443"), PATIENCE).unwrap();
    ping(&mut stream).unwrap();
    println!("first connection: {:?}", start.elapsed());
    assert_eq!(seen.recv().unwrap().ip(), ip(NODE));
    let mut rounds: Vec<_> = (0..1000)
        .map(|_| {
            let start = Instant::now();
            ping(&mut stream).unwrap();
            start.elapsed()
        })
        .collect();
    rounds.sort();
    println!("ping-pong p50: {:?}", rounds[500]);
    // An unknown port of the endpoint is silent, one without a healthy node refuses.
    assert!(silent(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444")));
    let kura_model::plan::Filter::Endpoint(endpoint) =
        &mut world.plan.namespaces.get_mut(&name("eni-e")).unwrap().filter
    else {
        panic!()
    };
    endpoint.ports.insert(444, port(&[], false));
    world.apply();
    let refused = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444"), SILENCE).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    ping(&mut stream).unwrap();
    // The same range on both sides: the provider's addresses mean nothing to the consumer.
    connect(world.fabric(), "eni-h1", &format!("{TARGET}:8443"), SILENCE).unwrap_err();
}

/// Out and in by the internet gateway; who has no public address does not pass.
pub fn gateway(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let seen = echo(world.fabric(), "eni-web", "0.0.0.0:80");
    assert!(reaches(world.fabric(), "eni-h1", &format!("{WEB}:80")));
    assert_eq!(seen.recv().unwrap().ip(), ip(HOST_PUBLIC));
    assert!(counter(&mut world, "vpc-c", "left-eni-h1").packets >= 3);
    assert!(silent(world.fabric(), "eni-h2", &format!("{WEB}:80")));
    assert_eq!(counter(&mut world, "vpc-c", "left-eni-h2").packets, 0);
    assert!(counter(&mut world, "vpc-c", "refused-gateway").packets > 0);
    // In by the public address, once the group allows it, and never to the private one.
    let _seen = echo(world.fabric(), "eni-h1", "0.0.0.0:80");
    assert!(silent(world.fabric(), "eni-web", &format!("{HOST_PUBLIC}:80")));
    let before = counter(&mut world, "vpc-c", "left-eni-h1");
    let rule = allow(Traffic::Tcp(80, 80), "203.0.113.0/24");
    world.consumer().groups.get_mut("sg-host").unwrap().ingress.insert(rule);
    world.apply();
    // New rules do not reset counters.
    assert!(counter(&mut world, "vpc-c", "left-eni-h1").packets >= before.packets);
    assert!(reaches(world.fabric(), "eni-web", &format!("{HOST_PUBLIC}:80")));
    connect(world.fabric(), "eni-web", &format!("{HOST}:80"), SILENCE).unwrap_err();
}

/// A packet with another's source does not get past the router, not even to the resolver.
pub fn spoofing(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let rule = allow(Traffic::All, "0.0.0.0/0");
    world.consumer().groups.get_mut("sg-other").unwrap().ingress.insert(rule);
    world.apply();
    let receiver = world.fabric().udp_socket(&name("eni-h2"), format!("{OTHER}:9").parse().unwrap()).unwrap();
    receiver.set_read_timeout(Some(SILENCE)).unwrap();
    let honest = world.fabric().udp_socket(&name("eni-h1"), format!("{HOST}:0").parse().unwrap()).unwrap();
    honest.send_to(b"honest", format!("{OTHER}:9")).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(receiver.recv_from(&mut buffer).unwrap().0, 6);
    world
        .fabric()
        .inside(&name("eni-h1"), || {
            assert!(
                std::process::Command::new("ip")
                    .args(["address", "add", "172.31.10.99/32", "dev", "lo"])
                    .status()
                    .unwrap()
                    .success()
            );
            Ok(())
        })
        .unwrap();
    let forged = world.fabric().udp_socket(&name("eni-h1"), "172.31.10.99:0".parse().unwrap()).unwrap();
    forged.send_to(b"forged", format!("{OTHER}:9")).unwrap();
    receiver.recv_from(&mut buffer).unwrap_err();
    assert_eq!(counter(&mut world, "vpc-c", "spoofed").packets, 1);
    // The rule by itself: the kernel's own check of sources, which also drops it, is off.
    world
        .fabric()
        .inside(&name("vpc-c"), || {
            for device in ["all", "h1"] {
                std::fs::write(format!("/proc/sys/net/ipv4/conf/{device}/rp_filter"), "0").unwrap();
            }
            Ok(())
        })
        .unwrap();
    forged.send_to(b"forged", format!("{OTHER}:9")).unwrap();
    receiver.recv_from(&mut buffer).unwrap_err();
    assert_eq!(counter(&mut world, "vpc-c", "spoofed").packets, 2);
    honest.send_to(b"honest", format!("{OTHER}:9")).unwrap();
    assert_eq!(receiver.recv_from(&mut buffer).unwrap().0, 6);
}

/// Only the consumer opens connections.
pub fn one_way(state_dir: &Path) {
    let mut world = World::up(state_dir);
    for group in world.consumer().groups.values_mut() {
        group.ingress.insert(everything());
    }
    world.apply();
    let _host = echo(world.fabric(), "eni-h1", "0.0.0.0:443");
    let _endpoint = echo(world.fabric(), "eni-e", "0.0.0.0:8080");
    assert!(reaches(world.fabric(), "eni-h2", &format!("{HOST}:443")), "the rule is there");
    for (from, to) in [
        ("eni-n", "169.254.77.1:443"),
        ("eni-n", "169.254.77.1:8080"),
        ("eni-n", "172.31.11.59:443"),
        ("eni-n", "172.31.10.20:443"),
        ("eni-t", "172.31.10.20:443"),
        ("eni-t", "169.254.77.1:443"),
        ("eni-h1", "172.31.11.59:8080"),
        ("eni-h1", "169.254.77.0:443"),
        ("eni-h1", "172.31.0.2:22"),
    ] {
        assert!(connect(world.fabric(), from, to, SILENCE).is_err(), "{from} reached {to}");
    }
    // Not even by a route to the consumer that someone makes at the node, with the fabric for a gateway.
    world
        .fabric()
        .inside(&name("eni-n"), || {
            let mut route = std::process::Command::new("ip");
            route.args(["route", "add", "172.31.10.20/32", "via", "169.254.77.1", "dev", "fab0"]);
            assert!(route.status().unwrap().success());
            Ok(())
        })
        .unwrap();
    assert!(silent(world.fabric(), "eni-n", "172.31.10.20:443"));
}

/// A deleted endpoint's address is nowhere, and does not leave by the default route.
pub fn deleted_endpoint(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    assert!(reaches(world.fabric(), "eni-h1", &format!("{ENDPOINT}:443")));
    world.plan.namespaces.remove(&name("eni-e"));
    world.plan.links.retain(|link| ![&link.a, &link.b].iter().any(|end| end.namespace == name("eni-e")));
    let router = world.plan.namespaces.get_mut(&name("vpc-c")).unwrap();
    router.routes.retain(|route| route.destination.addr() != ip(ENDPOINT));
    world.consumer().interfaces.remove("e");
    world.consumer().groups.get_mut("sg-ep").unwrap().members.clear();
    let changes = world.apply();
    assert_eq!(changes.dropped, 1);
    connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:443"), SILENCE).unwrap_err();
    assert_eq!(counter(&mut world, "vpc-c", "left-gateway").packets, 0);
    world.fabric().namespace_fd(&name("eni-e")).unwrap_err();
}

/// The resolver is asked by interfaces, whatever their groups say.
pub fn dns(state_dir: &Path) {
    let mut world = World::up(state_dir);
    world.consumer().groups.insert("sg-none".into(), group([], []));
    world.consumer().interfaces.get_mut("h1").unwrap().groups = ["sg-none".into()].into();
    world.apply();
    let resolver = world.fabric().udp_socket(&name("vpc-c"), "172.31.0.2:53".parse().unwrap()).unwrap();
    resolver.set_read_timeout(Some(PATIENCE)).unwrap();
    let client = world.fabric().udp_socket(&name("eni-h1"), format!("{HOST}:0").parse().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"query", "172.31.0.2:53").unwrap();
    let mut buffer = [0; 16];
    let (_, from) = resolver.recv_from(&mut buffer).unwrap();
    assert_eq!(from.ip(), ip(HOST));
    resolver.send_to(b"answer", from).unwrap();
    assert_eq!(client.recv_from(&mut buffer).unwrap().1, "172.31.0.2:53".parse().unwrap());
    let _tcp = echo(world.fabric(), "vpc-c", "172.31.0.2:53");
    assert!(reaches(world.fabric(), "eni-h1", "172.31.0.2:53"));
}
