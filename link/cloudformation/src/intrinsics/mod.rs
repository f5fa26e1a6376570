//! The intrinsic functions: a node of a template becomes a value.

mod cidr;
pub(crate) mod sub;

use std::{cell::RefCell, collections::BTreeMap, collections::BTreeSet};

use kura_model::{AccountId, StackResource, State};
use serde_json::Value as Json;

use crate::{
    Error,
    parameters::{self, MASK},
    request::Values,
    resources,
    template::{self, Node, Template, Value, attribute, number, wrong},
};

/// What stands for a value that a resource will have once it is there; AWS's own mark in change sets.
pub(crate) const UNKNOWN: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// Whether a value holds a part that is not known yet.
pub(crate) fn unknown(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains(UNKNOWN),
        Json::Array(items) => items.iter().any(unknown),
        Json::Object(entries) => entries.values().any(unknown),
        _ => false,
    }
}

/// What names mean while a template is worked out.
pub(crate) struct Scope<'a> {
    pub template: &'a Template,
    pub values: &'a Values,
    /// Filled by [`crate::conditions::evaluate`].
    pub conditions: BTreeMap<String, bool>,
    pub stack_name: &'a str,
    pub stack_id: &'a str,
    pub account: &'a AccountId,
    pub state: &'a State,
    /// Resources that stand.
    pub resources: &'a BTreeMap<String, StackResource>,
    /// Resources whose values are not known yet, whether they stand or not.
    pub open: BTreeSet<String>,
    /// Whether hidden parameters give their mask.
    pub masked: bool,
    /// Names of exports that were used.
    pub imports: RefCell<BTreeSet<String>>,
}

impl Scope<'_> {
    /// A node's value; `None` for `AWS::NoValue`.
    pub(crate) fn value(&self, node: &Node) -> Result<Option<Json>, Error> {
        if let Some((name, argument)) = node.function() {
            return self.function(name, argument);
        }
        Ok(Some(match &node.value {
            Value::Null => Json::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => number(text),
            Value::String(text) => text.clone().into(),
            Value::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(self.value(item)?);
                }
                Json::Array(list)
            }
            Value::Map(entries) => {
                let mut map = serde_json::Map::new();
                for (key, node) in entries {
                    if let Some(value) = self.value(node)? {
                        map.insert(key.name.clone(), value);
                    }
                }
                Json::Object(map)
            }
        }))
    }

    /// A node's value as text.
    pub(crate) fn text(&self, node: &Node, what: &str) -> Result<String, Error> {
        match self.value(node)?.as_ref().and_then(scalar) {
            Some(text) => Ok(text),
            None => Err(wrong(node, what)),
        }
    }

    fn list(&self, node: &Node, what: &str) -> Result<Vec<Json>, Error> {
        match self.value(node)? {
            Some(Json::Array(items)) => Ok(items),
            Some(Json::String(text)) if text.contains(UNKNOWN) => Ok(vec![Json::String(text)]),
            _ => Err(wrong(node, what)),
        }
    }

    /// Whether a condition function holds.
    pub(crate) fn truth(&self, node: &Node) -> Result<bool, Error> {
        let arguments = |node: &Node| -> Vec<Node> { node.list().map(<[Node]>::to_vec).unwrap_or_default() };
        let entry = match &node.value {
            Value::Map(entries) => entries.first().filter(|_| entries.len() == 1),
            _ => None,
        };
        let Some((key, argument)) = entry else {
            return Err(wrong(
                node,
                "a condition must be one of Condition, Fn::Equals, Fn::Not, Fn::And, Fn::Or",
            ));
        };
        match key.name.as_str() {
            "Condition" => argument
                .text()
                .and_then(|name| self.conditions.get(&name).copied())
                .ok_or_else(|| wrong(argument, "Condition must name a condition of the template")),
            "Fn::Equals" => match arguments(argument).as_slice() {
                [left, right] => {
                    let left = self.value(left)?;
                    let right = self.value(right)?;
                    let same = match (left.as_ref().and_then(scalar), right.as_ref().and_then(scalar)) {
                        (Some(left), Some(right)) => left == right,
                        _ => left == right,
                    };
                    Ok(same)
                }
                _ => Err(wrong(argument, template::EQUALS)),
            },
            "Fn::Not" => match arguments(argument).as_slice() {
                [one] => Ok(!self.truth(one)?),
                _ => Err(wrong(argument, template::NOT)),
            },
            "Fn::And" => arguments(argument).iter().try_fold(true, |all, one| Ok(self.truth(one)? && all)),
            "Fn::Or" => arguments(argument).iter().try_fold(false, |any, one| Ok(self.truth(one)? || any)),
            _ => {
                Err(wrong(node, "a condition must be one of Condition, Fn::Equals, Fn::Not, Fn::And, Fn::Or"))
            }
        }
    }

    fn function(&self, name: &str, argument: &Node) -> Result<Option<Json>, Error> {
        let items = argument.list().unwrap_or_default();
        Ok(Some(match (name, items) {
            ("Ref", _) => return self.reference(&argument.text().unwrap_or_default(), argument),
            ("Fn::GetAtt", _) => {
                let (resource, attribute) = attribute(argument)?;
                let attribute = self.text(attribute, "the attribute of Fn::GetAtt must be a string")?;
                self.attribute(&resource, &attribute)?
            }
            ("Fn::Sub", _) => Json::String(self.substitute(argument)?),
            ("Fn::Base64", _) => {
                use base64::Engine as _;
                let text = self.text(argument, "every Fn::Base64 object must have a String-typed value.")?;
                if text.contains(UNKNOWN) {
                    UNKNOWN.into()
                } else {
                    base64::engine::general_purpose::STANDARD.encode(text).into()
                }
            }
            ("Fn::Join", [delimiter, list]) => {
                let delimiter = self.text(delimiter, template::JOIN)?;
                let parts = self.list(list, template::JOIN)?;
                let parts: Option<Vec<String>> = parts.iter().map(scalar).collect();
                parts.ok_or_else(|| wrong(list, template::JOIN))?.join(&delimiter).into()
            }
            ("Fn::Split", [delimiter, text]) => {
                let delimiter = self.text(delimiter, template::SPLIT)?;
                let text = self.text(text, template::SPLIT)?;
                if delimiter.is_empty() {
                    return Err(wrong(argument, "Fn::Split needs a delimiter of at least one character"));
                }
                text.split(&delimiter).collect()
            }
            ("Fn::Select", [index, list]) => self.select(index, list)?,
            ("Fn::If", [condition, yes, no]) => {
                let holds = condition.text().and_then(|name| self.conditions.get(&name).copied());
                let holds =
                    holds.ok_or_else(|| wrong(condition, "Fn::If must name a condition of the template"))?;
                return self.value(if holds { yes } else { no });
            }
            ("Fn::FindInMap", [map, first, second]) => self.mapped(map, first, second)?,
            ("Fn::GetAZs", _) => {
                let region = self.text(
                    argument,
                    "Fn::GetAZs must have a region as a string; an empty one is the stack's",
                )?;
                if !region.is_empty() && region != self.state.region {
                    return Err(wrong(
                        argument,
                        &format!("Fn::GetAZs knows the region {} only, not {region}", self.state.region),
                    ));
                }
                self.state.zones.iter().map(|zone| zone.name.as_str()).collect()
            }
            ("Fn::Cidr", [block, count, rest @ ..]) => {
                let block = self.text(block, template::CIDR)?;
                let count = self.text(count, template::CIDR)?;
                let bits = match rest.first() {
                    Some(bits) => self.text(bits, template::CIDR)?,
                    None => "8".to_owned(),
                };
                if [&block, &count, &bits].iter().any(|text| text.contains(UNKNOWN)) {
                    UNKNOWN.into()
                } else {
                    cidr::blocks(&block, &count, &bits).map_err(|why| wrong(argument, &why))?.into()
                }
            }
            ("Fn::ImportValue", _) => {
                let text =
                    "the attribute in Fn::ImportValue must be a string or a function that returns a string";
                let name = self.text(argument, text)?;
                self.import(&name)?
            }
            ("Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or", _) => {
                return Err(wrong(argument, &format!("{name} can only be used in the Conditions section")));
            }
            _ => return Err(wrong(argument, &format!("the arguments of {name} do not fit"))),
        }))
    }

    fn reference(&self, name: &str, node: &Node) -> Result<Option<Json>, Error> {
        Ok(Some(match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => self.account.as_str().into(),
            "AWS::NotificationARNs" => Json::Array(Vec::new()),
            "AWS::Partition" => "aws".into(),
            "AWS::Region" => self.state.region.as_str().into(),
            "AWS::StackId" => self.stack_id.into(),
            "AWS::StackName" => self.stack_name.into(),
            "AWS::URLSuffix" => "amazonaws.com".into(),
            _ => match self.template.parameter(name) {
                Some(parameter) => {
                    let value = self.values.get(name).map_or("", String::as_str);
                    if self.masked && parameter.no_echo {
                        MASK.into()
                    } else if parameter.is_list() {
                        parameters::items(&parameter.kind, value).into()
                    } else {
                        value.into()
                    }
                }
                None => match self.standing(name) {
                    Some((id, handler)) => handler.reference(id).into(),
                    None if self.template.resources.contains_key(name) => UNKNOWN.into(),
                    None => return Err(wrong(node, &format!("Ref names {name}, which does not exist"))),
                },
            },
        }))
    }

    fn standing(&self, name: &str) -> Option<(&str, &'static dyn resources::Handler)> {
        let resource = self.resources.get(name).filter(|_| !self.open.contains(name))?;
        Some((resource.physical_id.as_deref()?, resources::handler(&resource.resource_type)?))
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Result<Json, Error> {
        let declared = self.template.resources.get(resource).ok_or_else(|| {
            Error::validation(format!(
                "Template error: instance of Fn::GetAtt references undefined resource {resource}"
            ))
        })?;
        let known = resources::handler(&declared.resource_type)
            .is_some_and(|handler| handler.attributes().contains(&attribute));
        if !known {
            return Err(Error::validation(format!(
                "Template error: resource {resource} does not support attribute type {attribute} in Fn::GetAtt"
            )));
        }
        match self.standing(resource) {
            Some((id, handler)) => handler.attribute(self.state, id, attribute).ok_or_else(|| {
                Error::validation(format!(
                    "Template error: resource {resource} ({id}) has no value for attribute {attribute}"
                ))
            }),
            None => Ok(UNKNOWN.into()),
        }
    }

    fn substitute(&self, argument: &Node) -> Result<String, Error> {
        let (text, own) = sub::arguments(argument)?;
        sub::replace(text, |name| {
            let value = if let Some((_, node)) = own.iter().find(|(key, _)| key.name == name) {
                self.value(node)?
            } else if let Some((resource, attribute)) = name.split_once('.') {
                Some(self.attribute(resource, attribute)?)
            } else {
                self.reference(name, argument)?
            };
            value.as_ref().and_then(scalar).ok_or_else(|| {
                wrong(argument, &format!("Fn::Sub expression does not resolve to a string: ${{{name}}}"))
            })
        })
    }

    fn select(&self, index: &Node, list: &Node) -> Result<Json, Error> {
        let at = self.text(index, template::SELECT)?;
        let items = self.list(list, template::SELECT)?;
        if at.contains(UNKNOWN) {
            return Ok(UNKNOWN.into());
        }
        let at: usize = at.trim().parse().map_err(|_| wrong(index, template::SELECT))?;
        match items.get(at) {
            Some(item) => Ok(item.clone()),
            None if items.iter().any(unknown) => Ok(UNKNOWN.into()),
            None => Err(wrong(index, &format!("Fn::Select cannot select nonexistent value at index {at}"))),
        }
    }

    fn mapped(&self, map: &Node, first: &Node, second: &Node) -> Result<Json, Error> {
        let names = [
            self.text(map, template::FIND_IN_MAP)?,
            self.text(first, template::FIND_IN_MAP)?,
            self.text(second, template::FIND_IN_MAP)?,
        ];
        let mapping = self.template.mappings.get(&names[0]).ok_or_else(|| {
            wrong(
                map,
                &format!(
                    "Mapping named '{}' is not present in the 'Mappings' section of template.",
                    names[0]
                ),
            )
        })?;
        let found = mapping.get(&names[1]).and_then(|second| second.get(&names[2]));
        Ok(found
            .ok_or_else(|| wrong(map, &format!("Unable to get mapping for {}", names.join("::"))))?
            .json())
    }

    fn import(&self, name: &str) -> Result<Json, Error> {
        let mut own = self.state.stacks.values().filter(|stack| stack.owner == *self.account);
        let value = own.find_map(|stack| {
            stack.outputs.iter().find(|output| output.export_name.as_deref() == Some(name))
        });
        match value {
            Some(output) => {
                self.imports.borrow_mut().insert(name.to_owned());
                Ok(output.value.as_str().into())
            }
            None => Err(Error::validation(format!("No export named {name} found."))),
        }
    }
}

/// A value that can stand inside a text.
pub(crate) fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
