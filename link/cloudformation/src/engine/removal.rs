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

/// What became of one attempt.
enum Attempt {
    Done,
    /// Something still uses it, which may go in a later round.
    InUse(Failure),
    Failed(Failure),
}

/// A resource to be deleted.
struct Item {
    resource: StackResource,
    why: Why,
    /// Its `DELETE_IN_PROGRESS` has been told.
    begun: bool,
}

impl Operation<'_> {
    /// Deletes resources, those first that no other of them needs. The names of those that would not go.
    ///
    /// What is still in use is tried again as long as others go, as AWS's handlers do. What a resource needs that
    /// would not go is left alone.
    pub(super) fn remove(
        &mut self,
        resources: Vec<(StackResource, Why)>,
        retained: &[String],
    ) -> Result<Vec<String>, Error> {
        let mut open: Vec<Item> =
            resources.into_iter().map(|(resource, why)| Item { resource, why, begun: false }).collect();
        let mut failed = Vec::new();
        while !open.is_empty() {
            let needed: BTreeSet<String> =
                open.iter().flat_map(|item| item.resource.depends_on.iter().cloned()).collect();
            let is_needed = |item: &Item| needed.contains(&item.resource.logical_id);
            let (mut later, mut now): (Vec<_>, Vec<_>) = open.into_iter().partition(is_needed);
            if now.is_empty() {
                // A circle cannot be in a template; should one be stored all the same, its parts go in any order.
                std::mem::swap(&mut later, &mut now);
            }
            self.begin(&mut now, retained)?;
            let mut progress = false;
            let mut in_use = Vec::new();
            let mut stuck = BTreeSet::new();
            for item in now {
                match self.attempt(&item, retained)? {
                    Attempt::Done => progress = true,
                    Attempt::InUse(failure) => in_use.push((item, failure)),
                    Attempt::Failed(failure) => {
                        stuck.extend(item.resource.depends_on.iter().cloned());
                        failed.push(self.give_up(&item, &failure));
                    }
                }
            }
            for (item, failure) in in_use {
                if progress {
                    later.push(item);
                } else {
                    stuck.extend(item.resource.depends_on.iter().cloned());
                    failed.push(self.give_up(&item, &failure));
                }
            }
            open = leave(later, stuck);
        }
        Ok(failed)
    }

    fn begin(&mut self, now: &mut [Item], retained: &[String]) -> Result<(), Error> {
        let mut told = false;
        for item in now.iter_mut().filter(|item| !item.begun) {
            item.begun = true;
            if self.is_there(&item.resource) && !self.is_kept(item, retained) {
                self.resource_event(&item.resource, "DELETE_IN_PROGRESS", None, None);
                told = true;
            }
        }
        if told { self.save() } else { Ok(()) }
    }

    fn is_there(&self, resource: &StackResource) -> bool {
        let handler = resources::handler(&resource.resource_type);
        match (&resource.physical_id, handler) {
            (Some(id), Some(handler)) => handler.exists(self.cloud.state(), id),
            _ => false,
        }
    }

    fn is_kept(&self, Item { resource, why, .. }: &Item, retained: &[String]) -> bool {
        resource.physical_id.is_some() && (stays(resource, *why) || retained.contains(&resource.logical_id))
    }

    fn attempt(&mut self, item: &Item, retained: &[String]) -> Result<Attempt, Error> {
        let resource = &item.resource;
        if self.is_kept(item, retained) {
            self.resource_event(resource, "DELETE_SKIPPED", None, None);
            return Ok(Attempt::Done);
        }
        let done = match (&resource.physical_id, resources::handler(&resource.resource_type)) {
            (Some(id), Some(handler)) if self.is_there(resource) => {
                let properties = Properties::new(parsed(&resource.properties));
                handler.delete(&mut self.work(&resource.logical_id), id, &properties)
            }
            _ => Ok(()),
        };
        match done {
            Ok(()) => {
                self.resource_event(resource, "DELETE_COMPLETE", None, None);
                Ok(Attempt::Done)
            }
            Err(Failure::Broken(message)) => Err(Error::new("InternalFailure", message)),
            Err(failure) if failure.is_in_use() => Ok(Attempt::InUse(failure)),
            Err(failure) => Ok(Attempt::Failed(failure)),
        }
    }

    fn give_up(&mut self, item: &Item, failure: &Failure) -> String {
        let reason = self.reason(failure);
        self.resource_event(&item.resource, "DELETE_FAILED", Some(&reason), None);
        item.resource.logical_id.clone()
    }
}

/// Without what those need that would not go, and what it needs in turn.
fn leave(mut open: Vec<Item>, mut stuck: BTreeSet<String>) -> Vec<Item> {
    let mut held: Vec<String> = stuck.iter().cloned().collect();
    while let Some(name) = held.pop() {
        let needs = open.iter().filter(|item| item.resource.logical_id == name);
        for need in needs.flat_map(|item| &item.resource.depends_on) {
            if stuck.insert(need.clone()) {
                held.push(need.clone());
            }
        }
    }
    open.retain(|item| !stuck.contains(&item.resource.logical_id));
    open
}
