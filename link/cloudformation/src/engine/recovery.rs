//! After a crash: stacks found in the middle of something.

use kura_model::{Cloud, StackId};

use super::Operation;
use crate::Error;

const INTERRUPTED: &str = "The operation was interrupted when the link stopped. ";

/// Brings every stack that is in the middle of something to an end: a creation or update is rolled back, a deletion,
/// a cleanup or a rollback goes on.
pub(crate) fn recover(cloud: &mut dyn Cloud) -> Result<Vec<StackId>, Error> {
    let stacks = cloud.state().stacks.values();
    let open: Vec<StackId> = stacks
        .filter(|stack| stack.status.ends_with("_IN_PROGRESS") && stack.status != "REVIEW_IN_PROGRESS")
        .map(|stack| stack.id.clone())
        .collect();
    for id in &open {
        let Some(stack) = cloud.state().stacks.get(id).cloned() else { continue };
        let token = stack.events.last().and_then(|event| event.token.clone());
        let status = stack.status.clone();
        let operation = Operation::new(cloud, stack, token);
        match status.as_str() {
            "CREATE_IN_PROGRESS" => operation.not_created(INTERRUPTED)?,
            "ROLLBACK_IN_PROGRESS" => operation.roll_back_creation()?,
            "UPDATE_IN_PROGRESS" => operation.roll_back_update(INTERRUPTED)?,
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => operation.clean_up()?,
            "DELETE_IN_PROGRESS" => operation.delete_all(&[])?,
            _ => operation.restore()?,
        }
    }
    Ok(open)
}
