//! Repair, restart, crash, and what the machine must not notice.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use kura_netns::{Changes, Error, Fabric, Program, anchor_main};

use crate::{
    forwarding::with_forwarder,
    traffic::{PATIENCE, connect, echo, ping, reaches, silent},
    world::{ENDPOINT, World, name, world},
};

fn damage(world: &mut World, namespace: &str, command: &str) {
    world
        .fabric()
        .inside(&name(namespace), || {
            let done = Command::new("sh").args(["-ec", command]).status().unwrap();
            assert!(done.success(), "{command}");
            Ok(())
        })
        .unwrap();
}

/// Whatever someone removes or adds, the next look puts it right, and the one after finds nothing to do.
pub fn repair(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    let endpoint = format!("{ENDPOINT}:443");
    let mut live = connect(world.fabric(), "eni-h1", &endpoint, PATIENCE).unwrap();
    let plan = world.plan.clone();
    assert_eq!(world.fabric().verify(&plan).unwrap(), Changes::default());
    for (namespace, command) in [
        ("vpc-c", "nft flush ruleset"),
        ("eni-e", "nft delete table inet kura"),
        ("eni-e", "nft flush chain inet kura prerouting"),
        ("eni-e", "nft add chain inet kura extra; nft add rule inet kura extra accept"),
        ("eni-e", "nft delete chain inet kura forward; nft add chain inet kura forward"),
        ("eni-n", "nft flush ruleset"),
        ("eni-e", "ip link delete fab0"),
        ("vpc-c", "ip link delete h1"),
        ("eni-h1", "ip link set eth0 down"),
        ("eni-h1", "ip address flush dev eth0"),
        ("eni-h1", "ip address add 10.9.9.9/24 dev eth0"),
        ("vpc-c", "ip route flush table main"),
        ("vpc-c", "ip route replace 172.31.11.59/32 dev h2"),
        ("vpc-c", "ip route add 10.0.0.0/8 dev h2 metric 7"),
        ("vpc-c", "ip rule add iif h2 lookup 7 priority 5"),
        ("vpc-c", "ip rule delete iif h1 lookup 1"),
        ("vpc-c", "echo 0 > /proc/sys/net/ipv4/conf/h1/proxy_arp"),
        ("vpc-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"),
        ("vpc-c", "echo 1 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose"),
        ("vpc-c", "ip link add stray type veth peer name stray2"),
    ] {
        damage(&mut world, namespace, command);
        let changes = world.fabric().verify(&plan).unwrap();
        assert!(changes.changed > 0, "{namespace}: {command} went unnoticed");
        let again = world.fabric().verify(&plan).unwrap();
        assert_eq!(again, Changes::default(), "{namespace}: {command}");
        assert!(reaches(world.fabric(), "eni-h1", &endpoint), "{namespace}: {command}");
    }
    ping(&mut live).unwrap();
    let anchor = kura_netns::Anchor::connect(state_dir).unwrap().unwrap();
    anchor.create("stray").unwrap();
    assert_eq!(world.fabric().verify(&plan).unwrap().dropped, 1);
}

/// What fails in one namespace keeps the others from nothing, and is made once it can be.
pub fn partly(state_dir: &Path) {
    let mut world = World::up(state_dir);
    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    let endpoint = format!("{ENDPOINT}:443");
    // The loopback device cannot be removed: it is in the way of the link to the router, and nothing works without it.
    let occupy = "ip link delete eth0; ip link set lo down; ip link set lo name eth0";
    damage(&mut world, "eni-h2", occupy);
    damage(&mut world, "eni-h1", "ip address flush dev eth0");
    let plan = world.plan.clone();
    let failed = world.fabric().verify(&plan).unwrap_err();
    assert!(matches!(failed, Error::Partly(_)) && failed.to_string().contains("eni-h2"), "{failed}");
    let unfinished: Vec<_> = world.fabric().unfinished().iter().cloned().collect();
    assert_eq!(unfinished, [name("eni-h2"), name("vpc-c")]);
    assert!(reaches(world.fabric(), "eni-h1", &endpoint), "what was broken elsewhere is repaired");

    let rules = std::mem::take(&mut world.consumer().groups.get_mut("sg-ep").unwrap().ingress);
    let shut = world.plan.clone();
    world.fabric().reconcile(&shut).unwrap_err();
    assert!(silent(world.fabric(), "eni-h1", &endpoint), "a change elsewhere is made");
    world.consumer().groups.get_mut("sg-ep").unwrap().ingress = rules;

    damage(&mut world, "eni-h2", "ip link set eth0 down; ip link set eth0 name lo");
    let open = world.plan.clone();
    world.fabric().reconcile(&open).unwrap();
    assert!(world.fabric().unfinished().is_empty());
    assert_eq!(world.fabric().verify(&open).unwrap(), Changes::default(), "nothing is left to do");
    assert!(reaches(world.fabric(), "eni-h1", &endpoint));
}

/// Another daemon finds everything as it should be, and touches nothing.
pub fn restart(state_dir: &Path) {
    let mut world = World::of(state_dir, with_forwarder(crate::world::world(), None));
    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    let mut kernel = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:443"), PATIENCE).unwrap();
    let mut carried = connect(world.fabric(), "eni-h1", &format!("{ENDPOINT}:444"), PATIENCE).unwrap();
    for stream in [&mut kernel, &mut carried] {
        ping(stream).unwrap();
    }
    let pid = world.fabric().anchor_pid();
    world.fabric = None;
    let mut fabric = Fabric::open(state_dir, Program::current().unwrap()).unwrap();
    assert_eq!(fabric.anchor_pid(), pid);
    let start = Instant::now();
    assert_eq!(fabric.reconcile(&world.plan).unwrap(), Changes::default());
    println!("adopted in {:?}", start.elapsed());
    world.fabric = Some(fabric);
    for stream in [&mut kernel, &mut carried] {
        ping(stream).unwrap();
    }
    // One anchor a state directory.
    let refused = anchor_main(&state_dir.canonicalize().unwrap()).unwrap_err();
    assert!(refused.to_string().contains("another anchor"), "{refused}");
}

/// The end of the anchor is the end of everything, the forwarder's process too.
pub fn crash(state_dir: &Path) {
    let mut world = World::of(state_dir, with_forwarder(crate::world::world(), None));
    let pid = world.fabric().anchor_pid();
    let anchor = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(format!("/proc/{pid}/exe")).unwrap());
    let before = processes_of(anchor);
    assert!(before >= 3, "anchor, forwarder and this: {before}");
    let kill = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(kill.success());
    kura_netns::wait_for_hangup(world.fabric().hangup());
    let deadline = Instant::now() + Duration::from_secs(5);
    while before - processes_of(anchor) < 2 {
        assert!(Instant::now() < deadline, "the forwarder outlives its anchor");
        thread::sleep(Duration::from_millis(10));
    }
    let plan = world.plan.clone();
    world.fabric().verify(&plan).unwrap_err();
    world.fabric = None;
    assert!(!kura_netns::down(state_dir).unwrap(), "nothing is left to take down");
    // And a new start is a new world.
    let mut world = World::of(state_dir, world.plan.clone());
    let _seen = echo(world.fabric(), "eni-t", "0.0.0.0:8443");
    assert!(reaches(world.fabric(), "eni-h1", &format!("{ENDPOINT}:443")));
}

/// Live processes that run this state directory's program with this state directory.
fn processes_of(program: u64) -> usize {
    use std::os::unix::fs::MetadataExt as _;
    let state_dir = std::env::args().nth(2).unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let same = std::fs::metadata(path.join("exe")).is_ok_and(|exe| exe.ino() == program);
        count += usize::from(same && line.contains(&state_dir));
    }
    count
}

fn picture() -> String {
    let show = |command: &str| {
        let output = Command::new("sh").args(["-c", command]).stderr(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    [
        "ip -o link",
        "ip -o address",
        "ip route show table all",
        "ip rule",
        "nft list ruleset",
        "ip netns",
        "cat /proc/self/mounts",
    ]
    .map(show)
    .join("--\n")
}

/// The machine's own namespace has no part in it.
pub fn machine(state_dir: &Path) {
    let before = picture();
    let namespace = std::fs::read_link("/proc/self/ns/net").unwrap();
    {
        let mut up = World::of(state_dir, with_forwarder(world(), Some("vpce-0123456789abcdef0")));
        assert!(up.fabric().reconcile(&world()).unwrap().forwarders);
        assert_eq!(picture(), before);
        assert_eq!(std::fs::read_link("/proc/self/ns/net").unwrap(), namespace);
    }
    assert_eq!(picture(), before);
    assert!(!kura_netns::down(state_dir).unwrap(), "down is done once");
}
