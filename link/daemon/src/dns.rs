//! The resolvers: which sockets are served, and the names they answer with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use anyhow::Result;
use kura_dns::{Limits, Service, Sockets, Upstream, View, Zones};
use kura_model::plan::{Filter, Names, NamespaceName, Plan};
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

    /// Answers a plan's names from now on, where the plan says. A private name that leads to what could not be made
    /// waits for it, unless it led there before.
    ///
    /// # Errors
    /// A name that DNS cannot carry, a socket that cannot be bound where nothing else is known to be amiss.
    pub fn bring(&self, plan: &Plan, fabric: &Fabric) -> Result<()> {
        let mut inner = self.inner.lock();
        let unfinished = fabric.unfinished();
        let names = attainable(plan, unfinished, &inner.names);
        if names != inner.names {
            inner.zones.send_replace(Arc::new(Zones::of(&names)?));
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
        let unwanted = inner.serving.keys().filter(|place| !wanted.contains_key(*place));
        for (namespace, address) in unwanted {
            fabric.let_go(namespace, SocketAddrV4::new(*address, PORT))?;
        }
        inner.serving.retain(|place, serving| wanted.contains_key(place) && !serving.0.is_finished());
        for (place, view) in wanted {
            if inner.serving.contains_key(&place) {
                continue;
            }
            let at = SocketAddrV4::new(place.1, PORT);
            let bound = fabric.kept_udp_socket(&place.0, at);
            let bound =
                bound.and_then(|udp| Ok(Sockets { udp, tcp: fabric.kept_tcp_listener(&place.0, at)? }));
            let sockets = match bound {
                // It is tried again with its namespace.
                Err(_) if unfinished.contains(&place.0) => continue,
                other => other?,
            };
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

/// A plan's names without the private ones that lead to endpoints that are not as they must be, but for those that are
/// `answered` already: what was private does not become public by a failure.
fn attainable(plan: &Plan, unfinished: &BTreeSet<NamespaceName>, answered: &Names) -> Names {
    let mut names = plan.names.clone();
    let mut waiting: BTreeSet<(&NamespaceName, Ipv4Addr)> = BTreeSet::new();
    for link in &plan.links {
        let (of, router) = (&link.a.namespace, &link.b.namespace);
        let Some(Filter::Endpoint(endpoint)) = plan.namespaces.get(of).map(|found| &found.filter) else {
            continue;
        };
        if unfinished.contains(of) {
            waiting.insert((router, endpoint.address));
        }
    }
    if waiting.is_empty() {
        return names;
    }
    let Names { public, resolvers, .. } = &mut names;
    for (router, resolver) in resolvers {
        let known = answered.resolvers.get(router);
        resolver.zones.retain(|apex, zone| {
            let mut leads_to = public.get(&zone.alias).into_iter().flatten();
            let is_known = known.is_some_and(|known| known.zones.get(apex) == Some(zone));
            is_known || !leads_to.any(|address| waiting.contains(&(router, *address)))
        });
    }
    names
}

#[cfg(test)]
mod tests {
    use kura_model::plan::{End, EndpointFilter, Link, Namespace, PrivateZone, Resolver};

    use super::*;

    #[test]
    fn a_private_name_waits_for_its_endpoint_and_stays_where_it_was() {
        let name = |text: &str| NamespaceName(text.to_owned());
        let mut plan = Plan::default();
        for (eni, address) in [("eni-1", "10.0.0.5"), ("eni-2", "10.0.0.6")] {
            let address: Ipv4Addr = address.parse().unwrap();
            let filter = EndpointFilter {
                inside: "eth0".to_owned(),
                address,
                ports: BTreeMap::new(),
                guards: BTreeMap::new(),
            };
            let namespace = Namespace {
                forwards: true,
                local: BTreeSet::new(),
                routes: BTreeSet::new(),
                tables: BTreeMap::new(),
                filter: Filter::Endpoint(filter),
            };
            plan.namespaces.insert(name(eni), namespace);
            let end = |namespace, device: &str| End {
                namespace,
                device: device.to_owned(),
                address: None,
                proxy_arp: false,
            };
            plan.links.insert(Link { a: end(name(eni), "eth0"), b: end(name("vpc-1"), eni) });
            plan.names.public.insert(format!("alias.{eni}"), BTreeSet::from([address]));
        }
        for router in ["vpc-1", "vpc-2"] {
            let zone = |eni: &str| (format!("cache.{eni}"), PrivateZone { alias: format!("alias.{eni}") });
            let zones = BTreeMap::from([zone("eni-1"), zone("eni-2")]);
            plan.names.resolvers.insert(name(router), Resolver { zones, ..Resolver::default() });
        }
        let whole = plan.names.clone();
        let left = |answered: &Names| {
            let names = attainable(&plan, &BTreeSet::from([name("eni-1")]), answered);
            ["vpc-1", "vpc-2"].map(|router| names.resolvers[&name(router)].zones.len())
        };
        // Another VPC of the same range has nothing to do with it.
        assert_eq!(left(&Names::default()), [1, 2]);
        assert_eq!(left(&whole), [2, 2]);
        assert_eq!(attainable(&plan, &BTreeSet::new(), &Names::default()), whole);
    }
}
