//! The forwarder's life: configurations in, connections through, until its end.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    io,
    net::SocketAddrV4,
    os::{fd::AsFd as _, unix::net::UnixListener},
    rc::Rc,
    thread,
    time::Duration,
};

use kura_model::plan::{Dial, Forwarder, NamespaceName};
use tokio::{
    net::{TcpListener, UnixStream},
    sync::{Notify, oneshot},
    task::{AbortHandle, spawn_local},
};

use super::{
    carry::carry,
    control::{Answer, Request, read, write},
    dial::{Dialer, Dialers},
};
use crate::{
    anchor::{Anchor, wait_for_hangup},
    error::{During as _, Error},
    inside::inside,
};

/// What a connection is carried by: the configuration of the moment it came.
type Current = Rc<RefCell<(Rc<Forwarder>, Rc<Dialers>)>>;

struct Listening {
    current: Current,
    task: AbortHandle,
}

struct State {
    anchor: Anchor,
    work: BTreeSet<Forwarder>,
    dialers: Rc<Dialers>,
    listening: HashMap<(NamespaceName, SocketAddrV4), Listening>,
}

pub(super) async fn serve(control: UnixListener, anchor: Anchor) -> Result<(), Error> {
    control.set_nonblocking(true).during(|| "listen for configurations".into())?;
    let control =
        tokio::net::UnixListener::from_std(control).during(|| "listen for configurations".into())?;
    let mut ended = watch(&anchor)?;
    let listening = HashMap::new();
    let state = RefCell::new(State { anchor, work: BTreeSet::new(), dialers: Rc::default(), listening });
    let state = Rc::new(state);
    let end = Rc::new(Notify::new());
    loop {
        tokio::select! {
            _ = &mut ended => return Ok(()),
            () = end.notified() => return Ok(()),
            accepted = control.accept() => match accepted {
                Ok((stream, _)) => {
                    let (state, end) = (Rc::clone(&state), Rc::clone(&end));
                    spawn_local(async move {
                        if let Err(error) = answer(stream, &state, &end).await {
                            eprintln!("forwarder: a configuration: {error}");
                        }
                    });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

/// Is told when the anchor has ended.
fn watch(anchor: &Anchor) -> Result<oneshot::Receiver<()>, Error> {
    let hangup = anchor.hangup().try_clone_to_owned().during(|| "watch the anchor".into())?;
    let (sender, ended) = oneshot::channel();
    thread::Builder::new()
        .name("watch".into())
        .spawn(move || {
            wait_for_hangup(&hangup);
            let _ = sender.send(());
        })
        .during(|| "watch the anchor".into())?;
    Ok(ended)
}

/// Takes one request. Reading it is left to a thread, so that no peer can hold up the connections.
async fn answer(stream: UnixStream, state: &RefCell<State>, end: &Notify) -> io::Result<()> {
    if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (stream, request) = tokio::task::spawn_blocking(move || {
        let request: io::Result<Request> = read(&stream);
        (stream, request)
    })
    .await?;
    match request? {
        Request::Configure(work) => {
            let answer = state.borrow_mut().configure(work);
            write(&stream, &answer)
        }
        Request::End => {
            end.notify_one();
            Ok(())
        }
    }
}

impl State {
    /// Starts what is new, ends what is gone, and leaves live connections alone. What fails is tried again with the
    /// next configuration; the rest is forwarded.
    fn configure(&mut self, work: BTreeSet<Forwarder>) -> Answer {
        let changed = work != self.work;
        let mut failures = Vec::new();
        self.dialers = Rc::new(self.dialers(&work, &mut failures));
        let mut old = std::mem::take(&mut self.listening);
        for forwarder in &work {
            let now = (Rc::new(forwarder.clone()), Rc::clone(&self.dialers));
            let listening = match old.remove(&forwarder.listen) {
                Some(listening) if !listening.task.is_finished() => {
                    listening.current.replace(now);
                    listening
                }
                _ => match self.listen(&forwarder.listen) {
                    Ok(listener) => {
                        let current = Rc::new(RefCell::new(now));
                        let task = spawn_local(accept(listener, Rc::clone(&current))).abort_handle();
                        Listening { current, task }
                    }
                    Err(error) => {
                        failures.push(error.to_string());
                        continue;
                    }
                },
            };
            self.listening.insert(forwarder.listen.clone(), listening);
        }
        for gone in old.into_values() {
            gone.task.abort();
        }
        self.work = work;
        if failures.is_empty() { Ok(changed) } else { Err(failures.join("; ")) }
    }

    fn dialers(&self, work: &BTreeSet<Forwarder>, failures: &mut Vec<String>) -> Dialers {
        let mut dialers = Dialers::new();
        for to in work.iter().flat_map(|forwarder| &forwarder.dial) {
            let Dial::Within(namespace, _) = to else { continue };
            if dialers.contains_key(namespace) {
                continue;
            }
            if let Some(dialer) = self.dialers.get(namespace) {
                dialers.insert(namespace.clone(), Rc::clone(dialer));
                continue;
            }
            let started = self.anchor.open(&namespace.0).and_then(|descriptor| {
                Dialer::start(descriptor).during(|| format!("dial from namespace {}", namespace.0))
            });
            match started {
                Ok(dialer) => drop(dialers.insert(namespace.clone(), Rc::new(dialer))),
                Err(error) => failures.push(error.to_string()),
            }
        }
        dialers
    }

    fn listen(&self, (namespace, address): &(NamespaceName, SocketAddrV4)) -> Result<TcpListener, Error> {
        let what = || format!("listen on TCP {address} in namespace {}", namespace.0);
        let descriptor = self.anchor.open(&namespace.0)?;
        let listener = inside(descriptor.as_fd(), || {
            let listener = std::net::TcpListener::bind(address).during(what)?;
            // Again, with a longer queue than the standard library's.
            rustix::net::listen(&listener, 4096).during(what)?;
            listener.set_nonblocking(true).during(what)?;
            Ok(listener)
        })?;
        TcpListener::from_std(listener).during(what)
    }
}

async fn accept(listener: TcpListener, current: Current) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let (forwarder, dialers) = current.borrow().clone();
                spawn_local(async move { carry(client, &forwarder, &dialers).await });
            }
            // Out of descriptors: others end meanwhile.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
