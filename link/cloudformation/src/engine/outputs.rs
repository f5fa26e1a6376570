//! Outputs and exports.

use std::collections::BTreeSet;

use kura_model::{Output, State};

use super::{Operation, Prepared};
use crate::{Error, intrinsics::Scope};

/// The outputs of a template as they are in a scope.
pub(super) fn evaluate(prepared: &Prepared, scope: &Scope<'_>) -> Result<Vec<Output>, Error> {
    let mut outputs = Vec::new();
    for declared in &prepared.template.outputs {
        let holds = |name: &String| prepared.conditions.get(name) == Some(&true);
        if !declared.condition.as_ref().is_none_or(holds) {
            continue;
        }
        let name = &declared.name;
        let value = scope.text(
            &declared.value,
            &format!(
                "The Value field of every Outputs member must evaluate to a String; that of {name} does not."
            ),
        )?;
        let export_name = match &declared.export {
            Some(node) => Some(scope.text(node, &format!("the export name of {name} must be a string"))?),
            None => None,
        };
        outputs.push(Output {
            key: name.clone(),
            value,
            description: declared.description.clone(),
            export_name,
        });
    }
    Ok(outputs)
}

impl Operation<'_> {
    /// Works out the outputs; an export that clashes or that others still use is refused.
    pub(super) fn outputs(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let scope = self.scope(prepared);
        let outputs = evaluate(prepared, &scope)?;
        let used = scope.imports.into_inner();
        let others = || {
            let stacks = self.cloud.state().stacks.values();
            stacks.filter(|stack| stack.owner == self.account && stack.id != self.stack.id)
        };
        let mut names = BTreeSet::new();
        for name in outputs.iter().filter_map(|output| output.export_name.as_ref()) {
            if !names.insert(name) {
                return Err(Error::validation(format!(
                    "Export with name {name} is there twice in this template"
                )));
            }
            let clash = others()
                .find(|stack| stack.outputs.iter().any(|output| output.export_name.as_ref() == Some(name)));
            if let Some(stack) = clash {
                return Err(Error::validation(format!(
                    "Export with name {name} is already exported by stack {}",
                    stack.name
                )));
            }
        }
        for old in &self.stack.outputs {
            let Some(name) = &old.export_name else { continue };
            let kept = outputs.iter().find(|output| output.export_name.as_ref() == Some(name));
            let verb = match kept {
                Some(kept) if kept.value == old.value => continue,
                Some(_) => "updated",
                None => "deleted",
            };
            if let Some(user) = importers(self.cloud.state(), &self.account, name).first() {
                return Err(Error::validation(format!(
                    "Export {name} cannot be {verb} as it is in use by {user}"
                )));
            }
        }
        self.stack.imports.extend(used);
        self.stack.outputs = outputs;
        Ok(())
    }
}

/// Names of the stacks that use an export.
pub(crate) fn importers(state: &State, account: &kura_model::AccountId, export: &str) -> Vec<String> {
    let stacks = state.stacks.values().filter(|stack| stack.owner == *account && stack.deleted.is_none());
    stacks.filter(|stack| stack.imports.contains(export)).map(|stack| stack.name.clone()).collect()
}
