//! The sections of a template.

use std::collections::BTreeMap;

use super::{
    Key, Node, OutputDeclaration, Parameter, RESOURCE_LIMIT, Resource, SECTION_LIMIT, Template, Value,
};
use crate::Error;

/// Takes the tree apart.
pub(super) fn read(root: &Node) -> Result<Template, Error> {
    let Some(sections) = root.map() else {
        return Err(root
            .at
            .error("unsupported structure: a template is a mapping with a Resources section."));
    };
    null(root, "")?;
    let mut template = Template {
        version: None,
        description: None,
        metadata: None,
        parameters: Vec::new(),
        mappings: BTreeMap::new(),
        conditions: BTreeMap::new(),
        resources: BTreeMap::new(),
        outputs: Vec::new(),
    };
    for (key, node) in sections {
        match key.name.as_str() {
            "AWSTemplateFormatVersion" => template.version = Some(version(node)?),
            "Description" => template.description = Some(description(node)?),
            "Metadata" => template.metadata = Some(node.clone()),
            "Parameters" => {
                let entries = section(node, "Parameters", SECTION_LIMIT)?;
                template.parameters =
                    entries.iter().map(|(key, node)| parameter(key, node)).collect::<Result<_, _>>()?;
            }
            "Mappings" => {
                for (key, node) in section(node, "Mappings", SECTION_LIMIT)? {
                    mapping(key, node)?;
                    template.mappings.insert(key.name.clone(), node.clone());
                }
            }
            "Conditions" => {
                for (key, node) in section(node, "Conditions", RESOURCE_LIMIT)? {
                    template.conditions.insert(key.name.clone(), node.clone());
                }
            }
            "Resources" => {
                for (order, (key, node)) in section(node, "Resources", RESOURCE_LIMIT)?.iter().enumerate() {
                    alphanumeric(key, "Resource name")?;
                    template.resources.insert(key.name.clone(), resource(key, node, order)?);
                }
            }
            "Outputs" => {
                let entries = section(node, "Outputs", SECTION_LIMIT)?;
                template.outputs =
                    entries.iter().map(|(key, node)| output(key, node)).collect::<Result<_, _>>()?;
            }
            "Transform" | "Rules" | "Hooks" => {
                return Err(key.at.error(format_args!(
                    "the section {} is not supported here; expand the template before it is sent.",
                    key.name
                )));
            }
            other => {
                return Err(Error::validation(format!(
                    "Invalid template property or properties [{other}] {}",
                    key.at
                )));
            }
        }
    }
    if template.resources.is_empty() {
        return Err(root.at.error("At least one Resources member must be defined."));
    }
    let clash = template.parameters.iter().find(|parameter| template.resources.contains_key(&parameter.name));
    if let Some(parameter) = clash {
        return Err(parameter.at.error(format_args!(
            "Duplicate name {}: a parameter and a resource cannot share one.",
            parameter.name
        )));
    }
    Ok(template)
}

fn section<'a>(node: &'a Node, name: &str, limit: usize) -> Result<&'a [(Key, Node)], Error> {
    let entries =
        node.map().ok_or_else(|| node.at.error(format_args!("the section {name} must be a mapping.")))?;
    if entries.len() > limit {
        return Err(node.at.error(format_args!(
            "Number of {}, {}, is greater than maximum allowed, {limit}",
            name.to_lowercase(),
            entries.len()
        )));
    }
    Ok(entries)
}

/// AWS takes no null anywhere.
fn null(node: &Node, path: &str) -> Result<(), Error> {
    match &node.value {
        Value::Null => {
            Err(node.at.error(format_args!("[{path}] 'null' values are not allowed in templates")))
        }
        Value::List(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| null(item, &format!("{path}/{index}")))
        }
        Value::Map(entries) => {
            entries.iter().try_for_each(|(key, node)| null(node, &format!("{path}/{}", key.name)))
        }
        _ => Ok(()),
    }
}

fn version(node: &Node) -> Result<String, Error> {
    match node.text() {
        Some(text) if text == "2010-09-09" => Ok(text),
        Some(text) => Err(node
            .at
            .error(format_args!("Template version {text} is not supported; the only one is 2010-09-09."))),
        None => Err(node.at.error("AWSTemplateFormatVersion must be a string.")),
    }
}

fn description(node: &Node) -> Result<String, Error> {
    match node.text() {
        Some(text) if text.len() > 1024 => Err(node.at.error("'Description' length is greater than 1024.")),
        Some(text) => Ok(text),
        None => Err(node.at.error("every Description member must be a string.")),
    }
}

fn alphanumeric(key: &Key, what: &str) -> Result<(), Error> {
    if key.name.is_empty()
        || key.name.len() > 255
        || !key.name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return Err(key.at.error(format_args!("{what} {} is non alphanumeric.", key.name)));
    }
    Ok(())
}

/// The members of a declaration by name; an unknown one is refused.
fn members<'a>(node: &'a Node, what: &str, known: &[&str]) -> Result<BTreeMap<&'a str, &'a Node>, Error> {
    let entries = node.map().ok_or_else(|| {
        node.at.error(format_args!("[{what}] every member of this section must be a mapping."))
    })?;
    if let Some((key, _)) = entries.iter().find(|(key, _)| !known.contains(&key.name.as_str())) {
        return Err(Error::validation(format!(
            "Invalid template property '{}' of {what} {}; allowed are {}",
            key.name,
            key.at,
            known.join(", ")
        )));
    }
    Ok(entries.iter().map(|(key, node)| (key.name.as_str(), node)).collect())
}

fn parameter(key: &Key, node: &Node) -> Result<Parameter, Error> {
    alphanumeric(key, "Parameter name")?;
    let name = &key.name;
    let has = members(
        node,
        name,
        &[
            "AllowedPattern",
            "AllowedValues",
            "ConstraintDescription",
            "Default",
            "Description",
            "MaxLength",
            "MaxValue",
            "MinLength",
            "MinValue",
            "NoEcho",
            "Type",
        ],
    )?;
    let text = |member: &str| match has.get(member) {
        Some(node) => node.text().map(Some).ok_or_else(|| {
            node.at.error(format_args!(
                "every {member} member of a parameter must be a string; that of {name} is not."
            ))
        }),
        None => Ok(None),
    };
    let count = |member: &str| match has.get(member) {
        Some(node) => node
            .text()
            .and_then(|text| text.parse().ok())
            .filter(|n: &f64| n.is_finite())
            .map(Some)
            .ok_or_else(|| {
                node.at.error(format_args!(
                    "every {member} member of a parameter must be a number; that of {name} is not."
                ))
            }),
        None => Ok(None),
    };
    let kind =
        text("Type")?.ok_or_else(|| key.at.error("Every Parameters object must contain a Type member."))?;
    if !crate::parameters::known_type(&kind) {
        return Err(has
            .get("Type")
            .map_or(key.at, |node| node.at)
            .error(format_args!("Unrecognized parameter type: {kind}")));
    }
    let allowed_values = match has.get("AllowedValues") {
        Some(node) => node
            .list()
            .and_then(|items| items.iter().map(Node::text).collect::<Option<Vec<_>>>())
            .filter(|values| !values.is_empty())
            .ok_or_else(|| {
                node.at.error(format_args!("AllowedValues of {name} must be a list of strings."))
            })?,
        None => Vec::new(),
    };
    let allowed_pattern = text("AllowedPattern")?;
    if let Some(pattern) = &allowed_pattern {
        crate::parameters::pattern(pattern).map_err(|why| {
            has.get("AllowedPattern")
                .map_or(key.at, |node| node.at)
                .error(format_args!("AllowedPattern of {name} cannot be used: {why}"))
        })?;
    }
    // A list's default may be written as a list.
    let default = match has.get("Default") {
        Some(Node { value: Value::List(items), at }) => Some(
            items
                .iter()
                .map(Node::text)
                .collect::<Option<Vec<_>>>()
                .map(|items| items.join(","))
                .ok_or_else(|| {
                    at.error(format_args!("every Default member must be a string; that of {name} is not."))
                })?,
        ),
        _ => text("Default")?,
    };
    let no_echo = match text("NoEcho")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            return Err(key.at.error(format_args!("NoEcho of {name} must be true or false, not {other}.")));
        }
    };
    let declared = Parameter {
        name: name.clone(),
        at: key.at,
        kind,
        default,
        allowed_values,
        allowed_pattern,
        constraint_description: text("ConstraintDescription")?,
        min_length: count("MinLength")?,
        max_length: count("MaxLength")?,
        min_value: count("MinValue")?,
        max_value: count("MaxValue")?,
        no_echo,
        description: text("Description")?,
    };
    Ok(declared)
}

fn mapping(key: &Key, node: &Node) -> Result<(), Error> {
    let malformed = |node: &Node| {
        node.at.error(format_args!("Every Mappings member {} must be a map of maps.", key.name))
    };
    for (_, second) in node.map().ok_or_else(|| malformed(node))? {
        for (_, value) in second.map().ok_or_else(|| malformed(second))? {
            let fits = match &value.value {
                Value::List(items) => items.iter().all(|item| item.text().is_some()),
                _ => value.text().is_some(),
            };
            if !fits {
                return Err(value.at.error("Every Mappings attribute must be a String or a List."));
            }
        }
    }
    Ok(())
}

fn resource(key: &Key, node: &Node, order: usize) -> Result<Resource, Error> {
    let name = &key.name;
    let has = members(
        node,
        name,
        &[
            "Condition",
            "CreationPolicy",
            "DeletionPolicy",
            "DependsOn",
            "Metadata",
            "Properties",
            "Type",
            "UpdatePolicy",
            "UpdateReplacePolicy",
        ],
    )?;
    let text = |member: &str| match has.get(member) {
        Some(Node { value: Value::String(text), .. }) => Ok(Some(text.clone())),
        Some(node) => Err(node.at.error(format_args!("every {member} member must be a string."))),
        None => Ok(None),
    };
    for member in ["CreationPolicy", "UpdatePolicy"] {
        if let Some(node) = has.get(member) {
            return Err(node.at.error(format_args!(
                "{member} of {name} is not supported here: no resource sends signals."
            )));
        }
    }
    let resource_type = text("Type")?.ok_or_else(|| {
        key.at.error(format_args!("[/Resources/{name}] Every Resources object must contain a Type member."))
    })?;
    let policy = |member: &str, allowed: &[&str]| match text(member)? {
        None => Ok("Delete".to_owned()),
        Some(policy) if allowed.contains(&policy.as_str()) => Ok(policy),
        Some(policy) => Err(has.get(member).map_or(key.at, |node| node.at).error(format_args!(
            "{member} {policy} of {name} is not supported by {resource_type}; it may be {}",
            allowed.join(", ")
        ))),
    };
    let depends_on = match has.get("DependsOn") {
        None => Vec::new(),
        Some(Node { value: Value::String(name), .. }) => vec![name.clone()],
        Some(node) => node
            .list()
            .and_then(|items| items.iter().map(Node::text).collect())
            .ok_or_else(|| node.at.error("DependsOn must be a string or list of strings."))?,
    };
    if let Some(node) = has.get("Properties")
        && node.map().is_none()
    {
        return Err(node.at.error(format_args!("[/Resources/{name}] Properties must be an object.")));
    }
    let deletion_policy = policy("DeletionPolicy", &["Delete", "Retain", "RetainExceptOnCreate"])?;
    let update_replace_policy = policy("UpdateReplacePolicy", &["Delete", "Retain"])?;
    let condition = text("Condition")?;
    Ok(Resource {
        order,
        resource_type,
        properties: has.get("Properties").map(|node| (*node).clone()),
        depends_on,
        condition,
        deletion_policy,
        update_replace_policy,
    })
}

fn output(key: &Key, node: &Node) -> Result<OutputDeclaration, Error> {
    alphanumeric(key, "Output name")?;
    let name = &key.name;
    let has = members(node, name, &["Condition", "Description", "Export", "Value"])?;
    let value = (*has.get("Value").ok_or_else(|| {
        key.at.error(format_args!("Every Outputs member must contain a Value object; {name} has none."))
    })?)
    .clone();
    let export = match has.get("Export") {
        Some(node) => Some(
            node.get("Name").cloned().filter(|_| node.map().is_some_and(|map| map.len() == 1)).ok_or_else(
                || node.at.error(format_args!("Export of {name} must have a Name and nothing else.")),
            )?,
        ),
        None => None,
    };
    let condition = match has.get("Condition") {
        Some(node) => {
            Some(node.text().ok_or_else(|| node.at.error("every Condition member must be a string."))?)
        }
        None => None,
    };
    Ok(OutputDeclaration {
        name: name.clone(),
        value,
        description: has.get("Description").map(|node| description(node)).transpose()?,
        export,
        condition,
    })
}
