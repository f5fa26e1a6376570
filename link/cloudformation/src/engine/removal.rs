//! Resources going: what needs others goes before them.

use std::collections::BTreeSet;

use kura_model::StackResource;

use super::{Operation, wave::parsed};
use crate::{
    Error,
    resources::{self, Failure, Properties},
};

/// Which policy lets a resource stay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The stack is deleted, or the resource is no longer in its template.
    Deleted,
    /// The stack could not be created.
    NotCreated,
    /// Another has taken its place, or an update has failed.
    Replaced,
}

fn stays(resource: &StackResource, why: Why) -> bool {
    match why {
        Why::Deleted => resource.deletion_policy.starts_with("Retain"),
        Why::NotCreated => resource.deletion_policy == "Retain",
        Why::Replaced => resource.update_replace_policy == "Retain",
    }
}

impl Operation<'_> {
    /// Deletes resources, those first that no other of them needs. The names of those that would not go.
    ///
    /// What needs a resource that would not go still goes; what such a resource needs is left alone.
    pub(super) fn remove(
        &mut self,
        mut open: Vec<(StackResource, Why)>,
        retained: &[String],
    ) -> Result<Vec<String>, Error> {
        let mut failed = Vec::new();
        while !open.is_empty() {
            let needed: BTreeSet<&String> =
                open.iter().flat_map(|(resource, _)| &resource.depends_on).collect();
            let is_needed = |resource: &StackResource| needed.contains(&resource.logical_id);
            let (later, now): (Vec<_>, Vec<_>) =
                open.iter().cloned().partition(|(resource, _)| is_needed(resource));
            // A circle cannot be in a template; should one be stored all the same, its parts go in any order.
            let (later, now) = if now.is_empty() { (Vec::new(), later) } else { (later, now) };
            for (resource, _) in &now {
                let there = self.is_there(resource);
                if there && !retained.contains(&resource.logical_id) {
                    self.resource_event(resource, "DELETE_IN_PROGRESS", None, None);
                }
            }
            self.save()?;
            for (resource, why) in &now {
                if let Some(name) = self.remove_one(resource, *why, retained)? {
                    failed.push(name);
                }
            }
            open = later;
            open.retain(|(resource, _)| {
                let stuck = now.iter().any(|(user, _)| {
                    failed.contains(&user.logical_id) && user.depends_on.contains(&resource.logical_id)
                });
                !stuck
            });
        }
        Ok(failed)
    }

    fn is_there(&self, resource: &StackResource) -> bool {
        let handler = resources::handler(&resource.resource_type);
        match (&resource.physical_id, handler) {
            (Some(id), Some(handler)) => handler.exists(self.cloud.state(), id),
            _ => false,
        }
    }

    fn remove_one(
        &mut self,
        resource: &StackResource,
        why: Why,
        retained: &[String],
    ) -> Result<Option<String>, Error> {
        let name = &resource.logical_id;
        if resource.physical_id.is_some() && (stays(resource, why) || retained.contains(name)) {
            self.resource_event(resource, "DELETE_SKIPPED", None, None);
            return Ok(None);
        }
        let done = match (&resource.physical_id, resources::handler(&resource.resource_type)) {
            (Some(id), Some(handler)) if self.is_there(resource) => {
                let properties = Properties::new(parsed(&resource.properties));
                handler.delete(&mut self.work(name), id, &properties)
            }
            _ => Ok(()),
        };
        match done {
            Ok(()) => {
                self.resource_event(resource, "DELETE_COMPLETE", None, None);
                Ok(None)
            }
            Err(Failure::Broken(message)) => Err(Error::new("InternalFailure", message)),
            Err(failure) => {
                let reason = self.reason(&failure);
                self.resource_event(resource, "DELETE_FAILED", Some(&reason), None);
                Ok(Some(name.clone()))
            }
        }
    }
}
