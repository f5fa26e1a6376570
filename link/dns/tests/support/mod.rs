//! A resolver on loopback, a server to stand upstream of it, and `dig`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, where a panic is a failure"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::Command,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use hickory_proto::{
    op::{Message, MessageType},
    rr::{Name, RData, Record, rdata::A},
};
use kura_dns::{Limits, Service, Sockets, Upstream, View, Zones};
use kura_model::plan::{Names, NamespaceName, PrivateZone, Resolver};
use tokio::sync::{oneshot, watch};

pub const CACHE: &str = "cache.cell-1.kura.internal";
pub const REGIONAL: &str = "vpce-1-a.vpce-svc-1.ap-northeast-1.vpce.amazonaws.com";
pub const ZONAL: &str = "vpce-1-a-ap-northeast-1a.vpce-svc-1.ap-northeast-1.vpce.amazonaws.com";
pub const HOST: &str = "ip-172-31-10-20.ap-northeast-1.compute.internal";
/// No socket of a test is waited for longer.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub fn addresses(list: &[&str]) -> BTreeSet<Ipv4Addr> {
    list.iter().map(|address| address.parse().unwrap()).collect()
}

/// The public zone, and `vpc-1`, which has the endpoint's private name if so wanted.
pub fn names(private: bool) -> Names {
    let zone = (CACHE.to_owned(), PrivateZone { alias: REGIONAL.to_owned() });
    let resolver = Resolver {
        addresses: addresses(&["172.31.0.2"]),
        zones: private.then_some(zone).into_iter().collect(),
        hosts: BTreeMap::from([(HOST.to_owned(), Ipv4Addr::new(172, 31, 10, 20))]),
    };
    Names {
        public: BTreeMap::from([
            (CACHE.to_owned(), addresses(&["203.0.113.10"])),
            (REGIONAL.to_owned(), addresses(&["172.31.11.59", "172.31.27.59", "172.31.43.59"])),
            (ZONAL.to_owned(), addresses(&["172.31.11.59"])),
        ]),
        public_txt: BTreeMap::from([
            (format!("_x1.{CACHE}"), BTreeSet::from(["vpce:abc".to_owned()])),
            ("long.test".to_owned(), BTreeSet::from(["l".repeat(1300)])),
        ]),
        public_resolver: None,
        resolvers: BTreeMap::from([(NamespaceName("vpc-1".to_owned()), resolver)]),
    }
}

/// Both sockets on one port, as on port 53.
pub fn bind() -> Sockets {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return Sockets { udp, tcp };
        }
    }
    panic!("no port of loopback is free over both UDP and TCP");
}

/// Serves until dropped.
pub struct Running {
    pub address: SocketAddr,
    pub zones: watch::Sender<Arc<Zones>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(view: View, upstream: Upstream, limits: Limits) -> Self {
        let sockets = bind();
        let address = sockets.udp.local_addr().unwrap();
        let (zones, receiver) = watch::channel(Arc::new(Zones::of(&names(true)).unwrap()));
        let service = Service { view, zones: receiver, upstream, limits };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    ended = kura_dns::serve(sockets, service) => match ended {
                        Err(error) => panic!("serve ended: {error}"),
                    },
                    _ = stopped => {}
                }
            });
        });
        Self { address, zones, stop: Some(stop), thread: Some(thread) }
    }

    /// The resolver of `vpc-1`.
    pub fn vpc(upstream: Upstream) -> Self {
        Self::start(View::Vpc(NamespaceName("vpc-1".to_owned())), upstream, Limits::default())
    }

    /// What `dig` says.
    pub fn dig(&self, arguments: &str) -> Dug {
        let port = self.address.port().to_string();
        // More than the resolver waits for its upstream servers; no configuration of whoever runs this.
        let output = Command::new("dig")
            .args(["-r", "@127.0.0.1", "-p", &port, "+tries=1", "+time=8"])
            .args(arguments.split(' '))
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                panic!("dig cannot be run ({error}): install it, on Debian: apt-get install bind9-dnsutils")
            }
        };
        Dug(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.expect("it was started").expect("the resolver did not panic");
        }
    }
}

/// The output of `dig`.
pub struct Dug(pub String);

impl Dug {
    pub fn status(&self) -> &str {
        self.0.split_once("status: ").and_then(|(_, rest)| rest.split_once(',')).expect(&self.0).0
    }

    pub fn flags(&self) -> Vec<&str> {
        let flags = self.0.split_once("flags: ").and_then(|(_, rest)| rest.split_once(';')).expect(&self.0).0;
        flags.split(' ').collect()
    }

    /// Records of a section: `name ttl type data`, without the class and the last dots.
    pub fn section(&self, name: &str) -> Vec<String> {
        let head = format!(";; {name} SECTION:");
        let lines = self.0.lines().skip_while(|line| *line != head).skip(1);
        let lines = lines.take_while(|line| !line.is_empty() && !line.starts_with(";;"));
        lines
            .map(|line| {
                let mut words: Vec<_> = line.split_whitespace().collect();
                words.remove(2);
                words.iter().map(|word| word.trim_end_matches('.')).collect::<Vec<_>>().join(" ")
            })
            .collect()
    }

    /// The answer without an order, which a resolver turns.
    pub fn answers(&self) -> BTreeSet<String> {
        self.section("ANSWER").into_iter().collect()
    }

    /// Of a negative answer: the code and the zone that says so.
    pub fn negative(&self) -> (&str, String) {
        assert!(self.answers().is_empty(), "{}", self.0);
        let authority = self.section("AUTHORITY");
        let [soa] = authority.as_slice() else { panic!("{}", self.0) };
        let (apex, rest) = soa.split_once(' ').unwrap();
        assert!(rest.starts_with("60 SOA ") && rest.ends_with(" 60"), "{soa}");
        (self.status(), apex.to_owned())
    }
}

/// What a server upstream does with a question that came over UDP (`true`) or TCP. Nothing: it stays silent.
pub type Behaviour = dyn FnMut(Message, bool) -> Vec<Vec<u8>> + Send;

/// A server on loopback that lives as long as the test process.
pub fn upstream(behaviour: impl FnMut(Message, bool) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let Sockets { udp, tcp } = bind();
    let address = udp.local_addr().unwrap();
    let behaviour: Arc<std::sync::Mutex<Box<Behaviour>>> =
        Arc::new(std::sync::Mutex::new(Box::new(behaviour)));
    let over_tcp = Arc::clone(&behaviour);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut peers = BTreeMap::new();
        while let Ok((length, peer)) = udp.recv_from(&mut buffer) {
            let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
            peers.insert(question.metadata.id, peer);
            for answer in behaviour.lock().unwrap()(question, true) {
                // Later answers find who asked by their id; a forged id goes to the last one.
                let id = u16::from_be_bytes([answer[0], answer[1]]);
                let _ = udp.send_to(&answer, peers.get(&id).unwrap_or(&peer));
            }
        }
    });
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            let mut stream = stream.unwrap();
            let Some(bytes) = receive(&mut stream) else { continue };
            for answer in over_tcp.lock().unwrap()(Message::from_vec(&bytes).unwrap(), false) {
                send(&mut stream, &answer);
            }
        }
    });
    address
}

/// An answer with one address.
pub fn answer(question: &Message, address: [u8; 4]) -> Message {
    let mut message = question.clone();
    message.metadata.message_type = MessageType::Response;
    message.metadata.recursion_available = true;
    let name = question.queries[0].name.clone();
    message.add_answer(Record::from_rdata(name, 17, RData::A(A(address.into()))));
    message
}

/// A question as a client would write it.
pub fn question(id: u16, name: &str) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.id = id;
    message.metadata.recursion_desired = true;
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    message.add_query(hickory_proto::op::Query::query(name, hickory_proto::rr::RecordType::A));
    message.to_vec().unwrap()
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

pub fn send(stream: &mut TcpStream, message: &[u8]) {
    stream.write_all(&framed(message)).unwrap();
}

/// A message, or nothing if the peer closed.
pub fn receive(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    match stream.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("neither an answer nor an end")
        }
        Err(_) => return None,
    }
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes).unwrap();
    Some(bytes)
}
