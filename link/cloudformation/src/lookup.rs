//! Stacks and change sets by name or id.

use kura_model::{AccountId, ChangeSet, Stack, StackId, State};

use crate::{Error, parameters::MASK, template::Template};

/// A stack's name as AWS takes it.
pub(crate) fn check_name(name: &str, member: &str) -> Result<(), Error> {
    let pattern = "[a-zA-Z][-a-zA-Z0-9]*";
    let fits = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !fits {
        return Err(Error::validation(format!(
            "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
        )));
    }
    if name.len() > 128 {
        return Err(Error::validation(format!(
            "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must have length less than or equal to 128"
        )));
    }
    Ok(())
}

/// The stack a name or an id means. By name only one that is not deleted; by id any.
pub(crate) fn stack<'a>(state: &'a State, account: &AccountId, name: &str) -> Option<&'a Stack> {
    let own = |stack: &&Stack| stack.owner == *account;
    if name.starts_with("arn:") {
        return state.stacks.get(&StackId::new(name)).filter(own);
    }
    state.stacks.values().filter(own).find(|stack| stack.name == name && stack.deleted.is_none())
}

/// The same, or the error whose text the command line looks for.
pub(crate) fn existing<'a>(state: &'a State, account: &AccountId, name: &str) -> Result<&'a Stack, Error> {
    stack(state, account, name)
        .ok_or_else(|| Error::validation(format!("Stack with id {name} does not exist")))
}

/// A change set by ARN, or by name and stack.
pub(crate) fn change_set<'a>(
    state: &'a State,
    account: &AccountId,
    name: &str,
    stack_name: Option<&str>,
) -> Result<(&'a Stack, &'a ChangeSet), Error> {
    let missing = || Error::new("ChangeSetNotFound", format!("ChangeSet [{name}] does not exist"));
    if name.starts_with("arn:") {
        let mut own = state.stacks.values().filter(|stack| stack.owner == *account);
        let found = own.find_map(|stack| Some((stack, stack.change_sets.get(name)?)));
        return found.ok_or_else(missing);
    }
    let Some(stack_name) = stack_name else {
        return Err(Error::validation(
            "StackName must be specified if ChangeSetName is not specified as an ARN.",
        ));
    };
    let stack = existing(state, account, stack_name)?;
    let found = stack.change_sets.values().find(|change_set| change_set.name == name);
    found.map(|change_set| (stack, change_set)).ok_or_else(missing)
}

/// A stack as it may be shown: hidden parameters masked, resources without their properties.
pub(crate) fn shown(stack: &Stack) -> Stack {
    let mut stack = stack.clone();
    mask(&stack.template, &mut stack.parameters);
    for change_set in stack.change_sets.values_mut() {
        mask(&change_set.template, &mut change_set.parameters);
    }
    stack.previous = None;
    // Resolved properties may hold such values too; events have their own, without them.
    for resource in stack.resources.values_mut() {
        resource.properties.clear();
    }
    stack
}

/// Puts the mask over the values of hidden parameters.
pub(crate) fn mask(template: &str, values: &mut crate::request::Values) {
    // A stored template was read before. Should it not be readable any more, nothing is shown.
    let template = Template::parse(template).ok();
    for (name, value) in values {
        let parameter = template.as_ref().and_then(|template| template.parameter(name));
        if parameter.is_none_or(|parameter| parameter.no_echo) {
            MASK.clone_into(value);
        }
    }
}
