//! What functions of a template refer to, and whether they have the arguments they need: everything that can be said
//! before a parameter has a value.

use std::collections::{BTreeMap, BTreeSet};

use super::{Node, Template, Value};
use crate::{Error, intrinsics::sub};

/// Names that `Ref` knows without a parameter or resource.
pub(crate) const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

const FUNCTIONS: [&str; 15] = [
    "Fn::And",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
];

/// What a part of a template refers to.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Names in `Ref` and `Fn::Sub`, pseudo parameters left out.
    pub names: BTreeSet<String>,
    /// Resource and attribute.
    pub attributes: BTreeSet<(String, String)>,
    /// Conditions named by `Fn::If` and `Condition`.
    pub conditions: BTreeSet<String>,
}

impl References {
    /// Everything a node refers to. With conditions, only the branches that are taken.
    pub(crate) fn of(node: &Node, conditions: Option<&BTreeMap<String, bool>>) -> Result<Self, Error> {
        let mut found = Self::default();
        found.walk(node, conditions)?;
        Ok(found)
    }

    fn walk(&mut self, node: &Node, conditions: Option<&BTreeMap<String, bool>>) -> Result<(), Error> {
        if let Some((name, argument)) = node.function() {
            return self.function(name, argument, conditions);
        }
        match &node.value {
            Value::List(items) => items.iter().try_for_each(|item| self.walk(item, conditions)),
            Value::Map(entries) => {
                if let [(key, argument)] = entries.as_slice()
                    && key.name == "Condition"
                    && let Value::String(name) = &argument.value
                {
                    self.conditions.insert(name.clone());
                }
                if let Some((key, _)) = entries.iter().find(|(key, _)| key.name.starts_with("Fn::")) {
                    return Err(key
                        .at
                        .error(format_args!("{} must be the only key of its mapping.", key.name)));
                }
                entries.iter().try_for_each(|(_, node)| self.walk(node, conditions))
            }
            _ => Ok(()),
        }
    }

    fn function(
        &mut self,
        name: &str,
        argument: &Node,
        conditions: Option<&BTreeMap<String, bool>>,
    ) -> Result<(), Error> {
        if name == "Ref" {
            let Value::String(target) = &argument.value else {
                return Err(wrong(argument, "every Ref object must have a single String value."));
            };
            self.name(target);
            return Ok(());
        }
        if !FUNCTIONS.contains(&name) {
            return Err(argument.at.error(format_args!(
                "Encountered unsupported function: {name} Supported functions are: [{}]",
                FUNCTIONS.join(", ")
            )));
        }
        let items = argument.list();
        let has = |counts: std::ops::RangeInclusive<usize>| {
            items.is_some_and(|items| counts.contains(&items.len()))
        };
        match name {
            "Fn::GetAtt" => {
                let (resource, attribute) = attribute(argument)?;
                if let Some(attribute) = attribute.text() {
                    self.attributes.insert((resource, attribute));
                } else {
                    self.attributes.insert((resource, String::new()));
                    self.walk(attribute, conditions)?;
                }
                return Ok(());
            }
            "Fn::Sub" => {
                let (text, own) = sub::arguments(argument)?;
                for variable in sub::variables(text)? {
                    if own.iter().any(|(key, _)| key.name == variable) {
                        continue;
                    }
                    match variable.split_once('.') {
                        Some((resource, attribute)) => {
                            self.attributes.insert((resource.to_owned(), attribute.to_owned()));
                        }
                        None => self.name(&variable),
                    }
                }
                return own.iter().try_for_each(|(_, node)| self.walk(node, conditions));
            }
            "Fn::If" => {
                let (Some([condition, yes, no]), true) = (items, true) else {
                    return Err(wrong(argument, "Fn::If requires a list argument with three elements"));
                };
                let Some(condition) = condition.text() else {
                    return Err(wrong(
                        argument,
                        "Fn::If requires the name of a condition as its first element",
                    ));
                };
                let taken = conditions.and_then(|conditions| conditions.get(&condition)).copied();
                self.conditions.insert(condition);
                if taken != Some(false) {
                    self.walk(yes, conditions)?;
                }
                if taken != Some(true) {
                    self.walk(no, conditions)?;
                }
                return Ok(());
            }
            "Fn::Join" if !has(2..=2) => return Err(wrong(argument, JOIN)),
            "Fn::Select" if !has(2..=2) => return Err(wrong(argument, SELECT)),
            "Fn::Split" if !has(2..=2) => return Err(wrong(argument, SPLIT)),
            "Fn::FindInMap" if !has(3..=3) => return Err(wrong(argument, FIND_IN_MAP)),
            "Fn::Cidr" if !has(2..=3) => return Err(wrong(argument, CIDR)),
            "Fn::Equals" if !has(2..=2) => return Err(wrong(argument, EQUALS)),
            "Fn::Not" if !has(1..=1) => return Err(wrong(argument, NOT)),
            "Fn::And" | "Fn::Or" if !has(2..=10) => {
                return Err(wrong(
                    argument,
                    &format!(
                        "every {name} object requires a list of at least 2 and at most 10 boolean parameters."
                    ),
                ));
            }
            _ => {}
        }
        self.walk(argument, conditions)
    }

    fn name(&mut self, name: &str) {
        if !PSEUDO.contains(&name) {
            self.names.insert(name.to_owned());
        }
    }
}

pub(crate) const JOIN: &str = "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.";
pub(crate) const SELECT: &str =
    "Fn::Select requires a list argument with two elements: an integer index and a list";
pub(crate) const SPLIT: &str = "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.";
pub(crate) const FIND_IN_MAP: &str = "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value";
pub(crate) const CIDR: &str = "every Fn::Cidr object requires two or three parameters: an IP block, how many ranges, and how many bits of an address are the host's";
pub(crate) const EQUALS: &str = "every Fn::Equals object requires a list of 2 string parameters.";
pub(crate) const NOT: &str = "every Fn::Not object requires one boolean parameter.";
const GET_ATT: &str =
    "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute";

/// A `Template error` at a node.
pub(crate) fn wrong(node: &Node, what: &str) -> Error {
    Error::validation(format!("Template error: {what} {}", node.at))
}

/// The resource of a `Fn::GetAtt` and its attribute, which may be a `Ref`.
pub(crate) fn attribute(argument: &Node) -> Result<(String, &Node), Error> {
    match argument.list() {
        Some([resource, attribute]) => match resource.text() {
            Some(resource)
                if !resource.is_empty() && attribute.text().is_none_or(|text| !text.is_empty()) =>
            {
                Ok((resource, attribute))
            }
            _ => Err(wrong(argument, GET_ATT)),
        },
        _ => Err(wrong(argument, GET_ATT)),
    }
}

/// Refuses references to what the template does not have.
pub(super) fn check(template: &Template) -> Result<(), Error> {
    let known = |name: &String| {
        template.parameters.iter().any(|parameter| parameter.name == *name)
            || template.resources.contains_key(name)
    };
    let condition = |found: &References, block: &str| match found
        .conditions
        .iter()
        .find(|name| !template.conditions.contains_key(*name))
    {
        Some(name) => Err(Error::validation(format!(
            "Template format error: Unresolved condition dependency {name} in the {block} block of the template"
        ))),
        None => Ok(()),
    };
    let names = |found: References, block: &str| {
        condition(&found, block)?;
        if let Some((resource, _)) =
            found.attributes.iter().find(|(resource, _)| !template.resources.contains_key(resource))
        {
            return Err(Error::validation(format!(
                "Template error: instance of Fn::GetAtt references undefined resource {resource}"
            )));
        }
        let missing: Vec<_> = found.names.into_iter().filter(|name| !known(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::validation(format!(
            "Template format error: Unresolved resource dependencies [{}] in the {block} block of the template",
            missing.join(", ")
        )))
    };
    for node in template.conditions.values() {
        let found = References::of(node, None)?;
        condition(&found, "Conditions")?;
        let resource = |name: &&String| !template.parameters.iter().any(|parameter| parameter.name == **name);
        let attribute = found.attributes.iter().map(|(resource, _)| resource).next();
        if let Some(name) = found.names.iter().find(resource).or(attribute) {
            return Err(Error::validation(format!(
                "Template format error: Unresolved dependencies [{name}]. Cannot reference resources in the Conditions block of the template"
            )));
        }
    }
    for resource in template.resources.values() {
        let mut found = References::default();
        if let Some(properties) = &resource.properties {
            found = References::of(properties, None)?;
        }
        found.conditions.extend(resource.condition.clone());
        found.names.extend(resource.depends_on.iter().cloned());
        let parameter = |name: &&String| template.parameters.iter().any(|parameter| parameter.name == **name);
        if let Some(name) = resource.depends_on.iter().find(parameter) {
            return Err(Error::validation(format!(
                "Template format error: Unresolved resource dependencies [{name}] in the Resources block of the template"
            )));
        }
        names(found, "Resources")?;
    }
    for output in &template.outputs {
        let mut found = References::of(&output.value, None)?;
        found.conditions.extend(output.condition.clone());
        names(found, "Outputs")?;
        if let Some(export) = &output.export {
            names(References::of(export, None)?, "Outputs")?;
        }
    }
    Ok(())
}
