//! Parameters: their types, their constraints, and the values a request gives them.

use std::collections::BTreeSet;

use kura_model::{AccountId, State};
use regex::{Regex, RegexBuilder};

use crate::{
    Error, ParameterDeclaration, ParameterInput,
    request::Values,
    template::{Parameter, Template},
};

/// Bytes of a parameter's value.
const VALUE_LIMIT_BYTES: usize = 4096;
/// What a `NoEcho` parameter shows.
pub(crate) const MASK: &str = "****";

const AWS_TYPES: [&str; 10] = [
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::VPC::Id",
    "AWS::EC2::Volume::Id",
    "AWS::Route53::HostedZone::Id",
];

/// Whether a template may declare a parameter of this type. Those of the parameter store are not here: it is not.
pub(crate) fn known_type(kind: &str) -> bool {
    matches!(kind, "String" | "Number" | "CommaDelimitedList")
        || element(kind)
            .is_some_and(|element| matches!(element, "Number" | "String") || AWS_TYPES.contains(&element))
        || AWS_TYPES.contains(&kind)
}

/// The type of a list's elements.
fn element(kind: &str) -> Option<&str> {
    match kind {
        "CommaDelimitedList" => Some("String"),
        other => other.strip_prefix("List<")?.strip_suffix('>'),
    }
}

/// A pattern that must match the whole value.
pub(crate) fn pattern(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(1 << 20)
        .build()
        .map_err(|error| error.to_string().replace('\n', " "))
}

impl Parameter {
    /// Whether `Ref` gives a list.
    pub(crate) fn is_list(&self) -> bool {
        element(&self.kind).is_some()
    }

    /// As `ValidateTemplate` shows it; a hidden parameter's default is hidden too.
    pub(crate) fn declaration(&self) -> ParameterDeclaration {
        let shown = |text: &String| if self.no_echo { MASK.to_owned() } else { text.clone() };
        ParameterDeclaration {
            key: self.name.clone(),
            default: self.default.as_ref().map(shown),
            parameter_type: self.kind.clone(),
            no_echo: self.no_echo,
            description: self.description.clone(),
            allowed_values: self.allowed_values.clone(),
        }
    }

    fn check(&self, value: &str) -> Result<(), Error> {
        let name = &self.name;
        let refuse = |what: String| {
            Err(Error::validation(match &self.constraint_description {
                Some(description) => format!("Parameter {name} failed to satisfy constraint: {description}"),
                None => format!("Parameter '{name}' {what}"),
            }))
        };
        if value.len() > VALUE_LIMIT_BYTES {
            return Err(Error::validation(format!(
                "Parameter '{name}' must be no more than {VALUE_LIMIT_BYTES} bytes; it has {}",
                value.len()
            )));
        }
        for item in items(&self.kind, value) {
            if !self.allowed_values.is_empty() && !self.allowed_values.contains(&item) {
                return refuse("must be one of AllowedValues".to_owned());
            }
            if let Some(text) = &self.allowed_pattern {
                let matcher = pattern(text).map_err(Error::validation)?;
                if !matcher.is_match(&item) {
                    return refuse(format!("must match pattern {text}"));
                }
            }
            let number = || item.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            if element(&self.kind).unwrap_or(&self.kind) == "Number" {
                let Some(number) = number() else { return refuse("must be a number".to_owned()) };
                if let Some(least) = self.min_value.filter(|least| number < *least) {
                    return refuse(format!("must be a number not less than {least}"));
                }
                if let Some(most) = self.max_value.filter(|most| number > *most) {
                    return refuse(format!("must be a number not greater than {most}"));
                }
            }
            let length = item.chars().count() as f64;
            if let Some(least) = self.min_length.filter(|least| length < *least) {
                return refuse(format!("must contain at least {least} characters"));
            }
            if let Some(most) = self.max_length.filter(|most| length > *most) {
                return refuse(format!("must contain at most {most} characters"));
            }
        }
        Ok(())
    }
}

/// The items of a value: its parts for a list, itself for all else.
pub(crate) fn items(kind: &str, value: &str) -> Vec<String> {
    match element(kind) {
        Some("String" | "Number") if value.trim().is_empty() => Vec::new(),
        Some(_) => value.split(',').map(|item| item.trim().to_owned()).collect(),
        None => vec![value.to_owned()],
    }
}

/// The values in force: the request's, those of before where it says so, and defaults.
pub(crate) fn values(
    template: &Template,
    given: &[ParameterInput],
    previous: Option<&Values>,
) -> Result<Values, Error> {
    let unknown: BTreeSet<&str> = given
        .iter()
        .map(|input| input.key.as_str())
        .filter(|key| template.parameter(key).is_none())
        .collect();
    if !unknown.is_empty() {
        return Err(Error::validation(format!(
            "Parameters: [{}] do not exist in the template",
            unknown.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = given.iter().find(|input| !seen.insert(&input.key)) {
        return Err(Error::validation(format!("Parameter '{}' was given more than once", twice.key)));
    }
    let mut values = Values::new();
    let mut missing = Vec::new();
    for parameter in &template.parameters {
        let name = &parameter.name;
        let value = match given.iter().find(|input| input.key == *name) {
            Some(input) if input.use_previous_value => {
                if input.value.is_some() {
                    return Err(Error::validation(format!(
                        "Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and non empty value for a parameter"
                    )));
                }
                let previous = previous.and_then(|values| values.get(name)).cloned();
                Some(previous.ok_or_else(|| {
                    Error::validation(format!(
                        "Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                    ))
                })?)
            }
            Some(input) => input.value.clone(),
            None => None,
        };
        match value.or_else(|| parameter.default.clone()) {
            Some(value) => {
                parameter.check(&value)?;
                values.insert(name.clone(), value);
            }
            None => missing.push(name.as_str()),
        }
    }
    if !missing.is_empty() {
        return Err(Error::validation(format!("Parameters: [{}] must have values", missing.join(", "))));
    }
    Ok(values)
}

/// What is wrong with values of AWS's own types: the reason of a stack event, since the request itself was sound.
///
/// Names of images and key pairs are not looked up: the link has one image and keeps no keys.
pub(crate) fn missing_resource(
    template: &Template,
    values: &Values,
    state: &State,
    account: &AccountId,
) -> Option<String> {
    for parameter in &template.parameters {
        let kind = element(&parameter.kind).unwrap_or(&parameter.kind);
        if !AWS_TYPES.contains(&kind) {
            continue;
        }
        let value = values.get(&parameter.name).map_or("", String::as_str);
        let missing =
            items(&parameter.kind, value).into_iter().find(|item| !exists(kind, item, state, account));
        if let Some(item) = missing {
            return Some(format!(
                "Parameter validation failed: parameter value {item} for parameter name {} does not exist.",
                parameter.name
            ));
        }
    }
    None
}

fn exists(kind: &str, value: &str, state: &State, account: &AccountId) -> bool {
    match kind {
        "AWS::EC2::AvailabilityZone::Name" => state.zones.iter().any(|zone| zone.name == value),
        "AWS::EC2::Image::Id" => value.starts_with("ami-"),
        "AWS::EC2::Instance::Id" => state.instances.get(value).is_some_and(|found| found.owner == *account),
        "AWS::EC2::KeyPair::KeyName" => !value.is_empty(),
        "AWS::EC2::SecurityGroup::GroupName" => {
            state.groups.values().any(|found| found.owner == *account && found.name == value)
        }
        "AWS::EC2::SecurityGroup::Id" => state.groups.get(value).is_some_and(|found| found.owner == *account),
        "AWS::EC2::Subnet::Id" => state.subnets.get(value).is_some_and(|found| found.owner == *account),
        "AWS::EC2::VPC::Id" => state.vpcs.get(value).is_some_and(|found| found.owner == *account),
        _ => false,
    }
}
