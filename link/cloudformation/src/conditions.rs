//! The Conditions section, worked out.

use std::collections::BTreeMap;

use crate::{
    Error,
    intrinsics::Scope,
    template::{References, Template},
};

/// Every condition's truth. One after the other as they become known, so that no chain of names is a recursion.
pub(crate) fn evaluate(template: &Template, scope: &mut Scope<'_>) -> Result<(), Error> {
    let mut open = BTreeMap::new();
    for (name, node) in &template.conditions {
        open.insert(name.clone(), (node, References::of(node, None)?.conditions));
    }
    while !open.is_empty() {
        let ready = open
            .iter()
            .find(|(_, (_, needs))| needs.iter().all(|name| scope.conditions.contains_key(name)))
            .map(|(name, (node, _))| (name.clone(), *node));
        let Some((name, node)) = ready else {
            let names: Vec<_> = open.into_keys().collect();
            return Err(Error::validation(format!(
                "Template format error: Circular dependency between conditions: [{}]",
                names.join(", ")
            )));
        };
        let holds = scope.truth(node)?;
        scope.conditions.insert(name.clone(), holds);
        open.remove(&name);
    }
    Ok(())
}
