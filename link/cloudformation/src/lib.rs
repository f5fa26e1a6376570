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

mod change_sets;
mod conditions;
mod engine;
mod error;
mod graph;
mod intrinsics;
mod lookup;
mod parameters;
mod read;
mod request;
mod resources;
mod rollbacks;
mod stacks;
mod template;
mod time;

pub use change_sets::{
    create_change_set, delete_change_set, describe_change_set, execute_change_set, list_change_sets,
};
pub use error::Error;
pub use read::{
    describe_stack_events, describe_stack_resources, describe_stacks, get_template, get_template_summary,
    list_exports, list_imports, list_stacks, stack_of_physical_resource, validate_template,
};
pub use request::*;
pub use rollbacks::{cancel_update_stack, continue_update_rollback, rollback_stack};
pub use stacks::{create_stack, delete_stack, update_stack, update_termination_protection};
pub use template::BODY_LIMIT_BYTES;

use kura_model::{Cloud, StackId};

/// Ends what a crash interrupted: a creation or an update is rolled back; a deletion, a cleanup or a rollback goes on.
/// To be called once at start; the stacks it found are returned.
///
/// # Errors
/// When the state cannot be written.
pub fn recover(cloud: &mut dyn Cloud) -> Result<Vec<StackId>, Error> {
    engine::recover(cloud)
}
