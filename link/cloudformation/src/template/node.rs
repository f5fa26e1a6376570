//! A template's text as a tree that remembers where each part was written.

use std::fmt;

use crate::Error;

/// Nesting beyond this is refused: no template needs it, and it bounds every walk over a tree.
pub(crate) const DEPTH: usize = 64;

/// Where in the text, both counted from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(line {}, column {})", self.line, self.column)
    }
}

impl Position {
    /// A `Template format error` at this place.
    pub(crate) fn error(self, what: impl fmt::Display) -> Error {
        Error::validation(format!("Template format error: {what} {self}"))
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub at: Position,
    pub value: Value,
}

/// What a node holds. Numbers keep their text: `0123` is a string, `1.10` is not `1.1`.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A mapping's key and its place.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub at: Position,
    pub name: String,
}

impl Node {
    /// A scalar as text; none for lists, mappings and null.
    pub(crate) fn text(&self) -> Option<String> {
        match &self.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(text) | Value::String(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn map(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a mapping's key.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.map()?.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The name and argument if this is a mapping with one key that names a function.
    pub(crate) fn function(&self) -> Option<(&str, &Node)> {
        match self.map()? {
            [(key, argument)] if key.name == "Ref" || key.name.starts_with("Fn::") => {
                Some((&key.name, argument))
            }
            _ => None,
        }
    }

    /// As JSON, functions as they stand: what two templates are compared by.
    pub(crate) fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => number(text),
            Value::String(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Node::json).collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|(key, node)| (key.name.clone(), node.json())).collect(),
            ),
        }
    }
}

/// A number's text as JSON; as a string where JSON could not keep it.
pub(crate) fn number(text: &str) -> serde_json::Value {
    let read = serde_json::from_str::<serde_json::Number>(text).ok();
    let kept = read.filter(|number| number.to_string().as_str() == text);
    kept.map_or_else(|| text.into(), serde_json::Value::Number)
}
