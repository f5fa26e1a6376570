//! Namespaces, their packet filters, and what is built on their devices.

use std::{
    collections::BTreeSet,
    os::fd::{AsFd as _, OwnedFd},
};

use kura_model::plan::{End, Filter, Namespace, NamespaceName, Plan, To};

use super::{Changes, Ends, Fabric, Failures};
use crate::{
    error::Error,
    inside::enter,
    kernel, nft,
    parallel::parallel,
    workloads::{self, Which},
};

/// A namespace that stands.
pub(super) struct Standing {
    pub(super) name: NamespaceName,
    pub(super) descriptor: OwnedFd,
}

impl Fabric {
    /// Makes the namespaces that are not there.
    pub(super) fn make(
        &self,
        names: Vec<NamespaceName>,
        changes: &mut Changes,
        failures: &mut Failures,
    ) -> Result<Vec<Standing>, Error> {
        let made = parallel(&names, |name| {
            // A connection of its own each: the anchor makes them at the same time.
            let anchor = crate::Anchor::connect(&self.state_dir)?
                .ok_or_else(|| Error::Anchor("the anchor has ended, and every namespace with it".into()))?;
            anchor.create(&name.0)
        })?;
        let mut standing = Vec::with_capacity(names.len());
        for (name, made) in names.into_iter().zip(made) {
            if let Some((descriptor, made)) = failures.take(&name, made) {
                changes.made += usize::from(made);
                standing.push(Standing { name, descriptor });
            }
        }
        Ok(standing)
    }

    /// Before any device: what a namespace must not let pass, it never lets pass.
    pub(super) fn load_filters(
        &mut self,
        plan: &Plan,
        standing: &[Standing],
        changes: &mut Changes,
        failures: &mut Failures,
    ) -> Result<(), Error> {
        let results = parallel(standing, |Standing { name, descriptor }| {
            let Some(namespace) = plan.namespaces.get(name) else { return Ok((None, 0)) };
            enter(descriptor.as_fd())?;
            let mut changed = kernel::settings(namespace).map_err(|failure| system(name, failure))?;
            let (loaded, loads) = nft::apply(&name.0, &namespace.filter, self.filters.get(name))?;
            changed += loads;
            Ok((loaded, changed))
        })?;
        for (Standing { name, .. }, result) in standing.iter().zip(results) {
            if let Some((loaded, changed)) = failures.take(name, result) {
                changes.changed += changed;
                self.remember(name, loaded)?;
            }
        }
        Ok(())
    }

    /// Once all devices are there: what is faster with them known.
    pub(super) fn load_fast(
        &mut self,
        plan: &Plan,
        standing: &[Standing],
        changes: &mut Changes,
        failures: &mut Failures,
    ) -> Result<(), Error> {
        let is_router =
            |name| matches!(plan.namespaces.get(name), Some(Namespace { filter: Filter::Router(_), .. }));
        let routers: Vec<_> = standing.iter().filter(|Standing { name, .. }| is_router(name)).collect();
        let results = parallel(&routers, |Standing { name, descriptor }| {
            let (Some(namespace), Some(last)) = (plan.namespaces.get(name), self.filters.get(name)) else {
                return Ok(None);
            };
            enter(descriptor.as_fd())?;
            let devices = kernel::devices().map_err(|error| system(name, ("list devices".into(), error)))?;
            nft::apply_fast(&name.0, &namespace.filter, &devices, last.clone()).map(Some)
        })?;
        for (Standing { name, .. }, result) in routers.iter().zip(results) {
            if let Some((loaded, changed)) = failures.take(name, result).flatten() {
                changes.changed += changed;
                self.remember(name, loaded)?;
            }
        }
        Ok(())
    }

    /// Keeps what was loaded into a namespace, here and with the anchor.
    fn remember(&mut self, name: &NamespaceName, loaded: Option<nft::Loaded>) -> Result<(), Error> {
        if loaded.as_ref() == self.filters.get(name) {
            return Ok(());
        }
        let note = loaded.as_ref().map(|loaded| loaded.mark.write());
        self.anchor.note(&name.0, &note.unwrap_or_default())?;
        match loaded {
            Some(loaded) => self.filters.insert(name.clone(), loaded),
            None => self.filters.remove(name),
        };
        Ok(())
    }

    /// Ends what runs in namespaces, and them.
    pub(super) fn drop_namespaces(
        &mut self,
        names: &[NamespaceName],
        changes: &mut Changes,
        failures: &mut Failures,
    ) {
        let mut held = Vec::with_capacity(names.len());
        for name in names {
            let opened = self.anchor.open(&name.0).and_then(|descriptor| {
                let number = workloads::number(&descriptor)?;
                Ok((name, descriptor, number))
            });
            held.extend(failures.take(name, opened));
        }
        let end = |namespaces: BTreeSet<u64>| {
            if namespaces.is_empty() {
                return Ok(0);
            }
            workloads::end(&Which { namespaces: &namespaces, state_dir: None })
        };
        // All at once, and one by one only where a process does not end.
        let all_ended = end(held.iter().map(|(_, _, number)| *number).collect()).is_ok();
        for (name, descriptor, number) in held {
            let ended = if all_ended { Ok(0) } else { end(BTreeSet::from([number])) };
            let dropped = ended.and_then(|_| self.drop_namespace(name, &descriptor));
            changes.dropped += usize::from(failures.take(name, dropped).is_some());
        }
    }

    fn drop_namespace(&mut self, name: &NamespaceName, descriptor: &OwnedFd) -> Result<(), Error> {
        crate::inside::inside(descriptor.as_fd(), || {
            let failed = |error| system(name, ("remove devices".to_owned(), error));
            let devices = kernel::devices().map_err(failed)?;
            kernel::delete_devices(devices.values().filter(|device| device.kind.is_some())).map_err(failed)
        })?;
        self.filters.remove(name);
        self.anchor.forget(&name.0)
    }
}

/// Addresses, routes and rules, once all devices are there; what goes by a device that is not there is left out.
pub(super) fn settle_all(
    plan: &Plan,
    ends: &Ends<'_>,
    standing: &[Standing],
    changes: &mut Changes,
    failures: &mut Failures,
) -> Result<(), Error> {
    let seen: &Failures = failures;
    let results = parallel(standing, |Standing { name, descriptor }| {
        let (Some(namespace), Some(ends)) = (plan.namespaces.get(name), ends.get(name)) else { return Ok(0) };
        enter(descriptor.as_fd())?;
        let there: Vec<&End> =
            ends.iter().copied().filter(|end| !seen.is_broken(name, &end.device)).collect();
        let settled = if there.len() == ends.len() {
            kernel::settle(namespace, ends)
        } else {
            kernel::settle(&without_broken(namespace, name, seen), &there)
        };
        settled.map_err(|failure| system(name, failure))
    })?;
    for (Standing { name, .. }, result) in standing.iter().zip(results) {
        changes.changed += failures.take(name, result).unwrap_or_default();
    }
    Ok(())
}

/// What a namespace can be while some of its links do not stand.
fn without_broken(namespace: &Namespace, name: &NamespaceName, failures: &Failures) -> Namespace {
    let mut namespace = namespace.clone();
    namespace.routes.retain(|route| match &route.to {
        To::Device(device, _) => !failures.is_broken(name, device),
        To::Unreachable => true,
    });
    namespace.tables.retain(|device, _| !failures.is_broken(name, device));
    namespace
}

pub(super) fn system(name: &NamespaceName, (action, source): (String, std::io::Error)) -> Error {
    Error::System { action: format!("{action} in namespace {}", name.0), source }
}
