//! What may be asked for, and what is answered. Fields have the names of AWS's request members.

use std::collections::BTreeMap;

use kura_model::{ChangeSet, ChangeSetId, Stack, StackId, Tags, Timestamp};

/// A parameter's value in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParameterInput {
    pub key: String,
    pub value: Option<String>,
    pub use_previous_value: bool,
}

/// `CreateStack`.
#[derive(Clone, Debug, Default)]
pub struct CreateStack {
    pub stack_name: String,
    pub template_body: Option<String>,
    pub parameters: Vec<ParameterInput>,
    pub capabilities: Vec<String>,
    pub tags: Tags,
    /// `ROLLBACK` (what is done without it), `DELETE` or `DO_NOTHING`; not together with `disable_rollback`.
    pub on_failure: Option<String>,
    pub disable_rollback: Option<bool>,
    pub enable_termination_protection: bool,
    pub client_request_token: Option<String>,
}

/// `UpdateStack`.
#[derive(Clone, Debug, Default)]
pub struct UpdateStack {
    /// A name or an id.
    pub stack_name: String,
    pub template_body: Option<String>,
    pub use_previous_template: bool,
    pub parameters: Vec<ParameterInput>,
    pub capabilities: Vec<String>,
    /// `None` keeps the stack's tags; an empty map takes them away.
    pub tags: Option<Tags>,
    pub disable_rollback: Option<bool>,
    pub client_request_token: Option<String>,
}

/// `DeleteStack`.
#[derive(Clone, Debug, Default)]
pub struct DeleteStack {
    /// A name or an id.
    pub stack_name: String,
    /// Logical ids to leave behind; only for a stack in `DELETE_FAILED`.
    pub retain_resources: Vec<String>,
    pub client_request_token: Option<String>,
}

/// `RollbackStack`.
#[derive(Clone, Debug, Default)]
pub struct RollbackStack {
    /// A name or an id.
    pub stack_name: String,
    pub client_request_token: Option<String>,
}

/// `ContinueUpdateRollback`.
#[derive(Clone, Debug, Default)]
pub struct ContinueUpdateRollback {
    /// A name or an id.
    pub stack_name: String,
    /// Logical ids of resources in `UPDATE_FAILED` that stay as they are.
    pub resources_to_skip: Vec<String>,
    pub client_request_token: Option<String>,
}

/// `CreateChangeSet`.
#[derive(Clone, Debug, Default)]
pub struct CreateChangeSet {
    /// A name or an id.
    pub stack_name: String,
    pub change_set_name: String,
    /// `CREATE` or `UPDATE` (what is done without it).
    pub change_set_type: Option<String>,
    pub description: Option<String>,
    pub template_body: Option<String>,
    pub use_previous_template: bool,
    pub parameters: Vec<ParameterInput>,
    pub capabilities: Vec<String>,
    pub tags: Option<Tags>,
    /// `ROLLBACK`, `DELETE` or `DO_NOTHING`, for the execution.
    pub on_stack_failure: Option<String>,
}

/// `ExecuteChangeSet`.
#[derive(Clone, Debug, Default)]
pub struct ExecuteChangeSet {
    /// A name or an ARN.
    pub change_set_name: String,
    /// Needed unless `change_set_name` is an ARN.
    pub stack_name: Option<String>,
    pub disable_rollback: Option<bool>,
    pub client_request_token: Option<String>,
}

/// What `CreateChangeSet` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSetCreated {
    pub id: ChangeSetId,
    pub stack_id: StackId,
}

/// A change set with the stack it belongs to; values of `NoEcho` parameters are `****`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeSetDescription {
    pub stack_id: StackId,
    pub stack_name: String,
    pub change_set: ChangeSet,
}

/// A line of `ListStacks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSummary {
    pub id: StackId,
    pub name: String,
    pub template_description: Option<String>,
    pub created: Timestamp,
    pub updated: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub status: String,
    pub status_reason: Option<String>,
}

impl From<&Stack> for StackSummary {
    fn from(stack: &Stack) -> Self {
        Self {
            id: stack.id.clone(),
            name: stack.name.clone(),
            template_description: stack.description.clone(),
            created: stack.created,
            updated: stack.updated,
            deleted: stack.deleted,
            status: stack.status.clone(),
            status_reason: stack.status_reason.clone(),
        }
    }
}

/// Whose template `GetTemplate` and `GetTemplateSummary` look at.
#[derive(Clone, Debug)]
pub enum TemplateSource {
    /// A template sent along.
    Body(String),
    /// A stack's, by name or id.
    Stack(String),
    /// A change set's, by name or ARN, and its stack unless it is an ARN.
    ChangeSet { change_set_name: String, stack_name: Option<String> },
}

/// A parameter as a template declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterDeclaration {
    pub key: String,
    pub default: Option<String>,
    /// Such as `List<AWS::EC2::Subnet::Id>`.
    pub parameter_type: String,
    pub no_echo: bool,
    pub description: Option<String>,
    pub allowed_values: Vec<String>,
}

/// What `ValidateTemplate` and `GetTemplateSummary` answer. No resource type built here needs a capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateSummary {
    pub description: Option<String>,
    /// In the order of the template.
    pub parameters: Vec<ParameterDeclaration>,
    /// Each once, sorted.
    pub resource_types: Vec<String>,
    /// The template's `AWSTemplateFormatVersion`, if it has one.
    pub version: Option<String>,
    /// The template's `Metadata` as JSON text.
    pub metadata: Option<String>,
}

/// One exported value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    pub exporting_stack_id: StackId,
    pub name: String,
    pub value: String,
}

/// Parameters by key.
pub(crate) type Values = BTreeMap<String, String>;
