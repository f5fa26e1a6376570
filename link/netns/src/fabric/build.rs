//! Namespaces, their packet filters, and what is built on their devices.

use std::os::fd::{AsFd as _, OwnedFd};

use kura_model::plan::{Filter, Namespace, NamespaceName, Plan};

use super::{Changes, Ends, Fabric};
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
    ) -> Result<Vec<Standing>, Error> {
        let made = parallel(&names, |name| {
            // A connection of its own each: the anchor makes them at the same time.
            let anchor = crate::Anchor::connect(&self.state_dir)?
                .ok_or_else(|| Error::Anchor("the anchor has ended, and every namespace with it".into()))?;
            anchor.create(&name.0)
        })?;
        let mut standing = Vec::with_capacity(names.len());
        for (name, (descriptor, made)) in names.into_iter().zip(made) {
            changes.made += usize::from(made);
            standing.push(Standing { name, descriptor });
        }
        Ok(standing)
    }

    /// Before any device: what a namespace must not let pass, it never lets pass.
    pub(super) fn load_filters(
        &mut self,
        plan: &Plan,
        standing: &[Standing],
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let results = parallel(standing, |Standing { name, descriptor }| {
            let Some(namespace) = plan.namespaces.get(name) else { return Ok((None, 0)) };
            enter(descriptor.as_fd())?;
            let mut changed = kernel::settings(namespace).map_err(|failure| system(name, failure))?;
            let (loaded, loads) = nft::apply(&name.0, &namespace.filter, self.filters.get(name))?;
            changed += loads;
            Ok((loaded, changed))
        })?;
        for (Standing { name, .. }, (loaded, changed)) in standing.iter().zip(results) {
            changes.changed += changed;
            self.remember(name, loaded)?;
        }
        Ok(())
    }

    /// Once all devices are there: what is faster with them known.
    pub(super) fn load_fast(
        &mut self,
        plan: &Plan,
        standing: &[Standing],
        changes: &mut Changes,
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
            if let Some((loaded, changed)) = result {
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

    /// Ends what runs in namespaces, and them; says how many.
    pub(super) fn drop_namespaces(&mut self, names: &[NamespaceName]) -> Result<usize, Error> {
        if names.is_empty() {
            return Ok(0);
        }
        let held = names.iter().map(|name| self.anchor.open(&name.0)).collect::<Result<Vec<_>, _>>()?;
        let namespaces = held.iter().map(workloads::number).collect::<Result<_, _>>()?;
        workloads::end(&Which { namespaces: &namespaces, state_dir: None })?;
        for (name, descriptor) in names.iter().zip(held) {
            self.drop_namespace(name, &descriptor)?;
        }
        Ok(names.len())
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

/// Addresses, routes and rules, once all devices are there.
pub(super) fn settle_all(
    plan: &Plan,
    ends: &Ends<'_>,
    standing: &[Standing],
    changes: &mut Changes,
) -> Result<(), Error> {
    let results = parallel(standing, |Standing { name, descriptor }| {
        let (Some(namespace), Some(ends)) = (plan.namespaces.get(name), ends.get(name)) else { return Ok(0) };
        enter(descriptor.as_fd())?;
        kernel::settle(namespace, ends).map_err(|failure| system(name, failure))
    })?;
    changes.changed += results.into_iter().sum::<usize>();
    Ok(())
}

pub(super) fn system(name: &NamespaceName, (action, source): (String, std::io::Error)) -> Error {
    Error::System { action: format!("{action} in namespace {}", name.0), source }
}
