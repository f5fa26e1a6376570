//! Pairs of devices between namespaces.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::{AsFd as _, OwnedFd},
};

use kura_model::plan::{End, Link, NamespaceName, Plan};

use super::{
    Changes, Failures,
    build::{Standing, system},
};
use crate::{
    anchor::Anchor,
    error::Error,
    inside::enter,
    kernel::{self, Devices},
    parallel::parallel,
};

/// Makes the pairs that are missing in the namespaces at hand, and removes devices nobody planned. A pair with an end in a
/// namespace where something failed is left as it is, and not made.
pub(super) fn make(
    anchor: &Anchor,
    plan: &Plan,
    standing: &[Standing],
    changes: &mut Changes,
    failures: &mut Failures,
) -> Result<(), Error> {
    let here: BTreeSet<_> = standing.iter().map(|standing| &standing.name).collect();
    let links: Vec<_> = plan
        .links
        .iter()
        .filter(|link| here.contains(&link.a.namespace) || here.contains(&link.b.namespace))
        .collect();
    let descriptors = open(anchor, standing, &links, failures)?;
    let all: Vec<_> = descriptors.iter().collect();
    let found = parallel(&all, |(name, descriptor)| {
        enter(descriptor.as_fd())?;
        kernel::devices().map_err(|error| system(name, ("list devices".into(), error)))
    })?;
    let mut seen: BTreeMap<&NamespaceName, Devices> = BTreeMap::new();
    for ((name, _), found) in all.iter().zip(found) {
        if let Some(devices) = failures.take(name, found) {
            seen.insert(*name, devices);
        }
    }

    let is_whole = |link: &&Link| [&link.a, &link.b].iter().all(|end| !failures.failed(&end.namespace));
    let (whole, half): (Vec<_>, Vec<_>) = links.into_iter().partition(is_whole);
    for link in &half {
        let is_there =
            |end: &End| seen.get(&end.namespace).is_none_or(|devices| devices.contains_key(&end.device));
        if !is_there(&link.a) || !is_there(&link.b) {
            failures.break_link(link);
        }
    }
    let (right, missing): (Vec<_>, Vec<_>) = whole.into_iter().partition(|link| is_right(link, &seen));
    let left_alone: BTreeSet<_> = right
        .iter()
        .chain(&half)
        .flat_map(|Link { a, b }| [(&a.namespace, &a.device), (&b.namespace, &b.device)])
        .collect();
    let wrong: BTreeSet<_> = (missing.iter())
        .flat_map(|Link { a, b }| [(&a.namespace, &a.device), (&b.namespace, &b.device)])
        .collect();
    let all: Vec<_> = all.into_iter().filter(|(name, _)| seen.contains_key(*name)).collect();
    let removed = parallel(&all, |(name, descriptor)| {
        let name: &NamespaceName = name;
        // Of a namespace that is not at hand only what stands in the way of a pair.
        let stray: Vec<_> = (seen.get(name).into_iter().flatten())
            .filter(|(device, seen)| seen.kind.is_some() && !left_alone.contains(&(name, *device)))
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
    for ((name, _), removed) in all.iter().zip(removed) {
        changes.changed += failures.take(name, removed).unwrap_or_default();
    }

    let made = parallel(&missing, |Link { a, b }| {
        let (Some(from), Some(to)) = (descriptors.get(&a.namespace), descriptors.get(&b.namespace)) else {
            return Ok(());
        };
        enter(from.as_fd())?;
        kernel::add_pair(&a.device, &b.device, to.as_fd()).map_err(|error| {
            let action = format!("join {} to {} of namespace {}", a.device, b.device, b.namespace.0);
            system(&a.namespace, (action, error))
        })
    })?;
    for (link, made) in missing.iter().zip(made) {
        match made {
            Ok(()) => changes.changed += 1,
            Err(error) => {
                failures.fail_apart(error);
                failures.break_link(link);
            }
        }
    }
    Ok(())
}

/// The namespaces at hand and those at the far ends of their links: a pair is right when both ends are.
fn open(
    anchor: &Anchor,
    standing: &[Standing],
    links: &[&Link],
    failures: &mut Failures,
) -> Result<BTreeMap<NamespaceName, OwnedFd>, Error> {
    let mut descriptors = BTreeMap::new();
    for Standing { name, descriptor } in standing {
        let copy = descriptor.try_clone().map_err(|error| system(name, ("keep".into(), error)))?;
        descriptors.insert(name.clone(), copy);
    }
    for end in links.iter().flat_map(|link| [&link.a, &link.b]) {
        if !descriptors.contains_key(&end.namespace)
            && let Some(descriptor) = failures.take(&end.namespace, anchor.open(&end.namespace.0))
        {
            descriptors.insert(end.namespace.clone(), descriptor);
        }
    }
    Ok(descriptors)
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
