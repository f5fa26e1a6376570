//! What a client sees: `dig` and plain sockets against a served resolver on loopback.

mod support;

use std::{
    io::Write as _,
    net::UdpSocket,
    sync::Arc,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::Name,
};
use kura_dns::{Limits, Upstream, View, Zones};
use support::*;

fn set(lines: &[&str]) -> std::collections::BTreeSet<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn an_endpoints_names_resolve() {
    let vpc = Running::vpc(Upstream::None);
    let regional = ["172.31.11.59", "172.31.27.59", "172.31.43.59"].map(|ip| format!("{REGIONAL} 60 A {ip}"));
    let dug = vpc.dig(REGIONAL);
    assert_eq!((dug.status(), dug.answers()), ("NOERROR", regional.clone().into()));
    assert_eq!(dug.flags(), ["qr", "rd", "ra"]);
    assert_eq!(vpc.dig(ZONAL).answers(), set(&[&format!("{ZONAL} 60 A 172.31.11.59")]));
    let dug = vpc.dig(CACHE);
    let alias = format!("{CACHE} 60 CNAME {REGIONAL}");
    assert_eq!(dug.section("ANSWER")[0], alias, "the alias comes first");
    assert_eq!(dug.answers(), regional.into_iter().chain([alias]).collect());
    assert_eq!(
        vpc.dig("-x 172.31.10.20").answers(),
        set(&[&format!("20.10.31.172.in-addr.arpa 60 PTR {HOST}")])
    );
    assert_eq!(vpc.dig(&format!("{HOST} A")).answers(), set(&[&format!("{HOST} 60 A 172.31.10.20")]));
}

#[test]
fn the_public_zone_is_as_it_was_outside_the_vpc() {
    let public = Running::start(View::Public, Upstream::None, Limits::default());
    let dug = public.dig(CACHE);
    assert_eq!(dug.answers(), set(&[&format!("{CACHE} 60 A 203.0.113.10")]));
    assert!(dug.flags().contains(&"aa"));
    let text = public.dig(&format!("_x1.{CACHE} TXT")).answers();
    assert_eq!(text, set(&[&format!("_x1.{CACHE} 60 TXT \"vpce:abc\"")]));
    assert_eq!(public.dig(HOST).negative(), ("NXDOMAIN", "compute.internal".to_owned()));
}

#[test]
fn no_such_name_and_no_such_type_are_told_apart() {
    let vpc = Running::vpc(Upstream::None);
    let aws = "vpce.amazonaws.com".to_owned();
    assert_eq!(vpc.dig(&format!("{REGIONAL} AAAA")).negative(), ("NOERROR", aws.clone()));
    assert_eq!(vpc.dig(&format!("{REGIONAL} TYPE65280")).negative(), ("NOERROR", aws.clone()));
    assert_eq!(vpc.dig(&format!("gone.{REGIONAL}")).negative(), ("NXDOMAIN", aws));
    assert_eq!(vpc.dig(&format!("x.{CACHE}")).negative(), ("NXDOMAIN", CACHE.to_owned()));
    assert_eq!(vpc.dig(&format!("_x1.{CACHE} TXT")).negative(), ("NXDOMAIN", CACHE.to_owned()));
    let dug = vpc.dig(&format!("{CACHE} AAAA"));
    assert_eq!((dug.status(), dug.answers()), ("NOERROR", set(&[&format!("{CACHE} 60 CNAME {REGIONAL}")])));
    assert_eq!(vpc.dig("-x 10.9.8.7").negative(), ("NXDOMAIN", "10.in-addr.arpa".to_owned()));
}

#[test]
fn addresses_take_turns_at_being_first() {
    let vpc = Running::vpc(Upstream::None);
    let firsts: std::collections::BTreeSet<_> = (0..3)
        .map(|id| vpc.dig(&format!("+qid={} {REGIONAL}", id + 300)).section("ANSWER")[0].clone())
        .collect();
    assert_eq!(firsts.len(), 3);
}

#[test]
fn tcp_edns_and_spelling() {
    let vpc = Running::vpc(Upstream::None);
    let dug = vpc.dig(&format!("+tcp {CACHE}"));
    assert_eq!(dug.answers().len(), 4);
    assert!(dug.0.contains("(TCP)"), "{}", dug.0);
    assert!(vpc.dig(CACHE).0.contains("EDNS: version: 0, flags:; udp: 1232"));
    assert!(!vpc.dig(&format!("+noedns {CACHE}")).0.contains("EDNS"));
    let spelled = "CaChE.Cell-1.kUra.INTERNAL";
    let dug = vpc.dig(spelled);
    assert_eq!(dug.section("ANSWER")[0], format!("{spelled} 60 CNAME {REGIONAL}"));
    assert!(dug.0.contains(&format!(";{spelled}.")), "{}", dug.0);
}

#[test]
fn what_is_too_long_for_a_datagram_comes_over_tcp() {
    let public = Running::start(View::Public, Upstream::None, Limits::default());
    for size in ["+noedns", "+bufsize=512", "+bufsize=4096"] {
        let cut = public.dig(&format!("{size} +ignore long.test TXT"));
        assert!(cut.flags().contains(&"tc") && cut.answers().is_empty(), "{}", cut.0);
        let whole = public.dig(&format!("{size} long.test TXT"));
        let letters = whole.section("ANSWER")[0].matches('l').count();
        assert_eq!(letters, 1300 + "long".matches('l').count(), "{}", whole.0);
    }
}

#[test]
fn requests_that_are_no_lookups_get_their_code() {
    let vpc = Running::vpc(Upstream::None);
    assert_eq!(vpc.dig(&format!("+opcode=STATUS {CACHE}")).status(), "NOTIMP");
    assert_eq!(vpc.dig("version.bind CH TXT").status(), "REFUSED");
    assert_eq!(vpc.dig(&format!("+edns=1 +noednsnegotiation {CACHE}")).status(), "BADVERS");
    assert_eq!(vpc.dig(&format!("+header-only {CACHE}")).status(), "FORMERR");
    let transfer = vpc.dig(&format!("+tcp {CACHE} AXFR")).0;
    assert!(transfer.contains("Transfer failed"), "{transfer}");
}

#[test]
fn garbage_does_not_stop_it() {
    let vpc = Running::vpc(Upstream::None);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut noise = question(7, CACHE);
    for at in 0..2000usize {
        let place = at % noise.len();
        noise[place] = noise[place].wrapping_mul(31).wrapping_add(u8::try_from(at % 251).unwrap());
        socket.send_to(&noise[..at % noise.len()], vpc.address).unwrap();
        socket.send_to(&noise, vpc.address).unwrap();
    }
    let dug = (0..5).map(|_| vpc.dig(CACHE)).find(|dug| dug.0.contains("status: NOERROR"));
    assert_eq!(dug.expect("it answers again once the noise is read").answers().len(), 4);
}

#[test]
fn a_change_is_seen_by_the_next_query() {
    let vpc = Running::vpc(Upstream::None);
    let mut stream = connect(vpc.address);
    for private in [false, true, false] {
        vpc.zones.send_replace(Arc::new(Zones::of(&names(private)).unwrap()));
        let records = if private { 4 } else { 1 };
        assert_eq!(vpc.dig(CACHE).answers().len(), records);
        send(&mut stream, &question(1, CACHE));
        let answer = Message::from_vec(&receive(&mut stream).expect("the connection stays")).unwrap();
        assert_eq!(answer.answers.len(), records);
    }
    vpc.zones.send_replace(Arc::default());
    let dug = vpc.dig(CACHE);
    assert_eq!(dug.status(), "SERVFAIL");
    assert!(dug.0.contains("EDE: 14 (Not Ready): (this VPC is being made or deleted)"), "{}", dug.0);
}

#[test]
fn without_an_upstream_the_reason_is_told() {
    let vpc = Running::vpc(Upstream::servers(vec![]));
    let dug = vpc.dig("example.com");
    assert_eq!(dug.status(), "SERVFAIL");
    assert!(dug.0.contains("EDE: 14 (Not Ready): (not a name of the link"), "{}", dug.0);
    assert_eq!(vpc.dig("localhost").answers(), set(&["localhost 60 A 127.0.0.1"]));
}

#[test]
fn other_names_are_the_upstreams() {
    let server = upstream(|question, udp| {
        let asked = question.queries[0].name.to_ascii().to_lowercase();
        let mut right = answer(&question, [192, 0, 2, if udp { 1 } else { 2 }]);
        if asked == "gone.example." {
            right.metadata.response_code = ResponseCode::NXDomain;
            right.answers.clear();
        }
        let mut wrong = answer(&question, [192, 0, 2, 66]);
        wrong.queries[0].set_name(Name::from_ascii("other.example.").unwrap());
        let mut late = answer(&question, [192, 0, 2, 67]);
        late.metadata.id = question.metadata.id.wrapping_add(1);
        right.metadata.truncation = udp && asked == "long.example.";
        let noise = if udp { vec![wrong, late] } else { vec![] };
        noise.into_iter().chain([right]).map(|message| message.to_vec().unwrap()).collect()
    });
    let vpc = Running::vpc(Upstream::servers(vec![server]));
    assert_eq!(vpc.dig("Some.Example").answers(), set(&["Some.Example 17 A 192.0.2.1"]));
    assert_eq!(vpc.dig("+tcp +noedns some.example").answers(), set(&["some.example 17 A 192.0.2.1"]));
    assert_eq!(vpc.dig("long.example").answers(), set(&["long.example 17 A 192.0.2.2"]));
    assert_eq!(vpc.dig("gone.example").status(), "NXDOMAIN");
    assert_eq!(vpc.dig(CACHE).answers().len(), 4, "what the link knows is not asked");
    assert_eq!(vpc.dig(&format!("x.{CACHE}")).status(), "NXDOMAIN");
}

#[test]
fn a_server_that_does_not_answer_is_passed_over_and_named() {
    let silent = upstream(|_, _| vec![]);
    let unwilling = upstream(|question, _| {
        let mut message = answer(&question, [0; 4]);
        message.metadata.response_code = ResponseCode::Refused;
        message.answers.clear();
        vec![message.to_vec().unwrap()]
    });
    let good = upstream(|question, _| vec![answer(&question, [192, 0, 2, 3]).to_vec().unwrap()]);
    for bad in [silent, unwilling] {
        let vpc = Running::vpc(Upstream::servers(vec![bad, good]));
        assert_eq!(vpc.dig("some.example").answers(), set(&["some.example 17 A 192.0.2.3"]));
    }
    let vpc = Running::vpc(Upstream::servers(vec![silent]));
    let started = Instant::now();
    let dug = vpc.dig("some.example");
    assert!((3.5..6.0).contains(&started.elapsed().as_secs_f64()), "two attempts of 2 s");
    assert_eq!(dug.status(), "SERVFAIL");
    assert!(
        dug.0.contains(&format!("EDE: 23 (Network Error): ({silent}: no answer within 2 s;")),
        "{}",
        dug.0
    );
    let vpc = Running::vpc(Upstream::servers(vec![unwilling]));
    assert_eq!(vpc.dig("some.example").status(), "REFUSED", "as the last server said");
}

/// The upstream says nothing before it has all hundred, so all of them are in flight at once.
#[test]
fn a_hundred_queries_in_flight_are_answered() {
    let mut held = Vec::new();
    let server = upstream(move |question, _| {
        let last: u8 = question.queries[0].name.iter().next().map_or(0, |label| label[1]);
        held.push(answer(&question, [192, 0, 2, last]).to_vec().unwrap());
        if held.len() < 100 { vec![] } else { held.drain(..).rev().collect() }
    });
    let vpc = Running::vpc(Upstream::servers(vec![server]));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(vpc.address).unwrap();
    let mut buffer = [0; 512];
    for id in 0..99 {
        socket.send(&question(id, &format!("n{id}.example"))).unwrap();
    }
    // A name of the link does not wait for them.
    socket.send(&question(1000, CACHE)).unwrap();
    let length = socket.recv(&mut buffer).unwrap();
    assert_eq!(Message::from_vec(&buffer[..length]).unwrap().metadata.id, 1000);
    socket.send(&question(99, "n99.example")).unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let length = socket.recv(&mut buffer).expect("a hundred answers");
        let answer = Message::from_vec(&buffer[..length]).unwrap();
        assert_eq!(answer.queries[0].name.to_ascii(), format!("n{}.example.", answer.metadata.id));
        assert_eq!(answer.answers.len(), 1);
        ids.insert(answer.metadata.id);
    }
    assert_eq!(ids.len(), 100);
}

#[test]
fn queries_of_a_connection_need_not_wait_for_each_other() {
    let server = upstream(|question, _| {
        std::thread::sleep(Duration::from_millis(200));
        vec![answer(&question, [192, 0, 2, 1]).to_vec().unwrap()]
    });
    let vpc = Running::vpc(Upstream::servers(vec![server]));
    let mut stream = connect(vpc.address);
    let mut bytes = framed(&question(1, "slow.example"));
    bytes.extend((2..150).flat_map(|id| framed(&question(id, CACHE))));
    // In pieces that end anywhere.
    for piece in bytes.chunks(37) {
        stream.write_all(piece).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let ids: Vec<u16> = std::iter::from_fn(|| receive(&mut stream))
        .map(|bytes| Message::from_vec(&bytes).unwrap().metadata.id)
        .collect();
    assert_eq!(ids, (2..150).chain([1]).collect::<Vec<_>>());
}

#[test]
fn one_connection_too_many_is_closed() {
    // So long an idle time that only the number can be what closes.
    let limits = Limits { connections: 3, idle: Duration::from_secs(600) };
    let vpc = Running::start(View::Public, Upstream::None, limits);
    let mut open: Vec<_> = (0..3).map(|_| connect(vpc.address)).collect();
    for stream in &mut open {
        send(stream, &question(1, CACHE));
        assert!(receive(stream).is_some());
    }
    assert!(receive(&mut connect(vpc.address)).is_none(), "a fourth connection is closed");
}

#[test]
fn an_idle_connection_is_closed_and_makes_room() {
    let limits = Limits { connections: 3, idle: Duration::from_millis(500) };
    let vpc = Running::start(View::Public, Upstream::None, limits);
    let mut open: Vec<_> = (0..3).map(|_| connect(vpc.address)).collect();
    // A connection that only trickles is idle too.
    open[0].write_all(&[0]).unwrap();
    for stream in &mut open {
        assert!(receive(stream).is_none());
    }
    let mut stream = connect(vpc.address);
    send(&mut stream, &question(1, CACHE));
    assert!(receive(&mut stream).is_some(), "there is room again");
}

#[test]
fn what_is_not_dns_over_tcp_is_closed() {
    // So long an idle time that only the garbage can be what closes.
    let limits = Limits { idle: Duration::from_secs(600), ..Limits::default() };
    let vpc = Running::start(View::Public, Upstream::None, limits);
    let mut answer = question(1, CACHE);
    answer[2] |= 0x80;
    for garbage in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 0], &[0, 11, 1], &[0x16, 3, 1, 2, 0], &framed(&answer)]
    {
        let mut stream = connect(vpc.address);
        stream.write_all(garbage).unwrap();
        assert!(receive(&mut stream).is_none(), "{garbage:?}");
    }
    let mut stream = connect(vpc.address);
    send(&mut stream, &[0xff, 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63]);
    let answer = Message::from_vec(&receive(&mut stream).unwrap()).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);
}
