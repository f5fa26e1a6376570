//! What runs in the instances: a server that answers what it is sent, and a client that counts.

use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Daemon, PROVIDER, element, eventually};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Ports of the provider's server: without and with a PROXY protocol header.
const PORTS: [(u16, bool); 2] = [(7001, false), (7002, true)];
const MESSAGE_BYTES: usize = 64;
/// Connections that stay, on each path.
const STAYING: usize = 4;

/// What the environment says to be.
pub fn part() {
    match std::env::var("KURA_TEST_PART").unwrap_or_default().split_once(' ') {
        Some(("server", _)) => server(),
        Some(("client", addresses)) => {
            client(&addresses.split(',').map(|address| address.parse().unwrap()).collect::<Vec<_>>());
        }
        _ => panic!("this is run by other tests, in an instance"),
    }
}

fn server() {
    for (port, proxy) in PORTS {
        let listener = TcpListener::bind(("0.0.0.0", port)).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream, proxy));
            }
        });
    }
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

fn answer(mut stream: TcpStream, proxy: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if proxy {
        let mut head = [0; 16];
        stream.read_exact(&mut head)?;
        if head[..12] != SIGNATURE[..] || head[12..14] != [0x21, 0x11] {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut rest = vec![0; usize::from(u16::from_be_bytes([head[14], head[15]]))];
        stream.read_exact(&mut rest)?;
    }
    let mut message = [0; MESSAGE_BYTES];
    loop {
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
    }
}

/// Runs until its standard input ends, then tells what it counted.
fn client(addresses: &[SocketAddr]) {
    let stop = Arc::new(AtomicBool::new(false));
    let [done, failed, opened] = [(); 3].map(|()| Arc::new(AtomicU64::new(0)));
    let mut threads = Vec::new();
    for &address in addresses {
        for staying in (0..=STAYING).map(|number| number < STAYING) {
            let (stop, done, failed, opened) = (stop.clone(), done.clone(), failed.clone(), opened.clone());
            threads.push(thread::spawn(move || {
                let mut stream = None;
                let mut due = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    // A hundred times a second each: a thousand on two paths.
                    due += Duration::from_millis(10);
                    match operation(address, &mut stream, &opened) {
                        Ok(()) => done.fetch_add(1, Ordering::Relaxed),
                        Err(error) => {
                            eprintln!("{address}, staying {staying}: {error}");
                            stream = None;
                            failed.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                    if !staying {
                        stream = None;
                    }
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
            }));
        }
    }
    println!("ready");
    let _ = io::stdin().read_to_end(&mut Vec::new());
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let [done, failed, opened] = [done, failed, opened].map(|count| count.load(Ordering::Relaxed));
    println!("counted {done} {failed} {opened}");
}

fn operation(address: SocketAddr, stream: &mut Option<TcpStream>, opened: &AtomicU64) -> io::Result<()> {
    if stream.is_none() {
        let new = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        new.set_nodelay(true)?;
        new.set_read_timeout(Some(Duration::from_secs(5)))?;
        opened.fetch_add(1, Ordering::Relaxed);
        *stream = Some(new);
    }
    let Some(stream) = stream else { return Ok(()) };
    let message = [7; MESSAGE_BYTES];
    stream.write_all(&message)?;
    let mut answer = [0; MESSAGE_BYTES];
    stream.read_exact(&mut answer)?;
    if answer != message { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
}

/// A provider's instance with a server, a consumer's, and an endpoint on each path between them.
pub struct Pair {
    pub provider: String,
    pub consumer: String,
    pub endpoints: Vec<SocketAddr>,
    pub names: Vec<String>,
    server: Child,
}

impl Pair {
    pub fn of(daemon: &Daemon) -> Self {
        daemon.ok(&["key", "create", "--account", PROVIDER]);
        let provider = daemon.instance(PROVIDER);
        let consumer = daemon.instance("000000000000");
        let groups = daemon.api(PROVIDER, "ec2", "Action=DescribeSecurityGroups&Version=2016-11-15");
        let group = element(&groups, "groupId");
        daemon.api(
            PROVIDER,
            "ec2",
            &format!(
                "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId={group}&IpPermissions.1.IpProtocol=tcp\
                 &IpPermissions.1.FromPort=7001&IpPermissions.1.ToPort=7002&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"
            ),
        );
        let vpc =
            element(&daemon.api("000000000000", "ec2", "Action=DescribeVpcs&Version=2016-11-15"), "vpcId");
        let (mut endpoints, mut names) = (Vec::new(), Vec::new());
        for (port, proxy) in PORTS {
            let target = format!("{provider}:{port}");
            let name = format!("cache.cell{port}.example.com");
            let mut publish =
                vec!["publish", "--name", if proxy { "proxy" } else { "kernel" }, "--target", &target];
            publish.extend(["--private-dns", &name]);
            publish.extend(proxy.then_some("--proxy-protocol"));
            let published = daemon.ok(&publish);
            let service = published.trim().split_once(" = ").unwrap().1.to_owned();
            let subnets = daemon.api("000000000000", "ec2", "Action=DescribeSubnets&Version=2016-11-15");
            let made = daemon.api(
                "000000000000",
                "ec2",
                &format!(
                    "Action=CreateVpcEndpoint&Version=2016-11-15&VpcEndpointType=Interface&VpcId={vpc}&ServiceName=\
                     {service}&SubnetId.1={}&PrivateDnsEnabled=true",
                    element(&subnets, "subnetId")
                ),
            );
            let interface =
                made.split("<networkInterfaceIdSet><item>").nth(1).unwrap().split('<').next().unwrap();
            let shown = daemon.api(
                "000000000000",
                "ec2",
                &format!(
                    "Action=DescribeNetworkInterfaces&Version=2016-11-15&NetworkInterfaceId.1={interface}"
                ),
            );
            let address = element(&shown, "privateIpAddress");
            endpoints.push(format!("{address}:443").parse().unwrap());
            names.push(name);
        }
        let server = daemon.inside(&provider, "server ").spawn().unwrap();
        let mut pair = Self { provider, consumer, endpoints, names, server };
        eventually("the paths work", || pair.client(daemon).is_some_and(|client| client.end().failed == 0));
        pair.server.try_wait().unwrap();
        pair
    }

    /// A client in the consumer's instance, at work; `None` if it cannot start.
    pub fn client(&self, daemon: &Daemon) -> Option<Client> {
        let addresses: Vec<String> = self.endpoints.iter().map(ToString::to_string).collect();
        let mut command = daemon.inside(&self.consumer, &format!("client {}", addresses.join(",")));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut seen = Vec::new();
        let out = child.stdout.as_mut().unwrap();
        while !seen.ends_with(b"ready\n") {
            let mut byte = [0];
            if out.read(&mut byte).unwrap() == 0 {
                child.wait().unwrap();
                return None;
            }
            seen.push(byte[0]);
        }
        Some(Client { child, since: Instant::now() })
    }

    /// Ends the server, if it lives.
    pub fn server_ended(&mut self) -> bool {
        self.server.try_wait().unwrap().is_some()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub struct Client {
    child: Child,
    since: Instant,
}

#[derive(Debug)]
pub struct Counted {
    pub done: u64,
    pub failed: u64,
    pub opened: u64,
    pub per_second: f64,
}

impl Client {
    pub fn end(mut self) -> Counted {
        drop(self.child.stdin.take());
        let took = self.since.elapsed();
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.child.wait().unwrap();
        let line =
            text.lines().find_map(|line| line.split_once("counted ")).unwrap_or_else(|| panic!("{text}")).1;
        let counts: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [done, failed, opened] = counts[..] else { panic!("{text}") };
        Counted { done, failed, opened, per_second: done as f64 / took.as_secs_f64() }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
