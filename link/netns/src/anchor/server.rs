//! The anchor itself: a process without logic that keeps namespaces alive.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, unshare};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    fs::{FlockOperation, Mode, OFlags},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with},
};

use super::protocol::{Reply, Request, receive};
use crate::{
    error::{During as _, Error},
    program::raise_descriptor_limit,
};

/// A namespace that stands: its descriptor keeps it alive.
struct Held {
    descriptor: OwnedFd,
    note: String,
    /// By their labels.
    sockets: BTreeMap<String, OwnedFd>,
}

type Namespaces = Mutex<BTreeMap<String, Held>>;

/// Holds namespaces until told to quit. This is what `anchor STATE_DIR` runs.
///
/// # Errors
/// When another anchor holds the same state directory, or its files cannot be made.
pub fn anchor_main(state_dir: &Path) -> Result<(), Error> {
    // A session of its own: what ends the daemon's terminal does not end the anchor.
    let _ = rustix::process::setsid();
    raise_descriptor_limit();
    let _lock = lock(state_dir)?;
    let listener = listener(state_dir)?;
    let namespaces = Arc::new(Namespaces::default());
    let quit = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).during(|| "make an eventfd".into())?);
    let own_uid = rustix::process::geteuid();
    loop {
        let mut ready = [PollFd::new(&listener, PollFlags::IN), PollFd::new(&*quit, PollFlags::IN)];
        match poll(&mut ready, None) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other.during(|| "wait for requests".into())?,
        };
        if !ready[1].revents().is_empty() {
            let _ = fs::remove_file(state_dir.join(super::SOCKET));
            return Ok(());
        }
        let peer = match accept_with(&listener, SocketFlags::CLOEXEC) {
            Ok(peer) => peer,
            Err(error) => {
                eprintln!("anchor: cannot accept a connection: {error}");
                // Out of descriptors, most likely: they come back, but not at once.
                thread::sleep(Duration::from_millis(20));
                continue;
            }
        };
        match rustix::net::sockopt::socket_peercred(&peer) {
            Ok(who) if who.uid == own_uid => {}
            _ => continue,
        }
        let (namespaces, quit) = (Arc::clone(&namespaces), Arc::clone(&quit));
        let served = thread::Builder::new().spawn(move || serve(&peer, &namespaces, &quit));
        if let Err(error) = served {
            eprintln!("anchor: cannot serve a connection: {error}");
        }
    }
}

/// Held as long as the process lives.
fn lock(state_dir: &Path) -> Result<File, Error> {
    let path = state_dir.join(super::LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .during(|| format!("open {}", path.display()))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(Error::Anchor(format!(
            "another anchor holds {}; end it with `down` first",
            state_dir.display()
        ))),
    }
}

fn listener(state_dir: &Path) -> Result<OwnedFd, Error> {
    let what = || format!("listen on {}", state_dir.join(super::SOCKET).display());
    // The lock is ours, so a socket that is there is a dead anchor's.
    let _ = fs::remove_file(state_dir.join(super::SOCKET));
    let directory =
        rustix::fs::open(state_dir, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).during(what)?;
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).during(what)?;
    rustix::process::umask(Mode::from_raw_mode(0o177));
    bind(&socket, &address(&directory)?).during(what)?;
    listen(&socket, 64).during(what)?;
    Ok(socket)
}

/// The socket's address by way of its directory's descriptor: a socket's path may have 107 bytes at most, and a
/// state directory's is any length.
pub(super) fn address(directory: &OwnedFd) -> Result<SocketAddrUnix, Error> {
    use std::os::fd::AsRawFd as _;
    SocketAddrUnix::new(format!("/proc/self/fd/{}/{}", directory.as_raw_fd(), super::SOCKET))
        .during(|| "name a socket".into())
}

/// Answers one connection until it hangs up.
fn serve(peer: &OwnedFd, namespaces: &Namespaces, quit: &OwnedFd) {
    loop {
        let Ok(Some((bytes, socket))) = receive(peer) else { return };
        let Some(request) = Request::decode(&bytes) else { return };
        let sent = match request {
            Request::List => list(peer, namespaces),
            Request::Quit => {
                let _ = Reply::Done.send(peer);
                let _ = rustix::io::write(quit, &1_u64.to_ne_bytes());
                return;
            }
            other => answer(other, socket, namespaces).send(peer),
        };
        if sent.is_err() {
            return;
        }
    }
}

fn list(peer: &OwnedFd, namespaces: &Namespaces) -> io::Result<()> {
    let lines: Vec<_> = {
        let held = namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|(name, held)| (name.clone(), held.note.clone())).collect()
    };
    for (name, note) in lines {
        Reply::Listed { name, note }.send(peer)?;
    }
    Reply::Done.send(peer)
}

fn answer(request: Request, socket: Option<OwnedFd>, namespaces: &Namespaces) -> Reply {
    let lock = || namespaces.lock().unwrap_or_else(PoisonError::into_inner);
    let missing = |name: &str| Reply::Refused(format!("no namespace {name} stands"));
    let copy = |descriptor: &OwnedFd, made| match descriptor.try_clone() {
        Ok(descriptor) => Reply::Descriptor { made, descriptor },
        Err(error) => Reply::Refused(format!("copy a descriptor: {error}")),
    };
    let hand_over = |held: &Held, made| copy(&held.descriptor, made);
    match request {
        Request::Create(name) => {
            if let Some(held) = lock().get(&name) {
                return hand_over(held, false);
            }
            // Not under the lock: several are made at once.
            match make() {
                Ok(descriptor) => {
                    let mut all = lock();
                    let new = Held { descriptor, note: String::new(), sockets: BTreeMap::new() };
                    let held = all.entry(name).or_insert(new);
                    hand_over(held, true)
                }
                Err(error) => Reply::Refused(format!("make namespace {name}: {error}")),
            }
        }
        Request::Open(name) => match lock().get(&name) {
            Some(held) => hand_over(held, false),
            None => missing(&name),
        },
        Request::Drop(name) => match lock().remove(&name) {
            Some(_) => Reply::Done,
            None => missing(&name),
        },
        Request::Note(name, note) => match lock().get_mut(&name) {
            Some(held) => {
                held.note = note;
                Reply::Done
            }
            None => missing(&name),
        },
        Request::Keep(name, label) => match (lock().get_mut(&name), socket) {
            (Some(held), Some(socket)) => {
                held.sockets.insert(label, socket);
                Reply::Done
            }
            (Some(_), None) => Reply::Refused("no socket came along".into()),
            (None, _) => missing(&name),
        },
        Request::Kept(name, label) => {
            let all = lock();
            let kept = all.get(&name).and_then(|held| held.sockets.get(&label));
            kept.map_or(Reply::Done, |socket| copy(socket, false))
        }
        Request::Close(name, label) => {
            if let Some(held) = lock().get_mut(&name) {
                held.sockets.remove(&label);
            }
            Reply::Done
        }
        Request::List | Request::Quit => Reply::Done,
    }
}

/// A new namespace, in which no device will ever speak IPv6.
fn make() -> io::Result<OwnedFd> {
    let made = thread::Builder::new().spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET)?;
        for which in ["all", "default"] {
            // Without the file the kernel has no IPv6 at all.
            match fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1") {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(OwnedFd::from(File::open("/proc/thread-self/ns/net")?))
    })?;
    made.join().unwrap_or_else(|_| Err(io::Error::other("the thread that made it failed")))
}
