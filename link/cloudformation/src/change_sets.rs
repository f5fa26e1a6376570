//! Change sets: an update, or a creation, that is looked at before it is done.

use std::collections::BTreeMap;

use kura_model::{AccountId, Change, ChangeSet, ChangeSetId, Cloud, State};

use crate::{
    ChangeSetCreated, ChangeSetDescription, CreateChangeSet, Error, ExecuteChangeSet, engine,
    engine::{Next, Operation, uuid},
    lookup,
    parameters::values,
    stacks,
    template::Template,
};

/// What the command line looks for to know that there is nothing to deploy.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

/// Prepares a change. Of type `CREATE` it makes the stack too, in `REVIEW_IN_PROGRESS` and without resources.
///
/// # Errors
/// When the request is unsound. A change set without changes is none: it is there, `FAILED`, and says so.
pub fn create_change_set(
    cloud: &mut dyn Cloud,
    account: &AccountId,
    request: CreateChangeSet,
) -> Result<ChangeSetCreated, Error> {
    lookup::check_name(&request.change_set_name, "changeSetName")?;
    let kind = request.change_set_type.as_deref().unwrap_or("UPDATE");
    let found = lookup::stack(cloud.state(), account, &request.stack_name)
        .filter(|stack| stack.deleted.is_none())
        .cloned();
    let mut stack = match (kind, found) {
        ("CREATE", None) => {
            lookup::check_name(&request.stack_name, "stackName")?;
            stacks::blank(cloud, account, &request.stack_name)
        }
        ("CREATE", Some(stack)) if stack.status == "REVIEW_IN_PROGRESS" => stack,
        ("CREATE", Some(stack)) => {
            return Err(Error::validation(format!(
                "Stack [{}] already exists and cannot be created again with the changeSet [{}].",
                stack.name, request.change_set_name
            )));
        }
        ("UPDATE", Some(stack)) => {
            stacks::check_updatable(&stack)?;
            stack
        }
        ("UPDATE", None) => {
            return Err(Error::validation(format!("Stack [{}] does not exist", request.stack_name)));
        }
        (other, _) => {
            return Err(Error::validation(format!(
                "1 validation error detected: Value '{other}' at 'changeSetType' failed to satisfy constraint: Member must satisfy enum value set: [UPDATE, CREATE]; IMPORT is not built"
            )));
        }
    };
    // One that cannot be executed is only a memory, and gives way: `aws cloudformation deploy` names them by the
    // second.
    stack
        .change_sets
        .retain(|_, other| other.name != request.change_set_name || other.execution_status == "AVAILABLE");
    if stack.change_sets.values().any(|other| other.name == request.change_set_name) {
        return Err(Error::new(
            "AlreadyExistsException",
            format!("ChangeSet [{}] already exists", request.change_set_name),
        ));
    }
    if let Some(policy) = &request.on_stack_failure {
        stack.on_failure = stacks::on_failure(policy)?.to_owned();
        stack.disable_rollback = policy == "DO_NOTHING";
    }
    let next = if kind == "CREATE" {
        let text = stacks::body(request.template_body)?;
        let template = Template::parse(&text)?;
        let tags = request.tags.unwrap_or_default();
        stacks::check_tags(&tags)?;
        Next {
            parameters: values(&template, &request.parameters, None)?,
            description: template.description,
            template: text,
            capabilities: request.capabilities,
            tags,
        }
    } else {
        stacks::next(
            &stack,
            request.template_body,
            request.use_previous_template,
            &request.parameters,
            request.capabilities,
            request.tags,
        )?
    };
    let plan = engine::plan(cloud, account, &stack, &next)?;
    let tail = uuid(cloud);
    let region = &cloud.state().region;
    let name = &request.change_set_name;
    let id = ChangeSetId::new(format!("arn:aws:cloudformation:{region}:{account}:changeSet/{name}/{tail}"));
    let fails = kind == "UPDATE" && !plan.differs;
    let (status, execution, reason) = if fails {
        ("FAILED", "UNAVAILABLE", Some(NO_CHANGES.to_owned()))
    } else {
        ("CREATE_COMPLETE", "AVAILABLE", None)
    };
    let change_set = ChangeSet {
        id: id.clone(),
        name: name.clone(),
        description: request.description,
        kind: kind.to_owned(),
        status: status.to_owned(),
        status_reason: reason,
        execution_status: execution.to_owned(),
        template: next.template,
        parameters: next.parameters,
        capabilities: next.capabilities,
        tags: next.tags,
        changes: plan.changes,
        created: cloud.now(),
    };
    stack.change_sets.insert(id.clone(), change_set);
    let stack_id = stack.id.clone();
    let mut operation = Operation::new(cloud, stack, None);
    if operation.stack.status.is_empty() {
        operation.stack_event("REVIEW_IN_PROGRESS", Some("User Initiated"));
    }
    operation.save()?;
    Ok(ChangeSetCreated { id, stack_id })
}

/// Does what a change set says. The stack's other change sets are gone then: they were made for what it was.
///
/// # Errors
/// When there is no such change set or it cannot be executed.
pub fn execute_change_set(
    cloud: &mut dyn Cloud,
    account: &AccountId,
    request: ExecuteChangeSet,
) -> Result<(), Error> {
    let name = &request.change_set_name;
    let (stack, change_set) =
        lookup::change_set(cloud.state(), account, name, request.stack_name.as_deref())?;
    let (mut stack, change_set) = (stack.clone(), change_set.clone());
    if change_set.execution_status != "AVAILABLE" {
        return Err(Error::new(
            "InvalidChangeSetStatus",
            format!(
                "ChangeSet [{}] cannot be executed in its current status of [{}]",
                change_set.id,
                if change_set.status == "FAILED" { &change_set.status } else { &change_set.execution_status }
            ),
        ));
    }
    if change_set.kind == "UPDATE" {
        stacks::check_updatable(&stack)?;
    }
    if let Some(disable) = request.disable_rollback {
        stack.disable_rollback = disable;
        if disable {
            stack.on_failure = "DO_NOTHING".to_owned();
        } else if stack.on_failure == "DO_NOTHING" {
            stack.on_failure = "ROLLBACK".to_owned();
        }
    }
    let template = Template::parse(&change_set.template)?;
    let next = Next {
        template: change_set.template.clone(),
        description: template.description,
        parameters: change_set.parameters.clone(),
        capabilities: change_set.capabilities.clone(),
        tags: change_set.tags.clone(),
    };
    let kind = change_set.kind.clone();
    let done = ChangeSet { execution_status: "EXECUTE_COMPLETE".to_owned(), ..change_set };
    stack.change_sets = BTreeMap::from([(done.id.clone(), done)]);
    if kind == "CREATE" {
        stacks::put(&mut stack, next);
        return Operation::new(cloud, stack, request.client_request_token).create();
    }
    Operation::new(cloud, stack, request.client_request_token).update(next)
}

/// Forgets a change set; one that does not exist is no error.
///
/// # Errors
/// When its stack does not exist.
pub fn delete_change_set(
    cloud: &mut dyn Cloud,
    account: &AccountId,
    change_set: &str,
    stack: Option<&str>,
) -> Result<(), Error> {
    let (mut stack, id) = match lookup::change_set(cloud.state(), account, change_set, stack) {
        Ok((stack, change_set)) => (stack.clone(), change_set.id.clone()),
        Err(error) if error.code == "ChangeSetNotFound" => return Ok(()),
        Err(error) => return Err(error),
    };
    stack.change_sets.remove(&id);
    cloud.change(account, Change::PutStack(Box::new(stack)), None)?;
    Ok(())
}

/// One change set.
///
/// # Errors
/// When there is none.
pub fn describe_change_set(
    state: &State,
    account: &AccountId,
    change_set: &str,
    stack: Option<&str>,
) -> Result<ChangeSetDescription, Error> {
    let (stack, change_set) = lookup::change_set(state, account, change_set, stack)?;
    Ok(described(stack, change_set))
}

/// The change sets of a stack, oldest first.
///
/// # Errors
/// When there is no such stack.
pub fn list_change_sets(
    state: &State,
    account: &AccountId,
    stack: &str,
) -> Result<Vec<ChangeSetDescription>, Error> {
    let stack = lookup::existing(state, account, stack)?;
    let mut all: Vec<_> = stack.change_sets.values().map(|change_set| described(stack, change_set)).collect();
    all.sort_by_key(|described| described.change_set.created);
    Ok(all)
}

fn described(stack: &kura_model::Stack, change_set: &ChangeSet) -> ChangeSetDescription {
    let mut change_set = change_set.clone();
    lookup::mask(&change_set.template, &mut change_set.parameters);
    ChangeSetDescription { stack_id: stack.id.clone(), stack_name: stack.name.clone(), change_set }
}
