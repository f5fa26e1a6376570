//! What must stand before what.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Error,
    template::{References, Template},
};

/// For each resource, the resources it needs first.
pub(crate) type Needs = BTreeMap<String, BTreeSet<String>>;

/// The needs of all resources that there are; `None` takes every branch and every resource.
pub(crate) fn needs(
    template: &Template,
    conditions: Option<&BTreeMap<String, bool>>,
) -> Result<Needs, Error> {
    let present = |name: &str| {
        template.resources.get(name).is_some_and(|resource| match (&resource.condition, conditions) {
            (Some(condition), Some(conditions)) => conditions.get(condition) == Some(&true),
            _ => true,
        })
    };
    let mut needs = Needs::new();
    let mut missing = BTreeSet::new();
    for (name, resource) in template.resources.iter().filter(|(name, _)| present(name)) {
        let mut found: BTreeSet<String> =
            resource.depends_on.iter().filter(|name| present(name)).cloned().collect();
        if let Some(properties) = &resource.properties {
            let references = References::of(properties, conditions)?;
            let named = references.names.into_iter().filter(|name| template.resources.contains_key(name));
            for target in named.chain(references.attributes.into_iter().map(|(resource, _)| resource)) {
                if present(&target) {
                    found.insert(target);
                } else {
                    missing.insert(target);
                }
            }
        }
        needs.insert(name.clone(), found);
    }
    if !missing.is_empty() {
        return Err(Error::validation(format!(
            "Template format error: Unresolved resource dependencies [{}] in the Resources block of the template",
            missing.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    Ok(needs)
}

/// Refuses circles.
pub(crate) fn check(needs: &Needs) -> Result<(), Error> {
    let mut open = needs.clone();
    loop {
        let ready: Vec<String> =
            open.iter().filter(|(_, needs)| needs.is_empty()).map(|(name, _)| name.clone()).collect();
        if ready.is_empty() {
            break;
        }
        for name in ready {
            open.remove(&name);
            for needs in open.values_mut() {
                needs.remove(&name);
            }
        }
    }
    // What only leads to a circle is none itself: resources nobody left needs go.
    loop {
        let needed: BTreeSet<String> = open.values().flatten().cloned().collect();
        let before = open.len();
        open.retain(|name, _| needed.contains(name));
        if open.len() == before {
            break;
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = open.into_keys().collect();
    Err(Error::validation(format!("Circular dependency between resources: [{}]", names.join(", "))))
}

/// Waves: each holds what needs only earlier ones, in the template's order.
pub(crate) fn waves(template: &Template, needs: &Needs) -> Vec<Vec<String>> {
    let mut open = needs.clone();
    let mut waves = Vec::new();
    loop {
        let mut ready: Vec<String> =
            open.iter().filter(|(_, needs)| needs.is_empty()).map(|(name, _)| name.clone()).collect();
        if ready.is_empty() {
            return waves;
        }
        for name in &ready {
            open.remove(name);
            for needs in open.values_mut() {
                needs.remove(name);
            }
        }
        ready.sort_by_key(|name| template.resources.get(name).map(|resource| resource.order));
        waves.push(ready);
    }
}
