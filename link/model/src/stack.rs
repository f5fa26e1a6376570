//! What is kept of a CloudFormation stack. The template language and the order of work are not known here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AccountId, ChangeSetId, StackId},
    state::{Tags, Timestamp},
};

/// A stack, deleted ones included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    pub id: StackId,
    pub name: String,
    pub owner: AccountId,
    /// As CloudFormation writes it, such as `CREATE_COMPLETE`.
    pub status: String,
    pub status_reason: Option<String>,
    pub description: Option<String>,
    /// The template as it was sent.
    pub template: String,
    /// The values in force, by parameter; lists comma-joined. Values of `NoEcho` parameters are here and never shown.
    pub parameters: BTreeMap<String, String>,
    pub capabilities: Vec<String>,
    pub disable_rollback: bool,
    /// `ROLLBACK`, `DELETE` or `DO_NOTHING`.
    pub on_failure: String,
    pub termination_protection: bool,
    pub resources: BTreeMap<String, StackResource>,
    pub outputs: Vec<Output>,
    /// Oldest first.
    pub events: Vec<StackEvent>,
    pub change_sets: BTreeMap<ChangeSetId, ChangeSet>,
    /// Names of the exports its template uses.
    #[serde(default)]
    pub imports: BTreeSet<String>,
    /// While an update is on its way, or after one that was left as it failed: what was before.
    #[serde(default)]
    pub previous: Option<Box<Previous>>,
    pub created: Timestamp,
    pub updated: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub tags: Tags,
}

/// What an update goes back to, and what it has to take away once it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    pub template: String,
    pub description: Option<String>,
    pub parameters: BTreeMap<String, String>,
    pub capabilities: Vec<String>,
    pub tags: Tags,
    pub resources: BTreeMap<String, StackResource>,
    pub outputs: Vec<Output>,
    pub imports: BTreeSet<String>,
    /// Resources of earlier updates that were left as they failed.
    pub leftovers: Vec<StackResource>,
}

/// One resource of a stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackResource {
    pub logical_id: String,
    pub physical_id: Option<String>,
    /// Such as `AWS::EC2::VPCEndpoint`.
    pub resource_type: String,
    pub status: String,
    pub status_reason: Option<String>,
    /// The resolved properties in force, as JSON text.
    pub properties: String,
    /// `Delete`, `Retain` or `RetainExceptOnCreate`.
    pub deletion_policy: String,
    /// `Delete` or `Retain`: what becomes of it when another takes its place.
    #[serde(default)]
    pub update_replace_policy: String,
    /// Logical ids it was made after, so that it goes before them.
    pub depends_on: Vec<String>,
    pub updated: Timestamp,
}

/// One line of a stack's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackEvent {
    pub id: String,
    pub logical_id: String,
    pub physical_id: Option<String>,
    pub resource_type: String,
    pub status: String,
    pub reason: Option<String>,
    /// The resolved properties as JSON text, for a resource.
    pub properties: Option<String>,
    pub token: Option<String>,
    pub at: Timestamp,
}

/// What a stack tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub key: String,
    pub value: String,
    pub description: Option<String>,
    pub export_name: Option<String>,
}

/// A change that was prepared and may be executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    pub id: ChangeSetId,
    pub name: String,
    pub description: Option<String>,
    /// `CREATE` or `UPDATE`.
    pub kind: String,
    pub status: String,
    pub status_reason: Option<String>,
    pub execution_status: String,
    pub template: String,
    pub parameters: BTreeMap<String, String>,
    pub capabilities: Vec<String>,
    pub tags: Tags,
    pub changes: Vec<ResourceChange>,
    pub created: Timestamp,
}

/// What a change set would do to one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// `Add`, `Modify` or `Remove`.
    pub action: String,
    pub logical_id: String,
    pub physical_id: Option<String>,
    pub resource_type: String,
    /// `True`, `False` or `Conditional`; only for `Modify`.
    pub replacement: Option<String>,
    /// The properties that differ.
    pub properties: Vec<String>,
}
