//! Back to what was before an update.

use std::collections::BTreeSet;

use kura_model::{Previous, StackResource};

use super::{
    Operation,
    removal::Why,
    wave::{parsed, retag},
};
use crate::{
    Error,
    resources::{self, Failure, Properties},
};

/// What becomes of a resource that is skipped, as AWS has it.
const SKIPPED: &str = "UPDATE_COMPLETE";

impl Operation<'_> {
    /// Restores what was, then takes away what the update made.
    pub(crate) fn roll_back_update(mut self, reason: &str) -> Result<(), Error> {
        self.stack_event("UPDATE_ROLLBACK_IN_PROGRESS", Some(reason));
        self.restore()
    }

    /// Lets resources that could not be restored stay as they are.
    pub(crate) fn skip(&mut self, names: &[String]) {
        for name in names {
            let Some(now) = self.stack.resources.get(name).cloned() else { continue };
            if let Some(previous) = &mut self.stack.previous {
                previous
                    .resources
                    .insert(name.clone(), StackResource { status: SKIPPED.to_owned(), ..now.clone() });
            }
            self.resource_event(&now, SKIPPED, Some("Resource was skipped"), None);
        }
    }

    /// The same for a rollback that was begun: it can be asked again.
    pub(super) fn restore(mut self) -> Result<(), Error> {
        let Some(mut previous) = self.stack.previous.clone() else {
            self.stack_event("UPDATE_ROLLBACK_COMPLETE", None);
            return self.save();
        };
        self.note_made(&mut previous);
        let update_tags = std::mem::replace(&mut self.stack.tags, previous.tags.clone());
        self.stack.template.clone_from(&previous.template);
        self.stack.description.clone_from(&previous.description);
        self.stack.parameters.clone_from(&previous.parameters);
        self.stack.capabilities.clone_from(&previous.capabilities);
        self.stack.outputs.clone_from(&previous.outputs);
        self.stack.imports.clone_from(&previous.imports);
        self.stack.previous = Some(previous.clone());
        self.save()?;
        let mut failed = Vec::new();
        for old in in_order(&previous) {
            if let Some(name) = self.restore_one(&old, &update_tags)? {
                failed.push(name);
            }
        }
        if !failed.is_empty() {
            let reason = format!("The following resource(s) failed to update: [{}]. ", failed.join(", "));
            self.stack_event("UPDATE_ROLLBACK_FAILED", Some(&reason));
            return self.save();
        }
        self.stack_event("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None);
        self.save()?;
        let open = previous.leftovers.iter().cloned().map(|resource| (resource, Why::NotCreated)).collect();
        let stuck = self.remove(open, &[])?;
        self.stack.resources.retain(|name, _| previous.resources.contains_key(name));
        self.stack.previous = None;
        let reason = "Update rollback successful. One or more resources could not be deleted.";
        self.stack_event("UPDATE_ROLLBACK_COMPLETE", (!stuck.is_empty()).then_some(reason));
        self.save()
    }

    /// Notes what the update made before its place is taken: after a crash it is still to be taken away.
    fn note_made(&self, previous: &mut Previous) {
        for (name, now) in &self.stack.resources {
            let before = previous.resources.get(name);
            let is_new = match before {
                None => true,
                Some(before) => {
                    now.physical_id != before.physical_id && now.physical_id.is_some() && self.stands(before)
                }
            };
            let noted = previous
                .leftovers
                .iter()
                .any(|other| other.logical_id == *name && other.physical_id == now.physical_id);
            if is_new && !noted {
                previous.leftovers.push(now.clone());
            }
        }
    }

    fn stands(&self, resource: &StackResource) -> bool {
        match (&resource.physical_id, resources::handler(&resource.resource_type)) {
            (Some(id), Some(handler)) => handler.exists(self.cloud.state(), id),
            _ => false,
        }
    }

    /// One resource as it was; its name if that failed.
    fn restore_one(
        &mut self,
        old: &StackResource,
        update_tags: &kura_model::Tags,
    ) -> Result<Option<String>, Error> {
        let name = &old.logical_id;
        let Some(now) = self.stack.resources.get(name).cloned() else {
            self.stack.resources.insert(name.clone(), old.clone());
            return Ok(None);
        };
        let Some(handler) = resources::handler(&old.resource_type) else { return Ok(None) };
        if now.physical_id != old.physical_id && (self.stands(old) || old.physical_id.is_none()) {
            // It was made anew, or the attempt failed: the old one takes its place again.
            self.stack.resources.insert(name.clone(), old.clone());
            self.resource_event(old, "UPDATE_COMPLETE", None, None);
            return Ok(None);
        }
        let same = now.properties == old.properties && *update_tags == self.stack.tags;
        if same && !now.status.ends_with("_FAILED") {
            if let Some(own) = self.stack.resources.get_mut(name) {
                *own = StackResource { status: now.status, status_reason: now.status_reason, ..old.clone() };
            }
            return Ok(None);
        }
        self.resource_event(&now, "UPDATE_IN_PROGRESS", None, None);
        self.save()?;
        let id = now.physical_id.clone().unwrap_or_default();
        let (from, to) = (Properties::new(parsed(&now.properties)), Properties::new(parsed(&old.properties)));
        let mut work = self.work(name);
        let mut done = handler.update(&mut work, &id, &from, &to);
        if let Ok(next) = &done
            && handler.taggable()
            && let Err(failure) = retag(&mut work, next.as_deref().unwrap_or(&id), update_tags, &from, &to)
        {
            done = Err(failure);
        }
        match done {
            Ok(next) => {
                let restored = StackResource { physical_id: next.or(now.physical_id), ..old.clone() };
                self.stack.resources.insert(name.clone(), restored.clone());
                self.resource_event(&restored, "UPDATE_COMPLETE", None, None);
                Ok(None)
            }
            Err(Failure::Broken(message)) => Err(Error::new("InternalFailure", message)),
            Err(failure) => {
                let reason = self.reason(&failure);
                self.resource_event(&now, "UPDATE_FAILED", Some(&reason), None);
                Ok(Some(name.clone()))
            }
        }
    }
}

/// Resources, those first that others need.
fn in_order(previous: &Previous) -> Vec<StackResource> {
    let mut open: Vec<&StackResource> = previous.resources.values().collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut ordered = Vec::new();
    while !open.is_empty() {
        let known: BTreeSet<&str> = open.iter().map(|resource| resource.logical_id.as_str()).collect();
        let is_ready = |resource: &&StackResource| {
            let mut needs = resource.depends_on.iter();
            needs.all(|name| done.contains(name.as_str()) || !known.contains(name.as_str()))
        };
        let (ready, later): (Vec<_>, Vec<_>) = open.iter().copied().partition(is_ready);
        let (ready, later) = if ready.is_empty() { (later, Vec::new()) } else { (ready, later) };
        done.extend(ready.iter().map(|resource| resource.logical_id.as_str()));
        ordered.extend(ready.into_iter().cloned());
        open = later;
    }
    ordered
}
