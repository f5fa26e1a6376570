//! Creating, updating and deleting stacks.

use kura_cloudformation::{ContinueUpdateRollback, CreateStack, DeleteStack, RollbackStack, UpdateStack};

use super::{body, parameters, stack_id, tags, without_effect};
use crate::{call::Call, refusal::Answer, xml::Xml};

pub fn create(call: &mut Call<'_>) -> Answer {
    without_effect(call)?;
    let request = CreateStack {
        stack_name: call.params.need("StackName")?,
        template_body: body(call)?,
        parameters: parameters(call)?,
        capabilities: call.params.texts("Capabilities.member"),
        tags: tags(call)?.unwrap_or_default(),
        on_failure: call.params.text("OnFailure"),
        disable_rollback: call.params.flag("DisableRollback")?,
        enable_termination_protection: call.params.flag("EnableTerminationProtection")?.unwrap_or(false),
        client_request_token: call.params.text("ClientRequestToken"),
    };
    call.understood()?;
    let account = call.account().clone();
    Ok(stack_id(&kura_cloudformation::create_stack(call.cloud, &account, request)?))
}

pub fn update(call: &mut Call<'_>) -> Answer {
    without_effect(call)?;
    let request = UpdateStack {
        stack_name: call.params.need("StackName")?,
        template_body: body(call)?,
        use_previous_template: call.params.flag("UsePreviousTemplate")?.unwrap_or(false),
        parameters: parameters(call)?,
        capabilities: call.params.texts("Capabilities.member"),
        tags: tags(call)?,
        disable_rollback: call.params.flag("DisableRollback")?,
        client_request_token: call.params.text("ClientRequestToken"),
    };
    call.understood()?;
    let account = call.account().clone();
    Ok(stack_id(&kura_cloudformation::update_stack(call.cloud, &account, request)?))
}

pub fn roll_back(call: &mut Call<'_>) -> Answer {
    // What a creation made is never kept: its policies say so for what has any.
    call.params.without_effect(&["RetainExceptOnCreate"]);
    let request = RollbackStack {
        stack_name: call.params.need("StackName")?,
        client_request_token: call.params.text("ClientRequestToken"),
    };
    call.understood()?;
    let account = call.account().clone();
    Ok(stack_id(&kura_cloudformation::rollback_stack(call.cloud, &account, request)?))
}

pub fn continue_rollback(call: &mut Call<'_>) -> Answer {
    let request = ContinueUpdateRollback {
        stack_name: call.params.need("StackName")?,
        resources_to_skip: call.params.texts("ResourcesToSkip.member"),
        client_request_token: call.params.text("ClientRequestToken"),
    };
    call.understood()?;
    let account = call.account().clone();
    kura_cloudformation::continue_update_rollback(call.cloud, &account, request)?;
    Ok(Xml::query())
}

pub fn cancel_update(call: &mut Call<'_>) -> Answer {
    let stack = call.params.need("StackName")?;
    call.params.text("ClientRequestToken");
    call.understood()?;
    kura_cloudformation::cancel_update_stack(call.cloud, call.account(), &stack)?;
    Ok(Xml::query())
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    without_effect(call)?;
    let request = DeleteStack {
        stack_name: call.params.need("StackName")?,
        retain_resources: call.params.texts("RetainResources.member"),
        client_request_token: call.params.text("ClientRequestToken"),
    };
    call.understood()?;
    let account = call.account().clone();
    kura_cloudformation::delete_stack(call.cloud, &account, request)?;
    Ok(Xml::query())
}

pub fn protect(call: &mut Call<'_>) -> Answer {
    let stack = call.params.need("StackName")?;
    let enable = call.params.flag("EnableTerminationProtection")?;
    let enable = enable.ok_or_else(|| crate::refusal::Refusal::missing("EnableTerminationProtection"))?;
    call.understood()?;
    let account = call.account().clone();
    let id = kura_cloudformation::update_termination_protection(call.cloud, &account, &stack, enable)?;
    Ok(stack_id(&id))
}
