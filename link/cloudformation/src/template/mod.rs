//! A template, read: JSON or YAML into sections. Errors name line and column.

mod check;
mod json;
mod node;
mod sections;
mod yaml;

use std::collections::BTreeMap;

pub(crate) use check::{CIDR, EQUALS, FIND_IN_MAP, JOIN, NOT, References, SELECT, SPLIT, attribute, wrong};
pub(crate) use node::{Key, Node, Position, Value, number};

use crate::{Error, resources};

/// Bytes of a template sent with a request; larger ones come from S3, which the link has not.
pub const BODY_LIMIT_BYTES: usize = 51_200;
/// Resources of a template, as AWS counts them.
pub const RESOURCE_LIMIT: usize = 500;
/// Parameters, outputs and mappings of a template, as AWS counts them.
pub const SECTION_LIMIT: usize = 200;

/// A template whose references all lead somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub version: Option<String>,
    pub description: Option<String>,
    pub metadata: Option<Node>,
    /// In the order they were written.
    pub parameters: Vec<Parameter>,
    pub mappings: BTreeMap<String, Node>,
    pub conditions: BTreeMap<String, Node>,
    pub resources: BTreeMap<String, Resource>,
    pub outputs: Vec<OutputDeclaration>,
}

/// A parameter as declared.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub name: String,
    pub at: Position,
    pub kind: String,
    pub default: Option<String>,
    pub allowed_values: Vec<String>,
    pub allowed_pattern: Option<String>,
    pub constraint_description: Option<String>,
    pub min_length: Option<f64>,
    pub max_length: Option<f64>,
    pub min_value: Option<f64>,
    pub max_value: Option<f64>,
    pub no_echo: bool,
    pub description: Option<String>,
}

/// A resource as declared.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Its place among the resources: what starts together starts in this order.
    pub order: usize,
    pub resource_type: String,
    pub properties: Option<Node>,
    pub depends_on: Vec<String>,
    pub condition: Option<String>,
    pub deletion_policy: String,
    pub update_replace_policy: String,
}

/// An output as declared.
#[derive(Clone, Debug)]
pub(crate) struct OutputDeclaration {
    pub name: String,
    pub value: Node,
    pub description: Option<String>,
    pub export: Option<Node>,
    pub condition: Option<String>,
}

impl Template {
    /// Reads a template and checks all that can be checked without values.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::validation(
                "1 validation error detected: Value '' at 'templateBody' failed to satisfy constraint: Member must have length greater than or equal to 1",
            ));
        }
        if text.len() > BODY_LIMIT_BYTES {
            return Err(Error::validation(format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {BODY_LIMIT_BYTES}; it has {}",
                text.len()
            )));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root = if text.trim_start().starts_with('{') { json::read(text)? } else { yaml::read(text)? };
        let template = sections::read(&root)?;
        let unknown: std::collections::BTreeSet<&str> = template
            .resources
            .values()
            .map(|resource| resource.resource_type.as_str())
            .filter(|name| resources::handler(name).is_none())
            .collect();
        if !unknown.is_empty() {
            let unknown: Vec<_> = unknown.into_iter().collect();
            return Err(Error::validation(format!(
                "Template format error: Unrecognized resource types: [{}]",
                unknown.join(", ")
            )));
        }
        check::check(&template)?;
        // With conditions, a circle may lie in branches that are never taken together: that is looked at with values.
        let needs = crate::graph::needs(&template, None)?;
        if template.conditions.is_empty() {
            crate::graph::check(&needs)?;
        }
        Ok(template)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}
