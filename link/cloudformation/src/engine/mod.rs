//! The stack engine: one operation on one stack, from its first event to its last.
//!
//! A wave of resources that need nothing more starts together. Before a wave is worked on, the stack is written down
//! with the physical ids its resources will have, so that after a crash [`recover`] finds all that was made.

mod changes;
mod drive;
mod outputs;
mod recovery;
mod removal;
mod rollback;
mod wave;

use std::collections::BTreeMap;

use kura_model::{AccountId, Change, Cloud, Stack, StackEvent, StackResource, Tags, Timestamp};

pub(crate) use changes::plan;
pub(crate) use drive::Next;
pub(crate) use outputs::importers;
pub(crate) use recovery::recover;

use crate::{
    Error, conditions, graph,
    graph::Needs,
    intrinsics::Scope,
    resources::{Failure, Work},
    template::Template,
    time,
};

/// The type of a stack's own events.
pub(crate) const STACK: &str = "AWS::CloudFormation::Stack";

/// An operation on its way.
pub(crate) struct Operation<'a> {
    pub cloud: &'a mut dyn Cloud,
    pub account: AccountId,
    pub stack: Stack,
    pub token: Option<String>,
}

/// A template with its conditions worked out for a stack.
pub(crate) struct Prepared {
    pub template: Template,
    pub conditions: BTreeMap<String, bool>,
    pub needs: Needs,
}

/// Why an operation cannot go on.
pub(crate) enum Trouble {
    /// Resources failed; the events say why.
    Failed { created: Vec<String>, updated: Vec<String> },
    /// Something that is not a resource failed.
    Stack(String),
    /// Nothing more can be written down.
    Broken(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error.code {
            "InternalFailure" => Self::Broken(error),
            _ => Self::Stack(error.message),
        }
    }
}

impl Trouble {
    /// The text of the event that begins a rollback.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Failed { created, updated } => {
                let part = |names: &[String], verb: &str| match names {
                    [] => String::new(),
                    names => format!("The following resource(s) failed to {verb}: [{}]. ", names.join(", ")),
                };
                part(created, "create") + &part(updated, "update")
            }
            Self::Stack(message) => {
                format!("{}. ", message.trim_end_matches('.'))
            }
            Self::Broken(error) => error.message.clone(),
        }
    }
}

impl<'a> Operation<'a> {
    pub(crate) fn new(cloud: &'a mut dyn Cloud, stack: Stack, token: Option<String>) -> Self {
        Self { cloud, account: stack.owner.clone(), stack, token }
    }

    /// What names mean in this stack now.
    pub(crate) fn scope<'s>(&'s self, prepared: &'s Prepared) -> Scope<'s> {
        Scope {
            template: &prepared.template,
            values: &self.stack.parameters,
            conditions: prepared.conditions.clone(),
            stack_name: &self.stack.name,
            stack_id: self.stack.id.as_str(),
            account: &self.account,
            state: self.cloud.state(),
            resources: &self.stack.resources,
            open: std::collections::BTreeSet::new(),
            masked: false,
            imports: std::cell::RefCell::default(),
        }
    }

    /// Reads the stack's template and works out its conditions.
    pub(crate) fn prepare(&self) -> Result<Prepared, Error> {
        let template = Template::parse(&self.stack.template)?;
        let mut prepared = Prepared { template, conditions: BTreeMap::new(), needs: Needs::new() };
        let mut scope = self.scope(&prepared);
        conditions::evaluate(&prepared.template, &mut scope)?;
        let conditions = scope.conditions;
        prepared.needs = graph::needs(&prepared.template, Some(&conditions))?;
        graph::check(&prepared.needs)?;
        prepared.conditions = conditions;
        Ok(prepared)
    }

    /// A handler's share, for one resource.
    pub(crate) fn work(&mut self, logical_id: &str) -> Work<'_> {
        let mut stack_tags: Tags = self.stack.tags.clone();
        let own = [
            ("aws:cloudformation:logical-id", logical_id),
            ("aws:cloudformation:stack-id", self.stack.id.as_str()),
            ("aws:cloudformation:stack-name", self.stack.name.as_str()),
        ];
        stack_tags.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
        Work {
            cloud: self.cloud,
            account: self.account.clone(),
            stack_name: self.stack.name.clone(),
            logical_id: logical_id.to_owned(),
            stack_tags,
        }
    }

    /// Writes the stack down as it is now.
    pub(crate) fn save(&mut self) -> Result<(), Error> {
        let change = Change::PutStack(Box::new(self.stack.clone()));
        self.cloud.change(&self.account, change, None).map_err(Error::from)
    }

    /// A change of the stack's own status.
    pub(crate) fn stack_event(&mut self, status: &str, reason: Option<&str>) {
        self.stack.status = status.to_owned();
        self.stack.status_reason = reason.map(str::to_owned);
        let event = StackEvent {
            id: uuid(self.cloud),
            logical_id: self.stack.name.clone(),
            physical_id: Some(self.stack.id.to_string()),
            resource_type: STACK.to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            properties: None,
            token: self.token.clone(),
            at: self.cloud.now().max(self.stack.events.last().map_or(0, |event| event.at)),
        };
        self.stack.events.push(event);
    }

    /// A change of a resource's status; `shown` are its properties without secrets.
    pub(crate) fn resource_event(
        &mut self,
        resource: &StackResource,
        status: &str,
        reason: Option<&str>,
        shown: Option<&str>,
    ) {
        let (id, at) = self.event_of(&resource.logical_id, status);
        self.stack.events.push(StackEvent {
            id,
            logical_id: resource.logical_id.clone(),
            physical_id: resource.physical_id.clone(),
            resource_type: resource.resource_type.clone(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            properties: shown.map(str::to_owned),
            token: self.token.clone(),
            at,
        });
        // One that another has replaced has no say in what its successor is.
        let own = self.stack.resources.get_mut(&resource.logical_id);
        if let Some(own) = own.filter(|own| own.physical_id == resource.physical_id) {
            own.status = status.to_owned();
            own.status_reason = reason.map(str::to_owned);
            own.updated = at;
        }
    }

    /// An event's id and time. The id carries the time in milliseconds, and two events of one resource and status have
    /// different ones however fast they come: the later one's time moves on.
    fn event_of(&self, logical_id: &str, status: &str) -> (String, Timestamp) {
        let events = &self.stack.events;
        let mut at = self.cloud.now().max(events.last().map_or(0, |event| event.at));
        loop {
            let id = format!("{logical_id}-{status}-{}", time::iso8601(at));
            if !events.iter().rev().take_while(|event| event.at >= at).any(|event| event.id == id) {
                return (id, at);
            }
            at += 1;
        }
    }

    /// A failure's text with the tokens it carries.
    pub(crate) fn reason(&mut self, failure: &Failure) -> String {
        let (request, token) = (uuid(self.cloud), uuid(self.cloud));
        failure.reason(&request, &token)
    }
}

/// A random UUID.
pub(crate) fn uuid(cloud: &mut dyn Cloud) -> String {
    let hex = cloud.hex(30);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}
