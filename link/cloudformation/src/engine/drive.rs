//! The operations: create, update, delete.

use std::collections::BTreeMap;

use kura_model::{Previous, StackResource, Tags};

use super::{Operation, Prepared, Trouble, removal::Why};
use crate::{Error, parameters, request::Values};

/// What a stack is to become.
pub(crate) struct Next {
    pub template: String,
    pub description: Option<String>,
    pub parameters: Values,
    pub capabilities: Vec<String>,
    pub tags: Tags,
}

/// Resources that would not go.
fn undeleted(names: &[String]) -> String {
    format!("The following resource(s) failed to delete: [{}]. ", names.join(", "))
}

impl Operation<'_> {
    /// Makes everything the stack's template says.
    pub(crate) fn create(mut self) -> Result<(), Error> {
        self.stack_event("CREATE_IN_PROGRESS", Some("User Initiated"));
        self.save()?;
        let tags = self.stack.tags.clone();
        match self.build(&tags) {
            Ok(()) => {
                self.stack_event("CREATE_COMPLETE", None);
                self.save()
            }
            Err(Trouble::Broken(error)) => Err(error),
            Err(trouble) => self.not_created(&trouble.reason()),
        }
    }

    /// What follows when a stack could not be created.
    pub(super) fn not_created(mut self, reason: &str) -> Result<(), Error> {
        match self.stack.on_failure.as_str() {
            "DO_NOTHING" => {
                self.stack_event("CREATE_FAILED", Some(reason.trim_end()));
                self.save()
            }
            "DELETE" => {
                self.stack_event("DELETE_IN_PROGRESS", Some(&format!("{reason}Delete requested by user.")));
                self.delete_all(&[])
            }
            _ => self.uncreate(&format!("{reason}Rollback requested by user.")),
        }
    }

    /// Takes away what a creation made, and says why.
    pub(crate) fn uncreate(mut self, reason: &str) -> Result<(), Error> {
        self.stack_event("ROLLBACK_IN_PROGRESS", Some(reason));
        self.roll_back_creation()
    }

    /// Takes away what a failed creation made.
    pub(super) fn roll_back_creation(mut self) -> Result<(), Error> {
        self.save()?;
        let open = self.standing().into_iter().map(|resource| (resource, Why::NotCreated)).collect();
        let failed = self.remove(open, &[])?;
        match failed.as_slice() {
            [] => self.stack_event("ROLLBACK_COMPLETE", None),
            names => self.stack_event("ROLLBACK_FAILED", Some(&undeleted(names))),
        }
        self.stack.imports.clear();
        self.stack.outputs.clear();
        self.save()
    }

    /// Works through the template: parameters, resources, outputs.
    fn build(&mut self, old_tags: &Tags) -> Result<(), Trouble> {
        let prepared: Prepared = self.prepare()?;
        let missing = parameters::missing_resource(
            &prepared.template,
            &self.stack.parameters,
            self.cloud.state(),
            &self.account,
        );
        if let Some(reason) = missing {
            return Err(Trouble::Stack(reason));
        }
        self.stack.imports.clear();
        self.forward(&prepared, old_tags)?;
        // Outputs do not name resources that are going: these still are in the list.
        self.outputs(&prepared)?;
        Ok(())
    }

    /// Brings the stack to what it is to become, or back.
    pub(crate) fn update(mut self, next: Next) -> Result<(), Error> {
        let leftovers = self.leftovers();
        let previous = Previous {
            template: std::mem::replace(&mut self.stack.template, next.template),
            description: std::mem::replace(&mut self.stack.description, next.description),
            parameters: std::mem::replace(&mut self.stack.parameters, next.parameters),
            capabilities: std::mem::replace(&mut self.stack.capabilities, next.capabilities),
            tags: std::mem::replace(&mut self.stack.tags, next.tags),
            resources: self.stack.resources.clone(),
            outputs: self.stack.outputs.clone(),
            imports: self.stack.imports.clone(),
            leftovers,
        };
        let old_tags = previous.tags.clone();
        self.stack.previous = Some(Box::new(previous));
        self.stack.updated = Some(self.cloud.now());
        self.stack_event("UPDATE_IN_PROGRESS", Some("User Initiated"));
        self.save()?;
        match self.build(&old_tags) {
            Ok(()) => self.clean_up(),
            Err(Trouble::Broken(error)) => Err(error),
            Err(trouble) if self.stack.disable_rollback => {
                self.stack_event("UPDATE_FAILED", Some(trouble.reason().trim_end()));
                self.save()
            }
            Err(trouble) => self.roll_back_update(&trouble.reason()),
        }
    }

    /// Takes away what an update has replaced or left out.
    pub(super) fn clean_up(mut self) -> Result<(), Error> {
        self.stack_event("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
        self.save()?;
        let declared = self.prepare()?.needs;
        let previous = self.stack.previous.clone();
        let before = previous.as_ref().map(|previous| previous.resources.clone()).unwrap_or_default();
        let mut open = Vec::new();
        for (name, resource) in before {
            if !declared.contains_key(&name) {
                open.push((resource, Why::Deleted));
            } else if self.is_gone(&resource) {
                open.push((resource, Why::Replaced));
            }
        }
        let leftovers = previous.map(|previous| previous.leftovers).unwrap_or_default();
        open.extend(leftovers.into_iter().map(|resource| (resource, Why::Replaced)));
        open.retain(|(resource, _)| resource.physical_id.is_some() && resource.status != "DELETE_COMPLETE");
        let failed = self.remove(open, &[])?;
        self.stack.resources.retain(|name, _| declared.contains_key(name));
        let reason =
            (!failed.is_empty()).then_some("Update successful. One or more resources could not be deleted.");
        self.stack.previous = None;
        self.stack_event("UPDATE_COMPLETE", reason);
        self.save()
    }

    /// Deletes the stack.
    pub(crate) fn delete(mut self, retained: &[String]) -> Result<(), Error> {
        self.stack_event("DELETE_IN_PROGRESS", Some("User Initiated"));
        self.delete_all(retained)
    }

    /// Takes everything away that the stack has made.
    pub(super) fn delete_all(mut self, retained: &[String]) -> Result<(), Error> {
        self.save()?;
        let mut open: Vec<_> = self.standing().into_iter().map(|resource| (resource, Why::Deleted)).collect();
        open.extend(self.leftovers().into_iter().map(|resource| (resource, Why::Replaced)));
        let failed = self.remove(open, retained)?;
        match failed.as_slice() {
            [] => {
                self.stack_event("DELETE_COMPLETE", None);
                self.stack.deleted = Some(self.cloud.now());
                self.stack.previous = None;
                self.stack.imports.clear();
                self.stack.outputs.clear();
                self.stack.change_sets = BTreeMap::new();
            }
            names => self.stack_event("DELETE_FAILED", Some(&undeleted(names))),
        }
        self.save()
    }

    /// The stack's resources that have not gone yet.
    fn standing(&self) -> Vec<StackResource> {
        let all = self.stack.resources.values();
        all.filter(|resource| resource.status != "DELETE_COMPLETE" && resource.status != "DELETE_SKIPPED")
            .cloned()
            .collect()
    }

    /// Resources of before that are none of the stack's any more but may still stand.
    fn leftovers(&self) -> Vec<StackResource> {
        let Some(previous) = &self.stack.previous else { return Vec::new() };
        let replaced = previous.resources.values().filter(|resource| self.is_gone(resource));
        replaced
            .chain(&previous.leftovers)
            .filter(|resource| resource.physical_id.is_some())
            .cloned()
            .collect()
    }

    /// Whether a resource of before has another physical id by now.
    fn is_gone(&self, resource: &StackResource) -> bool {
        let now = self.stack.resources.get(&resource.logical_id);
        now.is_none_or(|now| now.physical_id != resource.physical_id)
    }
}
