//! What a resource's properties may be: names, types, and whether a change means another resource.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::Failure;
use crate::intrinsics::scalar;

/// One property of a type.
#[derive(Debug)]
pub(crate) struct Property {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    pub create_only: bool,
}

/// What a property holds.
#[derive(Debug)]
pub(crate) enum Kind {
    Text,
    /// One of these.
    Choice(&'static [&'static str]),
    Boolean,
    /// From, to.
    Integer(i64, i64),
    /// A set of texts: order means nothing.
    Texts,
    Tags,
    /// JSON as an object or as text.
    Document,
    Object(&'static [Property]),
    Objects(&'static [Property]),
    /// AWS has it, the link has not; the text says why.
    Unsupported(&'static str),
}

impl Property {
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false, create_only: false }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// A change of it makes another resource.
    pub(crate) const fn create_only(mut self) -> Self {
        self.create_only = true;
        self
    }
}

pub(crate) const TAGS: Property = Property::new("Tags", Kind::Tags);

/// Checks resolved properties and brings them into one form: numbers for numbers, sets in order.
pub(crate) fn check(known: &[Property], given: &Json, resource: &str) -> Result<Json, Failure> {
    let empty = Map::new();
    object(known, given.as_object().unwrap_or(&empty), resource, "#")
}

fn object(
    known: &[Property],
    given: &Map<String, Json>,
    resource: &str,
    path: &str,
) -> Result<Json, Failure> {
    let unknown: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|key| known.iter().all(|property| property.name != *key))
        .collect();
    match unknown.as_slice() {
        [] => {}
        [one] if path == "#" => {
            return Err(Failure::Properties(format!("Encountered unsupported property {one}")));
        }
        several => {
            let keys: Vec<_> =
                several.iter().map(|key| format!("{}/{key}", path.trim_start_matches("#/"))).collect();
            let keys = if path == "#" { several.join(", ") } else { keys.join(", ") };
            return Err(Failure::Properties(format!("Encountered unsupported property {keys}")));
        }
    }
    let mut made = Map::new();
    for property in known {
        match given.get(property.name) {
            Some(value) => {
                let value = one(property, value, resource, &format!("{path}/{}", property.name))?;
                made.insert(property.name.to_owned(), value);
            }
            None if property.required => {
                return Err(invalid(resource, path, &format!("required key [{}] not found", property.name)));
            }
            None => {}
        }
    }
    Ok(Json::Object(made))
}

fn one(property: &Property, value: &Json, resource: &str, path: &str) -> Result<Json, Failure> {
    let expected =
        |what: &str| Err(invalid(resource, path, &format!("expected type: {what}, found: {}", named(value))));
    let texts = || -> Option<Vec<String>> { value.as_array()?.iter().map(scalar).collect() };
    match &property.kind {
        Kind::Text => scalar(value).map_or_else(|| expected("String"), |text| Ok(text.into())),
        Kind::Choice(allowed) => match scalar(value) {
            Some(text) if allowed.contains(&text.as_str()) => Ok(text.into()),
            Some(text) => {
                let allowed = allowed.join(", ");
                Err(invalid(
                    resource,
                    path,
                    &format!("{text} is not a valid enum value; valid are [{allowed}]"),
                ))
            }
            None => expected("String"),
        },
        Kind::Boolean => match value {
            Json::Bool(_) => Ok(value.clone()),
            Json::String(text) if text.eq_ignore_ascii_case("true") => Ok(true.into()),
            Json::String(text) if text.eq_ignore_ascii_case("false") => Ok(false.into()),
            _ => expected("Boolean"),
        },
        Kind::Integer(least, most) => match scalar(value).and_then(|text| text.trim().parse::<i64>().ok()) {
            Some(number) if number < *least => {
                Err(invalid(resource, path, &format!("{number} is not greater or equal to {least}")))
            }
            Some(number) if number > *most => {
                Err(invalid(resource, path, &format!("{number} is not less or equal to {most}")))
            }
            Some(number) => Ok(number.into()),
            None => expected("Integer"),
        },
        Kind::Texts => {
            // One text where a list is asked for is a list of one, as in CloudFormation.
            let Some(items) = texts().or_else(|| Some(vec![scalar(value)?])) else {
                return expected("JSONArray");
            };
            let set: BTreeSet<&String> = items.iter().collect();
            if set.len() < items.len() {
                return Err(invalid(resource, path, "array items are not unique"));
            }
            Ok(set.into_iter().cloned().collect())
        }
        Kind::Tags => objects(TAG, value, resource, path).and_then(|value| tags(value, resource, path)),
        Kind::Document => match value {
            Json::Object(_) => Ok(value.clone()),
            Json::String(text) => serde_json::from_str::<Json>(text)
                .ok()
                .filter(Json::is_object)
                .ok_or_else(|| invalid(resource, path, "the document is not a JSON object")),
            _ => expected("JSONObject"),
        },
        Kind::Object(known) => match value.as_object() {
            Some(given) => object(known, given, resource, path),
            None => expected("JSONObject"),
        },
        Kind::Objects(known) => objects(known, value, resource, path),
        Kind::Unsupported(why) => Err(Failure::unsupported(property.name, why)),
    }
}

const TAG: &[Property] =
    &[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text).required()];

fn tags(value: Json, resource: &str, path: &str) -> Result<Json, Failure> {
    let keys: Vec<&str> =
        value.as_array().into_iter().flatten().filter_map(|tag| tag.get("Key")?.as_str()).collect();
    let set: BTreeSet<&str> = keys.iter().copied().collect();
    if set.len() < keys.len() {
        return Err(invalid(resource, path, "a tag's key is there twice"));
    }
    if let Some(key) = keys.iter().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(invalid(resource, path, &format!("aws: prefixed tag key names are not allowed: {key}")));
    }
    Ok(value)
}

fn objects(known: &[Property], value: &Json, resource: &str, path: &str) -> Result<Json, Failure> {
    let alone = [value.clone()];
    let items = match value {
        Json::Array(items) => items.as_slice(),
        Json::Object(_) => &alone,
        _ => {
            return Err(invalid(
                resource,
                path,
                &format!("expected type: JSONArray, found: {}", named(value)),
            ));
        }
    };
    let mut made = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}/{index}");
        match item.as_object() {
            Some(given) => made.push(object(known, given, resource, &path)?),
            None => {
                return Err(invalid(
                    resource,
                    &path,
                    &format!("expected type: JSONObject, found: {}", named(item)),
                ));
            }
        }
    }
    Ok(Json::Array(made))
}

fn invalid(resource: &str, path: &str, what: &str) -> Failure {
    Failure::Properties(format!(
        "Properties validation failed for resource {resource} with message:\n{path}: {what}"
    ))
}

fn named(value: &Json) -> &'static str {
    match value {
        Json::Null => "Null",
        Json::Bool(_) => "Boolean",
        Json::Number(_) => "Number",
        Json::String(_) => "String",
        Json::Array(_) => "JSONArray",
        Json::Object(_) => "JSONObject",
    }
}

/// The properties in which two checked sets differ.
pub(crate) fn differing(known: &'static [Property], old: &Json, new: &Json) -> Vec<&'static Property> {
    known.iter().filter(|property| old.get(property.name) != new.get(property.name)).collect()
}

/// Whether such a change makes another resource.
pub(crate) fn replaced(differing: &[&Property]) -> bool {
    differing.iter().any(|property| property.create_only)
}
