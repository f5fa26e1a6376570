//! What a path costs: ping-pong and throughput, two paths in turn, as JSON for `kura-bench link`.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::AsFd as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use kura_model::{
    Traffic,
    plan::{Filter, Plan},
};
use kura_netns::inside;
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::Serialize;

use crate::{
    forwarding::with_forwarder,
    traffic::{PATIENCE, connect},
    world::{ENDPOINT, TARGET, World, allow, link, name, namespace, net, port, route, router, via, world},
};

/// Bytes of a message that goes to and fro.
const MESSAGE_BYTES: usize = 64;
/// Bytes of a write when as much as possible is sent.
const CHUNK_BYTES: usize = 256 << 10;
/// Routers between client and server on the kernel path: both VPCs', the endpoint, the load balancer's node.
const HOPS: usize = 4;

/// The endpoint's port with the simplest relay.
const BLOCKING: u16 = 445;

/// Where client, and server and forwarder run.
#[derive(Clone, Copy, Serialize)]
enum Cores {
    /// The client on one core, server and forwarder on the other.
    Two,
    /// All on one.
    One,
}

/// Two figures of a pair: microseconds for a message to and fro (the median), or gigabits a second.
type Pair = (f64, f64);

#[derive(Serialize)]
struct Row {
    figure: &'static str,
    cores: Cores,
    pairs: Vec<Pair>,
}

#[derive(Clone, Copy)]
enum Work {
    PingPong,
    Throughput,
}

/// A namespace to dial from, and the address.
type Way = (&'static str, String);

/// Measures; `arguments` are the number of pairs, a run's milliseconds and what the figures to measure begin with.
pub fn speed(state_dir: &Path, arguments: &[String]) {
    let [pairs, window, only @ ..] = arguments else { panic!("speed STATE_DIR PAIRS MILLISECONDS [FIGURE]") };
    let is_wanted = |figure: &str| only.first().is_none_or(|only| figure.starts_with(only.as_str()));
    let (pairs, window) = (pairs.parse().unwrap(), Duration::from_millis(window.parse().unwrap()));
    let mut world = World::of(state_dir, routed(with_forwarder(world(), Some("vpce-08d2bf15fac5001c9"))));
    for (at, address) in [("eni-t", "0.0.0.0:8443".to_owned()), ("r5", "0.0.0.0:8443".to_owned())] {
        let listener = world.fabric().tcp_listener(&name(at), address.parse().unwrap()).unwrap();
        thread::spawn(move || serve(&listener));
    }
    blocking_relay(&mut world);
    let forwarder = forwarder(state_dir);
    sched_setaffinity(Some(forwarder), &core(0)).unwrap();
    let plain = || ("r0", format!("10.77.{HOPS}.1:8443"));
    let kernel = || ("eni-h1", format!("{ENDPOINT}:443"));
    let carried = || ("eni-h1", format!("{ENDPOINT}:444"));
    let simplest = || ("eni-h1", format!("{ENDPOINT}:{BLOCKING}"));
    let mut rows = Vec::new();
    for cores in [Cores::Two, Cores::One] {
        for (figure, work, one, other) in [
            ("kernel ÷ routed, ping-pong", Work::PingPong, kernel(), plain()),
            ("forwarder ÷ routed, ping-pong", Work::PingPong, carried(), plain()),
            ("blocking relay ÷ routed, ping-pong", Work::PingPong, simplest(), plain()),
            ("routed ÷ routed, ping-pong", Work::PingPong, plain(), plain()),
            ("forwarder ÷ kernel, throughput", Work::Throughput, carried(), kernel()),
        ] {
            if !is_wanted(figure) {
                continue;
            }
            let pairs = (0..pairs)
                .map(|number: usize| {
                    let mut run = |way: &Way| run(&mut world, way, work, cores, window);
                    if number.is_multiple_of(2) {
                        let one = run(&one);
                        (one, run(&other))
                    } else {
                        let other = run(&other);
                        (run(&one), other)
                    }
                })
                .collect();
            rows.push(Row { figure, cores, pairs });
        }
    }
    println!("{}", serde_json::to_string(&rows).unwrap());
}

/// The least that a relay can do, in the forwarder's place: a read and a write a message, on a thread for each direction.
/// What it costs is what no forwarder of this kind can go below.
fn blocking_relay(world: &mut World) {
    let at = format!("{ENDPOINT}:{BLOCKING}").parse().unwrap();
    let listener = world.fabric().tcp_listener(&name("eni-e"), at).unwrap();
    let node = world.fabric().namespace_fd(&name("eni-n")).unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let target =
                inside(node.as_fd(), || Ok(TcpStream::connect(format!("{TARGET}:8443")).unwrap())).unwrap();
            let back = (target.try_clone().unwrap(), client.try_clone().unwrap());
            for (mut from, mut to) in [(client, target), back] {
                to.set_nodelay(true).unwrap();
                thread::spawn(move || {
                    sched_setaffinity(None, &core(0)).unwrap();
                    let mut buffer = vec![0; CHUNK_BYTES];
                    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
                        if to.write_all(&buffer[..bytes]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
}

/// As many routers as on the kernel path, that do nothing but route.
fn routed(mut plan: Plan) -> Plan {
    let Filter::Endpoint(endpoint) = &mut plan.namespaces.get_mut(&name("eni-e")).unwrap().filter else {
        panic!()
    };
    endpoint.ports.insert(BLOCKING, port(&[], true));
    let group = router(&mut plan, "vpc-c").groups.get_mut("sg-ep").unwrap();
    group.ingress.insert(allow(Traffic::Tcp(BLOCKING, BLOCKING), "sg-host"));
    let node = |number: usize| format!("r{number}");
    for number in 0..=HOPS + 1 {
        let mut it = namespace(Filter::Open);
        it.forwards = true;
        if number < HOPS {
            let next = format!("10.77.{number}.1");
            it.routes.insert(route(254, &format!("10.77.{HOPS}.0/31"), via("right", Some(&next))));
        }
        if number > 1 {
            let before = format!("10.77.{}.0", number - 1);
            it.routes.insert(route(254, "10.77.0.0/31", via("left", Some(&before))));
        }
        plan.namespaces.insert(name(&node(number)), it);
    }
    for number in 0..=HOPS {
        let [left, right] = [0, 1].map(|last| format!("10.77.{number}.{last}/31"));
        assert_eq!(net(&left).prefix_len(), 31);
        link(
            &mut plan,
            (&node(number), "right", Some(&left), false),
            (&node(number + 1), "left", Some(&right), false),
        );
    }
    plan
}

/// Answers what it is sent, or, after a `d`, counts it. A PROXY protocol header may stand before.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            sched_setaffinity(None, &core(0)).unwrap();
            let mut stream = stream;
            stream.set_nodelay(true).unwrap();
            let mut mode = [0];
            let mut read = stream.read_exact(&mut mode);
            if mode[0] == b'\r' {
                let mut head = [0; 15];
                stream.read_exact(&mut head).unwrap();
                let mut rest = vec![0; usize::from(u16::from_be_bytes([head[13], head[14]]))];
                stream.read_exact(&mut rest).unwrap();
                read = stream.read_exact(&mut mode);
            }
            let mut buffer = vec![0; CHUNK_BYTES];
            let mut count = 0_u64;
            while let (Ok(()), Ok(bytes @ 1..)) = (&read, stream.read(&mut buffer)) {
                count += bytes as u64;
                if mode[0] == b'p' && stream.write_all(&buffer[..bytes]).is_err() {
                    return;
                }
            }
            let _ = stream.write_all(&count.to_be_bytes());
        });
    }
}

fn run(world: &mut World, way: &Way, work: Work, cores: Cores, window: Duration) -> f64 {
    let (from, to) = way;
    let stream = connect(world.fabric(), from, to, PATIENCE).unwrap();
    let client = move || {
        sched_setaffinity(None, &core(if matches!(cores, Cores::Two) { 1 } else { 0 })).unwrap();
        match work {
            Work::PingPong => ping_pong(stream, window),
            Work::Throughput => throughput(stream, window),
        }
    };
    thread::spawn(client).join().unwrap()
}

/// Microseconds, the median.
fn ping_pong(mut stream: TcpStream, window: Duration) -> f64 {
    stream.write_all(b"p").unwrap();
    let mut rounds = Vec::with_capacity(1 << 16);
    let mut message = [7; MESSAGE_BYTES];
    let mut round = || {
        let begin = Instant::now();
        stream.write_all(&message).unwrap();
        stream.read_exact(&mut message).unwrap();
        begin.elapsed()
    };
    // The path has been used before it is measured.
    for _ in 0..100 {
        round();
    }
    let since = Instant::now();
    while since.elapsed() < window {
        rounds.push(round());
    }
    rounds.sort_unstable();
    rounds[rounds.len() / 2].as_secs_f64() * 1e6
}

/// Gigabits a second, until all has arrived.
fn throughput(mut stream: TcpStream, window: Duration) -> f64 {
    stream.write_all(b"d").unwrap();
    let chunk = vec![7; CHUNK_BYTES];
    let since = Instant::now();
    let mut sent = 0_u64;
    while since.elapsed() < window {
        stream.write_all(&chunk).unwrap();
        sent += CHUNK_BYTES as u64;
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut count = [0; 8];
    stream.read_exact(&mut count).unwrap();
    assert_eq!(u64::from_be_bytes(count), sent);
    sent as f64 * 8e-9 / since.elapsed().as_secs_f64()
}

fn core(number: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(number);
    set
}

/// The forwarder's process.
fn forwarder(state_dir: &Path) -> rustix::process::Pid {
    let path = state_dir.join("forwarder.sock");
    let socket = std::os::unix::net::UnixStream::connect(path).unwrap();
    rustix::net::sockopt::socket_peercred(&socket).unwrap().pid
}
