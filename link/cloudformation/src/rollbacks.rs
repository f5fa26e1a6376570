//! `RollbackStack`, `ContinueUpdateRollback`, `CancelUpdateStack`.

use kura_model::{AccountId, Cloud, Stack, StackId};

use crate::{ContinueUpdateRollback, Error, RollbackStack, engine::Operation, lookup, stacks::repeated};

/// What the event says that begins a rollback someone asked for.
const REQUESTED: &str = "User Initiated";

/// Rolls back a stack that was left as it failed (`DisableRollback`): to what it was before the update, or, where
/// nothing was, to nothing.
///
/// # Errors
/// When there is no such stack, or it is in no state for it.
pub fn rollback_stack(
    cloud: &mut dyn Cloud,
    account: &AccountId,
    request: RollbackStack,
) -> Result<StackId, Error> {
    let stack = lookup::existing(cloud.state(), account, &request.stack_name)?.clone();
    let token = request.client_request_token;
    for begun in ["ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"] {
        if repeated(&stack, token.as_deref(), begun).unwrap_or(false) {
            return Ok(stack.id);
        }
    }
    let (id, status) = (stack.id.clone(), stack.status.clone());
    let operation = Operation::new(cloud, stack, token);
    match status.as_str() {
        "CREATE_FAILED" => operation.uncreate(REQUESTED)?,
        "UPDATE_FAILED" => operation.roll_back_update(REQUESTED)?,
        _ => return Err(refused("RollbackStack", &operation.stack)),
    }
    Ok(id)
}

/// Tries again to go back to what was before an update, without the resources to skip: they stay as they are.
///
/// # Errors
/// When there is no such stack, its rollback has not failed, or a resource to skip has not.
pub fn continue_update_rollback(
    cloud: &mut dyn Cloud,
    account: &AccountId,
    request: ContinueUpdateRollback,
) -> Result<(), Error> {
    let stack = lookup::existing(cloud.state(), account, &request.stack_name)?.clone();
    let token = request.client_request_token;
    if repeated(&stack, token.as_deref(), "UPDATE_ROLLBACK_IN_PROGRESS")? {
        return Ok(());
    }
    if stack.status != "UPDATE_ROLLBACK_FAILED" {
        return Err(refused("ContinueUpdateRollback", &stack));
    }
    let failed =
        |name: &String| stack.resources.get(name).is_some_and(|resource| resource.status == "UPDATE_FAILED");
    if let Some(name) = request.resources_to_skip.iter().find(|name| !failed(name)) {
        return Err(Error::validation(format!(
            "The resource {name} cannot be skipped: only resources of the stack in UPDATE_FAILED can."
        )));
    }
    let mut operation = Operation::new(cloud, stack, token);
    operation.skip(&request.resources_to_skip);
    operation.roll_back_update(REQUESTED)
}

/// Ends an update that is on its way. None ever is when a request is looked at: an update has ended when its own
/// request is answered.
///
/// # Errors
/// Always; when there is no such stack, that.
pub fn cancel_update_stack(cloud: &dyn Cloud, account: &AccountId, stack: &str) -> Result<(), Error> {
    lookup::existing(cloud.state(), account, stack)?;
    Err(Error::validation("CancelUpdateStack cannot be called from current stack status"))
}

fn refused(action: &str, stack: &Stack) -> Error {
    Error::validation(format!(
        "{action} cannot be called while Stack:{} is in {} state",
        stack.id, stack.status
    ))
}
