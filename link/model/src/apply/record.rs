//! The public zone's records, and stacks.

use std::collections::{BTreeMap, BTreeSet};

use super::{Result, Step};
use crate::{AccountId, Error, StackId, stack::Stack};

/// Puts a name's records in the place of those it had; none removes the name.
pub(super) fn put<T>(zone: &mut BTreeMap<String, BTreeSet<T>>, name: &str, values: BTreeSet<T>) -> Result {
    let name = check_name(name)?;
    if values.is_empty() {
        zone.remove(&name);
    } else {
        zone.insert(name, values);
    }
    Ok(())
}

/// A domain name in lower case without the last dot.
///
/// Labels have 1 to 63 letters, digits, hyphens and underscores, the whole at most 253 (RFC 1035).
pub(super) fn check_name(name: &str) -> Result<String> {
    let bare = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if bare.len() > 253 || !bare.split('.').all(is_label) {
        return Err(Error::new("InvalidParameter", format!("'{name}' is not a valid domain name")));
    }
    Ok(bare)
}

impl Step<'_> {
    pub(super) fn put_stack(&mut self, stack: Stack) -> Result {
        let is_foreign = |owner: &AccountId| owner != self.account;
        if is_foreign(&stack.owner)
            || self.state.stacks.get(&stack.id).is_some_and(|found| is_foreign(&found.owner))
        {
            return Err(no_stack(&stack.id));
        }
        self.state.stacks.insert(stack.id.clone(), stack);
        Ok(())
    }

    pub(super) fn forget_stack(&mut self, id: &StackId) -> Result {
        if self.state.stacks.get(id).is_none_or(|stack| stack.owner != *self.account) {
            return Err(no_stack(id));
        }
        self.state.stacks.remove(id);
        Ok(())
    }
}

fn no_stack(id: &StackId) -> Error {
    Error::new("ValidationError", format!("Stack with id {id} does not exist"))
}
