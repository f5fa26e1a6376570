//! `CreateStack`, `UpdateStack`, `DeleteStack`, `UpdateTerminationProtection`.

use std::collections::BTreeMap;

use kura_model::{AccountId, Change, Cloud, Stack, StackId, Tags};

use crate::{
    CreateStack, DeleteStack, Error, ParameterInput, UpdateStack, engine,
    engine::{Next, Operation, importers, uuid},
    lookup, parameters,
    request::Values,
    template::Template,
};

/// Statuses from which a stack may be updated.
const UPDATABLE: [&str; 5] =
    ["CREATE_COMPLETE", "CREATE_FAILED", "UPDATE_COMPLETE", "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE"];

/// Creates a stack and works until it stands or has been rolled back.
///
/// # Errors
/// When the request is unsound or a stack of the name exists; nothing was made then. `InternalFailure` when the stack
/// could not be written down: [`recover`](crate::recover) ends what was begun.
pub fn create_stack(
    cloud: &mut dyn Cloud,
    account: &AccountId,
    request: CreateStack,
) -> Result<StackId, Error> {
    lookup::check_name(&request.stack_name, "stackName")?;
    let token = request.client_request_token.clone();
    if let Some(stack) = lookup::stack(cloud.state(), account, &request.stack_name) {
        if repeated(stack, token.as_deref(), "CREATE_IN_PROGRESS")? {
            return Ok(stack.id.clone());
        }
        return Err(Error::new(
            "AlreadyExistsException",
            format!("Stack [{}] already exists", request.stack_name),
        ));
    }
    let text = body(request.template_body)?;
    let template = Template::parse(&text)?;
    let values = parameters::values(&template, &request.parameters, None)?;
    check_tags(&request.tags)?;
    let on_failure = match (request.on_failure.as_deref(), request.disable_rollback) {
        (Some(_), Some(_)) => {
            return Err(Error::validation(
                "You can specify either DisableRollback or OnFailure, but not both.",
            ));
        }
        (Some(policy), None) => on_failure(policy)?,
        (None, Some(true)) => "DO_NOTHING",
        (None, _) => "ROLLBACK",
    };
    let mut stack = blank(cloud, account, &request.stack_name);
    stack.disable_rollback = on_failure == "DO_NOTHING";
    stack.on_failure = on_failure.to_owned();
    stack.termination_protection = request.enable_termination_protection;
    let next = Next {
        description: template.description.clone(),
        template: text,
        parameters: values,
        capabilities: request.capabilities,
        tags: request.tags,
    };
    // All that is wrong whatever the resources will be is found here, before anything is made.
    engine::plan(cloud, account, &stack, &next)?;
    put(&mut stack, next);
    let id = stack.id.clone();
    Operation::new(cloud, stack, token).create()?;
    Ok(id)
}

/// Updates a stack, in place or by replacement; a failure restores what was.
///
/// # Errors
/// When the request is unsound, the stack is not there or not in a state for it, or there is nothing to do
/// (`No updates are to be performed.`).
pub fn update_stack(
    cloud: &mut dyn Cloud,
    account: &AccountId,
    request: UpdateStack,
) -> Result<StackId, Error> {
    let mut stack = lookup::existing(cloud.state(), account, &request.stack_name)?.clone();
    let token = request.client_request_token;
    if repeated(&stack, token.as_deref(), "UPDATE_IN_PROGRESS")? {
        return Ok(stack.id);
    }
    check_updatable(&stack)?;
    let next = next(
        &stack,
        request.template_body,
        request.use_previous_template,
        &request.parameters,
        request.capabilities,
        request.tags,
    )?;
    if !engine::plan(cloud, account, &stack, &next)?.differs {
        return Err(Error::validation("No updates are to be performed."));
    }
    if let Some(disable) = request.disable_rollback {
        stack.disable_rollback = disable;
    }
    let id = stack.id.clone();
    Operation::new(cloud, stack, token).update(next)?;
    Ok(id)
}

/// Deletes a stack; one that does not exist is no error.
///
/// # Errors
/// When it is protected, or another stack uses one of its exports.
pub fn delete_stack(cloud: &mut dyn Cloud, account: &AccountId, request: DeleteStack) -> Result<(), Error> {
    let Some(stack) = lookup::stack(cloud.state(), account, &request.stack_name).cloned() else {
        return Ok(());
    };
    if stack.deleted.is_some() {
        return Ok(());
    }
    if stack.termination_protection {
        return Err(Error::validation(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        )));
    }
    if !request.retain_resources.is_empty() {
        if stack.status != "DELETE_FAILED" {
            return Err(Error::validation(format!(
                "Invalid operation on stack [{}]. RetainResources can only be used for stacks in the DELETE_FAILED state.",
                stack.id
            )));
        }
        let unknown = request.retain_resources.iter().find(|name| !stack.resources.contains_key(*name));
        if let Some(name) = unknown {
            return Err(Error::validation(format!(
                "Resource [{name}] does not exist in stack {}",
                stack.name
            )));
        }
    }
    for name in stack.outputs.iter().filter_map(|output| output.export_name.as_ref()) {
        let users = importers(cloud.state(), account, name);
        if let Some(user) = users.iter().find(|user| **user != stack.name) {
            return Err(Error::validation(format!(
                "Export {name} cannot be deleted as it is in use by {user}"
            )));
        }
    }
    Operation::new(cloud, stack, request.client_request_token).delete(&request.retain_resources)
}

/// Says whether a stack may be deleted.
///
/// # Errors
/// When there is no such stack.
pub fn update_termination_protection(
    cloud: &mut dyn Cloud,
    account: &AccountId,
    stack: &str,
    enable: bool,
) -> Result<StackId, Error> {
    let mut stack = lookup::existing(cloud.state(), account, stack)?.clone();
    if stack.deleted.is_some() {
        return Err(Error::validation(format!("Stack [{}] has been deleted", stack.name)));
    }
    stack.termination_protection = enable;
    let id = stack.id.clone();
    cloud.change(account, Change::PutStack(Box::new(stack)), None)?;
    Ok(id)
}

/// The template of a request.
pub(crate) fn body(text: Option<String>) -> Result<String, Error> {
    text.ok_or_else(|| {
        Error::validation(
            "Either Template URL or Template Body must be specified; the link takes a body only.",
        )
    })
}

/// What to do when a creation fails.
pub(crate) fn on_failure(policy: &str) -> Result<&'static str, Error> {
    Ok(match policy {
        "ROLLBACK" => "ROLLBACK",
        "DELETE" => "DELETE",
        "DO_NOTHING" => "DO_NOTHING",
        other => {
            return Err(Error::validation(format!(
                "1 validation error detected: Value '{other}' at 'onFailure' failed to satisfy constraint: Member must satisfy enum value set: [ROLLBACK, DELETE, DO_NOTHING]"
            )));
        }
    })
}

/// A stack that has nothing yet.
pub(crate) fn blank(cloud: &mut dyn Cloud, account: &AccountId, name: &str) -> Stack {
    let tail = uuid(cloud);
    let region = &cloud.state().region;
    Stack {
        id: StackId::new(format!("arn:aws:cloudformation:{region}:{account}:stack/{name}/{tail}")),
        name: name.to_owned(),
        owner: account.clone(),
        status: String::new(),
        status_reason: None,
        description: None,
        template: String::new(),
        parameters: Values::new(),
        capabilities: Vec::new(),
        disable_rollback: false,
        on_failure: "ROLLBACK".to_owned(),
        termination_protection: false,
        resources: BTreeMap::new(),
        outputs: Vec::new(),
        events: Vec::new(),
        change_sets: BTreeMap::new(),
        imports: std::collections::BTreeSet::new(),
        previous: None,
        created: cloud.now(),
        updated: None,
        deleted: None,
        tags: Tags::new(),
    }
}

/// What a new stack is to be.
pub(crate) fn put(stack: &mut Stack, next: Next) {
    stack.template = next.template;
    stack.description = next.description;
    stack.parameters = next.parameters;
    stack.capabilities = next.capabilities;
    stack.tags = next.tags;
}

/// What an update asks for, with what it leaves as it was.
pub(crate) fn next(
    stack: &Stack,
    body: Option<String>,
    use_previous: bool,
    given: &[ParameterInput],
    capabilities: Vec<String>,
    tags: Option<Tags>,
) -> Result<Next, Error> {
    let text = match (body, use_previous) {
        (Some(_), true) => {
            return Err(Error::validation("You cannot specify both usePreviousTemplate and Template Body."));
        }
        (Some(text), false) => text,
        (None, true) => stack.template.clone(),
        (None, false) => {
            return Err(Error::validation("Either Template URL or Template Body must be specified."));
        }
    };
    let template = Template::parse(&text)?;
    let parameters = parameters::values(&template, given, Some(&stack.parameters))?;
    if let Some(tags) = &tags {
        check_tags(tags)?;
    }
    Ok(Next {
        description: template.description.clone(),
        template: text,
        parameters,
        capabilities,
        tags: tags.unwrap_or_else(|| stack.tags.clone()),
    })
}

/// Refuses an update in the wrong moment.
pub(crate) fn check_updatable(stack: &Stack) -> Result<(), Error> {
    if UPDATABLE.contains(&stack.status.as_str()) {
        return Ok(());
    }
    Err(Error::validation(format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status)))
}

/// Stack tags: at most 50, and none of AWS's own.
pub(crate) fn check_tags(tags: &Tags) -> Result<(), Error> {
    if tags.len() > 50 {
        return Err(Error::validation(format!("A stack has at most 50 tags; these are {}.", tags.len())));
    }
    for (key, value) in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::validation(format!(
                "aws: prefixed tag key names are not allowed for external use: {key}"
            )));
        }
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(Error::validation(format!(
                "Tag '{key}' does not fit: keys have 1 to 128 characters, values at most 256."
            )));
        }
    }
    Ok(())
}

/// Whether a request's token came with the stack's current operation; another operation's is refused.
pub(crate) fn repeated(stack: &Stack, token: Option<&str>, status: &str) -> Result<bool, Error> {
    let Some(token) = token else { return Ok(false) };
    let begins = |event: &&kura_model::StackEvent| {
        event.resource_type == engine::STACK && event.token.as_deref() == Some(token)
    };
    match stack.events.iter().find(begins) {
        None => Ok(false),
        Some(event) if event.status == status => Ok(true),
        Some(_) => Err(Error::new(
            "TokenAlreadyExistsException",
            format!("Token {token} already exists for another operation on stack {}", stack.name),
        )),
    }
}
