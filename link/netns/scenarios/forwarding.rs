//! What the forwarder carries.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use kura_model::plan::{Dial, Filter, Forwarder, Plan, ProxyV2};

use crate::{
    traffic::{PATIENCE, accept, connect, echo, ping},
    world::{ENDPOINT, HOST, World, name, port, world},
};

const ENDPOINT_ID: &str = "vpce-08d2bf15fac5001c9";

/// The plan, with port 444 of the endpoint forwarded to the target from the node.
pub fn with_forwarder(mut plan: Plan, proxy_v2: Option<&str>) -> Plan {
    let namespace = plan.namespaces.get_mut(&name("eni-e")).unwrap();
    let Filter::Endpoint(endpoint) = &mut namespace.filter else { panic!() };
    endpoint.ports.insert(444, port(&[], true));
    plan.forwarders.insert(Forwarder {
        listen: (name("eni-e"), format!("{ENDPOINT}:444").parse().unwrap()),
        dial: [Dial::Within(name("eni-n"), "172.31.99.10:8443".parse().unwrap())].into(),
        proxy_v2: proxy_v2.map(|id| ProxyV2 { endpoint: Some(id.into()) }),
        idle_timeout: 350,
    });
    plan
}

/// The header is AWS's, bytes arrive, one side's end leaves the other open, and a new configuration ends nothing.
pub fn proxy(state_dir: &Path) {
    let mut world = World::of(state_dir, with_forwarder(world(), Some(ENDPOINT_ID)));
    let target = world.fabric().tcp_listener(&name("eni-t"), "0.0.0.0:8443".parse().unwrap()).unwrap();
    let mut client = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444"), PATIENCE).unwrap();
    let source = client.local_addr().unwrap();
    assert_eq!(source.ip().to_string(), HOST);
    let mut server = accept(&target);
    assert_eq!(server.peer_addr().unwrap().ip().to_string(), crate::world::NODE);
    client.write_all(b"hello").unwrap();
    let mut bytes = [0; 105];
    server.read_exact(&mut bytes).unwrap();
    let mut expected = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x54".to_vec();
    expected.extend([172, 31, 10, 20, 172, 31, 11, 59]);
    expected.extend(source.port().to_be_bytes());
    expected.extend(444_u16.to_be_bytes());
    expected.extend([3, 0, 4]);
    assert_eq!(bytes[..31], expected[..]);
    assert_eq!(&bytes[35..61], b"\xea\x00\x17\x01vpce-08d2bf15fac5001c9");
    assert_eq!(bytes[61..64], [4, 0, 36]);
    assert_eq!(bytes[64..100], [0; 36]);
    assert_eq!(&bytes[100..], b"hello");

    // Another configuration, then none: the connection lives.
    let mut other = with_forwarder(crate::world::world(), None);
    world.fabric().reconcile(&other).unwrap();
    let mut second = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444"), PATIENCE).unwrap();
    let mut plain = accept(&target);
    second.write_all(b"plain").unwrap();
    plain.read_exact(&mut bytes[..5]).unwrap();
    assert_eq!(&bytes[..5], b"plain");
    other.forwarders.clear();
    world.fabric().reconcile(&other).unwrap();
    connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444"), PATIENCE).unwrap_err();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(server.read(&mut bytes).unwrap(), 0);
    server.write_all(b"still here").unwrap();
    drop(server);
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "still here");
}

/// An idle connection ends in a reset on both sides; one whose destination is gone, at once.
pub fn idle(state_dir: &Path) {
    let mut plan = with_forwarder(world(), None);
    let mut forwarder = plan.forwarders.pop_first().unwrap();
    forwarder.idle_timeout = 1;
    plan.forwarders.insert(forwarder);
    let mut world = World::of(state_dir, plan);
    let target = world.fabric().tcp_listener(&name("eni-t"), "0.0.0.0:8443".parse().unwrap()).unwrap();
    let mut client = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444"), PATIENCE).unwrap();
    let mut server = accept(&target);
    for _ in 0..3 {
        client.write_all(b"busy").unwrap();
        server.read_exact(&mut [0; 4]).unwrap();
        thread::sleep(Duration::from_millis(600));
    }
    for stream in [&mut client, &mut server] {
        let error = stream.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    drop(target);
    // The reset may be there before the connection is looked at.
    let refused = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444"), PATIENCE)
        .and_then(|mut client| client.read(&mut [0]))
        .unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionReset);
}

/// Much at once both ways, between trickles and to a reader that stops now and then: every byte arrives in its place.
pub fn bulk(state_dir: &Path) {
    let mut world = World::of(state_dir, with_forwarder(world(), None));
    let target = world.fabric().tcp_listener(&name("eni-t"), "0.0.0.0:8443".parse().unwrap()).unwrap();
    let client = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444"), PATIENCE).unwrap();
    let server = accept(&target);
    let ends = [(&client, 1, 2), (&server, 2, 1)];
    thread::scope(|scope| {
        for (end, own, others) in ends {
            scope.spawn(move || send_bulk(end, own));
            scope.spawn(move || receive_bulk(end, others));
        }
    });
}

/// Bytes that go each way.
const BULK_BYTES: usize = 24 << 20;

/// The bytes of a sender, none of which tells where it is but by all that came before.
fn bulk_bytes(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some((state >> 56) as u8)
    })
}

fn send_bulk(mut to: &TcpStream, seed: u64) {
    let mut bytes = bulk_bytes(seed);
    let mut sent = 0;
    for size in [3_usize, 700, 1 << 20, 1, 90_000, 6 << 20].into_iter().cycle() {
        let chunk: Vec<u8> = bytes.by_ref().take(size.min(BULK_BYTES - sent)).collect();
        to.write_all(&chunk).unwrap();
        sent += chunk.len();
        if sent == BULK_BYTES {
            break;
        }
        thread::sleep(Duration::from_millis(if size < 1000 { 5 } else { 0 }));
    }
    to.shutdown(Shutdown::Write).unwrap();
}

fn receive_bulk(mut from: &TcpStream, seed: u64) {
    let mut bytes = bulk_bytes(seed);
    let mut buffer = vec![0; 300_000];
    let (mut received, mut rests) = (0, 0);
    loop {
        let count = from.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        assert!(buffer[..count].iter().copied().eq(bytes.by_ref().take(count)), "after {received} bytes");
        received += count;
        if received >> 22 > rests {
            rests += 1;
            thread::sleep(Duration::from_millis(100));
        }
    }
    assert_eq!(received, BULK_BYTES);
}

/// To a process on the machine, by the machine's loopback; and what carrying costs.
pub fn relay(state_dir: &Path) {
    let machine = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = machine.local_addr().unwrap().to_string();
    let mut plan = with_forwarder(world(), None);
    let mut forwarder = plan.forwarders.pop_first().unwrap();
    let within = std::mem::replace(&mut forwarder.dial, [Dial::Machine(address)].into());
    plan.forwarders.insert(forwarder.clone());
    let mut world = World::of(state_dir, plan);
    let mut client = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444"), PATIENCE).unwrap();
    let mut server = accept(&machine);
    client.write_all(b"out").unwrap();
    server.read_exact(&mut [0; 3]).unwrap();

    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    world.plan.forwarders.clear();
    world.plan.forwarders.insert(Forwarder { dial: within, ..forwarder });
    world.apply();
    for port in [443, 444] {
        let mut stream = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:{port}"), PATIENCE).unwrap();
        let mut rounds: Vec<_> = (0..2000)
            .map(|_| {
                let start = Instant::now();
                ping(&mut stream).unwrap();
                start.elapsed()
            })
            .collect();
        rounds.sort();
        println!("port {port}: ping-pong p50 {:?}", rounds[1000]);
    }
}
