//! CloudFormation over [`kura_model::Cloud`]: a template is read, its resources are put in order, and each becomes
//! changes of the model; the stack keeps the events in AWS's order and wording.
//!
//! Everything is synchronous: when a call returns, the stack has reached its final status, so a waiter's first poll
//! ends. What a caller's request got wrong is an [`Error`]; what goes wrong with a resource is an event of the stack,
//! followed by the rollback, as on AWS.
//!
//! Every function takes the cloud and the account that asks. Stacks and change sets are handed out as the model's own
//! types ([`kura_model::Stack`], [`kura_model::ChangeSet`]), with the values of `NoEcho` parameters as `****`.
//!
//! Not here: signatures, the wire's XML and pages (that is `kura-aws-api`), nested stacks, macros, modules.
#![allow(missing_docs, reason = "request fields are named as AWS names them; types and rules are documented")]

mod error;
mod request;

pub use error::Error;
pub use request::*;

use kura_model::{AccountId, Cloud, Stack, StackEvent, StackId, StackResource, State};

macro_rules! early { ($($(#[$d:meta])* fn $n:ident($($a:ident : $t:ty),*) -> $r:ty;)*) => {$(
    $(#[$d])*
    pub fn $n($($a: $t),*) -> $r { $(let _ = $a;)* Err(Error::new("InternalFailure", "not here yet")) }
)*} }

early! {
    /// Creates a stack and works until it stands or has been rolled back.
    fn create_stack(cloud: &mut dyn Cloud, account: &AccountId, request: CreateStack) -> Result<StackId, Error>;
    /// Updates a stack, in place or by replacement; a failure restores what was.
    fn update_stack(cloud: &mut dyn Cloud, account: &AccountId, request: UpdateStack) -> Result<StackId, Error>;
    /// Deletes a stack; one that does not exist is no error.
    fn delete_stack(cloud: &mut dyn Cloud, account: &AccountId, request: DeleteStack) -> Result<(), Error>;
    /// `UpdateTerminationProtection`.
    fn update_termination_protection(cloud: &mut dyn Cloud, account: &AccountId, stack: &str, enable: bool) -> Result<StackId, Error>;
    /// Prepares a change.
    fn create_change_set(cloud: &mut dyn Cloud, account: &AccountId, request: CreateChangeSet) -> Result<ChangeSetCreated, Error>;
    /// Does what a change set says.
    fn execute_change_set(cloud: &mut dyn Cloud, account: &AccountId, request: ExecuteChangeSet) -> Result<(), Error>;
    /// Forgets a change set; one that does not exist is no error.
    fn delete_change_set(cloud: &mut dyn Cloud, account: &AccountId, change_set: &str, stack: Option<&str>) -> Result<(), Error>;
    /// One change set.
    fn describe_change_set(state: &State, account: &AccountId, change_set: &str, stack: Option<&str>) -> Result<ChangeSetDescription, Error>;
    /// The change sets of a stack.
    fn list_change_sets(state: &State, account: &AccountId, stack: &str) -> Result<Vec<ChangeSetDescription>, Error>;
    /// Stacks that are not deleted, newest first; by name or id (by id, a deleted one too).
    fn describe_stacks(state: &State, account: &AccountId, stack: Option<&str>) -> Result<Vec<Stack>, Error>;
    /// Newest first.
    fn describe_stack_events(state: &State, account: &AccountId, stack: &str) -> Result<(Stack, Vec<StackEvent>), Error>;
    /// One resource (`DescribeStackResource`) or all (`DescribeStackResources`, `ListStackResources`).
    fn describe_stack_resources(state: &State, account: &AccountId, stack: &str, logical_id: Option<&str>) -> Result<(Stack, Vec<StackResource>), Error>;
    /// The stack's resource a physical id belongs to (`DescribeStackResources` with `PhysicalResourceId`).
    fn stack_of_physical_resource(state: &State, account: &AccountId, physical_id: &str) -> Result<Stack, Error>;
    /// Deleted ones too, newest first; only those of a status in `statuses` unless it is empty.
    fn list_stacks(state: &State, account: &AccountId, statuses: &[String]) -> Result<Vec<StackSummary>, Error>;
    /// A template as it was sent.
    fn get_template(state: &State, account: &AccountId, source: &TemplateSource) -> Result<String, Error>;
    /// What a template declares.
    fn get_template_summary(state: &State, account: &AccountId, source: &TemplateSource) -> Result<TemplateSummary, Error>;
    /// Whether a template can be read.
    fn validate_template(template_body: &str) -> Result<TemplateSummary, Error>;
    /// All exported values of the account.
    fn list_exports(state: &State, account: &AccountId) -> Result<Vec<Export>, Error>;
    /// Names of the stacks that import a value.
    fn list_imports(state: &State, account: &AccountId, export: &str) -> Result<Vec<String>, Error>;
    /// Ends what a crash interrupted: a stack found in progress is rolled back, a deletion goes on. To be called once at start.
    fn recover(cloud: &mut dyn Cloud) -> Result<Vec<StackId>, Error>;
}
