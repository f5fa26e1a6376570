//! The resolvers: which sockets are served, and the names they answer with.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use anyhow::Result;
use kura_dns::{Limits, Service, Sockets, Upstream, View, Zones};
use kura_model::plan::{Names, NamespaceName};
use kura_netns::Fabric;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Where DNS is answered.
const PORT: u16 = 53;

/// Every resolver of the link.
pub struct Resolvers {
    upstream: Upstream,
    runtime: Handle,
    inner: Mutex<Inner>,
}

struct Inner {
    names: Names,
    zones: watch::Sender<Arc<Zones>>,
    serving: BTreeMap<(NamespaceName, Ipv4Addr), Serving>,
}

/// A resolver at work; ends with this value.
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Resolvers {
    /// No resolver yet. Must be called on a tokio runtime, which will run them.
    pub fn new(upstream: Upstream) -> Self {
        let inner = Inner {
            names: Names::default(),
            zones: watch::Sender::new(Arc::default()),
            serving: BTreeMap::new(),
        };
        Self { upstream, runtime: Handle::current(), inner: Mutex::new(inner) }
    }

    /// Takes back the private names that `coming` has no more: before the paths they lead to are taken away.
    ///
    /// # Errors
    /// A name that DNS cannot carry.
    pub fn withdraw(&self, coming: &Names) -> Result<()> {
        let mut inner = self.inner.lock();
        let mut left = inner.names.clone();
        for (router, resolver) in &mut left.resolvers {
            let stays = coming.resolvers.get(router);
            resolver
                .zones
                .retain(|apex, zone| stays.is_some_and(|stays| stays.zones.get(apex) == Some(zone)));
        }
        if left != inner.names {
            inner.zones.send_replace(Arc::new(Zones::of(&left)?));
            inner.names = left;
        }
        Ok(())
    }

    /// Answers these names from now on, where the plan says.
    ///
    /// # Errors
    /// A name that DNS cannot carry, a socket that cannot be bound.
    pub fn bring(&self, names: &Names, fabric: &Fabric) -> Result<()> {
        let mut inner = self.inner.lock();
        if *names != inner.names {
            inner.zones.send_replace(Arc::new(Zones::of(names)?));
            inner.names = names.clone();
        }
        let mut wanted: BTreeMap<(NamespaceName, Ipv4Addr), View> = BTreeMap::new();
        if let Some((namespace, address)) = &names.public_resolver {
            wanted.insert((namespace.clone(), *address), View::Public);
        }
        for (router, resolver) in &names.resolvers {
            for address in &resolver.addresses {
                wanted.insert((router.clone(), *address), View::Vpc(router.clone()));
            }
        }
        inner.serving.retain(|place, serving| wanted.contains_key(place) && !serving.0.is_finished());
        for (place, view) in wanted {
            if inner.serving.contains_key(&place) {
                continue;
            }
            let at = SocketAddrV4::new(place.1, PORT);
            let sockets =
                Sockets { udp: fabric.udp_socket(&place.0, at)?, tcp: fabric.tcp_listener(&place.0, at)? };
            let service = Service {
                upstream: if view == View::Public { Upstream::None } else { self.upstream.clone() },
                view,
                zones: inner.zones.subscribe(),
                limits: Limits::default(),
            };
            let name = place.0.0.clone();
            let serving = self.runtime.spawn(async move {
                let Err(error) = kura_dns::serve(sockets, service).await;
                tracing::error!(%error, namespace = name, "a resolver ended");
            });
            inner.serving.insert(place, Serving(serving));
        }
        Ok(())
    }

    /// Forgets every socket, since the namespaces they were made in are gone; the next [`Resolvers::bring`] makes
    /// others.
    pub fn forget(&self) {
        self.inner.lock().serving.clear();
    }
}
