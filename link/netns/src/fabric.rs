//! A plan, made to stand and kept standing.

mod build;
mod failures;
mod links;
mod sockets;

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::{BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use failures::Failures;
use kura_model::plan::{End, Link, NamespaceName, Plan};

use crate::{
    anchor::Anchor,
    error::{During as _, Error},
    forwarder,
    nft::{self, Counter, Loaded, Refused},
    program::{Program, raise_descriptor_limit},
    tracked::{self, Tracked},
    workloads::{self, Which},
};

/// What a reconciliation did. Nothing at all when everything stood already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Namespaces made.
    pub made: usize,
    /// Namespaces dropped.
    pub dropped: usize,
    /// Changes inside of standing namespaces: devices, addresses, routes, rules, settings, rule sets.
    pub changed: usize,
    /// Whether the forwarder took another configuration.
    pub forwarders: bool,
}

/// The namespaces of one state directory, held by an anchor that outlives this value.
#[derive(Debug)]
pub struct Fabric {
    state_dir: PathBuf,
    program: Program,
    anchor: Anchor,
    /// What stands as far as we know; `None` until the kernel has been looked at.
    standing: Option<Plan>,
    /// What each namespace's packet filter was when we last loaded it.
    filters: BTreeMap<NamespaceName, Loaded>,
    /// Namespaces that could not be brought to the plan, and their neighbours.
    unfinished: BTreeSet<NamespaceName>,
    /// The forwarder did not take its configuration.
    forwarder_failed: bool,
}

/// The ends of all links, by namespace.
type Ends<'a> = BTreeMap<&'a NamespaceName, Vec<&'a End>>;

impl Fabric {
    /// Connects to the state directory's anchor, or starts one. What an anchor holds already is adopted: the first
    /// [`Fabric::reconcile`] leaves alone what is right.
    ///
    /// # Errors
    /// When the anchor neither answers nor starts.
    pub fn open(state_dir: &Path, program: Program) -> Result<Self, Error> {
        let state_dir =
            state_dir.canonicalize().during(|| format!("use the state directory {}", state_dir.display()))?;
        raise_descriptor_limit();
        let (anchor, is_new) = Anchor::connect_or_spawn(&state_dir, &program)?;
        if is_new {
            // What is left of an anchor that was killed runs in a world that is gone.
            workloads::end(&Which { namespaces: &BTreeSet::new(), state_dir: Some(&state_dir) })?;
        }
        let mut filters = BTreeMap::new();
        for (name, note) in anchor.list()? {
            if let Some(loaded) = Loaded::read(&note) {
                filters.insert(NamespaceName(name), loaded);
            }
        }
        Ok(Self {
            state_dir,
            program,
            anchor,
            standing: None,
            filters,
            unfinished: BTreeSet::new(),
            forwarder_failed: false,
        })
    }

    /// Makes the kernel look like the plan. Only what differs from the last plan, and what could not be done then, is
    /// touched; the first time, all is looked at.
    ///
    /// # Errors
    /// [`Error::Partly`] when something could not be made in some namespaces, which [`Fabric::unfinished`] names: the
    /// others are as the plan says. After any other error the next call looks at everything.
    pub fn reconcile(&mut self, plan: &Plan) -> Result<Changes, Error> {
        let Some(standing) = self.standing.take() else { return self.verify(plan) };
        let mut touched = difference(&standing, plan);
        touched.extend(self.unfinished.iter().cloned());
        self.build(plan, touched, standing.forwarders != plan.forwarders || self.forwarder_failed)
    }

    /// Looks at everything that must stand, and repairs it.
    ///
    /// # Errors
    /// As [`Fabric::reconcile`].
    pub fn verify(&mut self, plan: &Plan) -> Result<Changes, Error> {
        self.standing = None;
        let mut touched: BTreeSet<NamespaceName> = plan.namespaces.keys().cloned().collect();
        touched.extend(self.anchor.list()?.into_keys().map(NamespaceName));
        self.build(plan, touched, true)
    }

    fn build(
        &mut self,
        plan: &Plan,
        touched: BTreeSet<NamespaceName>,
        forwarders: bool,
    ) -> Result<Changes, Error> {
        let ends = ends(plan)?;
        let mut changes = Changes::default();
        let mut failures = Failures::default();
        let (keep, drop): (Vec<_>, Vec<_>) =
            touched.into_iter().partition(|name| plan.namespaces.contains_key(name));
        let mut keep = self.make(keep, &mut changes, &mut failures)?;
        self.load_filters(plan, &keep, &mut changes, &mut failures)?;
        keep.retain(|standing| !failures.failed(&standing.name));
        links::make(&self.anchor, plan, &keep, &mut changes, &mut failures)?;
        keep.retain(|standing| !failures.failed(&standing.name));
        build::settle_all(plan, &ends, &keep, &mut changes, &mut failures)?;
        self.load_fast(plan, &keep, &mut changes, &mut failures)?;
        self.drop_namespaces(&drop, &mut changes, &mut failures);
        if forwarders {
            let configured = forwarder::configure(&self.state_dir, &self.program, &plan.forwarders);
            self.forwarder_failed = configured.is_err();
            match configured {
                Ok(changed) => changes.forwarders = changed,
                Err(error) => failures.fail_apart(error),
            }
        }
        self.standing = Some(plan.clone());
        let (unfinished, done) = failures.end();
        self.unfinished = unfinished;
        done.map(|()| changes)
    }

    /// The namespaces that could not be brought to the plan the last time, and those that wait for a link to them.
    #[must_use]
    pub fn unfinished(&self) -> &BTreeSet<NamespaceName> {
        &self.unfinished
    }

    /// Becomes readable when the anchor has ended, and with it everything.
    #[must_use]
    pub fn hangup(&self) -> BorrowedFd<'_> {
        self.anchor.hangup()
    }

    /// The anchor's process.
    #[must_use]
    pub fn anchor_pid(&self) -> i32 {
        self.anchor.pid()
    }

    /// A namespace's descriptor. Whoever keeps it keeps the namespace.
    ///
    /// # Errors
    /// When no such namespace stands.
    pub fn namespace_fd(&self, name: &NamespaceName) -> Result<OwnedFd, Error> {
        self.anchor.open(&name.0)
    }

    /// The named counters of a namespace's packet filter: `refused-out-ENI`, `refused-in-ENI`, `left-ENI`,
    /// `left-gateway`, `refused-gateway`, `spoofed`.
    ///
    /// # Errors
    /// When no such namespace stands, or `nft` fails.
    pub fn counters(&self, name: &NamespaceName) -> Result<BTreeMap<String, Counter>, Error> {
        self.inside(name, || nft::counters().during(|| format!("read the counters of {}", name.0)))
    }

    /// The flows a namespace's connection tracking knows. A flow between two interfaces of a router is there once.
    ///
    /// # Errors
    /// When no such namespace stands, or the kernel does not list them.
    pub fn tracked(&self, name: &NamespaceName) -> Result<Vec<Tracked>, Error> {
        self.inside(name, || tracked::tracked().during(|| format!("read the connections of {}", name.0)))
    }

    /// The flows of TCP and UDP that a router's security groups refused in the last ten minutes.
    ///
    /// # Errors
    /// When no such namespace stands, or `nft` fails.
    pub fn refused(&self, name: &NamespaceName) -> Result<Vec<Refused>, Error> {
        self.inside(name, || nft::refused().during(|| format!("read the refused flows of {}", name.0)))
    }

    /// The flows to a load balancer's node that its groups refused in the last ten minutes, in a namespace on the way
    /// to it.
    ///
    /// # Errors
    /// When no such namespace stands, or `nft` fails.
    pub fn refused_on_the_way(&self, name: &NamespaceName, node: &str) -> Result<Vec<Refused>, Error> {
        self.inside(name, || {
            nft::refused_on_the_way(node).during(|| format!("read the refused flows of {}", name.0))
        })
    }

    /// Whether the anchor has ended, and with it everything: then another fabric must be opened.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let socket = self.anchor.hangup();
        let mut hangup = [PollFd::new(&socket, PollFlags::HUP)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut hangup, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }

    /// Ends the processes inside, the forwarder, the anchor and with them every namespace.
    ///
    /// # Errors
    /// When one of them does not end.
    pub fn down(self) -> Result<(), Error> {
        down(&self.state_dir).map(|_| ())
    }
}

/// Ends what stands for a state directory, whoever made it: processes in instances, the forwarder, the anchor. Says
/// whether anything did.
///
/// # Errors
/// When one of them does not end.
pub fn down(state_dir: &Path) -> Result<bool, Error> {
    let state_dir = match state_dir.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        other => other.during(|| format!("use the state directory {}", state_dir.display()))?,
    };
    let anchor = Anchor::connect(&state_dir)?;
    let mut namespaces = BTreeSet::new();
    if let Some(anchor) = &anchor {
        for name in anchor.list()?.keys() {
            namespaces.insert(workloads::number(&anchor.open(name)?)?);
        }
    }
    let inside = workloads::end(&Which { namespaces: &namespaces, state_dir: Some(&state_dir) })?;
    let forwarder = forwarder::end(&state_dir)?;
    let anchored = anchor.map(Anchor::quit).transpose()?;
    // Whoever was killed left its socket.
    for socket in [crate::anchor::SOCKET, forwarder::SOCKET] {
        match std::fs::remove_file(state_dir.join(socket)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).during(|| format!("remove {}", state_dir.join(socket).display()));
            }
            _ => {}
        }
    }
    Ok(inside > 0 || forwarder || anchored.is_some())
}

/// The namespaces in which two plans differ.
fn difference(old: &Plan, new: &Plan) -> BTreeSet<NamespaceName> {
    let mut touched = BTreeSet::new();
    for (one, other) in [(old, new), (new, old)] {
        for (name, namespace) in &one.namespaces {
            if other.namespaces.get(name) != Some(namespace) {
                touched.insert(name.clone());
            }
        }
        for link in one.links.difference(&other.links) {
            touched.extend([link.a.namespace.clone(), link.b.namespace.clone()]);
        }
    }
    touched
}

/// The ends by namespace; refuses links without one, and two devices of one name.
fn ends(plan: &Plan) -> Result<Ends<'_>, Error> {
    let mut ends: Ends<'_> = plan.namespaces.keys().map(|name| (name, Vec::new())).collect();
    for Link { a, b } in &plan.links {
        for end in [a, b] {
            let there = ends.get_mut(&end.namespace).ok_or_else(|| {
                Error::Plan(format!(
                    "device {} is in namespace {}, which is not planned",
                    end.device, end.namespace.0
                ))
            })?;
            if there.iter().any(|other| other.device == end.device) {
                return Err(Error::Plan(format!(
                    "namespace {} has two devices named {}",
                    end.namespace.0, end.device
                )));
            }
            there.push(end);
        }
    }
    Ok(ends)
}
