//! Resources that start together: made, changed in place, or made anew.

use std::collections::BTreeMap;

use kura_model::{Change, StackResource, Tags};
use serde_json::Value as Json;

use super::{Operation, Prepared, Trouble};
use crate::{
    Error,
    resources::{self, Failure, Handler, Properties, Work},
};

/// One resource's part of a wave.
struct Job {
    name: String,
    handler: &'static dyn Handler,
    action: Action,
    old: Properties,
    new: Properties,
    /// Properties as events show them.
    shown: String,
    /// The physical id drawn for what is made.
    id: Option<String>,
    state: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Create,
    Update,
    Replace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Started,
}

impl Action {
    fn verb(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update | Self::Replace => "UPDATE",
        }
    }
}

const REPLACING: &str =
    "Requested update requires the creation of a new physical resource; hence creating one.";

impl Operation<'_> {
    /// Works through all waves of a template.
    pub(super) fn forward(&mut self, prepared: &Prepared, old_tags: &Tags) -> Result<(), Trouble> {
        for wave in crate::graph::waves(&prepared.template, &prepared.needs) {
            self.wave(prepared, &wave, old_tags)?;
        }
        Ok(())
    }

    fn wave(&mut self, prepared: &Prepared, wave: &[String], old_tags: &Tags) -> Result<(), Trouble> {
        let mut jobs = Vec::new();
        let mut failed: Option<(usize, Failure)> = None;
        for name in wave {
            match self.job(prepared, name, old_tags) {
                Ok(None) => {}
                Ok(Some((job, failure))) => {
                    let first = failed.is_none();
                    if let Some(failure) = failure.filter(|_| first) {
                        failed = Some((jobs.len(), failure));
                    }
                    jobs.push(job);
                }
                Err(error) => return Err(error.into()),
            }
        }
        for job in &jobs {
            let reason = (job.action == Action::Replace).then_some(REPLACING);
            let status = format!("{}_IN_PROGRESS", job.action.verb());
            let mut resource = self.stack.resources.get(&job.name).cloned();
            if let Some(resource) = resource.as_mut() {
                if job.action == Action::Create {
                    resource.physical_id = None;
                }
                self.resource_event(resource, &status, reason, Some(&job.shown));
            }
            self.record(job);
        }
        if jobs.is_empty() {
            return Ok(());
        }
        self.save()?;
        if failed.is_none() {
            for index in 0..jobs.len() {
                let Some(job) = jobs.get_mut(index) else { break };
                match self.start(job, old_tags) {
                    Ok(()) => job.state = Progress::Started,
                    Err(Failure::Broken(message)) => {
                        return Err(Trouble::Broken(Error::new("InternalFailure", message)));
                    }
                    Err(failure) => {
                        failed = Some((index, failure));
                        break;
                    }
                }
            }
        }
        match failed {
            None => {
                for job in &jobs {
                    self.finish(job, "COMPLETE", None);
                }
                Ok(())
            }
            Some((index, failure)) => Err(self.cancel(&jobs, index, &failure)),
        }
    }

    /// What is to be done about a resource; nothing if it is as it should be.
    fn job(
        &mut self,
        prepared: &Prepared,
        name: &str,
        old_tags: &Tags,
    ) -> Result<Option<(Job, Option<Failure>)>, Error> {
        let Some(declared) = prepared.template.resources.get(name) else { return Ok(None) };
        let Some(handler) = resources::handler(&declared.resource_type) else { return Ok(None) };
        let (resolved, shown) = self.resolve(prepared, name);
        let stands =
            self.stack.resources.get(name).filter(|resource| resource.physical_id.is_some()).cloned();
        let old = stands.as_ref().map(|resource| Properties::new(parsed(&resource.properties)));
        let checked = resolved.and_then(|json| resources::check(handler.properties(), &json, name));
        let (new, failure) = match checked {
            Ok(json) => (Properties::new(json), None),
            Err(failure) => (Properties::default(), Some(failure)),
        };
        let action = match (&stands, &old) {
            (Some(stands), Some(old)) => {
                let differing = resources::differing(handler.properties(), old.json(), new.json());
                let retag = handler.taggable() && *old_tags != self.stack.tags;
                let redo = stands.status.ends_with("_FAILED");
                if failure.is_none() && differing.is_empty() && !retag && !redo {
                    self.policies(name, declared, prepared);
                    return Ok(None);
                }
                if failure.is_none() && resources::replaced(&differing) {
                    Action::Replace
                } else {
                    Action::Update
                }
            }
            _ => Action::Create,
        };
        let mut job = Job {
            name: name.to_owned(),
            handler,
            action,
            old: old.unwrap_or_default(),
            new,
            shown,
            id: stands.as_ref().and_then(|resource| resource.physical_id.clone()),
            state: Progress::Waiting,
        };
        let mut failure = failure;
        if failure.is_none() && action != Action::Update {
            let properties = job.new.clone();
            match handler.draw(&mut self.work(name), &properties) {
                Ok(id) => job.id = Some(id),
                Err(why) => failure = Some(why),
            }
        }
        if stands.is_none() {
            let empty = StackResource {
                logical_id: name.to_owned(),
                physical_id: None,
                resource_type: declared.resource_type.clone(),
                status: String::new(),
                status_reason: None,
                properties: "{}".to_owned(),
                deletion_policy: String::new(),
                update_replace_policy: String::new(),
                depends_on: Vec::new(),
                updated: self.cloud.now(),
            };
            self.stack.resources.insert(name.to_owned(), empty);
        }
        self.policies(name, declared, prepared);
        if failure.is_some() && action == Action::Create {
            job.id = None;
        }
        Ok(Some((job, failure)))
    }

    fn policies(&mut self, name: &str, declared: &crate::template::Resource, prepared: &Prepared) {
        if let Some(resource) = self.stack.resources.get_mut(name) {
            resource.deletion_policy.clone_from(&declared.deletion_policy);
            resource.update_replace_policy.clone_from(&declared.update_replace_policy);
            resource.depends_on = prepared.needs.get(name).into_iter().flatten().cloned().collect();
        }
    }

    /// A resource's properties, and the same without secrets as JSON text.
    fn resolve(&mut self, prepared: &Prepared, name: &str) -> (Result<Json, Failure>, String) {
        let empty = || Json::Object(serde_json::Map::new());
        let node = prepared.template.resources.get(name).and_then(|resource| resource.properties.as_ref());
        let Some(node) = node else { return (Ok(empty()), "{}".to_owned()) };
        let mut scope = self.scope(prepared);
        let json = match scope.value(node) {
            Ok(json) => Ok(json.unwrap_or_else(empty)),
            Err(error) => Err(Failure::Properties(error.message)),
        };
        scope.masked = true;
        let shown = match scope.value(node) {
            Ok(Some(json)) => json.to_string(),
            _ => "{}".to_owned(),
        };
        let used = scope.imports.into_inner();
        self.stack.imports.extend(used);
        (json, shown)
    }

    /// Notes what a job will make, before it makes it. What is there already is not the stack's, and not noted.
    fn record(&mut self, job: &Job) {
        let foreign = job.action != Action::Update
            && job.id.as_ref().is_some_and(|id| job.handler.exists(self.cloud.state(), id));
        if let Some(resource) = self.stack.resources.get_mut(&job.name) {
            resource.properties = job.new.json().to_string();
            resource.physical_id = if foreign { None } else { job.id.clone() };
        }
    }

    fn start(&mut self, job: &mut Job, old_tags: &Tags) -> Result<(), Failure> {
        let id = job.id.clone().unwrap_or_default();
        let there = job.action != Action::Update && job.handler.exists(self.cloud.state(), &id);
        let mut work = self.work(&job.name);
        let done = match job.action {
            Action::Create | Action::Replace => job.handler.create(&mut work, &id, &job.new).map(|()| None),
            Action::Update => job.handler.update(&mut work, &id, &job.old, &job.new),
        };
        match done {
            Ok(next) => {
                let id = next.unwrap_or(id);
                if let Some(resource) = self.stack.resources.get_mut(&job.name) {
                    resource.physical_id = Some(id.clone());
                }
                job.id = Some(id.clone());
                if job.action == Action::Update {
                    if job.handler.taggable() {
                        retag(&mut self.work(&job.name), &id, old_tags, &job.old, &job.new)?;
                    }
                    return Ok(());
                }
                if let Some(resource) = self.stack.resources.get(&job.name).cloned() {
                    let status = format!("{}_IN_PROGRESS", job.action.verb());
                    self.resource_event(
                        &resource,
                        &status,
                        Some("Resource creation Initiated"),
                        Some(&job.shown),
                    );
                }
                Ok(())
            }
            Err(failure) => {
                // A part of it may stand: then it is the rollback's. What was there before is not.
                let stands = !there && job.handler.exists(self.cloud.state(), &id);
                if job.action != Action::Update
                    && !stands
                    && let Some(resource) = self.stack.resources.get_mut(&job.name)
                {
                    resource.physical_id = None;
                }
                Err(failure)
            }
        }
    }

    fn finish(&mut self, job: &Job, end: &str, reason: Option<&str>) {
        if let Some(resource) = self.stack.resources.get(&job.name).cloned() {
            let status = format!("{}_{end}", job.action.verb());
            self.resource_event(&resource, &status, reason, Some(&job.shown));
        }
    }

    /// One failed: so the others of its wave are given up.
    fn cancel(&mut self, jobs: &[Job], index: usize, failure: &Failure) -> Trouble {
        let reason = self.reason(failure);
        let (mut created, mut updated) = (Vec::new(), Vec::new());
        let first = jobs.get(index).into_iter();
        let others = jobs.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, job)| job);
        for (failed, job) in first.map(|job| (true, job)).chain(others.map(|job| (false, job))) {
            let cancelled = match job.action {
                Action::Create => "Resource creation cancelled",
                Action::Update | Action::Replace => "Resource update cancelled",
            };
            if !failed
                && job.state == Progress::Waiting
                && job.action != Action::Update
                && let Some(resource) = self.stack.resources.get_mut(&job.name)
            {
                resource.physical_id = None;
            }
            self.finish(job, "FAILED", Some(if failed { &reason } else { cancelled }));
            match job.action {
                Action::Create => created.push(job.name.clone()),
                Action::Update | Action::Replace => updated.push(job.name.clone()),
            }
        }
        Trouble::Failed { created, updated }
    }
}

/// Brings a resource's tags in line: the stack's and its own.
pub(super) fn retag(
    work: &mut Work<'_>,
    id: &str,
    old_stack: &Tags,
    old: &Properties,
    new: &Properties,
) -> Result<(), Failure> {
    let wanted = work.tags(new);
    let stands = work.state().tags(id).cloned().unwrap_or_default();
    let before = old_stack.keys().cloned().chain(old.tags().into_keys());
    let gone: BTreeMap<String, Option<String>> = before
        .filter(|key| !wanted.contains_key(key) && stands.contains_key(key))
        .map(|key| (key, None))
        .collect();
    let resources = vec![id.to_owned()];
    if !gone.is_empty() {
        work.ec2(Change::RemoveTags { resources: resources.clone(), tags: gone })?;
    }
    if wanted.iter().any(|(key, value)| stands.get(key) != Some(value)) {
        work.ec2(Change::SetTags { resources, tags: wanted })?;
    }
    Ok(())
}

/// Stored properties.
pub(super) fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_default()
}
