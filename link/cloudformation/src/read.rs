//! What only reads.

use std::collections::BTreeSet;

use kura_model::{AccountId, Stack, StackEvent, StackResource, State};

use crate::{
    Error, Export, StackSummary, TemplateSource, TemplateSummary, engine::importers, lookup,
    template::Template,
};

/// Stacks that are not deleted, newest first; by name or id (by id, a deleted one too).
///
/// # Errors
/// When a stack is named that does not exist.
pub fn describe_stacks(state: &State, account: &AccountId, stack: Option<&str>) -> Result<Vec<Stack>, Error> {
    if let Some(name) = stack {
        return Ok(vec![lookup::shown(lookup::existing(state, account, name)?)]);
    }
    let own = state.stacks.values().filter(|stack| stack.owner == *account && stack.deleted.is_none());
    let mut stacks: Vec<&Stack> = own.collect();
    stacks.sort_by(|a, b| (b.created, &a.id).cmp(&(a.created, &b.id)));
    Ok(stacks.into_iter().map(lookup::shown).collect())
}

/// A stack's events, newest first.
///
/// # Errors
/// When there is no such stack.
pub fn describe_stack_events(
    state: &State,
    account: &AccountId,
    stack: &str,
) -> Result<(Stack, Vec<StackEvent>), Error> {
    let stack = lookup::existing(state, account, stack)?;
    Ok((lookup::shown(stack), stack.events.iter().rev().cloned().collect()))
}

/// One resource (`DescribeStackResource`) or all (`DescribeStackResources`, `ListStackResources`).
///
/// # Errors
/// When there is no such stack or no such resource in it.
pub fn describe_stack_resources(
    state: &State,
    account: &AccountId,
    stack: &str,
    logical_id: Option<&str>,
) -> Result<(Stack, Vec<StackResource>), Error> {
    let stack = lookup::shown(lookup::existing(state, account, stack)?);
    let resources = match logical_id {
        None => stack.resources.values().cloned().collect(),
        Some(name) => vec![stack.resources.get(name).cloned().ok_or_else(|| {
            Error::validation(format!("Resource {name} does not exist for stack {}", stack.name))
        })?],
    };
    Ok((stack, resources))
}

/// The stack that a physical id belongs to (`DescribeStackResources` with `PhysicalResourceId`).
///
/// # Errors
/// When no stack has it.
pub fn stack_of_physical_resource(
    state: &State,
    account: &AccountId,
    physical_id: &str,
) -> Result<Stack, Error> {
    let mut own = state.stacks.values().filter(|stack| stack.owner == *account && stack.deleted.is_none());
    let has = |resource: &StackResource| resource.physical_id.as_deref() == Some(physical_id);
    let found = own.find(|stack| stack.resources.values().any(has));
    found
        .map(lookup::shown)
        .ok_or_else(|| Error::validation(format!("Stack for {physical_id} does not exist")))
}

/// Deleted ones too, newest first; only those of a status in `statuses` unless it is empty.
///
/// # Errors
/// None at present.
pub fn list_stacks(
    state: &State,
    account: &AccountId,
    statuses: &[String],
) -> Result<Vec<StackSummary>, Error> {
    let own = state.stacks.values().filter(|stack| stack.owner == *account);
    let mut stacks: Vec<&Stack> =
        own.filter(|stack| statuses.is_empty() || statuses.contains(&stack.status)).collect();
    stacks.sort_by(|a, b| (b.created, &a.id).cmp(&(a.created, &b.id)));
    Ok(stacks.into_iter().map(StackSummary::from).collect())
}

/// A template as it was sent.
///
/// # Errors
/// When the stack or change set does not exist.
pub fn get_template(state: &State, account: &AccountId, source: &TemplateSource) -> Result<String, Error> {
    Ok(match source {
        TemplateSource::Body(text) => text.clone(),
        TemplateSource::Stack(name) => lookup::existing(state, account, name)?.template.clone(),
        TemplateSource::ChangeSet { change_set_name, stack_name } => {
            let found = lookup::change_set(state, account, change_set_name, stack_name.as_deref())?;
            found.1.template.clone()
        }
    })
}

/// What a template declares.
///
/// # Errors
/// When the stack or change set does not exist, or the template cannot be read.
pub fn get_template_summary(
    state: &State,
    account: &AccountId,
    source: &TemplateSource,
) -> Result<TemplateSummary, Error> {
    validate_template(&get_template(state, account, source)?)
}

/// Whether a template can be read, and what it declares.
///
/// # Errors
/// With the place and the reason when it cannot.
pub fn validate_template(template_body: &str) -> Result<TemplateSummary, Error> {
    let template = Template::parse(template_body)?;
    let types: BTreeSet<String> =
        template.resources.values().map(|resource| resource.resource_type.clone()).collect();
    Ok(TemplateSummary {
        parameters: template.parameters.iter().map(crate::template::Parameter::declaration).collect(),
        resource_types: types.into_iter().collect(),
        metadata: template.metadata.as_ref().map(|node| node.json().to_string()),
        version: template.version,
        description: template.description,
    })
}

/// All exported values of the account.
///
/// # Errors
/// None at present.
pub fn list_exports(state: &State, account: &AccountId) -> Result<Vec<Export>, Error> {
    let own = state.stacks.values().filter(|stack| stack.owner == *account && stack.deleted.is_none());
    let mut exports: Vec<Export> = own
        .flat_map(|stack| {
            stack.outputs.iter().filter_map(|output| {
                Some(Export {
                    exporting_stack_id: stack.id.clone(),
                    name: output.export_name.clone()?,
                    value: output.value.clone(),
                })
            })
        })
        .collect();
    exports.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(exports)
}

/// Names of the stacks that import a value.
///
/// # Errors
/// When no stack does.
pub fn list_imports(state: &State, account: &AccountId, export: &str) -> Result<Vec<String>, Error> {
    let users = importers(state, account, export);
    if users.is_empty() {
        return Err(Error::validation(format!("Export '{export}' is not imported by any stack.")));
    }
    Ok(users)
}
