//! Pairs of devices between namespaces.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::{AsFd as _, OwnedFd},
};

use kura_model::plan::{End, Link, NamespaceName, Plan};

use super::{
    Changes,
    build::{Standing, system},
};
use crate::{
    anchor::Anchor,
    error::Error,
    inside::enter,
    kernel::{self, Devices},
    parallel::parallel,
};

/// Makes the pairs that are missing in the namespaces at hand, and removes devices nobody planned.
pub(super) fn make(
    anchor: &Anchor,
    plan: &Plan,
    standing: &[Standing],
    changes: &mut Changes,
) -> Result<(), Error> {
    let mut descriptors: BTreeMap<&NamespaceName, OwnedFd> = BTreeMap::new();
    let here: BTreeSet<_> = standing.iter().map(|standing| &standing.name).collect();
    let links: Vec<_> = plan
        .links
        .iter()
        .filter(|link| here.contains(&link.a.namespace) || here.contains(&link.b.namespace))
        .collect();
    // The far ends' namespaces are looked at too: a pair is right when both ends are.
    for link in &links {
        for end in [&link.a, &link.b] {
            if !descriptors.contains_key(&end.namespace) {
                descriptors.insert(&end.namespace, anchor.open(&end.namespace.0)?);
            }
        }
    }
    for Standing { name, descriptor } in standing {
        if !descriptors.contains_key(name) {
            let copy = descriptor.try_clone().map_err(|error| system(name, ("keep".into(), error)))?;
            descriptors.insert(name, copy);
        }
    }
    let all: Vec<_> = descriptors.iter().collect();
    let seen = parallel(&all, |(name, descriptor)| {
        enter(descriptor.as_fd())?;
        kernel::devices().map_err(|error| system(name, ("list devices".into(), error)))
    })?;
    let seen: BTreeMap<&NamespaceName, Devices> = all.iter().map(|(name, _)| **name).zip(seen).collect();

    let (right, missing): (Vec<_>, Vec<_>) = links.into_iter().partition(|link| is_right(link, &seen));
    let right: BTreeSet<_> = right
        .iter()
        .flat_map(|Link { a, b }| [(&a.namespace, &a.device), (&b.namespace, &b.device)])
        .collect();
    let wrong: BTreeSet<_> = (missing.iter())
        .flat_map(|Link { a, b }| [(&a.namespace, &a.device), (&b.namespace, &b.device)])
        .collect();
    let removed = parallel(&all, |(name, descriptor)| {
        let name: &NamespaceName = name;
        // Of a namespace that is not at hand only what stands in the way of a pair.
        let stray: Vec<_> = (seen.get(name).into_iter().flatten())
            .filter(|(device, seen)| seen.kind.is_some() && !right.contains(&(name, *device)))
            .filter(|(device, _)| here.contains(name) || wrong.contains(&(name, *device)))
            .map(|(_, device)| device)
            .collect();
        if stray.is_empty() {
            return Ok(0);
        }
        enter(descriptor.as_fd())?;
        let count = stray.len();
        kernel::delete_devices(stray).map_err(|error| system(name, ("remove devices".into(), error)))?;
        Ok(count)
    })?;
    changes.changed += removed.into_iter().sum::<usize>();

    changes.changed += missing.len();
    parallel(&missing, |Link { a, b }| {
        let (Some(from), Some(to)) = (descriptors.get(&a.namespace), descriptors.get(&b.namespace)) else {
            return Ok(());
        };
        enter(from.as_fd())?;
        kernel::add_pair(&a.device, &b.device, to.as_fd()).map_err(|error| {
            let action = format!("join {} to {} of namespace {}", a.device, b.device, b.namespace.0);
            system(&a.namespace, (action, error))
        })
    })?;
    Ok(())
}

/// Both ends are there and each is the other's.
fn is_right(link: &Link, seen: &BTreeMap<&NamespaceName, Devices>) -> bool {
    let device = |end: &End| {
        seen.get(&end.namespace)
            .and_then(|devices| devices.get(&end.device))
            .filter(|device| device.kind.as_deref() == Some("veth"))
    };
    let (Some(a), Some(b)) = (device(&link.a), device(&link.b)) else { return false };
    a.peer == Some(b.index) && b.peer == Some(a.index)
}
