//! What an update would do, found out without doing it.

use std::collections::BTreeSet;

use kura_model::{AccountId, Cloud, ResourceChange, Stack};
use serde_json::Value as Json;

use super::{Next, Operation, Prepared, outputs, wave::parsed};
use crate::{
    Error,
    intrinsics::unknown,
    resources::{self, Properties, Property},
};

/// What would change.
pub(crate) struct Plan {
    pub changes: Vec<ResourceChange>,
    /// Whether there is anything to do at all; outputs count too.
    pub differs: bool,
}

/// Works a template out against a stack; what the template has wrong shows here. `None` for values that are not known
/// yet: those of resources that are not there.
pub(crate) fn plan(
    cloud: &mut dyn Cloud,
    account: &AccountId,
    stack: &Stack,
    next: &Next,
) -> Result<Plan, Error> {
    let mut future = stack.clone();
    future.template.clone_from(&next.template);
    future.parameters.clone_from(&next.parameters);
    future.tags.clone_from(&next.tags);
    let operation = Operation { cloud, account: account.clone(), stack: future, token: None };
    let prepared = operation.prepare()?;
    let retag = stack.tags != next.tags;
    types_stay(stack, &prepared)?;
    let mut scope = operation.scope(&prepared);
    let mut changes = Vec::new();
    for name in crate::graph::waves(&prepared.template, &prepared.needs).into_iter().flatten() {
        let Some(declared) = prepared.template.resources.get(&name) else { continue };
        let Some(handler) = resources::handler(&declared.resource_type) else { continue };
        let resolved = match &declared.properties {
            Some(node) => scope.value(node)?.unwrap_or_default(),
            None => Json::Object(serde_json::Map::new()),
        };
        let mut change = ResourceChange {
            action: "Add".to_owned(),
            logical_id: name.clone(),
            physical_id: None,
            resource_type: declared.resource_type.clone(),
            replacement: None,
            properties: Vec::new(),
        };
        let stands = stack.resources.get(&name).filter(|resource| resource.physical_id.is_some());
        let Some(stands) = stands else {
            scope.open.insert(name);
            changes.push(change);
            continue;
        };
        let old = Properties::new(parsed(&stands.properties));
        // Values that are not known yet cannot be checked; what cannot be read differs.
        let new = resources::check(handler.properties(), &resolved, &name).unwrap_or(resolved);
        let differing = resources::differing(handler.properties(), old.json(), &new);
        let tagged = retag && handler.taggable();
        if differing.is_empty() && !tagged && !stands.status.ends_with("_FAILED") {
            continue;
        }
        change.action = "Modify".to_owned();
        change.physical_id.clone_from(&stands.physical_id);
        let replacement = replacement(&differing, &new);
        if replacement != "False" {
            scope.open.insert(name);
        }
        change.replacement = Some(replacement.to_owned());
        let mut names: BTreeSet<&str> = differing.iter().map(|property| property.name).collect();
        if tagged {
            names.insert("Tags");
        }
        change.properties = names.into_iter().map(str::to_owned).collect();
        changes.push(change);
    }
    for (name, resource) in &stack.resources {
        let going = resource.physical_id.is_some() && resource.status != "DELETE_COMPLETE";
        if going && !prepared.needs.contains_key(name) {
            changes.push(ResourceChange {
                action: "Remove".to_owned(),
                logical_id: name.clone(),
                physical_id: resource.physical_id.clone(),
                resource_type: resource.resource_type.clone(),
                replacement: None,
                properties: Vec::new(),
            });
        }
    }
    let outputs = outputs::evaluate(&prepared, &scope)?;
    let differs = !changes.is_empty() || outputs != stack.outputs || retag;
    Ok(Plan { changes, differs })
}

fn replacement(differing: &[&Property], new: &Json) -> &'static str {
    let mut worst = "False";
    for property in differing.iter().filter(|property| property.create_only) {
        if !new.get(property.name).is_some_and(unknown) {
            return "True";
        }
        worst = "Conditional";
    }
    worst
}

fn types_stay(stack: &Stack, prepared: &Prepared) -> Result<(), Error> {
    let changed: Vec<&str> = stack
        .resources
        .iter()
        .filter(|(name, resource)| {
            let declared = prepared.template.resources.get(*name);
            resource.physical_id.is_some()
                && declared.is_some_and(|declared| declared.resource_type != resource.resource_type)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(Error::validation(format!(
        "Update of resource type is not permitted. The new template modifies resource type of the following resources: [{}]",
        changed.join(", ")
    )))
}
